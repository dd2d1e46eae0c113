"""The install test, inside a minimal Debian of its own (tests/packaging/run); its argument says which packages, deb or rpm.
Ends at the first thing that is not as it should be. There is no systemd as process 1 here: class Service does what the units
say, with their own command lines, users and capabilities, holds the socket, and listens to the notes."""
import glob
import http.client
import json
import os
import pathlib
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time

import managers
from steps import expect, fail, run, step

PORT = 8321
OWN_CONF = "/etc/usher/conf.d/90-test.conf"
MANAGER = managers.named(sys.argv[1])


def settings(unit):
    found = {}
    for line in pathlib.Path(MANAGER.UNITS + unit).read_text().splitlines():
        if "=" in line and not line.startswith("#"):
            key, value = line.split("=", 1)
            found[key] = value
    return found


class Service:
    """One unit, started as its file says: command line, user, capabilities, notify socket, inherited listener."""

    def __init__(self, unit, listener=None):
        self.unit, self.listener, self.process = unit, listener, None
        self.notes = []

    def start(self):
        unit = settings(self.unit)
        capabilities = unit["CapabilityBoundingSet"].split()
        expect(capabilities == unit["AmbientCapabilities"].split(), f"{self.unit}: capabilities")
        kept = ",".join("+" + name.removeprefix("CAP_").lower() for name in capabilities)
        sets = "-all" + ("," + kept if kept else "")
        path = f"/run/notify-{self.unit}"
        if os.path.exists(path):
            os.unlink(path)
        self.channel = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.channel.bind(path)
        os.chmod(path, 0o777)
        environment = {"PATH": os.environ["PATH"], "NOTIFY_SOCKET": path}
        if "WatchdogSec" in unit:
            environment["WATCHDOG_USEC"] = "8000000"
        command = unit["ExecStart"].split()
        words = ["setpriv", "--reuid=" + unit["User"], "--regid=" + unit["Group"], "--clear-groups",
                 "--inh-caps=" + sets, "--ambient-caps=" + sets, "--bounding-set=" + sets, "--no-new-privs"]
        inherited = ()
        if self.listener is not None:
            # Number 3, as systemd passes it.
            environment["LISTEN_FDS"] = "1"
            words = ["sh", "-c", f"exec 3<&{self.listener.fileno()}; LISTEN_PID=$$; export LISTEN_PID; exec \"$@\"", "sh"] + words
            inherited = (self.listener.fileno(),)
        log = open(f"/tmp/{self.unit}.log", "a")
        self.process = subprocess.Popen(words + command, env=environment, stdin=subprocess.DEVNULL, stdout=log,
                                        stderr=log, pass_fds=inherited, start_new_session=True)
        self.wait_for("READY=1")

    def wait_for(self, note, seconds=30):
        self.channel.settimeout(0.2)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                heard = self.channel.recv(4096).decode()
                self.notes.append(heard)
                if heard.startswith(note):
                    return
            except TimeoutError:
                if self.process.poll() is not None:
                    fail(f"{self.unit} ended with {self.process.returncode}")
        fail(f"{self.unit} did not say {note}")

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        expect(self.process.wait(30) == 0, f"{self.unit} ended with {self.process.returncode}")

    def restart(self):
        self.stop()
        self.start()


def door():
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", PORT))
    listener.listen(4096)
    return listener


def ctl(*words, stdin=None, codes=(0,)):
    # A machine that does much else may not answer in time, and says so: then a person tries again, too.
    for _ in range(10):
        done = subprocess.run(["usherctl", *words], input=stdin, capture_output=True, text=True, timeout=300)
        if done.returncode != 7 or 7 in codes or "try again" not in done.stderr:
            break
        time.sleep(2)
    if done.returncode not in codes:
        fail(f"usherctl {' '.join(words)} ended with {done.returncode}:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
    return done.stdout


def post(path, key, body=None, headers=None):
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=30)
    try:
        connection.request("POST", path, body=json.dumps(body) if body is not None else None,
                           headers={"Authorization": f"Bearer {key}", "Content-Type": "application/json",
                                    **(headers or {})})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read() or b"{}")
    finally:
        connection.close()


def files():
    """Everything but what the system itself keeps about packages, configuration and logs."""
    found = set()
    for top, folders, names in os.walk("/"):
        folders[:] = [f for f in folders if not re.match(
            r"^/(proc|sys|dev|run|tmp|etc|root|repository|work|var/log|var/cache|var/lib/(apt|dpkg|dnf|rpm|systemd|pam))$",
            os.path.join(top, f))]
        found.update(os.path.join(top, name) for name in names + folders)
    return {name for name in found if not name.endswith(".pyc") and "__pycache__" not in name}


