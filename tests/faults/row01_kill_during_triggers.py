#!/usr/bin/env python3
"""kill -9 of the daemon at random during 50 triggers/s: 0 acknowledged runs lost, each started, none stuck 10 s after
the restart, twice only with attempt > 1."""
import random
import signal
import time

from daemon import Daemon, Load, expect, main


def fault(args, database):
    rounds = args.rounds or (200 if args.long else 2)
    with Daemon(args.build_dir, database).start() as d:
        job = d.counted_job(maxConcurrency=16, queueLimit=100000)
        _, key = d.key(job)
        with Load(d, job, key, 50) as load:
            for _ in range(rounds):
                time.sleep(random.uniform(0.2, 1.5))
                d.end(signal.SIGKILL)
                d.start()
            time.sleep(0.5)
            load.stop()
        runs, told = d.judge_all(job, key)
        for run in told:
            expect(runs[run][0] == "passed", f"{run}: {runs[run]}")
        expect(len(told) > rounds * 5, f"too few acknowledged to mean anything: {d.log.counts()}")
        return f"{rounds} kills, {len(told)} acknowledged, 0 lost, 0 started twice; answers {d.log.counts()}"


main(1, fault)
