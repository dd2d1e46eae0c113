#!/usr/bin/env python3
"""A plugin hangs with 200 calls in flight: each is answered 503 by its deadline, healthz within 50 ms, the breaker opens;
afterwards it is asked again."""
import threading
import time

from daemon import Client, expect, main
from misbehaving import Misbehaving

CALLS, DEADLINE = 200, 0.5


def hang(world, name, kind):
    answers, lock = [], threading.Lock()
    start = threading.Barrier(CALLS + 1)

    def client():
        mine = Client(world.daemon.port, 10)
        mine.request("GET", "/healthz")  # the connection stands
        start.wait(30)
        answer = world.trigger(mine, name, kind)
        with lock:
            answers.append(answer)
        mine.close()

    threads = [threading.Thread(target=client, daemon=True) for _ in range(CALLS)]
    for thread in threads:
        thread.start()
    start.wait(30)
    slowest = 0.0
    while any(thread.is_alive() for thread in threads):
        slowest = max(slowest, world.alive())
        time.sleep(0.05)
    return answers, slowest


def fault(args, database):
    rounds = args.rounds or (10 if args.long else 1)
    told = []
    for isolation in ("inproc", "process"):
        with Misbehaving(args, database, ["hanging"], isolation, int(DEADLINE * 1000)) as world:
            worst = health = 0.0
            opened = 0
            for number in range(rounds):
                answers, slowest = hang(world, "hanging", "hang" if number % 2 == 0 else "silent")
                expect(len(answers) == CALLS, f"{len(answers)} answers")
                for answer in answers:
                    expect(answer.status == 503 and answer.code() == "AUTH_UNAVAILABLE", f"{isolation}: {answer}")
                worst = max(worst, max(a.seconds for a in answers))
                health = max(health, slowest)
                opened += world.plugin("hanging")["breaker"] == "open"
                client, until = Client(world.daemon.port, 10), time.monotonic() + 15
                while world.trigger(client, "hanging", "none").status != 202:
                    expect(time.monotonic() < until, f"{isolation}: not asked again after 15 s")
                    time.sleep(0.05)
            expect(opened == rounds, f"{isolation}: the breaker opened {opened} of {rounds} times")
            # 200 Python threads on this machine are part of these times.
            expect(worst < DEADLINE + 1.0, f"{isolation}: an answer after {worst:.2f} s")
            expect(health < 0.25, f"{isolation}: healthz after {health * 1000:.0f} ms")
            told.append(f"{isolation}: {rounds} x {CALLS} calls 503 within {worst:.2f} s, healthz {health * 1000:.0f} ms")
    return "; ".join(told)


main(8, fault, databases=("sqlite",))
