#!/usr/bin/env python3
"""Guessing keys from one address: slowed, then 429; a valid key is answered all the while, from that address too; memory,
log and audit stay bounded."""
import secrets
import threading
import time

from daemon import Client, Daemon, expect, main


def fault(args, database):
    tries = 100_000 if args.long else 2_000
    with Daemon(args.build_dir, database, "capacity = 0").start() as d:
        job = d.job("true", queueLimit=100000)
        _, key = d.key(job)
        for _ in range(20):
            d.trigger(Client(d.port), job, key)
        memory, log = d.rss(), d.log_file.stat().st_size
        audit = int(d.sql("SELECT coalesce(max(id), 0) FROM audit_log")[0][0])
        guesses, guard, done = [], threading.Lock(), threading.Event()

        def guess():
            client = Client(d.port)
            while True:
                with guard:
                    number = len(guesses)
                    if number >= tries:
                        break
                    guesses.append(None)
                answer = client.request("POST", f"/api/jobs/{job}/trigger",
                                        {"Authorization": "Bearer job_" + secrets.token_hex(32)})
                guesses[number] = (answer.status, answer.seconds, answer.headers.get("retry-after"), answer.code())
            client.close()

        def honest():
            client = Client(d.port)
            while not done.is_set():
                d.trigger(client, job, key)
                done.wait(0.05)
            client.close()

        begin = time.monotonic()
        valid = threading.Thread(target=honest)
        valid.start()
        threads = [threading.Thread(target=guess) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        took = time.monotonic() - begin
        done.set()
        valid.join()
        kinds = {}
        for status, seconds, retry, code in guesses:
            expect(status in (401, 429), f"a guess was answered {status} {code}")
            expect(status != 429 or retry, "429 without Retry-After")
            name = "429" if status == 429 else "slow" if seconds >= 0.25 else "fast"
            kinds[name] = kinds.get(name, 0) + 1
        minutes = int(took / 60) + 2  # windows that may have begun
        # 8 requests may be on their way at each limit.
        expect(kinds.get("fast", 0) <= 28 * minutes, f"not slowed: {kinds}")
        expect(kinds.get("slow", 0) <= 90 * minutes, f"not refused: {kinds}")
        expect(kinds.get("slow", 0) >= 60 and kinds.get("429", 0) > 0, f"not slowed, then refused: {kinds}")
        expect(all(e["status"] == 202 for e in d.log.entries), f"the valid key was refused: {d.log.counts()}")
        d.judge()
        grown = d.rss() - memory
        expect(d.end() == 0, f"SIGTERM: {d.log_tail()}")  # writes what it kept for the minute
        logged = d.log_file.stat().st_size - log
        records = d.sql(f"SELECT detail FROM audit_log WHERE id > {audit} AND actor = '-'")
        told = sum(int(row[0].partition("count=")[2] or 0) for row in records)
        expect(told == tries, f"the audit tells of {told} of {tries} guesses: {records[:5]}")
        expect(grown < 32 << 20, f"{grown >> 20} MiB more memory")
        # One line and one record per address, code and minute.
        expect(logged < 4096 * minutes, f"{logged} bytes of log for {tries} guesses")
        expect(len(records) <= 3 * minutes, f"{len(records)} audit records for {tries} guesses")
        return (f"{tries} guesses in {took:.0f} s: {kinds}; {len(d.log.entries)} valid all 202; {grown >> 20} MiB, {logged} bytes of "
                f"log, {len(records)} audit records more")


main(26, fault)
