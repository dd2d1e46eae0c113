"""What tests/packaging/vm does inside the virtual machine, as root, with systemd as process 1. Ends at the first thing that is
not as it should be. The machine is emulated and slow: nothing here is a measure of speed."""
import hashlib
import hmac
import http.client
import json
import os
import pathlib
import random
import re
import ssl
import sys
import time

from steps import Failed, Flood, ctl, ended, expect, request, run, run_state, step, until
from vm_groups import control_groups
from vm_support import APT, GROUP, PASSWORD, UNITS, living, make_job, run_of, set_up, shown, status_of, text_of

STUBBORN = []


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
    # For the end, when nobody may be signed in any more.
    STUBBORN.extend(make_job("stubborn", "trap '' TERM\nsleep 65433 &\nwhile :; do sleep 1; done\n", timeoutSeconds=3000))
    return trigger, key


def socket_activation(trigger, key):
    step("socket activation: a trigger starts a stopped daemon")
    run("systemctl", "stop", "usherd.service")
    expect(shown("usherd.service", "ActiveState") == "inactive" and shown("usherd.socket", "ActiveState") == "active",
           "usherd has not stopped, or its socket has")
    status, body = request("POST", trigger, key)
    expect(status == 202, f"{status} {body}")
    expect(shown("usherd.service", "ActiveState") == "active", "the socket did not start usherd")


RATE = 50


def pace(trigger, key):
    """How many triggers a second this machine can be asked for: RATE, or a third of what it answers when nothing else goes on."""
    flood = Flood(trigger, key, RATE)
    time.sleep(10)
    took = flood.end()
    if not flood.failed() and took < 12:
        return RATE
    rate = max(1, int(len(flood.answers) / took / 3))
    print(f"   without any restart this machine answers {len(flood.answers)} triggers in {took:.0f} s, {len(flood.failed())} of them "
          f"not with 202: taken is a third of that, {rate} a second")
    return rate


def all_accepted(flood, took, what):
    print(f"   {len(flood.answers)} triggers in {took:.0f} s through {what}: {len(flood.failed())} failed, "
          f"the slowest answer after {flood.slowest():.1f} s")
    expect(not flood.failed(), f"refused: {flood.failed()[:20]}")
    runs = set(flood.accepted())
    expect(len(runs) == len(flood.answers), f"{len(flood.answers)} answers, {len(runs)} runs")
    for run_id in random.sample(sorted(runs), 20):
        expect(run_state(run_id)["status"] == "queued", f"{run_id} is lost")


def restart():
    step(f"restart while triggers arrive, {RATE} a second: none is refused")
    # No runs: the machine's time is for the door.
    conf = pathlib.Path("/etc/usher/conf.d/60-vm.conf")
    conf.write_text("[exec]\ncapacity = 0\n")
    run("systemctl", "restart", "usherd.service")
    trigger, key = make_job("flood", "true\n", queueLimit=100000)
    flood = Flood(trigger, key, pace(trigger, key))
    for unit in ("usherd.service", "usher-launcher.service", "usherd.service"):
        time.sleep(5)
        began = time.monotonic()
        run("systemctl", "restart", unit)
        print(f"   {unit} restarted in {time.monotonic() - began:.1f} s")
    time.sleep(15)
    all_accepted(flood, flood.end(), "three restarts")
    ctl("job", "pause", "flood")
    conf.unlink()
    run("systemctl", "restart", "usherd.service")
    run("systemctl", "reload", "usherd.service")
    status, _ = request("GET", "/healthz")
    expect(status == 200, f"after a reload: {status}")


