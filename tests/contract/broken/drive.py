#!/usr/bin/env python3
"""Each broken plugin fails usher-plugin-check for the rule in its name and for no other; the good one passes. Taken together
they make every case of the checker fail: a case that nobody saw failing proves nothing.

    drive.py --build-dir BUILD [NAME...]      prints the table; exit code 1 when one fails for another reason
"""
import argparse
import os
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree
from concurrent.futures import ThreadPoolExecutor


def misplaced(build):
    """The good plugin as files that usherd would not load: rule 8."""
    folder = os.path.join(build, "tests/broken")
    good = os.path.join(folder, "rule0_good.so")
    link, writable, directory = (os.path.join(folder, f"rule8_{kind}.so") for kind in ("link", "writable", "directory"))
    if not os.path.islink(link):
        os.symlink(os.path.basename(good), link)
    shutil.copy(good, writable)
    os.chmod(writable, 0o666)
    os.makedirs(directory, exist_ok=True)
    return ["rule8_link", "rule8_writable", "rule8_directory"]


def check(build, name):
    plugin = os.path.join(build, "tests/broken", name + ".so")
    junit = os.path.join(build, "tests/broken", name + ".xml")
    done = subprocess.run(
        [os.path.join(build, "bin/usher-plugin-check"), plugin, "--seed", "7", "--junit", junit, "--config", "word=sesame",
         "--allow", os.path.join(build, "tests/broken/good-header")],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300)
    failures = re.findall(r"^FAIL +rule (\d+) +(\S+): (.*)$", done.stdout, re.M)
    wanted = int(re.match(r"rule(\d+)_", name).group(1))
    good = {int(rule) for rule, _, _ in failures} == ({wanted} if wanted else set())
    good = good and done.returncode == (1 if wanted else 0)
    # The XML says the same.
    cases = xml.etree.ElementTree.parse(junit).getroot().findall("testcase")
    good = good and sum(case.find("failure") is not None for case in cases) == len(failures) and len(cases) > 2
    return good, name, failures, {case.get("name") for case in cases}, done.stdout + done.stderr


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--build-dir", required=True)
    options.add_argument("names", nargs="*")
    options = options.parse_args()
    here = os.path.dirname(os.path.abspath(__file__))
    names = options.names or sorted(f[:-2] for f in os.listdir(here) if re.match(r"rule\d+_.*\.c$", f)) + misplaced(options.build_dir)
    missing = set(range(11)) - {int(re.match(r"rule(\d+)", n).group(1)) for n in names}
    assert options.names or not missing, f"no plugin breaks rule {missing}"
    with open(os.path.join(options.build_dir, "tests/broken/good-header"), "w", encoding="utf-8") as header:
        header.write("Authorization: Bearer sesame-sesame-sesame\n")
    bad, every, seen = 0, set(), set()
    with ThreadPoolExecutor(2) as pool:
        for good, name, failures, tried, output in pool.map(lambda name: check(options.build_dir, name), names):
            bad += not good
            every |= tried
            seen |= {case for _, case, _ in failures}
            told = "; ".join(f"rule {rule} {case}: {why}" for rule, case, why in failures) or "passes"
            print(f"{'good ' if good else 'WRONG'} {name}: {told}", flush=True)
            if not good:
                print(output)
    if not options.names and every != seen:
        bad += 1
        print(f"WRONG no broken plugin makes these cases fail: {', '.join(sorted(every - seen))}")
    print("FAILED" if bad else f"PASS {len(names)}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
