"""What tests/packaging/vm does inside the virtual machine, as root, with systemd as process 1. Ends at the first thing that is
not as it should be. The machine is emulated and slow: nothing here is a measure of speed."""
import http.client
import json
import os
import pathlib
import re
import subprocess
import sys
import time

APT = ["apt-get", "-q", "-y", "-o", "Dpkg::Use-Pty=0"]
UNITS = ("usherd.service", "usherd.socket", "usher-launcher.service")


def step(text):
    print(f"== {text} ({time.monotonic():.0f} s after boot)", flush=True)


def fail(text):
    print(f"FAILED: {text}", flush=True)
    for unit in UNITS:
        print(run("journalctl", "--no-pager", "-n", "25", "-u", unit, codes=range(256)), flush=True)
    sys.exit(1)


def expect(condition, text):
    if not condition:
        fail(text)


def run(*words, stdin=None, codes=(0,)):
    done = subprocess.run(words, input=stdin, capture_output=True, text=True, timeout=600)
    if done.returncode not in codes:
        fail(f"{' '.join(words)} ended with {done.returncode}:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
    return done.stdout


def shown(unit, key):
    return run("systemctl", "show", "-P", key, unit).strip()


def until(condition, seconds, text):
    end = time.monotonic() + seconds
    while not condition():
        expect(time.monotonic() < end, f"not within {seconds} s: {text}")
        time.sleep(0.3)


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


def request(method, path, key=None):
    connection = http.client.HTTPConnection("127.0.0.1", 8321, timeout=120)
    try:
        connection.request(method, path, headers={"Authorization": f"Bearer {key}"} if key else {})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read() or b"{}")
    finally:
        connection.close()


def make_job(name, script):
    folder = pathlib.Path("/tmp", name)
    folder.mkdir(exist_ok=True)
    (folder / "test.sh").write_text(script)
    (folder / "usher.json").write_text(json.dumps({"name": name, "queueLimit": 1000, "tests": [{"file": "test.sh"}]}))
    ctl("job", "import", str(folder))
    ctl("key", "create", name, "--name", "ci", "--rate-limit", "none", "--output", f"/tmp/{name}.key")
    job = json.loads(ctl("job", "show", name, "--json"))["job"]["id"]
    return f"/api/jobs/{job}/trigger", pathlib.Path(f"/tmp/{name}.key").read_text().strip()


def run_state(run_id):
    answer = json.loads(ctl("run", "show", run_id, "--json"))
    return answer.get("run", answer)


def set_up():
    ctl("setup", "--email", "admin@example.org", "--name", "Admin", "--password-stdin", stdin="correct horse battery staple\n")


def status_of(pid):
    lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    return dict(line.split(":\t", 1) for line in lines if ":\t" in line)


def install():
    step("install: the package starts the services, and they say that they are ready")
    run(*APT, "update")
    run(*APT, "install", "--no-install-recommends", "usherd", "usherd-auth-apikey", "usherctl")
    for unit in UNITS:
        expect(shown(unit, "ActiveState") == "active", f"{unit} is {shown(unit, 'ActiveState')}")
        expect(shown(unit, "UnitFileState") == "enabled", f"{unit} is {shown(unit, 'UnitFileState')}")
    expect(shown("usherd", "Type") == "notify" and shown("usherd", "SubState") == "running", "usherd has not said READY")
    expect(shown("usherd", "User") == "usher", "usherd's user")


def first_run():
    step("set up, trigger, pass")
    set_up()
    forbidden = "'touch /usr/here' 'cat /etc/usher/usherd.conf' 'ls /var/lib/usher' 'ls /root' 'mount -t tmpfs none /mnt'"
    trigger, key = make_job("first", "set -e\nid -u\ntest \"$(id -u)\" -ge 59000\n"
                            f"for command in {forbidden}; do\n"
                            "    if $command >/dev/null 2>&1; then echo \"$command\"; exit 1; fi\ndone\n")
    status, body = request("POST", trigger + "?wait=120", key)
    expect(status == 200 and "passed" in json.dumps(body), f"{status} {body}")
    return trigger, key


def socket_activation(trigger, key):
    step("socket activation: a trigger starts a stopped daemon")
    run("systemctl", "stop", "usherd.service")
    expect(shown("usherd.service", "ActiveState") == "inactive" and shown("usherd.socket", "ActiveState") == "active",
           "usherd has not stopped, or its socket has")
    status, body = request("POST", trigger, key)
    expect(status == 202, f"{status} {body}")
    expect(shown("usherd.service", "ActiveState") == "active", "the socket did not start usherd")


