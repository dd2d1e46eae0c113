#!/usr/bin/env python3
"""Two daemons of one machine that know nothing of each other use the same range of uids: neither kills the other's tests, at the
end of its own or when it starts."""
import contextlib
import os
import sys
import time

from daemon import SKIPPED, Client, Daemon, expect, main


def fault(args, database):
    if os.geteuid() != 0:
        print("SKIPPED: row 41: tests have users of their own only where usherd is started as root")
        sys.exit(SKIPPED)
    rounds = args.rounds or (200 if args.long else 12)
    with contextlib.ExitStack() as stack:
        daemons = [stack.enter_context(Daemon(args.build_dir, database, "capacity = 4\nuid_range = 58000-58003").start())
                   for _ in range(2)]
        for d in daemons:
            d.long = d.job(f"sleep {3 + rounds * 0.5}", maxConcurrency=1)
            d.short = d.job("sleep 0.2; exit 0", maxConcurrency=2, queueLimit=1000)
            d.keys = {job: d.key(job)[1] for job in (d.long, d.short)}
            d.trigger(Client(d.port), d.long, d.keys[d.long])
        for number in range(rounds):
            for d in daemons:
                d.trigger(Client(d.port), d.short, d.keys[d.short])
            time.sleep(0.3)
            if number % 6 == 5:  # a launcher that starts looks for what an earlier one left
                daemons[0].process.kill()
                daemons[0].process.wait()
                daemons[0].start()
        ends = []
        for d in daemons:
            d.await_idle(60)
            d.judge()
            ends.append({})
            for status, attempt in d.runs().values():
                ends[-1][status] = ends[-1].get(status, 0) + 1
                expect(attempt == 1, f"a run was started again: {d.runs()}")
        expect(all(set(end) == {"passed"} for end in ends), f"runs of two daemons with one range of uids: {ends}")
        return f"{ends[0]['passed']} and {ends[1]['passed']} runs under the same four uids, all passed"


main(41, fault, databases=("sqlite",))
