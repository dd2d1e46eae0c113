#!/usr/bin/env python3
"""Cancel and timeout against tests that double-fork, call setsid and ignore TERM: no survivor."""
import random
import time

from daemon import Client, Daemon, expect, living, main

# A grandchild that left its session and whose parent is gone; a child in a session of its own; the test itself. All
# ignore what can be ignored. %s: a number that stands in all their command lines.
SCRIPT = """trap '' TERM HUP INT
(trap '' TERM HUP INT; setsid sh -c 'trap "" TERM HUP INT; sleep %s & sleep %s' >/dev/null 2>&1 &) &
setsid sh -c '(setsid sleep %s </dev/null >/dev/null 2>&1 &) ; sleep %s' &
sleep %s; sleep %s"""


def fault(args, database):
    rounds = args.rounds or (200 if args.long else 6)
    extra = "cancel_grace_seconds = 1\n"
    with Daemon(args.build_dir, database, extra).start() as d:
        slowest, processes = 0.0, 0
        client = Client(d.port)
        for number in range(rounds):
            mark = str(random.randrange(10**8, 10**9))
            by_cancel = number % 2 == 0
            job = d.job(SCRIPT % ((mark,) * 6), timeoutSeconds=600 if by_cancel else 2)
            _, key = d.key(job)
            made = d.trigger(client, job, key)
            expect(made.status == 202, f"{made}")
            until = time.monotonic() + 20
            while len(living(mark)) < 5:
                expect(time.monotonic() < until, f"round {number}: {living(mark)} live\n{d.log_tail()}")
                time.sleep(0.02)
            processes += len(living(mark))
            begin = time.monotonic()
            if by_cancel:
                d.call("POST", f"/api/runs/{made.run()}/cancel", {}, wanted=(200, 202))
            status = ""
            while status not in ("cancelled", "timeout"):
                expect(time.monotonic() < begin + 20, f"round {number}: still {status}\n{d.log_tail()}")
                expect(status in ("", "queued", "running"), f"round {number}: {status}")
                time.sleep(0.05)
                status = d.runs()[made.run()][0]
            slowest = max(slowest, time.monotonic() - begin)
            expect(not living(mark), f"round {number}: ended as {status} and left {living(mark)}")
            expect(status == ("cancelled" if by_cancel else "timeout"), f"round {number}: {status}")
        client.close()
        return f"{rounds} runs with {processes} processes that escape, 0 survivors, ended within {slowest:.2f} s"


main(22, fault)
