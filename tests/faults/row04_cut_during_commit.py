#!/usr/bin/env python3
"""The connection to PostgreSQL is cut around a trigger's COMMIT, at each place where its outcome is unknown: the same
Idempotency-Key sent again gives exactly one run."""
import secrets
import threading
import time
from urllib.parse import urlparse

from daemon import Client, Daemon, Postgres, expect, main
from proxy import Proxy

# What is cut, counted from the piece that carries the trigger's Idempotency-Key to the server.
PLACES = {
    "a": "before the insert reaches the server",
    "b": "after the insert, before its answer",
    "c": "after the insert was sent, at once",
    "d": "before what follows the insert's answer",
    "e": "after what follows the insert's answer, before the answer to it",
}


class Scissors:
    """Cuts once for each key `cut-PLACE-…` that it sees."""

    def __init__(self):
        self.lock, self.done = threading.Lock(), set()

    def __call__(self, state, to_server, data):
        with self.lock:
            if not to_server:
                return "cut" if state.pop("drop-answer", False) else "pass"
            if place := state.pop("next", None):
                if place == "d":
                    return "cut"
                state["drop-answer"] = True
                return "pass"
            at = data.find(b"cut-")
            if at < 0:
                return "pass"
            key = bytes(data[at:at + 30])
            if len(key) < 30 or key in self.done:
                return "pass"
            self.done.add(key)
            place = chr(key[4])
            if place == "a":
                return "cut"
            if place == "b":
                state["drop-answer"] = True
            if place in "de":
                state["next"] = place
            return "cut-after" if place == "c" else "pass"


def fault(args, database):
    rounds = args.rounds or (500 if args.long else 25)
    server = urlparse(Postgres().url)
    scissors = Scissors()
    proxy = Proxy((server.hostname, server.port), judge=scissors)
    with Daemon(args.build_dir, database, via=f"{proxy.host}:{proxy.port}").start() as d:
        job = d.job("true", maxConcurrency=4, queueLimit=100000)
        _, key = d.key(job)
        client, answers = Client(d.port), {}
        for number in range(rounds):
            place = "abcde"[number % 5]
            name = f"cut-{place}-" + secrets.token_hex(12)
            first = d.trigger(client, job, key, name)
            expect(first.status in (0, 202, 503), f"{PLACES[place]}: {first}")
            until = time.monotonic() + 15
            again = d.trigger(client, job, key, name)
            while again.status != 202:
                expect(again.status in (0, 503), f"{PLACES[place]}, sent again: {again}")
                expect(time.monotonic() < until, f"{PLACES[place]}: no 202 within 15 s: {again}\n{d.log_tail()}")
                time.sleep(0.1)
                again = d.trigger(client, job, key, name)
            third = d.trigger(client, job, key, name)
            while third.status in (0, 503):
                third = d.trigger(client, job, key, name)
            expect(third.status == 202 and third.run() == again.run(), f"{PLACES[place]}: {again} and then {third}")
            if first.status == 202:
                expect(first.run() == again.run(), f"{PLACES[place]}: {first} and then {again}")
            answers[first.status] = answers.get(first.status, 0) + 1
        expect(proxy.cuts >= rounds * 3 // 5, f"only {proxy.cuts} cuts in {rounds} rounds")
        d.await_idle(30)
        runs, _ = d.judge()
        expect(len(runs) == rounds, f"{len(runs)} runs for {rounds} keys")
        proxy.close()
        return f"{rounds} keys, {proxy.cuts} cuts at {len(PLACES)} places, {len(runs)} runs; first answers {answers}"


main(4, fault, databases=("postgres",))