def upgrade():
    step("apt upgrades all of it while triggers arrive and a run is under way")
    run_id = run_of(*make_job("lasting", "while [ ! -e /var/go-on-upgrade ]; do sleep 1; done\n", timeoutSeconds=1000))
    until(lambda: run_state(run_id)["status"] == "running", 60, "it runs")
    until(living_leaders, 60, "its test has begun")
    leaders = living_leaders()
    # One run at a time, and that is the lasting one: the others wait, so that what was accepted can be counted.
    conf = pathlib.Path("/etc/usher/conf.d/60-vm.conf")
    conf.write_text("[exec]\ncapacity = 1\n")
    run("systemctl", "restart", "usherd.service")
    trigger, key = make_job("meanwhile", "true\n", queueLimit=100000)
    before = {unit: shown(unit, "ActiveEnterTimestampMonotonic") for unit in UNITS}
    old = run("dpkg-query", "-W", "-f", "${Version}", "usherd")
    pathlib.Path("/etc/apt/sources.list").write_text("deb [trusted=yes] file:/repository-next ./\n")
    run(*APT, "update")
    flood = Flood(trigger, key, 5)
    time.sleep(3)
    said = run(*APT, "upgrade")
    time.sleep(3)
    all_accepted(flood, flood.end(), "the upgrade")
    new = run("dpkg-query", "-W", "-f", "${Version}", "usherd")
    expect(new != old, f"still {old}:\n{said}")
    for unit in UNITS:
        again = shown(unit, "ActiveEnterTimestampMonotonic") != before[unit]
        expect(again == (unit != "usherd.socket"), f"{unit} was {'' if again else 'not '}started again")
        expect(shown(unit, "ActiveState") == "active", f"{unit} is {shown(unit, 'ActiveState')}")
    expect(living_leaders() == leaders, f"the leaders were {leaders}, and are {living_leaders()}")
    pathlib.Path("/var/go-on-upgrade").touch(mode=0o644)
    state = ended(run_id)
    print(f"   {old} to {new}; the run under way: {state['status']}, attempt {state['attempt']}")
    expect(state["status"] == "passed" and state["attempt"] == 1, f"the run under way: {json.dumps(state)}")
    ctl("job", "pause", "meanwhile")
    conf.unlink()
    run("systemctl", "restart", "usherd.service")


def plugin_package(trigger, key):
    step("a plugin's package comes and goes: usherd is restarted for it, and asks it")
    socket = shown("usherd.socket", "ActiveEnterTimestampMonotonic")

    def restarted_by(what, *words):
        before = shown("usherd", "MainPID")
        run(*APT, *words)
        until(lambda: shown("usherd", "MainPID") not in (before, "0") and shown("usherd", "SubState") == "running", 60,
              f"usherd is restarted by {what}")

    restarted_by("the package that came", "install", "usherd-auth-webhook")
    secret = os.urandom(32).hex()
    path = pathlib.Path("/etc/usher/webhook-secrets")
    path.write_text(secret + "\n")
    path.chmod(0o640)
    run("chgrp", "usher", str(path))
    conf = pathlib.Path("/etc/usher/conf.d/70-vm.conf")
    conf.write_text("[auth]\ntrigger = api-key, webhook-signature\n"
                    "[plugins.webhook-signature]\nsecret_file = /etc/usher/webhook-secrets\n")
    run("systemctl", "restart", "usherd.service")
    signature = "sha256=" + hmac.new(secret.encode(), b"{}", hashlib.sha256).hexdigest()
    status, body = request("POST", trigger, headers={"X-Hub-Signature-256": signature}, body=b"{}")
    expect(status == 202, f"a signed body: {status} {body}")
    status, body = request("POST", trigger, headers={"X-Hub-Signature-256": signature}, body=b"{} ")
    expect(status == 401, f"another body: {status} {body}")
    # A chain is never made shorter for the operator: with its plugin named, usherd is left alone, and it is said why.
    before = shown("usherd", "MainPID")
    said = run(*APT, "remove", "usherd-auth-webhook")
    expect("there is no plugin webhook-signature" in said and "usherd is not restarted" in said, f"removed while named: {said}")
    expect(shown("usherd", "MainPID") == before, "usherd was restarted without a plugin that its configuration names")
    status, body = request("POST", trigger, headers={"X-Hub-Signature-256": signature}, body=b"{}")
    expect(status == 202, f"usherd goes on with what it has loaded: {status} {body}")
    restarted_by("the package that came back", "install", "usherd-auth-webhook")
    conf.unlink()
    path.unlink()
    restarted_by("the package that went", "purge", "usherd-auth-webhook")
    status, body = request("POST", trigger, key)
    expect(status == 202, f"without it: {status} {body}")
    expect(shown("usherd.socket", "ActiveEnterTimestampMonotonic") == socket, "the socket was started again")


