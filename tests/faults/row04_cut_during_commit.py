#!/usr/bin/env python3
"""The connection to PostgreSQL is cut around a trigger's COMMIT, at each place where its outcome is unknown: the same
Idempotency-Key sent again gives exactly one run."""
import secrets
import threading
import time
from urllib.parse import urlparse

from daemon import Client, Daemon, Postgres, expect, main
from proxy import Proxy

# The transaction that inserts the run goes to the server in one piece, COMMIT included, and is answered in one.
PLACES = {
    "a": "before any of it is sent",
    "b": "when half of it is sent",
    "c": "when all of it is sent, at once",
    "d": "before its answer",
    "e": "after half of its answer",
}


class Scissors:
    """Cuts once for each key `cut-PLACE-…` that it sees: at the second piece that carries it. The first looks whether the
    key is known."""

    def __init__(self):
        self.lock, self.seen = threading.Lock(), {}

    def __call__(self, state, to_server, data):
        with self.lock:
            if not to_server:
                place = state.pop("answer", None)
                return "cut" if place == "d" else len(data) // 2 if place == "e" else "pass"
            at = data.find(b"cut-")
            key = bytes(data[at:at + 30])
            if at < 0 or len(key) < 30:
                return "pass"
            self.seen[key] = self.seen.get(key, 0) + 1
            if self.seen[key] != 2:
                return "pass"
            place = chr(key[4])
            if place in "de":
                state["answer"] = place
            return {"a": "cut", "b": len(data) // 2, "c": "cut-after"}.get(place, "pass")


def fault(args, database):
    rounds = args.rounds or (500 if args.long else 25)
    server = urlparse(Postgres().url)
    scissors = Scissors()
    proxy = Proxy((server.hostname, server.port), judge=scissors)
    with Daemon(args.build_dir, database, via=f"{proxy.host}:{proxy.port}").start() as d:
        job = d.job("true", maxConcurrency=4, queueLimit=100000)
        _, key = d.key(job)
        client, answers, committed = Client(d.port), {}, {}
        for number in range(rounds):
            place = "abcde"[number % 5]
            name = f"cut-{place}-" + secrets.token_hex(12)
            first = d.trigger(client, job, key, name)
            expect(first.status in (0, 202, 503), f"{PLACES[place]}: {first}")
            if first.status != 202 and d.sql(f"SELECT 1 FROM idempotency WHERE key = '{name}'"):
                committed[place] = committed.get(place, 0) + 1
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
        expect(proxy.cuts == rounds, f"{proxy.cuts} cuts in {rounds} rounds")
        # The point of the row: not acknowledged, and yet committed.
        expect(sum(committed.values()) >= rounds * 2 // 5, f"hardly any cut fell between commit and answer: {committed}")
        d.await_idle(30)
        runs, _ = d.judge()
        expect(len(runs) == rounds, f"{len(runs)} runs for {rounds} keys")
        proxy.close()
        return (f"{rounds} keys, {proxy.cuts} cuts at {len(PLACES)} places, {len(runs)} runs; first answers {answers}, "
                f"{sum(committed.values())} of them committed all the same: {committed}")


main(4, fault, databases=("postgres",))
