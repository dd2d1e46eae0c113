#!/usr/bin/env python3
"""Plugins that were built with released headers load for ever: each of plugin-api/abi/golden keeps all rules in
usher-plugin-check, and usherd takes it, in its own process and isolated.

    golden.py --build-dir BUILD
"""
import argparse
import pathlib
import platform
import secrets
import shutil
import subprocess
import sys
import tempfile

GOLDEN = pathlib.Path(__file__).resolve().parents[3] / "plugin-api" / "abi" / "golden"


def run(*words):
    return subprocess.run([str(word) for word in words], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--build-dir", required=True)
    build = pathlib.Path(options.parse_args().build_dir).resolve()
    if platform.machine() != "x86_64":
        print("SKIPPED: the golden binaries are for x86_64")
        return 77
    files, bad = sorted(GOLDEN.glob("*.so")), 0
    assert len(files) >= 5, "the golden binaries are missing"
    for file in files:
        with tempfile.TemporaryDirectory(prefix="usher-golden-") as name:
            folder, token = pathlib.Path(name), secrets.token_urlsafe(30)
            name = file.stem.rpartition("-")[0]
            plugin = folder / (name + ".so")
            shutil.copyfile(file, plugin)
            plugin.chmod(0o644)
            (folder / "token").write_text(token + "\n")
            (folder / "header").write_text(f"Authorization: Bearer {token}\n")
            key = f"token_file={folder}/token" if name == "static-token" else "address=198.51.100.9"
            allow = ["--allow", folder / "header"] if name == "static-token" else []
            said = [run(build / "bin/usher-plugin-check", plugin, "--config", key, *allow)]
            for isolation in ("inproc", "process"):
                (folder / "usherd.conf").write_text(
                    f"state_dir = {folder}/state\n[exec]\nsandbox = none\n[auth]\ntrigger = {name}\nrun = {name}\n"
                    f"manage = {name}\n[plugins.{name}]\npath = {plugin}\n{key.replace('=', ' = ')}\n"
                    f"isolation = {isolation}\n")
                said.append(run(build / "bin/usherd", "--config", folder / "usherd.conf", "--check-config"))
            wrong = [done for done in said if done.returncode != 0]
            print(f"{'WRONG' if wrong else 'good '} {file.name}")
            for done in wrong:
                bad += 1
                print(done.args, done.stdout, done.stderr)
    print("FAILED" if bad else f"PASS {len(files)}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
