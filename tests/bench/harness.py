"""What the benchmarks share: usherd with an admin and 64 keys, the load client, the table, the reconciliation."""
import contextlib
import json
import os
import pathlib
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = ROOT / "build" / "release"
BENCH = BUILD / "bin" / "bench_trigger"
TARGETS = 64
MANY = 1_000_000


@contextlib.contextmanager
def fresh_place():
    """A folder for one measurement, which tests' users may enter. On ext4 it is in a block group of its own (chattr +T on
    the folder above), because ext4 without a journal passes over inodes deleted within the last minutes one by one: what
    earlier tests and benchmarks removed would be in the figures."""
    with tempfile.TemporaryDirectory(prefix="usher-bench.") as name:
        above = pathlib.Path(name)
        above.chmod(0o711)
        subprocess.run(["chattr", "+T", name], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        folder = above / "place"
        folder.mkdir()
        folder.chmod(0o711)
        yield folder


def say(text):
    print(text, file=sys.stderr, flush=True)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Api:
    """The HTTP contract, as an admin."""

    def __init__(self, port):
        self.base = f"http://127.0.0.1:{port}"
        self.token = None

    def call(self, method, path, body=None):
        request = urllib.request.Request(self.base + path, method=method)
        if self.token:
            request.add_header("Authorization", "Bearer " + self.token)
        data = None
        if body is not None:
            data = json.dumps(body).encode()
            request.add_header("Content-Type", "application/json")
        try:
            with urllib.request.urlopen(request, data, timeout=10) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as refused:
            raise SystemExit(f"{method} {path}: {refused.code} {refused.read().decode(errors='replace')[:500]}")

    def text(self, path):
        request = urllib.request.Request(self.base + path, headers={"Authorization": "Bearer " + self.token})
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.read().decode()


class Daemon:
    """usherd with a state folder of its own; ends with the `with` block, by SIGTERM to this process and no other."""

    def __init__(self, folder, database_url, capacity=0, interpreter="", auth=""):
        """`interpreter` and `auth` are lines for the end of [exec] and for sections of their own."""
        self.folder = folder
        self.port = free_port()
        self.state = folder / f"state-{self.port}"
        self.state.mkdir(mode=0o711)
        secret = folder / f"secret-{self.port}"
        secret.write_text(secrets.token_urlsafe(32) + "\n")
        secret.chmod(0o600)
        sandbox = "none"
        if os.getuid() == 0:
            # usherd becomes the owner of its state folder; anybody but root will do.
            shutil.chown(self.state, "nobody", "nogroup")
            shutil.chown(secret, "nobody", "nogroup")
            sandbox = "basic"
        if database_url is None:
            database_url = f"sqlite://{self.state}/usher.db"
        self.config = folder / f"usherd-{self.port}.conf"
        self.config.write_text(f"""state_dir = {self.state}
[http]
port = {self.port}
[database]
url = {database_url}
[plugins.session]
secret_file = {secret}
[exec]
capacity = {capacity}
sandbox = {sandbox}
{interpreter}
[queue]
limit = 100000000
[log]
level = warning
{auth}""")
        self.log = folder / f"usherd-{self.port}.log"

    def __enter__(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([BUILD / "bin" / "usherd", "--config", self.config], stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log)
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise SystemExit(f"usherd ended with {self.process.returncode}:\n{self.log.read_text()[-3000:]}")
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=2):
                    return self
            except OSError:
                time.sleep(0.05)
        self.__exit__()
        raise SystemExit(f"usherd is not ready:\n{self.log.read_text()[-3000:]}")

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def memory(self):
        """Resident bytes."""
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        return 0

    def admin(self):
        api = Api(self.port)
        password = secrets.token_urlsafe(18)
        token = (self.state / "setup-token").read_text().strip()
        api.call("POST", "/api/auth/setup", {"token": token, "email": "bench@localhost.localdomain", "password": password})
        api.token = api.call("POST", "/api/auth/sign-in/email",
                             {"email": "bench@localhost.localdomain", "password": password, "bearer": True})["token"]
        return api

    def targets(self, api, rate_limit, name):
        """64 jobs with a key each; a file that only we can read."""
        test = api.call("POST", "/api/tests", {"title": f"bench {name}", "type": "shell", "script": "true\n"})["test"]["id"]
        lines = []
        for number in range(TARGETS):
            job = api.call("POST", "/api/jobs", {"name": f"bench {name} {number}", "queueLimit": MANY})["job"]["id"]
            api.call("PUT", f"/api/jobs/{job}/tests", {"tests": [test]})
            key = api.call("POST", f"/api/jobs/{job}/api-keys", {"name": "bench", "rateLimit": rate_limit})["apiKey"]["key"]
            lines.append(f"{job} {key}\n")
        file = self.folder / f"targets-{self.port}-{name}"
        file.touch(mode=0o600)
        file.write_text("".join(lines))
        return file


def bench(*arguments):
    done = subprocess.run([BENCH, *map(str, arguments)], capture_output=True, text=True, timeout=300)
    if done.returncode != 0:
        raise SystemExit(f"bench_trigger {arguments[0]}: {done.stderr}")
    return json.loads(done.stdout)


def fresh_url(database, purpose):
    """An empty database of the cluster in USHER_TEST_PG_URL; none for "sqlite": it lies in the state folder."""
    if database == "sqlite":
        return None
    url = os.environ["USHER_TEST_PG_URL"]
    name = f"bench_{purpose}_{os.getpid()}"
    subprocess.run(["psql", "-q", url, "-c", f"CREATE DATABASE {name}"], check=True, timeout=30)
    base, _, rest = url.rpartition("/")
    return f"{base}/{name}" + ("?" + rest.split("?", 1)[1] if "?" in rest else "")


class Reconciler:
    """Holds the answers 202 to the rows of the database."""

    def __init__(self, count):
        self.count = count
        self.before = count()
        self.rows = self.accepted = 0

    def check(self, result, what):
        for _ in range(100):  # requests whose answer was lost may still be on their way
            rows = self.count() - self.before
            if rows >= result["accepted"]:
                break
            time.sleep(0.05)
        self.before += rows
        self.rows += rows
        self.accepted += result["accepted"]
        if not result["accepted"] <= rows <= result["accepted"] + result["unanswered"]:
            raise SystemExit(f"{what}: {result['accepted']} answers 202, {result['unanswered']} unanswered, {rows} runs in "
                             f"the database: NOT RECONCILED")
        refused = {status: count for status, count in result["answers"].items() if status != "202"}
        if refused:
            say(f"  {what}: other answers: {refused} {result['firstRefusal']}")


class Table:
    def __init__(self):
        self.rows = []

    def add(self, what, result, versus="", note=""):
        rate = f"{result['rate']:,.0f}/s" if "rate" in result else ""
        latency = [f"{result[name]:.2f} ms" if name in result else "" for name in ("p50", "p99", "p999")]
        self.rows.append([what, rate, *latency, versus, note])
        say("  " + "  ".join(cell for cell in self.rows[-1] if cell))

    def markdown(self):
        head = ["what", "rate", "p50", "p99", "p99.9", "compared", "note"]
        lines = [head, ["---"] + ["---:"] * 5 + ["---"]] + self.rows
        return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def psql(url, sql):
    done = subprocess.run(["psql", "-qAtX", "-v", "ON_ERROR_STOP=1", "-d", url], input=sql, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit("psql: " + done.stderr)
    return done.stdout.strip()


def build():
    if not (BUILD / "bin" / "usherd").exists() or not BENCH.exists() or os.environ.get("USHER_BENCH_BUILD") != "no":
        say("building preset release")
        for command in (["cmake", "--preset", "release", "-DUSHER_TESTS=ON"],
                        ["cmake", "--build", "--preset", "release", "--target", "usherd", "usher-launcher", "usher-leader",
                         "usher_plugin_api_key", "usher_plugin_session", "bench_trigger", "bench_stamp", "bench_allow_all"]):
            done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
            if done.returncode != 0:
                raise SystemExit(done.stdout[-4000:] + done.stderr[-4000:])
