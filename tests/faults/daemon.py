"""What every fault script needs: a daemon of its own, clients, and the client log that judges.

A script says `main(row, fault)`; fault(args, database) returns the line that is printed after PASS, or raises Fail.
It is called once on SQLite and, when USHER_TEST_PG_URL is set (tests/support/with-postgres), once on PostgreSQL.
"""
import argparse
import http.client
import json
import os
import pathlib
import random
import re
import secrets
import shutil
import signal
import socket
import sqlite3
import string
import subprocess
import sys
import tempfile
import threading
import time
import traceback

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
PASSWORD = "correct horse battery"
SKIPPED = 77


class Fail(Exception):
    """The daemon did what it must not do; the text says what was seen."""


def expect(condition, seen):
    if not condition:
        raise Fail(seen)


def until(what, condition, seconds=8):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise Fail(f"not within {seconds} s: {what}")
        time.sleep(0.1)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Answer:
    """status 0: no whole answer came, so the request may or may not have been carried out."""

    def __init__(self, status=0, headers=None, body=b"", seconds=0.0):
        self.status, self.headers, self.body, self.seconds = status, headers or {}, body, seconds

    def json(self):
        return json.loads(self.body)

    def code(self):
        try:
            return self.json().get("code", "")
        except ValueError:
            return ""

    def run(self):
        return self.json()["data"]["runId"]

    def __str__(self):
        return f"{self.status} {self.body[:300]!r}"


class Client:
    """One keep-alive connection; one thread. Never repeats a request by itself. Headers: a dict, or pairs in a list, where
    a name may stand twice."""

    def __init__(self, port, timeout=10, host="127.0.0.1"):
        self.port, self.timeout, self.host, self.connection = port, timeout, host, None

    def request(self, method, path, headers=None, body=None):
        begin = time.monotonic()
        try:
            if self.connection is None:
                self.connection = http.client.HTTPConnection(self.host, self.port, timeout=self.timeout)
            if isinstance(headers, list):
                self.connection.putrequest(method, path)
                for name, value in [*headers, ("Content-Length", str(len(body or b"")))]:
                    self.connection.putheader(name, value)
                self.connection.endheaders(body)
            else:
                self.connection.request(method, path, body=body, headers=headers or {})
            got = self.connection.getresponse()
            content = got.read()
            answer = Answer(got.status, {k.lower(): v for k, v in got.getheaders()}, content, time.monotonic() - begin)
            if got.will_close:
                self.close()
            return answer
        except (OSError, http.client.HTTPException):
            self.close()
            return Answer(seconds=time.monotonic() - begin)

    def close(self):
        if self.connection is not None:
            self.connection.close()
            self.connection = None


class ClientLog:
    """Every request and its answer, kept outside the daemon: on disk for people, in memory for the judge."""

    def __init__(self, path):
        self.path, self.lock, self.entries = path, threading.Lock(), []
        self.file = open(path, "w", encoding="utf-8")

    def add(self, answer, begin, **more):
        entry = {"at": begin, "seconds": round(answer.seconds, 4), "status": answer.status, **more}
        if answer.status == 202:
            entry["run"] = answer.run()
        elif answer.status:
            entry["code"] = answer.code()
            entry["retryAfter"] = answer.headers.get("retry-after")
        with self.lock:
            self.entries.append(entry)
            self.file.write(json.dumps(entry) + "\n")
            self.file.flush()
        return entry

    def acknowledged(self):
        with self.lock:
            return [e["run"] for e in self.entries if e["status"] == 202]

    def counts(self):
        seen = {}
        with self.lock:
            for entry in self.entries:
                name = str(entry["status"] or "none")
                seen[name] = seen.get(name, 0) + 1
        return " ".join(f"{status}:{count}" for status, count in sorted(seen.items()))


