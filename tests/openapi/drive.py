#!/usr/bin/python3
"""Holds /api/openapi.json to the daemon, both ways: every operation of the document is asked and answered by a route,
and every answer and body that goes over the line here is valid by its schema (python3-jsonschema, draft 2020-12).

    tests/support/with-postgres tests/openapi/drive.py --build-dir build/dev
"""
import argparse
import json
import os
import pathlib
import re
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "faults"))
try:
    import jsonschema
except ImportError:
    print("SKIPPED: python3-jsonschema is not installed (packaging/install-deps --test)")
    sys.exit(77)
from daemon import Client, Daemon, Fail, expect  # noqa: E402

ANY_ID = "0192f0c1-2345-7abc-8def-0123456789ab"


class Contract:
    """The document, and what has been asked of it."""

    def __init__(self, document):
        self.document, self.asked, self.conflicts, self.validated = document, set(), set(), 0
        self.operations = {(method.upper(), path): operation for path, methods in document["paths"].items()
                           for method, operation in methods.items()}
        self.patterns = [(method, path, re.compile("^" + re.sub(r"\\{path\\}$", ".+", re.sub(
            r"\\{(?!path)[A-Za-z]+\\}", "[^/]+", re.escape(path))) + "$")) for method, path in self.operations]
        for schema in document["components"]["schemas"].values():
            jsonschema.Draft202012Validator.check_schema(schema)
        names = [operation.get("operationId") for operation in self.operations.values()]
        expect(None not in names, "an operation has no operationId")
        expect(len(names) == len(set(names)), "an operationId appears twice")
        for (method, path), operation in self.operations.items():
            # Whoever asks who it is may have to say that it cannot find out.
            expect("401" not in operation["responses"] or "503" in operation["responses"], f"{method} {path} lacks 503")

    def find(self, method, target):
        path = target.partition("?")[0]
        if (method, path) in self.operations:
            return path
        found = [p for m, p, pattern in self.patterns if m == method and pattern.match(path)]
        expect(found, f"{method} {path} is not in the document")
        return found[0]

    def resolve(self, part):
        while "$ref" in part:
            node = self.document
            for step in part["$ref"].removeprefix("#/").split("/"):
                node = node[step]
            part = node
        return part

    def validate(self, schema, value, what):
        whole = {**schema, "components": self.document["components"]}
        problems = sorted(jsonschema.Draft202012Validator(whole).iter_errors(value), key=str)
        expect(not problems, f"{what}: " + "; ".join(f"{list(p.absolute_path)}: {p.message}"[:300] for p in problems[:3]))
        self.validated += 1

    def judge(self, method, target, body, answer):
        path = self.find(method, target)
        operation, what = self.operations[method, path], f"{method} {path} {answer.status}"
        self.asked.add((method, path))
        if answer.status == 409:
            self.conflicts.add((method, path))
        described = operation["responses"].get(str(answer.status)) or operation["responses"].get("default")
        expect(described, f"{what} is not described: {answer}")
        if body is not None and answer.status < 300:
            wanted = self.resolve(operation.get("requestBody", {})).get("content", {}).get("application/json")
            expect(wanted, f"{what}: a body was accepted that is not described")
            self.validate(wanted["schema"], body, what + ", request")
        content = self.resolve(described).get("content", {})
        kind = answer.headers.get("content-type", "").partition(";")[0]
        if "application/json" in content and kind == "application/json":
            self.validate(content["application/json"]["schema"], answer.json(), what)
        elif answer.body and answer.status < 300:
            expect(kind in content or "application/octet-stream" in content,
                   f"{what}: answered with {kind}")


