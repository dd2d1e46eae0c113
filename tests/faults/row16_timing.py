#!/usr/bin/env python3
"""How long a refusal takes tells nothing of how close a guess was: a random key, one that shares 63 characters with a live
key, and one that was deleted get the same body in the same time (Welch's t below 4.5, the slowest tenth left out)."""
import math
import random
import secrets
import string
import time

from daemon import Client, Daemon, expect, main

LETTERS = string.ascii_letters + string.digits


def welch(one, other):
    def moments(values):
        mean = sum(values) / len(values)
        return mean, sum((value - mean) ** 2 for value in values) / (len(values) - 1) / len(values)
    (m1, v1), (m2, v2) = moments(one), moments(other)
    return (m1 - m2) / math.sqrt(v1 + v2)


def without_tail(times):
    """Waiting for other programs of the machine is the same for all; it hides differences and makes none."""
    return sorted(times)[:int(0.9 * len(times))]


def fault(args, database):
    samples = args.rounds or (1_000_000 if args.long else 6_000)
    with Daemon(args.build_dir, database, "capacity = 0\n[auth]\nthrottle_exempt = 127.0.0.1").start() as d:
        job = d.job("true")
        _, live = d.key(job)
        deleted_id, deleted = d.key(job)
        d.call("DELETE", f"/api/jobs/{job}/api-keys/{deleted_id}")
        near = live[:-1] + random.choice([letter for letter in LETTERS if letter != live[-1]])
        # Made beforehand: a client that ponders before one kind of guess would measure itself.
        guesses = []
        for _ in range(samples + 300):
            fresh = "job_" + "".join(secrets.choice(LETTERS) for _ in range(60))
            guesses.append(random.choice([("random", fresh), ("near", near), ("deleted", deleted)]))
        times, bodies, client = {kind: [] for kind in ("random", "near", "deleted")}, set(), Client(d.port)
        path = f"/api/jobs/{job}/trigger"
        for number, (kind, guess) in enumerate(guesses):
            headers = {"Authorization": "Bearer " + guess}
            begin = time.perf_counter_ns()
            answer = client.request("POST", path, headers)
            took = time.perf_counter_ns() - begin
            expect(answer.status == 401, f"{kind}: {answer}")
            body = answer.json()
            body.pop("requestId")
            bodies.add(str(sorted(body.items())))
            if number >= 300:
                times[kind].append(took)
        client.close()
        expect(len(bodies) == 1, f"bodies differ: {bodies}")
        kept = {kind: without_tail(values) for kind, values in times.items()}
        found = {f"{a}/{b}": welch(kept[a], kept[b]) for a, b in (("random", "near"), ("random", "deleted"), ("near", "deleted"))}
        worst = max(found.values(), key=abs)
        expect(abs(worst) < 4.5, f"times tell guesses apart: {found}")
        return f"{samples} guesses, one body, t " + ", ".join(f"{pair} {t:+.2f}" for pair, t in found.items())


main(16, fault)
