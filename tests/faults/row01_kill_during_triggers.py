#!/usr/bin/env python3
"""kill -9 of the daemon at random during 50 triggers/s: 0 acknowledged runs lost, each started, none stuck 10 s after
the restart, twice only with attempt > 1."""
import random
import signal
import time

from daemon import Daemon, Load, expect, main


def fault(args, database):
    rounds = 200 if args.long else 4
    with Daemon(args.build_dir, database).start() as d:
        # Each start of the script leaves one line outside the daemon: that is the judge of "twice".
        starts = d.folder / "starts"
        starts.mkdir()
        starts.chmod(0o1777)
        job = d.job(f"mktemp {starts}/$USHER_RUN_ID.XXXXXX", maxConcurrency=16, queueLimit=100000)
        _, key = d.key(job)
        with Load(d, job, key, 50) as load:
            for _ in range(rounds):
                time.sleep(random.uniform(0.2, 1.5))
                d.end(signal.SIGKILL)
                d.start()
            time.sleep(0.5)
            load.stop()
        d.resend(job, key)
        # Finished or at least under way: what one machine cannot start in 10 s is queued, not stuck, so we wait for the
        # queue to move and only then judge what is left.
        before, moved = None, time.monotonic()
        while True:
            runs = d.runs()
            waiting = {i for i, (status, _) in runs.items() if status in ("queued", "running")}
            if not waiting:
                break
            if waiting != before:
                before, moved = waiting, time.monotonic()
            expect(time.monotonic() - moved < 10, f"stuck: {[(i, runs[i]) for i in sorted(waiting)[:5]]}")
            time.sleep(0.2)
        runs, told = d.judge()
        started = {}
        for mark in starts.iterdir():
            started[mark.name.split(".")[0]] = started.get(mark.name.split(".")[0], 0) + 1
        for run in told:
            times, (status, attempt) = started.get(run, 0), runs[run]
            expect(times >= 1, f"never started: {run} {runs[run]}")
            expect(times <= attempt, f"started {times} times with attempt {attempt}: {run} {status}")
            expect(status == "passed", f"{run} ended {status}, attempt {attempt}")
        expect(len(told) > rounds * 5, f"too few acknowledged to mean anything: {d.log.counts()}")
        return f"{rounds} kills, {len(told)} acknowledged, 0 lost, 0 started twice; answers {d.log.counts()}"


main(1, fault)
