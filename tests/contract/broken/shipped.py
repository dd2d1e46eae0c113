#!/usr/bin/env python3
"""usher-plugin-check passes every plugin that we ship and every example, each with a database where it wants one.

    shipped.py --build-dir BUILD [NAME...]
"""
import argparse
import os
import pathlib
import re
import secrets
import subprocess
import sys
import tempfile

TOKEN = secrets.token_urlsafe(30)


def plugins(folder):
    """name: what the checker is told beside the file."""
    (folder / "token").write_text(TOKEN + "\n")
    (folder / "good-header").write_text(f"Authorization: Bearer {TOKEN}\n")
    (folder / "cookie-secret").write_text(secrets.token_urlsafe(40) + "\n")
    (folder / "cookie-secret").chmod(0o600)
    database = ["--config", f"database.url=sqlite://{folder}/state/usher.db"]
    return {
        "static-token": ["--config", f"token_file={folder}/token", "--allow", f"{folder}/good-header"],
        "allow-list-of-one": ["--config", "address=198.51.100.9"],
        "webhook-signature": ["--config", f"secret_file={folder}/token"],
        "remote-decision": ["--config", "url=http://127.0.0.1:9/decide"],
        "api-key": database,
        "session": database + ["--config", f"secret_file={folder}/cookie-secret"],
    }


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--build-dir", required=True)
    options.add_argument("names", nargs="*")
    options = options.parse_args()
    build = pathlib.Path(options.build_dir).resolve()
    bad = tried = 0
    with tempfile.TemporaryDirectory(prefix="usher-check-") as name:
        folder = pathlib.Path(name)
        (folder / "usherd.conf").write_text(
            f"state_dir = {folder}/state\n[exec]\nsandbox = none\n[plugins]\ndir = {build}/plugins\n"
            "[plugins.api-key]\n[plugins.session]\n")
        migrated = subprocess.run([build / "bin/usherd", "--config", folder / "usherd.conf", "migrate"],
                                  stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
        if migrated.returncode:
            print("FAILED: migrate", migrated.stdout, migrated.stderr)
            return 1
        for plugin, words in plugins(folder).items():
            file = build / "plugins" / (plugin + ".so")
            if (options.names and plugin not in options.names) or not file.exists():
                continue
            tried += 1
            done = subprocess.run([build / "bin/usher-plugin-check", file, "--seed", "3", *words],
                                  stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300)
            skipped = [line for line in done.stdout.splitlines() if line.startswith("skip")]
            print(f"{plugin}: {done.stdout.splitlines()[-1] if done.stdout else done.stderr}, {len(skipped)} not judged")
            # A checker that cannot create the plugin judges nothing: that would be no pass.
            if done.returncode or re.search("refuses this configuration|fails with this configuration", done.stdout):
                bad += 1
                print(done.stdout + done.stderr)
    print("FAILED" if bad or tried < 4 else f"PASS {tried}")
    return 1 if bad or tried < 4 else 0


if __name__ == "__main__":
    sys.exit(main())
