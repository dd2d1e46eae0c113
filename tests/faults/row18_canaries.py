#!/usr/bin/env python3
"""Secrets go where they must and nowhere else: every secret of the daemon and its users is a canary, used rightly and
wrongly, and then looked for in logs, in argument lists and environments of all processes, in answers, in the database, in
the files of the state folder, in the output of tests, and in the core of a crash."""
import base64
import json
import os
import pathlib
import re
import secrets
import signal
import socket
import subprocess
import threading
import time

from daemon import Client, Daemon, Fail, expect, main

SNOOP = """\
env
tr '\\0' '\\n' < /proc/$PPID/environ
cat /proc/$PPID/cmdline
for p in /proc/[0-9]*; do cat $p/environ $p/cmdline; done
grep -r . .. | head -c 200000
exit 0
"""


class Canaries:
    """What must not be seen, by name; base64 and hex of a value count as the value."""

    def __init__(self):
        self.words = {}

    def add(self, name, value):
        self.words[name] = {value.encode(), base64.b64encode(value.encode()).rstrip(b"="), value.encode().hex().encode()}
        return value

    def fresh(self, name):
        return self.add(name, "Canary" + secrets.token_hex(16))

    def seen(self, data, but=()):
        return [name for name, forms in self.words.items() if name not in but and any(form in data for form in forms)]

    def expect_none(self, data, place, but=()):
        seen = self.seen(data, but)
        expect(not seen, f"{', '.join(seen)} in {place}")


class Processes(threading.Thread):
    """Reads argument lists and environments of everything that descends from the daemon, all the while."""

    def __init__(self, pid, canaries):
        super().__init__(daemon=True)
        self.pid, self.canaries, self.done, self.found, self.read = pid, canaries, threading.Event(), set(), set()

    def tree(self):
        parents = {}
        for entry in os.listdir("/proc"):
            if entry.isdigit():
                try:
                    parents[int(entry)] = int(pathlib.Path(f"/proc/{entry}/stat").read_text().rpartition(")")[2].split()[1])
                except (OSError, ValueError):
                    continue
        members = {self.pid}
        while True:
            more = {pid for pid, parent in parents.items() if parent in members} - members
            if not more:
                return members
            members |= more

    def run(self):
        while not self.done.wait(0.02):
            for pid in self.tree():
                for name in ("cmdline", "environ"):
                    try:
                        data = pathlib.Path(f"/proc/{pid}/{name}").read_bytes()
                    except OSError:
                        continue  # gone, or not dumpable and we are not root
                    self.read.add((pid, name))
                    # A secret of the job is in its test's environment: that is what it is for.
                    for seen in self.canaries.seen(data, ("job secret",) if name == "environ" else ()):
                        self.found.add(f"{seen} in /proc/{pid}/{name} ({data[:60]!r})")


def raw(port, data):
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        got = b""
        while chunk := connection.recv(65536):
            got += chunk
        return got


def misuse(d, job, canaries, key, cookie):
    """Secrets in wrong places and beside errors; no answer may repeat them."""
    answers, client = [], Client(d.port)
    bearer = {"Authorization": "Bearer " + key}
    token = {"Authorization": "Bearer " + d.admin_token}
    path, as_json = f"/api/jobs/{job}/trigger", {"Content-Type": "application/json"}

    def ask(method, where, headers=None, body=None):
        answer = client.request(method, where, headers, body)
        answers.append(str(sorted(answer.headers.items())).encode() + answer.body)
        return answer

    wrong = canaries.fresh("guessed key")
    for headers in ({"Authorization": "Bearer job_" + wrong}, {"X-Api-Key": wrong}, {"Authorization": "Basic " + wrong},
                    {**bearer, "X-Api-Key": wrong}, {"Authorization": "Bearer " + key + wrong},
                    {**bearer, "X-Forwarded-For": wrong}, {**bearer, "Idempotency-Key": "\x01" + wrong},
                    {"Cookie": "better-auth.session_token=" + wrong + ".x"}):
        ask("POST", path, headers)
    ask("POST", f"{path}?key={key}")
    ask("POST", f"/api/jobs/{key}/trigger", bearer)
    ask("GET", f"/{key}", bearer)
    for body in ("{", json.dumps({"parameters": {"PASSWORD": wrong}}), json.dumps({"key": key}), "[1e999]", key):
        ask("POST", path, {**bearer, **as_json}, body)
    ask("POST", f"/api/jobs/{job.replace(job[0], 'f')}/trigger", bearer)
    password = canaries.fresh("mistyped password")
    for mail in ("admin@example.test", "nobody@example.test", password):
        ask("POST", "/api/auth/sign-in/email", as_json, json.dumps({"email": mail, "password": password}))
    ask("POST", "/api/auth/setup", as_json, json.dumps({"token": password, "email": "a@example.test", "password": password}))
    ask("POST", "/api/users", {**token, **as_json}, json.dumps({"email": "no mail", "name": "x", "password": password,
                                                               "role": "king"}))
    ask("PUT", f"/api/jobs/{job}/secrets/TOKEN", {**token, **as_json}, json.dumps({"valeu": wrong}))
    ask("GET", f"/api/jobs/{job}/secrets", token)
    ask("GET", f"/api/jobs/{job}/api-keys", token)
    ask("POST", "/api/auth/explain", {**token, **as_json}, json.dumps({"action": "job.trigger", "resource": job, "credential": key}))
    for where in ("/api/audit?limit=200", "/api/sessions", "/api/plugins", "/api/users", "/api/nodes", "/readyz", "/metrics",
                  "/api/runs", "/api/openapi.json"):
        ask("GET", where, token)
    ask("GET", "/api/jobs", {"Cookie": cookie, "Origin": "https://elsewhere.test"})
    ask("POST", "/api/jobs", {"Cookie": cookie, "Origin": "https://elsewhere.test", **as_json}, "{}")
    client.close()
    for head in (b"POST " + path.encode() + b" HTTP/1.1\r\nAuthorization: Bearer " + key.encode() + b"\r\nBad Field: x\r\n\r\n",
                 b"GET /" + key.encode() * 200 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
                 b"GET / HTTP/1.1\r\nHost: x\r\nX: " + key.encode() * 600 + b"\r\n\r\n",
                 b"POST / HTTP/1.1\r\nHost: " + key.encode() + b" y\r\nContent-Length: -1\r\n\r\n"):
        answers.append(raw(d.port, head))
    return answers