class Load(threading.Thread):
    """Triggers 50 times a second and keeps every answer."""

    def __init__(self, path, key):
        super().__init__()
        self.path, self.key = path, key
        self.accepted, self.failed, self.slowest = [], [], 0.0
        self.ending = threading.Event()
        self.lock = threading.Lock()

    def one(self):
        began = time.monotonic()
        try:
            status, body = post(self.path, self.key)
            with self.lock:
                self.slowest = max(self.slowest, time.monotonic() - began)
                if status == 202:
                    self.accepted.append(body["data"]["runId"])
                else:
                    self.failed.append((status, body.get("code")))
        except Exception as error:  # every failure counts, whatever it is
            with self.lock:
                self.failed.append(repr(error))

    def run(self):
        threads, due = [], time.monotonic()
        while not self.ending.is_set():
            threads.append(threading.Thread(target=self.one))
            threads[-1].start()
            due += 0.02
            time.sleep(max(0, due - time.monotonic()))
        for thread in threads:
            thread.join(40)


def third_party_package():
    """What somebody else does with usher-plugin-dev and nothing of our tree."""
    source = "/work/usher-auth-static-token"
    os.makedirs("/work")
    run("cp", "-r", "/usr/share/doc/usher-plugin-dev/examples/static-token", source)
    for packed in glob.glob(source + "/*.gz"):
        run("gunzip", packed)
    return MANAGER.package(source)