class Postgres:
    """The private server of tests/support/with-postgres, and the faults that can be done to it."""

    def __init__(self):
        self.url = os.environ["USHER_TEST_PG_URL"]
        self.data = pathlib.Path(os.environ["USHER_TEST_PG_DATA"])

    def pid(self):
        return int((self.data / "postmaster.pid").read_text().split("\n")[0])

    def processes(self):
        """The postmaster and all its children."""
        master, found = self.pid(), []
        for entry in os.listdir("/proc"):
            if not entry.isdigit():
                continue
            try:
                parent = int(pathlib.Path(f"/proc/{entry}/stat").read_text().rpartition(")")[2].split()[1])
            except (OSError, ValueError, IndexError):
                continue
            if parent == master:
                found.append(int(entry))
        return [master, *found]

    def signal_all(self, number):
        for pid in self.processes():
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass

    def psql(self, database_url, statement):
        done = subprocess.run(["psql", "-XAtq", "-F", "\t", "-v", "ON_ERROR_STOP=1", database_url, "-c", statement],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"{statement}: {done.stderr.strip()}")
        return [line.split("\t") for line in done.stdout.splitlines()]

    def stop_immediate(self):
        pid = self.pid()
        os.kill(pid, signal.SIGQUIT)
        for _ in range(600):
            if not alive(pid):
                return
            time.sleep(0.02)
        raise RuntimeError("PostgreSQL does not stop")

    def start(self):
        """Starts it again with the same settings; returns when it accepts connections."""
        program = next(p for p in sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/postgres"), reverse=True))
        owner = self.data.stat()
        command = [str(program), "-D", str(self.data)]
        if os.getuid() == 0:
            command = ["setpriv", f"--reuid={owner.st_uid}", f"--regid={owner.st_gid}", "--clear-groups", *command]
        with open(self.data.parent / "server.log", "ab") as log:
            # with-postgres ends whatever postmaster.pid names when the tests are done.
            subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.data.parent,
                             start_new_session=True)
        for _ in range(600):
            if subprocess.run([str(program.parent / "pg_isready"), "-q", "-d", self.url], check=False,
                              stdin=subprocess.DEVNULL, timeout=10).returncode == 0:
                return
            time.sleep(0.02)
        raise RuntimeError("PostgreSQL does not start again")