def cookie_session(d, password):
    client = Client(d.port)
    answer = client.request("POST", "/api/auth/sign-in/email", {"Content-Type": "application/json"},
                            json.dumps({"email": "admin@example.test", "password": password}))
    client.close()
    expect(answer.status == 200, f"sign-in: {answer}")
    return re.search(r"(better-auth\.session_token=[^;]+)", answer.headers["set-cookie"]).group(1)


def database_text(d):
    if d.database == "postgres":
        return subprocess.run(["pg_dump", "--inserts", "-d", d.url], capture_output=True, timeout=60, check=True).stdout
    return b"".join(file.read_bytes() for file in (d.folder / "state").glob("usher.db*"))


def fault(args, database):
    canaries = Canaries()
    d = Daemon(args.build_dir, database)
    sealing = base64.b64encode(secrets.token_bytes(32)).decode()
    files = {"session-secret": canaries.fresh("session secret"), "secrets-key": canaries.add("sealing key", sealing),
             "database-password": canaries.fresh("database password")}
    for name, value in files.items():
        (d.folder / name).touch(mode=0o600)
        (d.folder / name).write_text(value + "\n")
    d.config.write_text(d.config.read_text().replace("[plugins.session]", "[log]\nlevel = debug\n[plugins.session]")
                        + f"[secrets]\nkey_file = {d.folder}/secrets-key\n")
    d.config.write_text(d.config.read_text().replace(f"url = {d.url}\n",
                                                     f"url = {d.url}\npassword_file = {d.folder}/database-password\n"))
    with d:
        d.start()
        canaries.add("setup token", (d.folder / "state" / "setup-token").read_text().strip())
        d.call("GET", "/api/jobs")  # signs in
        processes = Processes(d.process.pid, canaries)
        processes.start()
        password = canaries.fresh("password")
        me = d.call("GET", "/api/users")["users"][0]["id"]
        d.call("PATCH", f"/api/users/{me}", {"password": password})  # ends the sessions
        client = Client(d.port)
        answer = client.request("POST", "/api/auth/sign-in/email", {"Content-Type": "application/json"},
                                json.dumps({"email": "admin@example.test", "password": password, "bearer": True}))
        d.admin_token = canaries.add("bearer session", answer.json()["token"])
        cookie = cookie_session(d, password)
        canaries.add("cookie session", cookie.partition("=")[2].partition(".")[0])
        job = d.job(SNOOP)
        d.call("PUT", f"/api/jobs/{job}/secrets/TOKEN", {"value": canaries.fresh("job secret")}, (200, 201, 204))
        key_id, key = d.key(job)
        canaries.add("key", key)
        canaries.add("rotated key", d.call("POST", f"/api/jobs/{job}/api-keys/{key_id}/rotate", {"graceSeconds": 600})["apiKey"]["key"])
        run = d.trigger(client, job, key).run()
        for _ in range(300):
            shown = d.call("GET", f"/api/runs/{run}")
            if shown["status"] not in ("queued", "running"):
                break
            time.sleep(0.1)
        expect(shown["status"] == "passed", f"the run that looks around: {shown}")
        output = client.request("GET", f"/api/runs/{run}/log?test=0", {"Authorization": "Bearer " + key}).body
        expect(b"TOKEN=" in output, f"the test did not get its secret: {output[:2000]!r}")
        canaries.expect_none(output, "the output of a test")
        canaries.expect_none(json.dumps(shown).encode(), "a run")
        for number, answer in enumerate(misuse(d, job, canaries, key, cookie)):
            canaries.expect_none(answer, f"answer {number}: {answer[:300]!r}")
        os.kill(d.process.pid, signal.SIGHUP)
        time.sleep(0.5)
        canaries.expect_none(d.log_file.read_bytes(), "the log")

        # better-auth's format keeps the token of a cookie session as it is; the rest is hashed or sealed.
        canaries.expect_none(database_text(d), "the database", ("cookie session",))
        for file in (d.folder / "state").rglob("*"):
            if file.is_file() and not file.name.startswith("usher.db"):
                canaries.expect_none(file.read_bytes(), str(file))
        processes.done.set()
        processes.join()
        expect(not processes.found, "; ".join(sorted(processes.found)))

        # A process that is not dumpable leaves no core: its /proc entries belong to root, whoever it runs as.
        owner = os.stat(f"/proc/{d.process.pid}/environ").st_uid
        expect(owner == 0, f"usherd is dumpable: its environ belongs to {owner}")
        d.process.send_signal(signal.SIGABRT)
        d.process.wait(20)
        for place in (d.folder, d.folder / "state", pathlib.Path.cwd()):
            cores = [file for file in place.glob("core*") if file.is_file()]
            if cores:
                raise Fail(f"a core was written: {cores}")
        canaries.expect_none(d.log_file.read_bytes(), "the log after a crash")
        return f"{len(canaries.words)} canaries, {len(processes.read)} argument lists and environments, none seen"


main(18, fault)
