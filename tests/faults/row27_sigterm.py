#!/usr/bin/env python3
"""SIGTERM and restart (what a package upgrade does) under load: nothing acknowledged is lost, runs go on, and a second
instance on the same state folder or on the same port refuses to start."""
import subprocess
import time

from daemon import Client, Daemon, Load, expect, free_port, main


def refuses(d, state, port, word, name):
    config, log = d.folder / f"{name}.conf", d.folder / f"{name}.log"
    d.write_config(config, state, port)
    process = d.spawn(config, log)
    try:
        code = process.wait(15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        expect(False, f"{name}: a second instance runs: {log.read_text()}")
    said = log.read_text()
    expect(code != 0 and word in said, f"{name}: ended with {code}: {said}")


def fault(args, database):
    rounds = args.rounds or (50 if args.long else 1)
    with Daemon(args.build_dir, database).start() as d:
        job = d.counted_job("sleep 0.1", maxConcurrency=16, queueLimit=100000)
        _, key = d.key(job)
        # One long run per round spans the restart: it goes on, and its end is found.
        long_job = d.counted_job("sleep 3; exit 7", maxConcurrency=16)
        _, long_key = d.key(long_job)
        long_runs, slowest, client = [], 0.0, Client(d.port)
        with Load(d, job, key, 20) as load:
            for number in range(rounds):
                made = d.trigger(client, long_job, long_key, f"long-{number}")
                expect(made.status == 202, f"round {number}: {made}")
                long_runs.append(made.run())
                time.sleep(1)
                begin = time.monotonic()
                code = d.end()
                client.close()
                slowest = max(slowest, time.monotonic() - begin)
                expect(code == 0, f"round {number}: SIGTERM ended with {code}: {d.log_tail()}")
                d.start()
                if number == 0:
                    refuses(d, d.folder / "state", free_port(), "another usherd works on", "same-state")
                    refuses(d, d.folder / "other-state", d.port, str(d.port), "same-port")
            time.sleep(0.5)
            load.stop()
        with d.log.lock:
            odd = [e for e in d.log.entries if e["status"] not in (0, 202, 503)]
        expect(not odd, f"neither accepted nor 503 nor cut: {odd[:3]}")
        runs, told = d.judge_all(job, key)
        for run in told:
            expect(runs[run] == ("failed" if run in long_runs else "passed", 1), f"{run}: {runs[run]}")
        return (f"{rounds} restarts (SIGTERM answered within {slowest:.2f} s), {len(told)} acknowledged, 0 lost, "
                f"{len(long_runs)} runs went on, 2 second instances refused; answers {d.log.counts()}")


main(27, fault)