def main():
    repository = sys.argv[1]
    MANAGER.repository(repository)
    before = files()

    step("install, without a network")
    began = time.monotonic()
    MANAGER.install(*MANAGER.PACKAGES)
    installed = time.monotonic() - began
    for path, want in {"/etc/usher": "750 root:usher", "/etc/usher/usherd.conf": "640 root:usher",
                       "/etc/usher/conf.d/50-api-key.conf": "640 root:usher", "/var/lib/usher": "711 usher:usher"}.items():
        have = run("stat", "-c", "%a %U:%G", path).strip()
        expect(have == want, f"{path} is {have}, not {want}")
    run("usherd", "--check-config")
    expect(MANAGER.needs_the_interface("usherd-auth-apikey"), "api-key's dependency")
    expect(os.path.exists("/usr/sbin/usherd"), "usherd's files")

    step("start as the units say, set up, trigger, pass")
    os.makedirs("/run/usher", mode=0o700)
    run("chown", "usher:usher", "/run/usher")
    listener = door()
    # User ids are the whole machine's: another usherd on it would take ours for leftovers of its own runs.
    pathlib.Path(OWN_CONF).write_text("[exec]\nuid_range = 58000-58999\n")
    launcher, daemon = Service("usher-launcher.service"), Service("usherd.service", listener)
    launcher.start()
    daemon.start()
    ctl("setup", "--email", "admin@example.org", "--name", "Admin", "--password-stdin", "--state-dir", "/var/lib/usher",
        stdin="correct horse battery staple\n")
    tests = pathlib.Path("/tmp/tests")
    tests.mkdir()
    (tests / "whoami.sh").write_text("id -u\ntest \"$(id -u)\" -ge 58000\n")
    (tests / "usher.json").write_text(json.dumps({"name": "first", "queueLimit": 100000, "maxConcurrency": 4,
                                                  "tests": [{"file": "whoami.sh"}]}))
    ctl("job", "import", str(tests))
    ctl("key", "create", "first", "--name", "ci", "--rate-limit", "none", "--output", "/tmp/ci.key")
    ctl("trigger", "first", "--key-file", "/tmp/ci.key", "--wait")
    print(f"   installed in {installed:.1f} s; first run passed {time.monotonic() - began:.1f} s after that began")
    run_id = re.search(r"[0-9a-f-]{36}", ctl("run", "list", "--json")).group(0)
    shown = ctl("run", "show", run_id, "--json")
    expect("basic" in shown, f"the sandbox of the run: {shown[:500]}")
    daemon.wait_for("WATCHDOG=1", 15)

    step("a hang starves the watchdog, going on feeds it")
    while True:
        daemon.channel.settimeout(0.1)
        try:
            daemon.channel.recv(4096)
        except TimeoutError:
            break
    os.kill(daemon.process.pid, signal.SIGSTOP)
    daemon.channel.settimeout(6)
    try:
        fail(f"a stopped daemon said {daemon.channel.recv(4096)}")
    except TimeoutError:
        pass
    os.kill(daemon.process.pid, signal.SIGCONT)
    daemon.wait_for("WATCHDOG=1", 15)

    step("reload")
    daemon.process.send_signal(signal.SIGHUP)
    daemon.wait_for("RELOADING=1")
    daemon.wait_for("READY=1")

    step("a plugin of somebody else's, built with usher-plugin-dev alone")
    package = third_party_package()
    pathlib.Path("/etc/usher/static-token").write_text("a-token-of-somebody-else-0123456789\n")
    run("chgrp", "usher", "/etc/usher/static-token")
    os.chmod("/etc/usher/static-token", 0o640)
    pathlib.Path("/tmp/token").write_text("a-token-of-somebody-else-0123456789\n")
    MANAGER.install(package)
    expect(MANAGER.needs_the_interface("usher-auth-static-token"), "the other plugin's dependency")
    daemon.restart()
    job = json.loads(ctl("job", "show", "first", "--json"))["job"]["id"]
    path = f"/api/jobs/{job}/trigger"
    status, _ = post(path, pathlib.Path("/tmp/ci.key").read_text().strip())
    expect(status == 401, f"the key of the other plugin was answered {status}")
    status, body = post(path + "?wait=60", "a-token-of-somebody-else-0123456789")
    expect(status == 200 and "passed" in json.dumps(body), f"the token was answered {status} {body}")
    MANAGER.purge("usher-auth-static-token")
    daemon.restart()
    status, _ = post(path, "a-token-of-somebody-else-0123456789")
    expect(status == 401, f"the token still works: {status}")

    versions = {"old": MANAGER.version("usherd")}
    step("upgrade while 50 triggers a second arrive, and a run is under way")
    key = pathlib.Path("/tmp/ci.key").read_text().strip()
    slow = pathlib.Path("/tmp/slow")
    slow.mkdir()
    (slow / "slow.sh").write_text("sleep 15\necho slept\n")
    ctl("job", "import", str(slow), "--name", "slow")
    ctl("key", "create", "slow", "--name", "ci", "--output", "/tmp/slow.key")
    slow_job = json.loads(ctl("job", "show", "slow", "--json"))["job"]["id"]
    status, body = post(f"/api/jobs/{slow_job}/trigger", pathlib.Path("/tmp/slow.key").read_text().strip())
    expect(status == 202, f"slow: {status}")
    slow_run = body["data"]["runId"]
    load = Load(path, key)
    load.start()
    time.sleep(2)
    MANAGER.repository(repository + "-next")
    MANAGER.upgrade()
    began = time.monotonic()
    launcher.restart()
    daemon.restart()
    restarted = time.monotonic() - began
    time.sleep(2)
    load.ending.set()
    load.join()
    versions["new"] = MANAGER.version("usherd")
    expect(versions["new"] != versions["old"], f"after the upgrade: {versions}")
    expect(not load.failed, f"{len(load.failed)} requests failed, the first: {load.failed[:3]}")
    expect(len(load.accepted) == len(set(load.accepted)) > 100, f"{len(load.accepted)} accepted")
    database = sqlite3.connect("file:/var/lib/usher/usher.db?mode=ro", uri=True)
    known = {row[0] for row in database.execute("select id from runs")}
    lost = [one for one in load.accepted if one not in known]
    expect(not lost, f"{len(lost)} of {len(load.accepted)} acknowledged triggers are lost")
    print(f"   {len(load.accepted)} accepted, 0 failed, 0 lost; both services restarted in {restarted:.2f} s, "
          f"slowest answer {load.slowest:.2f} s")
    end = time.monotonic() + 60
    while True:
        shown = json.loads(ctl("run", "show", slow_run, "--json"))
        state = shown.get("run", shown)
        if state["status"] not in ("queued", "running") or time.monotonic() > end:
            break
        time.sleep(0.5)
    expect(state["status"] == "passed" and state["attempt"] == 1, f"the run under way: {json.dumps(state)}")

    step("a downgrade below the database's schema is refused with the reason")
    daemon.stop()
    change = sqlite3.connect("/var/lib/usher/usher.db")
    with change:  # as the newer version would have left it, had it migrated
        change.execute("insert into usher_migrations values ('daemon', 998, 'of the future', 0)")
    MANAGER.repository(repository)
    MANAGER.downgrade(versions["old"])
    expect(MANAGER.version("usherd") == versions["old"], f"after the downgrade: {MANAGER.version('usherd')}")
    refused = subprocess.run(["setpriv", "--reuid=usher", "--regid=usher", "--clear-groups", "usherd", "--launcher",
                              "/run/usher/launcher.sock"], capture_output=True, text=True, timeout=60)
    reason = [line for line in refused.stderr.splitlines() if "schema version 998" in line]
    expect(refused.returncode == 1 and reason, f"it ended with {refused.returncode}: {refused.stderr[-1000:]}")
    print("   " + reason[-1][-200:])
    with change:
        change.execute("delete from usher_migrations where version = 998")
    change.close()
    MANAGER.repository(repository + "-next")
    MANAGER.upgrade()
    daemon.start()
    ctl("trigger", "first", "--key-file", "/tmp/ci.key", "--wait")

    step("remove keeps the data, purge leaves nothing")
    daemon.stop()
    launcher.stop()
    run("rm", "-rf", "/work", OWN_CONF)
    MANAGER.remove(*MANAGER.PACKAGES)
    expect(os.path.exists("/var/lib/usher/usher.db"), "remove took data")
    expect(os.path.exists("/etc/usher/usherd.conf") == MANAGER.KEEPS_CONFIGURATION, "the configuration after remove")
    expect(not os.path.exists("/usr/sbin/usherd"), "remove left the daemon")
    MANAGER.purge(*MANAGER.PACKAGES)
    left = sorted(files() - before)
    expect(not left, f"left behind: {left[:20]}")
    expect(not glob.glob("/etc/usher/usherd.conf") and not glob.glob("/etc/usher/conf.d/*"), "left in /etc/usher")
    print("All as it should be.")


main()
