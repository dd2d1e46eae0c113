#!/usr/bin/env python3
"""PostgreSQL frozen (SIGSTOP): queue bounded, 503 within 2 s, readyz degraded, threads do not pile up."""
import signal
import time

from daemon import Client, Daemon, Load, expect, main


def fault(args, database):
    rounds, seconds = (10, 30) if args.long else (1, 5)
    rounds = args.rounds or rounds
    with Daemon(args.build_dir, database).start() as d:
        job = d.job("true", maxConcurrency=4, queueLimit=100000)
        _, key = d.key(job)
        slowest, threads_most, ready_after, grown, slowest_health = 0.0, 0, 0.0, 0, 0.0
        with Load(d, job, key, 50, clients=20) as load:
            for number in range(rounds):
                time.sleep(1.5)
                threads, memory = d.threads(), d.rss()
                try:
                    d.pg.signal_all(signal.SIGSTOP)
                    d.pg.signal_all(signal.SIGSTOP)  # those that the postmaster forked between our look and its stop
                    frozen = time.monotonic()
                    degraded, client = None, Client(d.port)
                    while time.monotonic() - frozen < seconds:
                        ready = client.request("GET", "/readyz")
                        if ready.status == 503 and degraded is None:
                            degraded = time.monotonic() - frozen
                        alive = client.request("GET", "/healthz")
                        expect(alive.status == 200, f"round {number}: healthz: {alive}")
                        slowest_health = max(slowest_health, alive.seconds)
                        threads_most = max(threads_most, d.threads() - threads)
                        grown = max(grown, d.rss() - memory)
                        time.sleep(0.1)
                finally:
                    d.pg.signal_all(signal.SIGCONT)
                thawed = time.monotonic()
                expect(degraded is not None, f"round {number}: readyz never said degraded: {ready}")
                ready_after = max(ready_after, degraded)
                while True:
                    with d.log.lock:
                        good = [e for e in d.log.entries if e["status"] == 202 and e["at"] > thawed]
                    if good:
                        break
                    expect(time.monotonic() - thawed < 5,
                           f"round {number}: not working 5 s after the thaw: {d.log.entries[-3:]}")
                    time.sleep(0.02)
                with d.log.lock:
                    # Not those that were on their way when all went well again.
                    during = [e for e in d.log.entries if e["at"] > frozen and e["at"] + e["seconds"] < thawed]
                expect(during, f"round {number}: no request was answered while frozen")
                for entry in during:
                    expect(entry["status"] == 503, f"round {number}: not a 503: {entry}")
                    expect(entry["retryAfter"], f"round {number}: 503 without Retry-After: {entry}")
                    slowest = max(slowest, entry["seconds"])
        expect(slowest < 2.3, f"a 503 took {slowest:.2f} s")  # 2 s, and what two busy cores add to it
        expect(threads_most < 8, f"{threads_most} more threads while frozen")
        expect(grown < 64 << 20, f"{grown >> 20} MiB more memory while frozen")
        d.resend(job, key)
        runs, told = d.judge()
        return (f"{rounds} x {seconds} s, {len(told)} acknowledged, 0 lost, slowest 503 {slowest:.2f} s, degraded after "
                f"{ready_after:.2f} s, healthz at most {slowest_health * 1000:.0f} ms, {threads_most} more threads, "
                f"{grown >> 20} MiB more")


main(3, fault, databases=("postgres",))
