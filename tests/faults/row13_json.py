#!/usr/bin/env python3
"""JSON that is broken, ambiguous or made to break a parser: 400, no crash, nothing half-read; what is right is taken."""
import json

from daemon import Client, Daemon, expect, main

BROKEN = {
    "depth 100,000": b"[" * 100_000, "depth of objects": b'{"parameters":' * 20_000, "closed depth": b"[" * 5_000 + b"]" * 5_000,
    "1e999": b'{"timeoutSeconds": 1e999}', "-1e999": b'{"timeoutSeconds": -1e999}', "NaN": b'{"timeoutSeconds": NaN}',
    "Infinity": b'{"timeoutSeconds": Infinity}', "integer of 400 digits": b'{"timeoutSeconds": ' + b"9" * 400 + b"}",
    "duplicate keys": b'{"name": "a", "name": "b"}', "duplicate by escape": b'{"name": "a", "n\\u0061me": "b"}',
    "nested duplicate": b'{"name": "a", "parameters": [{"name": "A", "name": "B"}]}',
    "lone surrogate": b'{"name": "\\ud800"}', "low surrogate": b'{"name": "\\udc00"}', "swapped": b'{"name": "\\udc00\\ud800"}',
    "NUL": b'{"name": "a\\u0000b"}', "raw NUL": b'{"name": "a\0b"}', "raw control": b'{"name": "a\nb"}',
    "overlong": b'{"name": "\xc0\xaf"}', "cut UTF-8": b'{"name": "\xe2\x82"}', "surrogate in UTF-8": b'{"name": "\xed\xa0\x80"}',
    "above U+10FFFF": b'{"name": "\xf4\x90\x80\x80"}', "0xff": b'{"name": "\xff"}', "BOM": b'\xef\xbb\xbf{"name": "a"}',
    "UTF-16": '{"name": "a"}'.encode("utf-16"), "trailing comma": b'{"name": "a",}', "trailing text": b'{"name": "a"} x',
    "two values": b'{"name": "a"}{"name": "b"}', "comment": b'{"name": "a" /* b */}', "single quotes": b"{'name': 'a'}",
    "no quotes": b'{name: "a"}', "leading zero": b'{"timeoutSeconds": 01}', "plus": b'{"timeoutSeconds": +1}',
    "point": b'{"timeoutSeconds": 1.}', "hex": b'{"timeoutSeconds": 0x10}', "bad escape": b'{"name": "\\x41"}',
    "cut escape": b'{"name": "\\u00"}', "cut": b'{"name": "a"', "True": b'{"name": True}', "empty": b"", "space": b"  ",
    "array": b"[]", "null": b"null", "number": b"1", "string": b'"x"', "unknown field": b'{"name": "a", "admin": true}',
    "prototype": b'{"name": "a", "__proto__": {"role": "admin"}}', "wrong type": b'{"name": {"$ne": ""}}',
    "fraction": b'{"name": "a", "timeoutSeconds": 1.5}', "negative": b'{"name": "a", "timeoutSeconds": -1}',
    "number as text": b'{"name": "a", "timeoutSeconds": "60"}',
}
RIGHT = {"pair": b'{"name": "\\ud83d\\ude00 pair"}', "UTF-8": '{"name": "größe 😀"}'.encode(), "escapes": b'{"name": "\\"\\\\\\/ \\u00e9"}'}


def fault(args, database):
    with Daemon(args.build_dir, database, "capacity = 0").start() as d:
        job = d.job("true")
        _, key = d.key(job)
        client = Client(d.port)
        admin = {"Authorization": "Bearer " + d.admin_token, "Content-Type": "application/json"}
        count = len(d.call("GET", "/api/jobs?limit=200")["jobs"])
        asked = 0
        for case, body in BROKEN.items():
            for method, path, headers in (("POST", "/api/jobs", admin), ("PATCH", f"/api/jobs/{job}", admin),
                                          ("POST", f"/api/jobs/{job}/api-keys", admin), ("POST", "/api/tests", admin),
                                          ("POST", "/api/auth/sign-in/email", {"Content-Type": "application/json"}),
                                          ("POST", f"/api/jobs/{job}/trigger",
                                           {"Authorization": "Bearer " + key, "Content-Type": "application/json"})):
                if path.endswith("/trigger") and not body.strip():
                    continue  # a trigger needs no body
                asked += 1
                answer = client.request(method, path, headers, body)
                wanted = (400, 413) if path.endswith("/trigger") and len(body) > 65536 else (400,)
                expect(answer.status in wanted, f"{case} to {method} {path}: {answer}")
                expect(answer.code() and answer.json().get("requestId"), f"{case} to {path} has not the shape of an error: {answer}")
        expect(len(d.call("GET", "/api/jobs?limit=200")["jobs"]) == count, "a broken body made a job")
        expect(not d.runs(), "a broken body made a run")
        for case, body in RIGHT.items():
            answer = client.request("POST", "/api/jobs", admin, body)
            expect(answer.status == 201 and answer.json()["job"]["name"] == json.loads(body)["name"], f"{case}: {answer}")
        client.close()
        return f"{asked} broken bodies refused, {len(RIGHT)} right ones taken"


main(13, fault)
