#!/usr/bin/env python3
"""SQL in every field that takes text: stored and returned to the letter, or refused by its rules; nothing is executed."""
import itertools
import json
import random
import urllib.parse

from daemon import Client, Daemon, expect, main

ATOMS = ["'", '"', "`", ";", "--", "/*", "*/", "\\", "%", "_", "$1", ":a", "?", "{}", "$$", "||", "\\'", "''", "E'\\x27'", "x'27'",
         "' OR '1'='1", "'; DROP TABLE jobs; --", "'); DELETE FROM runs; --", '"; UPDATE "user" SET role=\'admin\'; --',
         "1; SELECT pg_sleep(9)", "' UNION SELECT key FROM apikey --", "\\'; ATTACH DATABASE '/tmp/x' AS x; --", "U&'\\0027'",
         "%27", "ʼ; DROP TABLE tests", "{0}", "%s%n", "${jndi}", "<!--", "NULL", "'||(SELECT 1)||'", "\t", "0x27", "chr(39)"]
SIZES = ("jobs", "tests", "apikey", "runs", "user", "session", "audit_log")


def strings(count):
    draw = random.Random(14)
    pairs = [a + b for a, b in itertools.product(ATOMS, ATOMS)]
    return (ATOMS + draw.sample(pairs, len(pairs)))[:count]


def fault(args, database):
    count = args.rounds or (500 if args.long else 45)
    with Daemon(args.build_dir, database, "capacity = 0").start() as d:
        job = d.job("true", queueLimit=100000, parameters=[{"name": "TEXT"}])
        _, key = d.key(job)
        client = Client(d.port)
        admin = {"Authorization": "Bearer " + d.admin_token, "Content-Type": "application/json"}

        def sizes():
            return {table: int(d.sql(f'SELECT count(*) FROM "{table}"')[0][0]) for table in SIZES}

        before, runs = sizes(), 0
        made = d.call("POST", "/api/tests", {"title": "t", "type": "shell", "script": "true"})["test"]["id"]
        key_id, _ = d.key(job)
        for number, text in enumerate(strings(count)):
            name = f"{number} {text}".strip()  # names are trimmed
            shown = d.call("PATCH", f"/api/jobs/{job}", {"name": name, "description": text})["job"]
            expect((shown["name"], shown["description"].strip()) == (name, text.strip()), f"job: {text!r} came back as {shown}")
            shown = d.call("PATCH", f"/api/tests/{made}", {"title": name, "script": text, "description": text})["test"]
            expect((shown["title"], shown["script"]) == (name, text), f"test: {text!r} came back as {shown}")
            shown = d.call("PATCH", f"/api/jobs/{job}/api-keys/{key_id}", {"name": name})["apiKey"]
            expect(shown["name"] == name, f"key: {text!r} came back as {shown}")
            answer = client.request("POST", f"/api/jobs/{job}/trigger", {"Authorization": "Bearer " + key,
                                    "Content-Type": "application/json"}, json.dumps(
                                        {"parameters": {"TEXT": text}, "idempotencyKey": f"{text}{number}"}))
            if answer.status == 202:
                runs += 1
                shown = d.call("GET", f"/api/runs/{answer.run()}")
                expect(shown["parameters"] == {"TEXT": text}, f"parameter: {text!r} came back as {shown['parameters']}")
            else:
                expect(answer.status == 400, f"trigger with {text!r}: {answer}")
            quoted = urllib.parse.quote(text, safe="")
            for path in (f"/api/jobs?cursor={quoted}", f"/api/runs?status={quoted}", f"/api/runs?jobId={quoted}",
                         f"/api/runs?limit={quoted}", f"/api/audit?actor={quoted}", f"/api/audit?action={quoted}",
                         f"/api/audit?since={quoted}", f"/api/jobs/{quoted}", f"/api/runs/{quoted}", f"/api/tests/{quoted}",
                         f"/api/jobs/{job}/api-keys/{quoted}", f"/api/runs/{job}/artifacts/{quoted}"):
                answer = client.request("GET", path, admin)
                expect(answer.status in (200, 400, 404, 405), f"GET {path}: {answer}")
                expect(b"SQL" not in answer.body and b"syntax" not in answer.body, f"GET {path} tells of the database: {answer}")
            answer = client.request("POST", "/api/auth/sign-in/email", {"Content-Type": "application/json"},
                                    json.dumps({"email": f"{text}@example.test", "password": text}))
            expect(answer.status in (400, 401, 429), f"sign-in with {text!r}: {answer}")
        after = sizes()
        grown = {table: after[table] - before[table] for table in SIZES if after[table] != before[table] and table != "audit_log"}
        expect(grown == {"tests": 1, "apikey": 1, "runs": runs}, f"tables changed: {grown}, {runs} runs")
        client.close()
        return f"{count} strings in every field, {runs} of them as a parameter of a run"


main(14, fault)