def drive(daemon):
    daemon.call("GET", "/api/jobs")  # makes the admin
    client = Client(daemon.port, 20)
    answer = client.request("GET", "/api/openapi.json")
    expect(answer.status == 200, f"no document: {answer}")
    contract = Contract(answer.json())

    def ask(method, target, body=None, key=None, anonymous=False, more=None, wanted=None):
        headers = dict(more or {})
        if not anonymous:
            headers["Authorization"] = "Bearer " + (key or daemon.admin_token)
        data = None
        if body is not None:
            data, headers["Content-Type"] = json.dumps(body), "application/json"
        answer = client.request(method, target, headers, data)
        expect(answer.status, f"{method} {target}: no answer\n{daemon.log_tail()}")
        contract.judge(method, target, body, answer)
        if wanted:
            expect(answer.status == wanted, f"{method} {target}: {answer}")
        return answer

    # The life of a job.
    test = ask("POST", "/api/tests", {"title": "t", "type": "shell", "priority": 3,
                                      "script": "echo $NAME; echo x > $USHER_ARTIFACTS/note.txt\n"}, wanted=201).json()["test"]
    parameters = [{"name": "NAME", "required": False, "default": "x", "pattern": "[a-z]+"}]
    job = ask("POST", "/api/jobs", {"name": "openapi", "parameters": parameters, "retries": 0, "network": "full"},
              wanted=201).json()["job"]["id"]
    ask("PUT", f"/api/jobs/{job}/tests", {"tests": [test["id"]]}, wanted=200)
    ask("PATCH", f"/api/jobs/{job}", {"description": "d", "onBusy": "queue"}, wanted=200)
    for target in ("/api/jobs", "/api/jobs?limit=1", f"/api/jobs/{job}", f"/api/jobs/{job}/trigger", "/api/tests",
                   f"/api/tests/{test['id']}", "/api/nodes", "/api/auth/get-session", "/api/users", "/healthz", "/readyz",
                   "/metrics", "/api/openapi.json"):
        ask("GET", target, wanted=200)
    ask("GET", "/api/plugins", wanted=200)
    reloaded = ask("POST", "/api/plugins/reload", wanted=200).json()
    expect(reloaded["success"] and len(reloaded["plugins"]) == 2, f"not reloaded: {reloaded}")
    ask("PATCH", f"/api/tests/{test['id']}", {"title": "renamed"}, wanted=200)
    ask("DELETE", f"/api/tests/{test['id']}", wanted=409)
    ask("POST", "/api/jobs", {"name": ""}, wanted=400)

    # When it runs by itself.
    schedule = ask("POST", f"/api/jobs/{job}/schedules", {"cron": "30 3 * * *", "timeZone": "Europe/Berlin"},
                   wanted=201).json()["schedule"]["id"]
    ask("PATCH", f"/api/jobs/{job}/schedules/{schedule}", {"paused": True, "onMissed": "skip"}, wanted=200)
    ask("GET", f"/api/jobs/{job}/schedules", wanted=200)
    ask("POST", f"/api/jobs/{job}/schedules", {"cron": "every day"}, wanted=400)
    ask("DELETE", f"/api/jobs/{job}/schedules/{schedule}", wanted=200)

    # Who is told.
    hook = ask("POST", f"/api/jobs/{job}/webhooks", {"url": "https://1.1.1.1/hook", "events": ["run.failed"]}, wanted=201
               ).json()["webhook"]["id"]
    ask("PATCH", f"/api/jobs/{job}/webhooks/{hook}", {"events": ["run.lost"]}, wanted=200)
    ask("GET", f"/api/jobs/{job}/webhooks", wanted=200)
    ask("POST", f"/api/jobs/{job}/webhooks", {"url": "http://127.0.0.1/"}, wanted=400)
    ask("DELETE", f"/api/jobs/{job}/webhooks/{hook}", wanted=200)

    # Keys, and a run.
    made = ask("POST", f"/api/jobs/{job}/api-keys", {"name": "k", "rateLimit": {"max": 2, "windowSeconds": 60}},
               wanted=201).json()["apiKey"]
    ask("GET", f"/api/jobs/{job}/api-keys", wanted=200)
    ask("PATCH", f"/api/jobs/{job}/api-keys/{made['id']}", {"name": "k2", "remaining": None}, wanted=200)
    run = ask("POST", f"/api/jobs/{job}/trigger", {"parameters": {"NAME": "abc"}}, made["key"], wanted=202).run()
    ended = ask("POST", f"/api/jobs/{job}/trigger?wait=60", key=made["key"], wanted=200).json()
    expect(ended["status"] == "passed", f"the run did not pass: {ended}")
    ask("POST", f"/api/jobs/{job}/trigger", key=made["key"], wanted=429)
    ask("POST", f"/api/jobs/{job}/trigger", key="job_" + "x" * 60, wanted=401)
    ask("POST", f"/api/jobs/{job}/trigger", anonymous=True, wanted=401)
    until = time.monotonic() + 60
    while ask("GET", f"/api/runs/{run}", wanted=200).json()["status"] in ("queued", "running"):
        expect(time.monotonic() < until, "the run does not end")
        time.sleep(0.1)
    for target in ("/api/runs", f"/api/runs?jobId={job}&status=passed", f"/api/runs/{run}/log", f"/api/runs/{run}/events",
                   f"/api/runs/{run}/artifacts"):
        ask("GET", target, wanted=200)
    ask("GET", f"/api/runs/{run}/events", more={"Last-Event-ID": "1-end"}, wanted=204)
    for target in (f"/api/runs/{run}/log?test=0", f"/api/runs/{run}/artifacts/note.txt"):
        ask("GET", target, more={"Range": "bytes=0-1"}, wanted=206)
        ask("GET", target, more={"Range": "bytes=99999-"}, wanted=416)
    ask("POST", f"/api/runs/{run}/cancel", wanted=409)
    ask("POST", f"/api/runs/{run}/rerun", wanted=202)

    # A run whose turn has not come.
    slow = ask("POST", "/api/tests", {"title": "slow", "type": "shell", "script": "sleep 60"}, wanted=201).json()["test"]["id"]
    waiting = ask("POST", "/api/jobs", {"name": "waiting", "onBusy": "refuse"}, wanted=201).json()["job"]["id"]
    ask("PUT", f"/api/jobs/{waiting}/tests", {"tests": [slow, test["id"]]}, wanted=200)
    key = ask("POST", f"/api/jobs/{waiting}/api-keys", {"name": "k"}, wanted=201).json()["apiKey"]
    run = ask("POST", f"/api/jobs/{waiting}/trigger", key=key["key"], wanted=202).run()
    tests = ask("GET", f"/api/runs/{run}", wanted=200).json()["tests"]
    expect(tests[1]["status"] == "pending", f"its last test does not wait: {tests}")

    # Every conflict that the document speaks of.
    ask("POST", f"/api/jobs/{waiting}/trigger", key=key["key"], wanted=409)
    ask("POST", f"/api/runs/{run}/rerun", wanted=409)
    ask("POST", f"/api/runs/{run}/cancel", wanted=200)
    for i in range(101):
        most = ask("POST", f"/api/jobs/{waiting}/schedules", {"cron": "30 3 * * *"}).status
    expect(most == 409, f"schedules: {most}")
    for i in range(21):
        most = ask("POST", f"/api/jobs/{waiting}/webhooks", {"url": "https://1.1.1.1/hook"}).status
    expect(most == 409, f"webhooks: {most}")
    for i in range(101):
        most = ask("PUT", f"/api/jobs/{waiting}/secrets/NAME_{i}", {"value": "v"}).status
    expect(most == 409, f"secrets: {most}")
    keys = f"/api/jobs/{waiting}/api-keys"
    other = ask("POST", keys, {"name": "other"}, wanted=201).json()["apiKey"]["id"]
    ask("POST", keys, {"name": "k"}, wanted=409)
    ask("PATCH", f"{keys}/{other}", {"name": "k"}, wanted=409)
    ask("POST", f"{keys}/{other}/rotate", {"graceSeconds": 60}, wanted=201)
    ask("POST", f"{keys}/{other}/rotate", {"graceSeconds": 60}, wanted=409)
    ask("POST", "/api/auth/setup", {"token": "t", "email": "a@b.example", "password": "p" * 12, "name": "n"}, wanted=409)
    admin = ask("GET", "/api/users", wanted=200).json()["users"][0]
    ask("POST", "/api/users", {"email": admin["email"], "name": "n", "password": "p" * 12, "role": "viewer"}, wanted=409)
    ask("PATCH", f"/api/users/{admin['id']}", {"role": "viewer"}, wanted=409)
    told = {key for key, operation in contract.operations.items() if "409" in operation["responses"]}
    expect(contract.conflicts == told, f"409 is described and not sent: {sorted(told - contract.conflicts)}")

    old = ask("POST", f"/api/jobs/{job}/api-keys/{made['id']}/rotate", {"graceSeconds": 0}, wanted=201).json()
    ask("DELETE", f"/api/jobs/{job}/api-keys/{old['apiKey']['id']}", wanted=200)

    # Every operation of the document, by somebody who is nobody: an answer of its route, and one that is described.
    # Never as the admin: what comes last might be the deletion of everything.
    for method, path in sorted(contract.operations):
        if (method, path) == ("POST", "/api/auth/sign-out"):
            continue
        answer = ask(method, re.sub(r"\{[A-Za-z]+\}", ANY_ID, path), {} if method in ("POST", "PUT", "PATCH") else None,
                     anonymous=True)
        served = answer.status < 300 or (answer.code() != "NOT_FOUND" and answer.status != 405)
        expect(served, f"{method} {path} has no route: {answer}")
        if "requestBody" in contract.operations[method, path]:
            target = re.sub(r"\{[A-Za-z]+\}", ANY_ID, path)
            ask(method, target, {}, anonymous=True, more={"Content-Encoding": "gzip"}, wanted=415)
            ask(method, target, {"x": "x" * (1 << 20)}, anonymous=True, wanted=413)
    ask("POST", "/api/auth/sign-out", wanted=200)
    client.close()

    # The other way: the daemon itself holds its routes to the document when it starts.
    lines = [line for line in daemon.log_tail().splitlines() if "openapi.json:" in line]
    expect(not lines, "\n".join(lines))
    return f"{len(contract.asked)} of {len(contract.operations)} operations, {contract.validated} bodies valid"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build-dir", default="build/dev")
    options = parser.parse_args()
    for database in ["sqlite"] + (["postgres"] if "USHER_TEST_PG_URL" in os.environ else []):
        try:
            with tempfile.NamedTemporaryFile("w") as key, Daemon(
                    pathlib.Path(options.build_dir).resolve(), database,
                    extra=f"[secrets]\nkey_file = {key.name}\n") as daemon:
                key.write("c" * 64)
                key.flush()
                daemon.start()
                print(f"PASS openapi {database}: {drive(daemon)}", flush=True)
        except Fail as why:
            print(f"FAIL openapi {database}: {why}", flush=True)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
