#!/usr/bin/env python3
"""A newer usherd migrates the database under load: a step that only adds disturbs nobody, and an older node works on and
comes back; after a step that does more, an older node refuses to start and says why. On PostgreSQL with two nodes."""
import contextlib
import sqlite3
import time

from daemon import Client, Daemon, Load, expect, main

# What a newer program would do, in one transaction as the design has it.
ADDS = ["ALTER TABLE runs ADD COLUMN later_fact text DEFAULT 'none'",
        "CREATE TABLE later_things (id bigint PRIMARY KEY, run_id text)",
        "CREATE INDEX later_index ON runs (later_fact)"]


def migrate(d, version, statements, additive):
    steps = list(statements)
    steps.append(f"INSERT INTO usher_migrations (component, version, name, applied_at) VALUES ('daemon', {version}, 'later', 0)")
    if additive:
        steps.append(f"INSERT INTO usher_additive_migrations (component, version) VALUES ('daemon', {version})")
    if d.pg:
        d.pg.psql(d.url, "BEGIN; SELECT pg_advisory_xact_lock(7311141); " + "; ".join(steps) + "; COMMIT")
        return
    with contextlib.closing(sqlite3.connect(d.folder / "state" / "usher.db", timeout=20)) as database:
        database.executescript("BEGIN IMMEDIATE; " + "; ".join(steps) + "; COMMIT;")


def ready(node):
    client = Client(node.port)
    try:
        return client.request("GET", "/readyz")
    finally:
        client.close()


def fault(args, database):
    rounds = args.rounds or (20 if args.long else 2)
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(Daemon(args.build_dir, database).start())
        job = first.counted_job(maxConcurrency=16, queueLimit=100000)
        _, key = first.key(job)
        client = Client(first.port)
        first_run = first.trigger(client, job, key).run()
        client.close()
        first.await_idle()
        nodes = [first]
        if database == "postgres":
            nodes.append(stack.enter_context(Daemon(args.build_dir, database, beside=first).start()))
        older = nodes[-1]
        with Load(first, job, key, 20) as load:
            for number in range(rounds):
                time.sleep(0.5)
                adds = [step.replace("later_", f"later_{number}_") for step in ADDS]
                migrate(first, 1000 + number, adds, True)
                time.sleep(0.5)
                older.end()
                older.start()  # it knows fewer steps than the database has
                until = time.monotonic() + 10
                while (answer := ready(older)).status != 200:
                    expect(time.monotonic() < until, f"round {number}: the older node: {answer}")
                    time.sleep(0.05)
            time.sleep(0.5)
            load.stop()
        runs, told = first.judge_all(job, key)
        for run in told:
            expect(runs[run][0] == "passed", f"{run}: {runs[run]}")
        if database == "postgres":
            refused = [entry for entry in first.log.entries if entry["status"] != 202]
            expect(not refused, f"the node that stayed refused {len(refused)}: {refused[:3]}")
            # The older one does what the newer leaves to it.
            newer = first.sql(f"SELECT node_id FROM runs WHERE id = '{first_run}'")[0][0]
            first.call("POST", f"/api/nodes/{newer}/drain", {})
            client = Client(older.port)
            left = first.trigger(client, job, key).run()
            client.close()
            first.await_idle()
            status, node = first.sql(f"SELECT status, node_id FROM runs WHERE id = '{left}'")[0]
            expect(status == "passed" and node != newer, f"left to the older node: {status} on {node}, drained {newer}")
        migrate(first, 2000, ["CREATE TABLE later_break (id bigint)"], False)
        older.end()
        late = older.spawn()
        code = late.wait(20)
        expect(code not in (0, None) and "cannot work beside" in older.log_tail(), f"exit {code}: {older.log_tail()[-400:]}")
        return (f"{rounds} steps added under load, {len(told)} acknowledged, 0 lost, 0 started twice, answers {first.log.counts()}; "
                f"after a step that breaks the older node refuses (exit {code})")


main(42, fault)
