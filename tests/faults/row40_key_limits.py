#!/usr/bin/env python3
"""What a key may spend, judged from outside; on PostgreSQL by two nodes.

1,000 parallel triggers on 100 uses: 100 are accepted; one that is refused later gives its use back. A limit of N a
window: never N + 1 in any window, over 10,000 requests of 8 clients (short form: 800). Eight creates of one name: one
key; twenty more at once: ten keys.
"""
import contextlib
import threading
import time

from daemon import Client, Daemon, burst, expect, main, raw_trigger

PARALLEL, USES = 1000, 100
LIMIT, WINDOW = 20, 1.0


def counts(answers):
    seen = {}
    for answer in answers:
        name = f"{answer.status} {answer.code() if answer.status != 202 else ''}".strip()
        seen[name] = seen.get(name, 0) + 1
    return seen


def uses(nodes):
    d = nodes[0]
    job = d.job("true", maxConcurrency=1)
    key_id, key = d.key(job, remaining=USES)
    seen = counts(burst(d.port, [raw_trigger(d.port, job, key)] * PARALLEL, 60))
    expect(seen == {"202": USES, "429 USAGE_EXCEEDED": PARALLEL - USES}, f"{PARALLEL} on {USES} uses: {seen}")
    d.call("PATCH", f"/api/jobs/{job}/api-keys/{key_id}", {"remaining": 1})
    d.call("PATCH", f"/api/jobs/{job}", {"paused": True})
    seen = counts(burst(d.port, [raw_trigger(d.port, job, key)] * 50, 60))
    expect("202" not in seen and seen.get("409 JOB_PAUSED", 0) >= 1, f"paused: {seen}")
    d.call("PATCH", f"/api/jobs/{job}", {"paused": False})
    client = Client(d.port)
    last = [d.trigger(client, job, key).status for _ in range(2)]
    expect(last == [202, 429], f"one use left after refusals: {last}")
    client.close()


def window(nodes, requests):
    d = nodes[0]
    job = d.job("true", maxConcurrency=1, queueLimit=100_000)
    key_id, key = d.key(job, rateLimit={"max": LIMIT, "windowSeconds": int(WINDOW)})
    accepted, other, lock = [], [], threading.Lock()

    def client(number):
        own = nodes[number % len(nodes)]
        connection = Client(own.port, 30)
        for _ in range(requests // 8):
            begin = time.monotonic()
            answer = connection.request("POST", f"/api/jobs/{job}/trigger", {"Authorization": "Bearer " + key})
            end = time.monotonic()
            with lock:
                if answer.status == 202:
                    accepted.append((begin, end))
                elif answer.code() != "RATE_LIMITED":
                    other.append(str(answer))
        connection.close()

    threads = [threading.Thread(target=client, args=(n,), daemon=True) for n in range(8)]
    started = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(600)
    seconds = time.monotonic() - started
    expect(not other, f"{len(other)} other answers: {other[:2]}")
    # By the clients' clock: whatever lies wholly within one window.
    for begin, _ in accepted:
        inside = sum(begin <= b and e < begin + WINDOW for b, e in accepted)
        expect(inside <= LIMIT, f"{inside} accepted within {WINDOW} s, the limit is {LIMIT}")
    # By the database's: every accepted one, to the microsecond.
    times = sorted(int(row[0]) for row in d.sql(f"SELECT at FROM apikey_spend WHERE apikey_id = '{key_id}'"))
    expect(len(times) == len(accepted), f"{len(accepted)} accepted, {len(times)} in the window's table")
    gaps = [after - before for before, after in zip(times, times[LIMIT:])]
    expect(all(gap >= WINDOW * 1e6 for gap in gaps), f"{LIMIT + 1} accepted within {min(gaps, default=0)} us")
    # It is a limit and no wall: a window that was full is used again.
    least = LIMIT * max(1, int(seconds / WINDOW) - 1) // 2
    expect(len(accepted) >= min(least, requests), f"only {len(accepted)} accepted in {seconds:.1f} s")
    return f"{8 * (requests // 8)} requests, {len(accepted)} accepted in {seconds:.1f} s at {LIMIT}/{WINDOW:.0f}s"


def creates(nodes):
    job = nodes[0].job("true")
    made, lock = [], threading.Lock()

    def create(number, name):
        answer = nodes[number % len(nodes)].call("POST", f"/api/jobs/{job}/api-keys", {"name": name}, (201, 409))
        with lock:
            made.append(answer.get("code") or "made")

    for names, keys in ((["same"] * 8, 1), ([f"k{n}" for n in range(20)], 10)):
        made.clear()
        threads = [threading.Thread(target=create, args=(n, name)) for n, name in enumerate(names)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        listed = nodes[-1].call("GET", f"/api/jobs/{job}/api-keys")["apiKeys"]
        expect(len(made) == len(names) and len(listed) == keys, f"{names[0]}: {made}, {len(listed)} keys")


def fault(args, database):
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(Daemon(args.build_dir, database).start())
        first.call("GET", "/api/jobs")  # there is an admin now, whom the second node shares
        nodes = [first]
        if database == "postgres":
            nodes.append(stack.enter_context(Daemon(args.build_dir, database, beside=first).start()))
        creates(nodes)
        uses(nodes)
        told = window(nodes, 10_000 if args.long else 800)
        return f"{len(nodes)} nodes; {USES} of {PARALLEL} on {USES} uses; {told}"


main(40, fault)
