#!/usr/bin/env python3
"""The disk of the state folder is full: triggers are answered 503 or 507, what is there can still be read, nothing that was
acknowledged is lost, and with room again all is well by itself. On PostgreSQL the database is elsewhere and triggers go on;
the runs that cannot write their output end as error."""
import os
import shutil
import subprocess
import sys
import time

from daemon import SKIPPED, Client, Daemon, expect, main


def mounted(folder):
    return subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m,mode=0711", "tmpfs", folder], stdin=subprocess.DEVNULL,
                          capture_output=True, check=False).returncode == 0


def fill(folder):
    """Every last byte."""
    with open(folder / "ballast", "ab", buffering=0) as file:
        for size in (1 << 20, 4096, 512, 1):
            try:
                while True:
                    file.write(b"\0" * size)
            except OSError:
                continue


def fault(args, database):
    rounds = args.rounds or (10 if args.long else 2)
    d = Daemon(args.build_dir, database)
    state = d.folder / "state"
    state.mkdir(mode=0o711)
    if os.getuid() == 0:
        shutil.chown(d.folder / "session-secret", "nobody", "nogroup")
    if not mounted(state):
        print("SKIPPED: row 5: no mount for a small file system of our own (needs root and CAP_SYS_ADMIN)")
        sys.exit(SKIPPED)
    try:
        if os.getuid() == 0:
            shutil.chown(state, "nobody", "nogroup")
        with d:
            d.start()
            job = d.job("echo some output; exit 0", queueLimit=100000)
            _, key = d.key(job)
            client, told = Client(d.port), {}
            for _ in range(rounds):
                first = d.trigger(client, job, key)
                expect(first.status == 202, f"with room: {first}")
                fill(state)
                for _ in range(30):
                    answer = d.trigger(client, job, key)
                    told[answer.status] = told.get(answer.status, 0) + 1
                    allowed = (202,) if database == "postgres" else (202, 503, 507)
                    expect(answer.status in allowed, f"disk full: {answer}")
                    shown = client.request("GET", f"/api/runs/{first.run()}", {"Authorization": "Bearer " + key})
                    expect(shown.status == 200, f"disk full: reads are not served: {shown}")
                    time.sleep(0.02)
                (state / "ballast").unlink()
                until = time.monotonic() + 10
                while (answer := d.trigger(client, job, key)).status != 202:
                    expect(time.monotonic() < until, f"with room again: {answer}\n{d.log_tail()}")
                    time.sleep(0.1)
                expect(d.process.poll() is None, "usherd ended")
            client.close()
            d.await_idle(60)
            d.judge()
            ends = {}
            for status, _ in d.runs().values():
                ends[status] = ends.get(status, 0) + 1
            others = d.sql("SELECT status, error_details FROM runs WHERE status NOT IN ('passed', 'error')")
            expect(not others, f"runs ended as {ends}: {others}")
            last = d.trigger(Client(d.port), job, key)
            d.await_idle(20)
            expect(d.runs()[last.run()][0] == "passed", "a run after the fault does not pass")
            return f"{rounds} times full, answers {told}, runs {ends}"
    finally:
        subprocess.run(["umount", "-l", state], stdin=subprocess.DEVNULL, capture_output=True, check=False)


main(5, fault)