def alive(pid):
    """Zombies are dead: whoever started PostgreSQL may be slow to collect it."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def living(mark):
    """Processes that have this word in their command line."""
    found = []
    for entry in os.listdir("/proc"):
        try:
            words = pathlib.Path(f"/proc/{entry}/cmdline").read_bytes() if entry.isdigit() else b""
        except OSError:
            continue
        if mark.encode() in words.split(b"\0"):
            found.append(int(entry))
    return found


class Daemon:
    """usherd in a folder of its own, on a database of its own (or on that of `beside`: a second node).

    `host`: where it listens and is called. `prefix`: words before the command, `ip netns exec …`. `via`: host:port to
    reach PostgreSQL by, when it is not the server's own."""

    def __init__(self, build, database, extra="", beside=None, host="127.0.0.1", prefix=(), via=None):
        self.host, self.prefix, self.via = host, list(prefix), via
        self.build, self.database, self.process = pathlib.Path(build), database, None
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="usher-fault-", dir="/tmp"))
        self.folder.chmod(0o711)  # tests with a uid of their own pass through
        self.port = free_port()
        self.owns_database = beside is None
        if beside:
            self.url, self.admin_token = beside.url, beside.admin_token
        else:
            self.admin_token = None
            self.url = f"sqlite://{self.folder}/state/usher.db"
        self.pg = Postgres() if database == "postgres" else None
        if self.pg and self.owns_database:
            self.database_name = "usher_fault_" + "".join(random.choices(string.ascii_lowercase, k=12))
            self.pg.psql(self.pg.url, f"CREATE DATABASE {self.database_name}")
            self.url = self.pg.url.rpartition("/")[0] + "/" + self.database_name
        secret = self.folder / "session-secret"
        secret.write_text("fault-secret-0123456789abcdef-0123\n")
        secret.chmod(0o600)
        self.config = self.folder / "usherd.conf"
        self.write_config(self.config, self.folder / "state", self.port, extra)
        self.starts = self.folder / "starts"
        self.log_file = self.folder / "log"
        self.log = ClientLog(self.folder / "client-log")
        self.admin = None

    def write_config(self, path, state, port, extra=""):
        sandbox = "basic" if os.geteuid() == 0 else "none"
        url = self.url
        if self.via:
            url = re.sub(r"@[^/]*/", f"@{self.via}/", url)
        path.write_text(f"state_dir = {state}\n[http]\naddress = {self.host}\nport = {port}\n[database]\nurl = {url}\n"
                        f"[plugins.session]\nsecret_file = {self.folder}/session-secret\n"
                        f"[exec]\nsandbox = {sandbox}\n{extra}\n")

    def spawn(self, config=None, log=None):
        with open(log or self.log_file, "ab") as out:
            return subprocess.Popen([*self.prefix, self.build / "bin" / "usherd", "--config", config or self.config],
                                    stdin=subprocess.DEVNULL, stdout=out, stderr=out)

    def start(self, seconds=30):
        self.process = self.spawn()
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if self.process.poll() is not None:
                raise Fail(f"usherd did not start ({self.process.returncode}):\n{self.log_tail()}")
            client = Client(self.port, 2, self.host)
            answer = client.request("GET", "/healthz")
            client.close()
            if answer.status in (200, 403):  # 403: not over loopback
                return self
            time.sleep(0.02)
        raise Fail(f"usherd does not answer:\n{self.log_tail()}")

    def log_tail(self):
        return self.log_file.read_text(errors="replace")[-3000:] if self.log_file.exists() else ""

    def end(self, number=signal.SIGTERM, seconds=30):
        """Sends the signal, waits; the exit code, or -signal."""
        self.process.send_signal(number)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise Fail(f"usherd does not end on signal {number} within {seconds} s:\n{self.log_tail()}") from None

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.log.file.close()
        if kind is not None or os.environ.get("USHER_TEST_KEEP"):
            print(f"kept: {self.folder}", file=sys.stderr)
        else:
            shutil.rmtree(self.folder, ignore_errors=True)
        if self.pg and self.owns_database:
            try:
                self.pg.psql(self.pg.url, f"DROP DATABASE {self.database_name} WITH (FORCE)")
            except (RuntimeError, OSError, subprocess.SubprocessError):
                pass

    def status_of_process(self, field):
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith(field + ":"):
                return int(line.split()[1])
        return 0

    def rss(self):
        return self.status_of_process("VmRSS") * 1024

    def threads(self):
        return self.status_of_process("Threads")

    def sql(self, statement):
        """Rows of text, read from outside."""
        if self.pg:
            return self.pg.psql(self.url, statement)
        connection = sqlite3.connect(self.folder / "state" / "usher.db", timeout=20)
        try:
            return [["" if v is None else str(v) for v in row] for row in connection.execute(statement)]
        finally:
            connection.close()

    def call(self, method, path, body=None, wanted=(200, 201)):
        """As the admin; made on first use."""
        if self.admin_token is None:
            self.admin_token = ""
            setup = (self.folder / "state" / "setup-token").read_text().strip()
            # A machine that is busy with other things may be too slow for a password's hash: 503, try again.
            for _ in range(20):
                made = self.call("POST", "/api/auth/setup", {"token": setup, "email": "admin@example.test", "password": PASSWORD,
                                                             "name": "Admin"}, (200, 201, 409, 503))
                if "requestId" not in made or made["code"] == "SETUP_DONE":
                    break
                time.sleep(0.5)
            for _ in range(20):
                signed_in = self.call("POST", "/api/auth/sign-in/email", {
                    "email": "admin@example.test", "password": PASSWORD, "bearer": True}, (200, 503))
                if "token" in signed_in:
                    break
                time.sleep(0.5)
            self.admin_token = signed_in["token"]
        headers = {"Authorization": "Bearer " + self.admin_token} if self.admin_token else {}
        data = None
        if body is not None:
            data, headers["Content-Type"] = json.dumps(body), "application/json"
        client = Client(self.port, host=self.host)
        for _ in range(5):  # looking is no part of a fault: a busy machine may say 503
            answer = client.request(method, path, headers, data)
            if method != "GET" or answer.status != 503 or 503 in wanted:
                break
        client.close()
        expect(answer.status in wanted, f"{method} {path}: {answer}")
        return answer.json()

    def job(self, script, **settings):
        """A job with one shell test; its id. Where a busy machine's database is too slow for it, tried again."""
        for _ in range(10):
            try:
                return self.job_once(script, **settings)
            except Fail as seen:
                if "STORAGE_UNAVAILABLE" not in str(seen):
                    raise
                time.sleep(1)
        return self.job_once(script, **settings)

    def job_once(self, script, **settings):
        name = "job " + secrets.token_hex(4)
        job = self.call("POST", "/api/jobs", {"name": name, **settings})["job"]["id"]
        test = self.call("POST", "/api/tests", {"title": name, "type": "shell", "script": script})["test"]["id"]
        self.call("PUT", f"/api/jobs/{job}/tests", {"tests": [test]})
        return job

    def counted_job(self, then="", **settings):
        """A job whose test leaves one file RUN.* for each of its starts before it does `then`: outside the daemon, this
        is the judge of "twice"."""
        self.starts.mkdir(exist_ok=True)
        self.starts.chmod(0o1777)
        return self.job(f"mktemp {self.starts}/$USHER_RUN_ID.XXXXXX\n{then}", **settings)

    def key(self, job, **settings):
        """(id, key) without a rate limit."""
        made = self.call("POST", f"/api/jobs/{job}/api-keys",
                         {"name": "key " + secrets.token_hex(4), "rateLimit": None, **settings})["apiKey"]
        return made["id"], made["key"]

    def trigger(self, client, job, key, idempotency=None, **more):
        """Triggers and writes into the client log."""
        headers = {"Authorization": "Bearer " + key}
        if idempotency:
            headers["Idempotency-Key"] = idempotency
            more["key"] = idempotency
        begin = time.monotonic()
        answer = client.request("POST", f"/api/jobs/{job}/trigger", headers)
        self.log.add(answer, begin, **more)
        return answer

    def runs(self):
        """id -> (status, attempt), as the database has them."""
        return {row[0]: (row[1], int(row[2])) for row in self.sql("SELECT id, status, attempt FROM runs")}

    def resend(self, job, key):
        """Every request without an answer or with a 5xx once more, with the same Idempotency-Key: one run each."""
        with self.log.lock:
            open_ones = [e for e in self.log.entries if "key" in e and (e["status"] == 0 or e["status"] >= 500)]
        refused = []

        def some(entries):
            client = Client(self.port, 30)
            for entry in entries:
                for _ in range(5):
                    again = self.trigger(client, job, key, entry["key"])
                    if again.status == 202:
                        break
                    time.sleep(0.3)
                if again.status != 202:
                    refused.append(f"{entry['key']}: {again}")
            client.close()

        threads = [threading.Thread(target=some, args=(open_ones[i::8],)) for i in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        expect(not refused, f"resent, and not accepted: {refused[:3]}")

    def await_idle(self, seconds=10):
        """Until every run has ended. What one machine cannot start in 10 s is queued, not stuck: the queue must move."""
        before, moved = None, time.monotonic()
        while True:
            runs = self.runs()
            waiting = {(i, status) for i, (status, _) in runs.items() if status in ("queued", "running")}
            if not waiting:
                return
            if waiting != before:
                before, moved = waiting, time.monotonic()
            expect(time.monotonic() - moved < seconds, f"{len(waiting)} stuck: {sorted(waiting)[:5]}\n{self.log_tail()}")
            time.sleep(0.2)

    def judge_starts(self, told, runs):
        """Every run of counted jobs was started: once, or more with attempt > 1."""
        started = {}
        for mark in self.starts.iterdir():
            run = mark.name.split(".")[0]
            started[run] = started.get(run, 0) + 1
        for run in told:
            times, (status, attempt) = started.get(run, 0), runs[run]
            expect(times >= 1, f"never started: {run} {status}")
            expect(times <= attempt, f"started {times} times with attempt {attempt}: {run} {status}")

    def judge_all(self, job, key):
        """After the load: sends again what was not acknowledged, waits until nothing runs, then judges runs and starts.
        What judge() returns."""
        self.resend(job, key)
        self.await_idle()
        runs, told = self.judge()
        self.judge_starts(told, runs)
        return runs, told

    def judge(self):
        """Every 202 exists, once; a key has one run; what exists was asked for."""
        runs, by_key, keyless = self.runs(), {}, 0
        with self.log.lock:
            entries = list(self.log.entries)
        for entry in entries:
            keyless += "key" not in entry
            if entry["status"] != 202:
                continue
            expect(entry["run"] in runs, f"acknowledged and lost: {entry}")
            if "key" in entry:
                first = by_key.setdefault(entry["key"], entry["run"])
                expect(first == entry["run"], f"two runs for one Idempotency-Key: {first} and {entry}")
        told = {e["run"] for e in entries if e["status"] == 202}
        expect(keyless or len(runs) <= len({e["key"] for e in entries}),
               f"{len(runs)} runs for {len({e.get('key') for e in entries})} keys")
        if not any(e["status"] == 0 or e["status"] >= 500 for e in entries):
            expect(told == set(runs), f"{len(runs)} runs exist, {len(told)} were acknowledged")
        return runs, told


class Load:
    """Clients that trigger at a steady pace, each request with an Idempotency-Key of its own, until stopped."""

    def __init__(self, daemon, job, key, per_second, clients=5, timeout=10):
        self.daemon, self.job, self.key, self.stopping = daemon, job, key, threading.Event()
        self.threads = [threading.Thread(target=self._run, args=(clients / per_second, timeout), daemon=True)
                        for _ in range(clients)]

    def _run(self, pause, timeout):
        client = Client(self.daemon.port, timeout)
        self.stopping.wait(random.random() * pause)
        while not self.stopping.is_set():
            begin = time.monotonic()
            self.daemon.trigger(client, self.job, self.key, secrets.token_hex(12))
            self.stopping.wait(max(0.002, pause - (time.monotonic() - begin)))
        client.close()

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join(40)

    def __exit__(self, *_):
        self.stop()


def burst(port, requests, seconds=30):
    """Opens a connection for each request first, then sends all of them at once; the answers, in order."""
    import asyncio

    async def one(index, raw, gate, ready):
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(raw[:-1])
            await writer.drain()
            ready()
            await gate.wait()
            writer.write(raw[-1:])
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            headers = {n.strip().lower(): v.strip() for n, _, v in (line.partition(":") for line in head[1:] if line)}
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            writer.close()
            return Answer(int(head[0].split()[1]), headers, body)
        except (OSError, asyncio.IncompleteReadError):
            return Answer()

    async def everything():
        gate, left = asyncio.Event(), [len(requests)]

        def ready():
            left[0] -= 1
            if left[0] == 0:
                gate.set()

        tasks = [asyncio.create_task(one(i, raw, gate, ready)) for i, raw in enumerate(requests)]
        asyncio.get_running_loop().call_later(10, gate.set)  # a connection that failed must not stop the rest
        return await asyncio.wait_for(asyncio.gather(*tasks), seconds)

    return asyncio.run(everything())


def raw_trigger(port, job, key, idempotency=None):
    more = f"Idempotency-Key: {idempotency}\r\n" if idempotency else ""
    return (f"POST /api/jobs/{job}/trigger HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {key}\r\n"
            f"{more}Content-Length: 2\r\nContent-Type: application/json\r\n\r\n{{}}").encode()


def main(row, fault, databases=("sqlite", "postgres"), options=None):
    """`options` adds the row's own to the parser."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--long", action="store_true", help="the size of the design")
    parser.add_argument("--rounds", type=int, default=0, help="so many, whatever the form says")
    parser.add_argument("--build-dir", default=str(ROOT / "build" / "dev"))
    parser.add_argument("--database", choices=("sqlite", "postgres"))
    if options:
        options(parser)
    args = parser.parse_args()
    code, done = 0, 0
    for database in databases:
        if args.database not in (None, database):
            continue
        if database == "postgres" and not os.environ.get("USHER_TEST_PG_URL"):
            print(f"SKIPPED: row {row} on postgres: USHER_TEST_PG_URL is not set (tests/support/with-postgres)")
            continue
        done += 1
        begin = time.monotonic()
        try:
            line = fault(args, database)
            print(f"PASS row {row}: {database}: {line} ({time.monotonic() - begin:.1f} s)", flush=True)
        except Fail as seen:
            print(f"FAIL row {row}: {database}: {seen}", flush=True)
            code = 1
        except Exception:  # the script itself broke: that is no PASS either
            print(f"FAIL row {row}: {database}: {traceback.format_exc()}", flush=True)
            code = 1
    sys.exit(code if done else SKIPPED)