def living_leaders():
    """Those with a test. The process that leaders are forked from looks like one, but the launcher is their parent, not it; it is
    the launcher's own, and ends with it."""
    names, parents = {}, set()
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        name, _, rest = text_of(stat).partition("(")[2].rpartition(")")
        if name:
            names[stat.parent.name] = name
            parents.add(rest.split()[1])
    return sorted(pid for pid in parents if names.get(pid) == "usher-leader")


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
    ctl("sign-in", "--email", "admin@example.org", "--password-stdin", stdin=PASSWORD)
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
    run("systemctl", "restart", "usherd.service", codes=(0, 1))  # a slow database is tried again
    until(lambda: shown("usherd", "SubState") == "running", 300, "usherd runs on PostgreSQL")
    set_up()
    trigger, key = make_job("there", "true\n")
    status, body = request("POST", trigger + "?wait=120", key)
    expect(status == 200 and "passed" in json.dumps(body), f"{status} {body}")
    rows = run("runuser", "-u", "postgres", "--", "psql", "-qAt", "usher", "-c", "select count(*) from runs").strip()
    expect(rows == "1", f"PostgreSQL has {rows} runs")
    expect("good" in run("usherd", "--check-config"), "root does not see the credentials")
    expect(password not in run("journalctl", "--no-pager"), "the password is in the journal")


    step("credentials: the key and the certificate of TLS")
    for name in ("usherd.tls-key", "usherd.tls-certificate"):
        store_secret(name, pathlib.Path("/", name).read_text())
    with conf.open("a") as more:
        more.write("[http]\ntls_certificate = credential:usherd.tls-certificate\ntls_key = credential:usherd.tls-key\n")
    run("systemctl", "restart", "usherd.service")
    trusted = ssl.create_default_context(cafile="/usherd.tls-certificate")
    connection = http.client.HTTPSConnection("localhost", 8321, timeout=60, context=trusted)
    connection.connect()
    print(f"   {connection.sock.version()}, certificate of {connection.sock.getpeercert()['subject'][0][0][1]}")
    connection.request("GET", "/healthz")
    answer = connection.getresponse()
    expect(answer.status == 200, f"over TLS: {answer.status}")
    key = pathlib.Path("/usherd.tls-key").read_text().split("\n")[1]
    expect(key not in run("journalctl", "--no-pager"), "the key is in the journal")
    conf.unlink()
    run("systemctl", "restart", "usherd.service")


