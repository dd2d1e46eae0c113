#!/usr/bin/env python3
"""Each broken plugin fails usher-plugin-check for the rule in its name and for no other; the good one passes.

    drive.py --build-dir BUILD [NAME...]      prints the table; exit code 1 when one fails for another reason
"""
import argparse
import os
import re
import subprocess
import sys
import xml.etree.ElementTree
from concurrent.futures import ThreadPoolExecutor


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
    return good, name, failures, done.stdout + done.stderr


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--build-dir", required=True)
    options.add_argument("names", nargs="*")
    options = options.parse_args()
    here = os.path.dirname(os.path.abspath(__file__))
    names = options.names or sorted(f[:-2] for f in os.listdir(here) if re.match(r"rule\d+_.*\.c$", f))
    missing = set(range(11)) - {int(re.match(r"rule(\d+)", n).group(1)) for n in names}
    assert options.names or not missing, f"no plugin breaks rule {missing}"
    with open(os.path.join(options.build_dir, "tests/broken/good-header"), "w", encoding="utf-8") as header:
        header.write("Authorization: Bearer sesame-sesame-sesame\n")
    bad = 0
    with ThreadPoolExecutor(2) as pool:
        for good, name, failures, output in pool.map(lambda name: check(options.build_dir, name), names):
            bad += not good
            told = "; ".join(f"rule {rule} {case}: {why}" for rule, case, why in failures) or "passes"
            print(f"{'good ' if good else 'WRONG'} {name}: {told}", flush=True)
            if not good:
                print(output)
    print("FAILED" if bad else f"PASS {len(names)}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
