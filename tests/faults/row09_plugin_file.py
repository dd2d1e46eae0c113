#!/usr/bin/env python3
"""A plugin's file that others may write, that is a link to such a file, or that is swapped for one between check and load: none
of its code ever runs. The intruder says so by a file that its constructor makes."""
import os
import pathlib
import random
import shutil
import subprocess
import sys
import threading
import time

from daemon import ROOT, SKIPPED, Daemon, Fail, expect, main

INTRUDER = """\
#include <usher/auth.h>
#include <fcntl.h>
__attribute__((constructor)) static void run(void) { open(MARKER, O_CREAT | O_WRONLY, 0666); }
const usher_auth_entry usher_auth_entry_v1 = {0};
USHER_AUTH_NOTE("session", "1.0.0")
"""


def build(folder, marker):
    source = folder / "intruder.c"
    source.write_text(INTRUDER)
    made = subprocess.run(["cc", "-shared", "-fPIC", f"-I{ROOT}/plugin-api/include", f'-DMARKER="{marker}"', "-o",
                           folder / "intruder.so", source], capture_output=True, text=True, check=False)
    if made.returncode != 0:
        raise Fail(made.stderr)
    return folder / "intruder.so"


def attempt(d, seconds=20):
    """Starts usherd; True when it got as far as to answer, False when it refused."""
    try:
        d.start(seconds)
    except Fail as refused:
        expect("cannot load plugin" in str(refused) or "there is no plugin" in str(refused) or "create failed" in str(refused),
               f"refused for another reason: {refused}")
        d.log_file.unlink(missing_ok=True)
        return False
    d.process.terminate()
    d.process.wait(20)
    return True


def fault(args, database):
    if os.geteuid() != 0:
        print("SKIPPED: row 9: only root can make a file that belongs to somebody else")
        sys.exit(SKIPPED)
    races = args.rounds or (1000 if args.long else 12)
    # A folder whose parents are root's alone: /tmp itself is everybody's, and refused for that.
    home = pathlib.Path("/var/lib") / f"usher-row09-{os.getpid()}"
    home.mkdir(mode=0o755)
    try:
        d = Daemon(args.build_dir, database)
        marker = d.folder / "intruder-was-here"
        d.folder.chmod(0o777)  # whoever the intruder runs as can say so
        intruder = build(d.folder, marker)
        good, plugin = pathlib.Path(args.build_dir) / "plugins" / "session.so", home / "session.so"
        d.config.write_text(d.config.read_text().replace("[plugins.session]\n", f"[plugins.session]\npath = {plugin}\n"))

        def put(source, mode, owner=0):
            fresh = home / f"new-{threading.get_ident()}"
            shutil.copyfile(source, fresh)
            os.chmod(fresh, mode)
            os.chown(fresh, owner, 0)
            os.rename(fresh, plugin)

        def never(what):
            expect(not attempt(d), f"{what}: usherd started")
            expect(not marker.exists(), f"{what}: its code ran")

        with d:
            put(good, 0o644)
            expect(attempt(d), "the right file is refused: nothing would be tested")
            for mode, owner in ((0o666, 0), (0o664, 0), (0o602, 0), (0o644, 65534)):
                put(intruder, mode, owner)
                never(f"mode {mode:o}, owner {owner}")
            plugin.unlink()
            (d.folder / "away.so").write_bytes(intruder.read_bytes())
            plugin.symlink_to(d.folder / "away.so")
            never("a link to a folder of others")
            plugin.unlink()
            put(intruder, 0o644)
            home.chmod(0o777)
            never("a folder that others may write")
            home.chmod(0o755)

            stop, swaps, started = threading.Event(), [0], 0

            def swap():
                while not stop.is_set():
                    put(good, 0o644)
                    time.sleep(random.uniform(0, 0.004))
                    put(intruder, 0o666, 65534)
                    time.sleep(random.uniform(0, 0.004))
                    swaps[0] += 1

            swapper = threading.Thread(target=swap, daemon=True)
            swapper.start()
            try:
                for number in range(races):
                    started += attempt(d)
                    expect(not marker.exists(), f"race {number}: the intruder's code ran")
            finally:
                stop.set()
                swapper.join()
            return f"7 wrong files refused; {races} races over {swaps[0]} swaps, the right file loaded {started} times, the other never"
    finally:
        shutil.rmtree(home, ignore_errors=True)


main(9, fault, databases=("sqlite",))