def strict():
    step("profile strict: refused by the units as they are, with the way out")
    conf = pathlib.Path("/etc/usher/conf.d/60-vm.conf")
    conf.write_text("[exec]\nsandbox = strict\n")
    run("systemctl", "restart", "usher-launcher.service")
    run("systemctl", "restart", "usherd.service", codes=(1,))
    said = [line for line in run("journalctl", "--no-pager", "-o", "cat", "-u", "usherd").splitlines() if "strict" in line]
    expect(said, "usherd does not say why it refuses")
    print(f"   {said[-1]}")
    expect("usher-launcher-strict.conf" in said[-1], "no word of the drop-in")

    step("profile strict: with the drop-in")
    dropin = pathlib.Path("/etc/systemd/system/usher-launcher.service.d/strict.conf")
    dropin.parent.mkdir(exist_ok=True)
    dropin.write_text(pathlib.Path("/usr/share/doc/usherd/examples/usher-launcher-strict.conf").read_text())
    run("systemctl", "daemon-reload")
    run("systemctl", "restart", "usher-launcher.service")
    run("systemctl", "reset-failed", "usherd.service", "usherd.socket")
    run("systemctl", "start", "usherd.socket", "usherd.service")
    forbidden = "'touch /usr/here' 'cat /etc/usher/usherd.conf' 'ls /var/lib/usher' 'mount -t tmpfs none /mnt' 'unshare -U true'"
    state = ended(run_of(*make_job("tight", "set -e\n"
                                   f"for command in {forbidden}; do\n"
                                   "    if $command >/dev/null 2>&1; then echo \"$command\"; exit 1; fi\ndone\n"
                                   "test $(ls /proc | grep -c '^[0-9]') -lt 10\n"
                                   "test \"$(ls /sys/class/net)\" = lo || grep -c : /proc/net/dev\n")))
    print(f"   {state['status']} {state['errorDetails'] or ''} [{state['sandbox']}]")
    expect(state["status"] == "passed" and state["sandbox"].startswith("strict (uid, rlimits, namespaces, seccomp, no network"),
           json.dumps(state) + ctl("run", "log", state["id"]))
    print("   " + run("systemd-analyze", "security", "--no-pager", "usher-launcher.service").strip().splitlines()[-1])
    conf.unlink()
    dropin.unlink()
    run("systemctl", "daemon-reload")
    run("systemctl", "restart", "usher-launcher.service", "usherd.service")


def purge():
    step("purge while a test runs that does not want to end: no unit, no file, no process is left")
    for conf in pathlib.Path("/etc/usher/conf.d").glob("*-vm.conf"):
        conf.unlink()
    run("systemctl", "restart", "usher-launcher.service", "usherd.service")
    run_of(*STUBBORN)
    until(lambda: living("sleep 65433"), 60, "stubborn runs")
    flood = Flood("/api/jobs/any/trigger", "any", 20)  # nobody who asks meanwhile starts it again
    run(*APT, "purge", "usherd", "usherd-auth-apikey", "usherctl")
    flood.end()
    for unit in UNITS:
        expect(shown(unit, "LoadState") == "not-found", f"{unit} is {shown(unit, 'LoadState')}")
    for path in ("/etc/usher", "/var/lib/usher", "/run/usher", "/usr/libexec/usher", "/usr/lib/usher"):
        expect(not os.path.exists(path), f"{path} is left: {os.listdir(path) if os.path.isdir(path) else ''}")
    left = [name for name in (comm.read_text().strip() for comm in pathlib.Path("/proc").glob("[0-9]*/comm")) if "usher" in name]
    expect(not left and not living("sleep 65433"), f"processes left: {left} {living('sleep 65433')}")
    expect(not GROUP.exists(), f"control groups left: {GROUP.exists() and os.listdir(GROUP)}")
    failed = run("systemctl", "--failed", "--no-legend", "--plain")
    expect("usher" not in failed, f"failed units: {failed}")


def main():
    version = run("systemctl", "--version").split("\n")[0]
    expect(pathlib.Path("/proc/1/comm").read_text().strip() == "systemd", "systemd is not process 1")
    print(f"{version}; Linux {os.uname().release}", flush=True)
    install()
    first = first_run()
    chosen = pathlib.Path("/inside_vm.steps").read_text().split()
    failed = []
    for one in (socket_activation, hardening, control_groups, launcher_restart, watchdog, restart, upgrade, plugin_package, strict,
                credentials, purge):
        if chosen and one.__name__ not in chosen:
            continue
        try:
            one(*first[:one.__code__.co_argcount])
        except Failed as failure: # the others are worth a look still: a boot costs minutes
            failed.append(f"{one.__name__}: {str(failure).splitlines()[0]}")
    if failed:
        sys.exit("FAILED: " + "; ".join(failed))
    print("All as it should be.", flush=True)


try:
    main()
except Exception as error:  # the machine goes off; say why first
    import traceback
    traceback.print_exc()
    print(f"FAILED: {error}", flush=True)
    sys.exit(1)