def restart(trigger, key):
    step("restart while triggers arrive: none is refused")
    refused = []
    child = subprocess.Popen(["systemctl", "restart", "usherd.service"])
    for _ in range(20):
        try:
            status, _ = request("POST", trigger, key)
            if status != 202:
                refused.append(status)
        except OSError as error:
            refused.append(repr(error))
    expect(child.wait(120) == 0 and not refused, f"refused: {refused}")
    run("systemctl", "reload", "usherd.service")
    status, _ = request("GET", "/healthz")
    expect(status == 200, f"after a reload: {status}")


def watchdog():
    step("a hang: the watchdog ends and restarts usherd, the run under way goes on")
    trigger, key = make_job("slow", "sleep 60\necho slept\n")
    status, body = request("POST", trigger, key)
    expect(status == 202, f"slow: {status}")
    run_id = body["data"]["runId"]
    until(lambda: run_state(run_id)["status"] == "running", 60, "slow runs")
    before = shown("usherd", "MainPID")
    os.kill(int(before), 19)
    began = time.monotonic()
    until(lambda: shown("usherd", "MainPID") not in (before, "0") and shown("usherd", "SubState") == "running", 120,
          "usherd is restarted by its watchdog")
    print(f"   restarted {time.monotonic() - began:.0f} s after the hang (WatchdogSec={shown('usherd', 'WatchdogUSec')})")
    expect(shown("usherd", "NRestarts") == "1", f"NRestarts={shown('usherd', 'NRestarts')}")
    expect("Watchdog timeout" in run("journalctl", "--no-pager", "-u", "usherd"), "no word of the watchdog in the journal")
    until(lambda: run_state(run_id)["status"] not in ("queued", "running"), 180, "slow ends")
    state = run_state(run_id)
    expect(state["status"] == "passed" and state["attempt"] == 1, f"the run under way: {json.dumps(state)}")


def launcher_restart(trigger, key):
    step("the launcher is killed: it comes back, and runs pass")
    os.kill(int(shown("usher-launcher", "MainPID")), 9)
    until(lambda: shown("usher-launcher", "SubState") == "running", 60, "the launcher comes back")
    status, body = request("POST", trigger + "?wait=120", key)
    expect(status == 200 and "passed" in json.dumps(body), f"{status} {body}")


def hardening():
    step("hardening in force")
    for unit, capabilities, most in (("usherd.service", 0, 1.5), ("usher-launcher.service", 1 << 5 | 1 << 6 | 1 << 7, 2.6)):
        pid = shown(unit, "MainPID")
        status = status_of(pid)
        for name in ("CapEff", "CapPrm", "CapBnd", "CapAmb"):
            expect(int(status[name], 16) == capabilities, f"{unit}: {name} {status[name]}")
        expect(status["NoNewPrivs"] == "1" and status["Seccomp"] == "2", f"{unit}: {status['NoNewPrivs']} {status['Seccomp']}")
        expect(status["Uid"].split()[1] == run("id", "-u", "usher").strip(), f"{unit}: uid {status['Uid']}")
        mounts = pathlib.Path(f"/proc/{pid}/mounts").read_text()
        root = [line.split()[3].split(",")[0] for line in mounts.splitlines() if line.split()[1] == "/"]
        expect(set(root) == {"ro"}, f"{unit}: / is mounted {root}")
        state = [line.split()[3].split(",")[0] for line in mounts.splitlines() if line.split()[1] == "/var/lib/usher"]
        expect(set(state) == {"rw"}, f"{unit}: /var/lib/usher is mounted {state}")
        inside = run("nsenter", "--target", pid, "--mount", "sh", "-c", "ls -A /root /home | wc -l; ls /dev | grep -c vda; true")
        expect(int(inside.split()[-1]) == 0, f"{unit} sees the disk: {inside}")
        score = re.search(r"Overall exposure level.*?: ([0-9.]+)", run("systemd-analyze", "security", "--no-pager", unit))
        print(f"   {unit}: exposure {score.group(1)}")
        expect(float(score.group(1)) <= most, f"{unit}: exposure {score.group(1)}")


