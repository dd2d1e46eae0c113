"""The install test, inside a minimal Debian of its own (tests/packaging/run); its argument says which packages, deb or rpm.
Ends at the first thing that is not as it should be. There is no systemd as process 1 here: service.py does what the units say,
with their own command lines, users and capabilities, holds the socket, and listens to the notes."""
import glob
import json
import os
import pathlib
import re
import signal
import sqlite3
import sys
import time

import managers
import plugins
from service import Service, door
from steps import Failed, Flood, ctl, ended, expect, job_id, request, run, run_state, step

OWN_CONF = "/etc/usher/conf.d/90-test.conf"
MANAGER = managers.named(sys.argv[1])
RATE = 50  # triggers a second, as a busy pipeline sends them


def files():
    """Everything but what the system itself keeps about packages, configuration and logs."""
    found = set()
    for top, folders, names in os.walk("/"):
        folders[:] = [f for f in folders if not re.match(
            r"^/(proc|sys|dev|run|tmp|etc|root|repository|work|var/log|var/cache|var/lib/(apt|dpkg|dnf|rpm|systemd|pam))$",
            os.path.join(top, f))]
        found.update(os.path.join(top, name) for name in names + folders)
    return {name for name in found if not name.endswith(".pyc") and "__pycache__" not in name}


def key_of(name):
    return pathlib.Path(f"/tmp/{name}.key").read_text().strip()


def install():
    step("install, without a network")
    MANAGER.install(*MANAGER.PACKAGES)
    for path, want in {"/etc/usher": "750 root:usher", "/etc/usher/usherd.conf": "640 root:usher",
                       "/etc/usher/conf.d/50-api-key.conf": "640 root:usher",
                       "/etc/usher/conf.d/60-oidc.conf": "640 root:usher",
                       "/etc/usher/conf.d/60-webhook-signature.conf": "640 root:usher",
                       "/var/lib/usher": "711 usher:usher"}.items():
        have = run("stat", "-c", "%a %U:%G", path).strip()
        expect(have == want, f"{path} is {have}, not {want}")
    run("usherd", "--check-config")
    expect(MANAGER.needs_the_interface("usherd-auth-apikey"), "api-key's dependency")
    expect(os.path.exists("/usr/sbin/usherd"), "usherd's files")
    # Not the socket, which must keep the door open.
    expect(MANAGER.restarts() == ["usher-launcher.service", "usherd.service"], f"an upgrade restarts {MANAGER.restarts()}")


def first_run(launcher, daemon, began):
    step("start as the units say, set up, trigger, pass")
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
    ctl("key", "create", "first", "--name", "ci", "--rate-limit", "none", "--output", "/tmp/first.key")
    status, body = request("POST", f"/api/jobs/{job_id('first')}/trigger", key_of("first"))
    expect(status == 202, f"{status} {body}")
    accepted = time.monotonic() - began
    state = ended(body["data"]["runId"])
    expect(state["status"] == "passed" and state["sandbox"].startswith("basic"), json.dumps(state))
    print(f"   from the start of the installation to the first accepted trigger: {accepted:.1f} s")
    daemon.wait_for("WATCHDOG=1", 15)


def watchdog_and_reload(daemon):
    step("a hang starves the watchdog, going on feeds it; reload")
    daemon.signal(signal.SIGSTOP)
    daemon.silent_for(6)
    daemon.signal(signal.SIGCONT)
    daemon.wait_for("WATCHDOG=1", 15)
    daemon.signal(signal.SIGHUP)
    daemon.wait_for("RELOADING=1")
    daemon.wait_for("READY=1")


def nothing_lost(flood, least):
    accepted = flood.accepted()
    expect(not flood.failed(), f"{len(flood.failed())} requests failed, the first: {flood.failed()[:3]}")
    expect(len(accepted) == len(set(accepted)) > least, f"{len(accepted)} accepted")
    database = sqlite3.connect("file:/var/lib/usher/usher.db?mode=ro", uri=True)
    known = {row[0] for row in database.execute("select id from runs")}
    database.close()
    lost = [one for one in accepted if one not in known]
    expect(not lost, f"{len(lost)} of {len(accepted)} acknowledged triggers are lost")
    return f"{len(accepted)} accepted, 0 failed, 0 lost, the slowest answer after {flood.slowest():.2f} s"


def restarts(trigger, launcher, daemon):
    step(f"five restarts of usherd and one of the launcher while {RATE} triggers a second arrive")
    flood = Flood(trigger, key_of("first"), RATE)
    took = []
    for _ in range(5):
        time.sleep(2)
        took.append(daemon.restart())
    time.sleep(2)
    launcher.restart()
    time.sleep(2)
    flood.end()
    said = nothing_lost(flood, 500)
    print(f"   {said}; usherd was away for {min(took):.2f} to {max(took):.2f} s at a time")


