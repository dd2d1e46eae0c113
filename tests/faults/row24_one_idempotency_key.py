#!/usr/bin/env python3
"""1,000 parallel triggers with one Idempotency-Key: one run, 1,000 equal answers; they spend one use of the key."""
import secrets
import time

from daemon import Daemon, burst, expect, main, raw_trigger

PARALLEL = 1000


def fault(args, database):
    rounds = args.rounds or (20 if args.long else 2)
    with Daemon(args.build_dir, database).start() as d:
        job = d.job("true", maxConcurrency=4)
        _, key = d.key(job, remaining=rounds)  # a replay spends nothing, else these do not last
        for number in range(rounds):
            idempotency = secrets.token_hex(12)
            begin = time.monotonic()
            answers = burst(d.port, [raw_trigger(d.port, job, key, idempotency)] * PARALLEL)
            for answer in answers:
                d.log.add(answer, begin, key=idempotency)
            expect(all(a.status == 202 for a in answers), f"round {number}: {d.log.counts()}; "
                   + str(next((a for a in answers if a.status != 202), "")))
            bodies = {a.body for a in answers}
            expect(len(bodies) == 1, f"round {number}: {len(bodies)} different answers: {sorted(bodies)[:2]}")
            replayed = sum(a.headers.get("idempotent-replayed") == "true" for a in answers)
        runs, told = d.judge()
        expect(len(runs) == rounds, f"{len(runs)} runs after {rounds} rounds")
        left = d.call("GET", f"/api/jobs/{job}/api-keys")["apiKeys"][0]["remaining"]
        expect(left == 0, f"{left} uses left of {rounds}")
        return (f"{rounds} x {PARALLEL} answers, {len(runs)} runs, {rounds} uses spent, "
                f"{replayed} replays in the last round")


main(24, fault)