def credentials():
    step("credentials: the session secret and the key of the secrets; the other ones do not exist")
    store = pathlib.Path("/etc/credstore")
    store.mkdir(mode=0o700, exist_ok=True)

    def store_secret(name, text):
        path = store / name
        path.write_text(text)
        path.chmod(0o600)

    store_secret("usherd.session-secret", os.urandom(32).hex() + "\n")
    store_secret("usherd.secrets-key", os.urandom(32).hex() + "\n")
    conf = pathlib.Path("/etc/usher/conf.d/70-vm.conf")
    conf.write_text("[plugins.session]\nsecret_file = credential:usherd.session-secret\n"
                    "[secrets]\nkey_file = credential:usherd.secrets-key\n")
    run("systemctl", "restart", "usherd.service")
    handed = "/run/credentials/usherd.service"
    print("   " + run("stat", "-c", "%a %U:%G %n", f"{handed}/usherd.secrets-key").strip())
    expect(sorted(os.listdir(handed)) == ["usherd.secrets-key", "usherd.session-secret"], f"{os.listdir(handed)}")
    ctl("sign-in", "--email", "admin@example.org", "--password-stdin", stdin="correct horse battery staple\n")
    make_job("secret", "test \"$TOKEN\" = opensesame\n")
    ctl("secret", "set", "secret", "TOKEN", stdin="opensesame\n")
    ctl("trigger", "secret", "--key-file", "/tmp/secret.key", "--wait")

    step("credentials: the password of a PostgreSQL")
    run("pg_ctlcluster", "15", "main", "start")
    password = os.urandom(16).hex()
    sql = pathlib.Path("/tmp/role.sql")
    sql.write_text(f"create role usher login password '{password}';\ncreate database usher owner usher;\n")
    sql.chmod(0o644)
    run("runuser", "-u", "postgres", "--", "psql", "-q", "-v", "ON_ERROR_STOP=1", "-f", str(sql))
    store_secret("usherd.database-password", password + "\n")
    with conf.open("a") as more:
        more.write("[database]\nurl = postgresql://usher@127.0.0.1:5432/usher\n"
                   "password_file = credential:usherd.database-password\n")
    run("systemctl", "restart", "usherd.service")
    set_up()
    trigger, key = make_job("there", "true\n")
    status, body = request("POST", trigger + "?wait=120", key)
    expect(status == 200 and "passed" in json.dumps(body), f"{status} {body}")
    rows = run("runuser", "-u", "postgres", "--", "psql", "-qAt", "usher", "-c", "select count(*) from runs").strip()
    expect(rows == "1", f"PostgreSQL has {rows} runs")
    expect(password not in run("journalctl", "--no-pager"), "the password is in the journal")


def purge():
    step("purge: no unit, no file, no process is left")
    pathlib.Path("/etc/usher/conf.d/70-vm.conf").unlink()
    run(*APT, "purge", "usherd", "usherd-auth-apikey", "usherctl")
    for unit in UNITS:
        expect(shown(unit, "LoadState") == "not-found", f"{unit} is {shown(unit, 'LoadState')}")
    for path in ("/etc/usher", "/var/lib/usher", "/run/usher", "/usr/libexec/usher", "/usr/lib/usher"):
        expect(not os.path.exists(path), f"{path} is left: {os.listdir(path) if os.path.isdir(path) else ''}")
    left = [name for name in (comm.read_text().strip() for comm in pathlib.Path("/proc").glob("[0-9]*/comm")) if "usher" in name]
    expect(not left, f"processes left: {left}")
    failed = run("systemctl", "--failed", "--no-legend", "--plain")
    expect("usher" not in failed, f"failed units: {failed}")


def main():
    version = run("systemctl", "--version").split("\n")[0]
    expect(pathlib.Path("/proc/1/comm").read_text().strip() == "systemd", "systemd is not process 1")
    print(f"{version}; Linux {os.uname().release}", flush=True)
    install()
    trigger, key = first_run()
    socket_activation(trigger, key)
    hardening()
    launcher_restart(trigger, key)
    watchdog()
    credentials()
    restart(*make_job("last", "true\n"))
    purge()
    print("All as it should be.", flush=True)


try:
    main()
except Exception as error:  # the machine goes off; say why first
    import traceback
    traceback.print_exc()
    print(f"FAILED: {error}", flush=True)
    sys.exit(1)