def upgrade(trigger, launcher, daemon):
    step(f"upgrade while {RATE} triggers a second arrive, and a run is under way")
    old = MANAGER.version("usherd")
    configured = pathlib.Path(plugins.CONF, "60-oidc.conf").read_text()
    slow = pathlib.Path("/tmp/slow")
    slow.mkdir()
    (slow / "slow.sh").write_text("sleep 15\necho slept\n")
    ctl("job", "import", str(slow), "--name", "slow")
    ctl("key", "create", "slow", "--name", "ci", "--output", "/tmp/slow.key")
    status, body = request("POST", f"/api/jobs/{job_id('slow')}/trigger", key_of("slow"))
    expect(status == 202, f"slow: {status}")
    slow_run = body["data"]["runId"]
    flood = Flood(trigger, key_of("first"), RATE)
    time.sleep(2)
    MANAGER.repository(sys.argv[1] + "-next")
    MANAGER.upgrade()
    # What the packages' scripts have systemd do.
    restarted = launcher.restart() + daemon.restart()
    time.sleep(2)
    flood.end()
    for name in MANAGER.PACKAGES:
        expect(MANAGER.version(name) != old, f"{name} is still {old}")
    expect(pathlib.Path(plugins.CONF, "60-oidc.conf").read_text() == configured, "the upgrade changed a configuration file")
    said = nothing_lost(flood, 100)
    print(f"   {old} to {MANAGER.version('usherd')}: {said}; both services restarted in {restarted:.2f} s")
    state = ended(slow_run, 60)
    expect(state["status"] == "passed" and state["attempt"] == 1, f"the run under way: {json.dumps(state)}")
    return old


def downgrade(old, daemon):
    step("a downgrade below the database's schema is refused with the reason")
    daemon.stop()
    change = sqlite3.connect("/var/lib/usher/usher.db")
    with change:  # as the newer version would have left it, had it migrated
        change.execute("insert into usher_migrations values ('daemon', 998, 'of the future', 0)")
    MANAGER.repository(sys.argv[1])
    MANAGER.downgrade(old)
    expect(MANAGER.version("usherd") == old, f"after the downgrade: {MANAGER.version('usherd')}")
    refused = daemon.refuses_to_start()
    reason = [line for line in refused.stderr.splitlines() if "schema version 998" in line]
    expect(refused.returncode == 1 and reason, f"it ended with {refused.returncode}: {refused.stderr[-1000:]}")
    print("   " + reason[-1][-200:])
    with change:
        change.execute("delete from usher_migrations where version = 998")
    change.close()
    MANAGER.repository(sys.argv[1] + "-next")
    MANAGER.upgrade()
    daemon.start()
    ctl("trigger", "first", "--key-file", "/tmp/first.key", "--wait")


def purge(before):
    step("remove keeps the data, purge leaves nothing")
    run("rm", "-rf", "/work", OWN_CONF)
    plugins.forget_our_plugins()
    MANAGER.remove(*MANAGER.PACKAGES)
    expect(os.path.exists("/var/lib/usher/usher.db"), "remove took data")
    for path in ("/etc/usher/usherd.conf", "/etc/usher/conf.d/60-webhook-signature.conf"):
        expect(os.path.exists(path) == MANAGER.KEEPS_CONFIGURATION, f"after remove: {path}")
    expect(not os.path.exists("/usr/sbin/usherd"), "remove left the daemon")
    MANAGER.purge(*MANAGER.PACKAGES)
    left = sorted(files() - before)
    expect(not left, f"left behind: {left[:20]}")
    # dnf keeps what was changed in a configuration file, beside it.
    left = [path for path in glob.glob("/etc/usher/**", recursive=True) if os.path.isfile(path) and not path.endswith(".rpmsave")]
    expect(not left, f"left in /etc/usher: {left}")
    expect(not MANAGER.KEEPS_CONFIGURATION or not os.path.exists("/etc/usher"), "/etc/usher is left")


def main():
    MANAGER.repository(sys.argv[1])
    before = files()
    began = time.monotonic()
    install()
    print(f"   installed in {time.monotonic() - began:.1f} s" + MANAGER.size("usherd"))
    os.makedirs("/run/usher", mode=0o700)
    run("chown", "usher:usher", "/run/usher")
    # User ids are the whole machine's: another usherd on it would take ours for leftovers of its own runs.
    pathlib.Path(OWN_CONF).write_text("[exec]\nuid_range = 58000-58999\n")
    launcher, daemon = Service(MANAGER.UNITS + "usher-launcher.service"), Service(MANAGER.UNITS + "usherd.service", door())
    first_run(launcher, daemon, began)
    watchdog_and_reload(daemon)
    job = job_id("first")
    plugins.somebody_elses(MANAGER, daemon, job, key_of("first"))
    plugins.our_plugins(MANAGER, daemon, job)
    plugins.removed_but_named(MANAGER, daemon, job)
    trigger = f"/api/jobs/{job}/trigger"
    restarts(trigger, launcher, daemon)
    old = upgrade(trigger, launcher, daemon)
    downgrade(old, daemon)
    daemon.stop()
    launcher.stop()
    purge(before)
    print("All as it should be.")


try:
    main()
except Failed:
    sys.exit(1)
