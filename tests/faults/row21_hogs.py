#!/usr/bin/env python3
"""A fork bomb, memory hogs, endless output, a closed stdout, invalid UTF-8: that test ends, the others hardly notice."""
import json
import os
import random
import threading
import time

from daemon import Client, Daemon, expect, living, main

LIMIT = 200_000_000
CAP = 1 << 20

BOMB = """exec python3 -c '
import os, sys
mark = sys.argv[1]
while True:
    try:
        os.fork()
    except OSError:
        pass
' %s"""
HOG = """exec python3 -c '
import time
held = []
while True:
    held.append(bytearray(8 << 20))
' %s"""
HOGS = """for n in 1 2 3 4; do python3 -c '
import time
held = bytearray(90 << 20)
time.sleep(600)
' %s & done; wait"""


class Others:
    """Somebody else's requests, one after the other; p99 in ms."""

    def __init__(self, d):
        self.client, self.times, self.stop = Client(d.port), [], threading.Event()
        self.thread = threading.Thread(target=self.ask, daemon=True)
        self.thread.start()

    def ask(self):
        while not self.stop.wait(0.01):
            answer = self.client.request("GET", "/healthz")
            self.times.append(answer.seconds if answer.status == 200 else 10.0)

    def end(self):
        self.stop.set()
        self.thread.join()
        self.client.close()
        return sorted(self.times)[int(0.99 * (len(self.times) - 1))] * 1000


def one(d, client, script, wanted, **settings):
    """Runs it; the run as the API shows it."""
    mark = str(random.randrange(10**8, 10**9))
    job = d.job(script % mark if "%s" in script else script, **settings)
    _, key = d.key(job)
    made = d.trigger(client, job, key)
    expect(made.status == 202, f"{made}")
    until = time.monotonic() + 240
    while True:
        run = d.call("GET", f"/api/runs/{made.run()}")
        if run["status"] not in ("queued", "running"):
            break
        expect(time.monotonic() < until, f"still {run['status']}\n{d.log_tail()}")
        time.sleep(0.1)
    expect(run["status"] in wanted, f"ended as {run['status']}, not {wanted}: {json.dumps(run)[:1000]}")
    expect(not living(mark), f"left {living(mark)}")
    return run


def fault(args, database):
    rounds = args.rounds or (10 if args.long else 1)
    wide = 10_000_000_000 if args.long else 200_000_000
    extra = f"cancel_grace_seconds = 0\nmemory_limit_bytes = {LIMIT}\noutput_cap_bytes = {CAP}\n"
    root = os.geteuid() == 0
    with Daemon(args.build_dir, database, extra).start() as d:
        client = Client(d.port, 30)
        others = Others(d)
        time.sleep(3)
        before, during = others.end(), []
        for _ in range(rounds):
            others = Others(d)
            if root:  # without a uid of its own nothing holds a bomb but its run's time
                # By its time, or by what a thousand processes hold.
                one(d, client, BOMB, ("timeout", "failed"), timeoutSeconds=3)
                run = one(d, client, HOGS, ("failed",))
                expect("memory" in run["errorDetails"], f"{run['errorDetails']}")
            one(d, client, HOG, ("failed",) if root else ("failed", "timeout"), timeoutSeconds=60)
            run = one(d, client, f"yes 0123456789abcdef | head -c {wide}; exit 5", ("failed",))
            test = run["tests"][0]
            expect(test["truncated"] and test["outputBytes"] == wide and test["exitCode"] == 5, f"{test}")
            log = d.log_of(client, run["id"])
            expect(len(log) < CAP + 1000 and b"bytes left out" in log, f"{len(log)} bytes kept")
            run = one(d, client, "exec >&- 2>&-; sleep 0.2; exit 6", ("failed",))
            expect(run["tests"][0]["exitCode"] == 6, f"{run['tests']}")
            run = one(d, client, "printf 'a\\377\\376\\355\\240\\200b\\n'; exit 7", ("failed",))
            expect(d.log_of(client, run["id"]) == b"a\xff\xfe\xed\xa0\x80b\n", "the log is not to the letter")
            events = d.log_of(client, run["id"], "events").decode()  # strictly UTF-8
            expect("\ufffd" in events and '"end"' not in events.split("event: log")[0], f"{events[:500]}")
            during.append(others.end())
        client.close()
        worst = max(during)
        # What another program does to this machine meanwhile counts here too: judged at full size only.
        if args.long:
            expect(worst <= 2 * max(before, 5), f"others' p99 went from {before:.1f} ms to {worst:.1f} ms")
        return f"{rounds} round(s), each test ended and left nothing; others' p99 {before:.1f} ms before, {worst:.1f} ms during"


def log_of(self, client, run, what="log?test=0"):
    answer = client.request("GET", f"/api/runs/{run}/{what}", {"Authorization": "Bearer " + self.admin_token})
    expect(answer.status == 200, f"{what}: {answer}")
    return answer.body


Daemon.log_of = log_of
main(21, fault)
