"""Control groups inside the virtual machine: each test in one of its own, held to its limits."""
import json
import os
import pathlib

from steps import ctl, ended, expect, request, run, step, until
from vm_support import GROUP, living, make_job, run_of, shown, text_of

MEMORY = 600_000_000
HOG = """for n in 1 2 3 4; do python3 -c '
import time
held = bytearray(250 << 20)
time.sleep(600)
' & done; wait; exit 0
"""
# Four at once, and each goes on until the kernel gives it no more.
BOMB = "for n in 1 2 3 4; do (while :; do sleep 600 & done) & done; wait; exit 3\n"
ESCAPE = """python3 -c '
import os
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.execvp("sleep", ["sleep", "65432"])
    os._exit(0)
os.wait()
'
"""


def control_groups():
    step("control groups: the launcher has its part of them")
    pathlib.Path("/etc/usher/conf.d/60-vm.conf").write_text(f"[exec]\nmemory_limit_bytes = {MEMORY}\ncapacity = 4\n")
    run("systemctl", "restart", "usher-launcher.service", "usherd.service")
    expect(text_of(GROUP / "cgroup.procs") == "", f"in the unit's own group: {text_of(GROUP / 'cgroup.procs')}")
    expect(shown("usher-launcher", "MainPID") in text_of(GROUP / "launcher/cgroup.procs").split(), "the launcher is elsewhere")
    print(f"   handed down: {text_of(GROUP / 'cgroup.subtree_control')}")
    expect({"memory", "pids"} <= set(text_of(GROUP / "cgroup.subtree_control").split()), "no memory, no pids")

    step("control groups: more memory than a test may hold, by four processes together")
    state = ended(run_of(*make_job("hog", HOG, timeoutSeconds=200)))
    print(f"   {state['status']}: {state['errorDetails']} [{state['sandbox']}]")
    expect(state["status"] == "failed" and state["signal"] == 9 and "memory" in state["errorDetails"], json.dumps(state))
    expect(state["sandbox"] == "basic (uid, rlimits; cgroup v2: memory, pids)", state["sandbox"])
    expect("Memory cgroup out of memory" in run("journalctl", "--no-pager", "-k"), "it was not the kernel that ended it")
    shown_run = ctl("run", "show", state["id"])
    expect("cgroup v2: memory, pids" in shown_run and "memory_limit_bytes" in shown_run, shown_run)

    step("control groups: a fork bomb")
    state = ended(run_of(*make_job("bomb", BOMB, timeoutSeconds=200)))
    print(f"   {state['status']}: {state['errorDetails']}")
    expect(state["status"] == "failed" and "as many processes" in state["errorDetails"], json.dumps(state))
    expect(not living("sleep 600"), "left of the bomb")

    step("control groups: double fork and setsid")
    state = ended(run_of(*make_job("escape", ESCAPE)))
    expect(state["status"] == "passed" and not living("sleep 65432"), json.dumps(state))

    step("control groups: removed when their runs are over")
    left = lambda: [group.name for group in GROUP.glob("run-*")]
    until(lambda: not left(), 20, f"left: {left()}")

    for how in ("restart", "kill"):
        step(f"control groups: runs go on through a {how} of the launcher, held to their limits as before")
        name = f"{how}ed"
        flag = pathlib.Path("/var/go-on-" + how)  # the service has a /tmp of its own
        trigger, key = make_job(name, f"while [ ! -e {flag} ]; do sleep 1; done\n" + HOG, timeoutSeconds=400)
        run_id = run_of(trigger, key)
        test = GROUP / f"run-{run_id}-1/test-0"
        until(lambda: text_of(test / "cgroup.procs"), 60, f"{name} runs in a group of its own")
        before = text_of(test / "cgroup.procs").split()
        expect(int(text_of(test / "memory.max")) <= MEMORY, f"{test}: {text_of(test / 'memory.max')}")
        old = shown("usher-launcher", "MainPID")
        if how == "kill":
            os.kill(int(old), 9)
        else:
            run("systemctl", "restart", "usher-launcher.service", "usherd.service")
        until(lambda: shown("usher-launcher", "MainPID") not in (old, "0") and shown("usher-launcher", "SubState") == "running",
              60, "the launcher comes back")
        until(lambda: text_of(test / "memory.max").isdigit(), 20, f"limited again: {text_of(test / 'memory.max')}")
        expect(before[0] in text_of(test / "cgroup.procs").split(), "the test did not live on")
        status, body = request("POST", make_job(name + "-next", "true\n")[0] + "?wait=120",
                               text_of(pathlib.Path(f"/tmp/{name}-next.key")))
        expect(status == 200 and "cgroup v2" in json.dumps(body), f"{status} {body}")
        flag.touch(mode=0o644)
        flag.chmod(0o644)
        state = ended(run_id)
        print(f"   {state['status']}: {state['errorDetails']}")
        expect(state["status"] == "failed" and state["attempt"] == 1 and "memory" in state["errorDetails"], json.dumps(state))
    until(lambda: not left(), 20, f"left: {left()}")
    pathlib.Path("/etc/usher/conf.d/60-vm.conf").unlink()

    step("control groups: a unit without them says so, and runs are held as anywhere")
    trigger, key = make_job("quick", "true\n")
    times = {}
    dropin = pathlib.Path("/etc/systemd/system/usher-launcher.service.d/60-vm.conf")
    dropin.parent.mkdir(exist_ok=True)
    for what in ("cgroup v2", "no cgroup"):
        if what == "no cgroup":
            dropin.write_text("[Service]\nDelegate=no\n")
        run("systemctl", "daemon-reload")
        run("systemctl", "restart", "usher-launcher.service", "usherd.service")
        run_of(trigger, key)
        times[what] = []
        for _ in range(12):
            state = ended(run_of(trigger, key))
            times[what].append(state["durationMs"])
        expect(what in state["sandbox"], state["sandbox"])
    said = run("journalctl", "--no-pager", "-o", "cat", "-u", "usher-launcher")
    print("   " + "\n   ".join(line for line in said.splitlines() if "no cgroup" in line))
    expect("usher-launcher: no cgroup: " in said, "no word of it in the journal")
    print(f"   a test that does nothing, ms, median of 12: {({what: sorted(all)[6] for what, all in times.items()})}")

    step("control groups: a run from before the unit had them goes on")
    run_id = run_of(*make_job("before", "sleep 25\n"))
    until(lambda: living("sleep 25"), 60, "it runs")
    dropin.unlink()
    run("systemctl", "daemon-reload")
    run("systemctl", "restart", "usher-launcher.service", "usherd.service")
    expect(living("sleep 25") and living("sleep 25")[0] in text_of(GROUP / "earlier/cgroup.procs").split(), "it is elsewhere")
    state = ended(run_of(trigger, key))
    expect(state["status"] == "passed" and "cgroup v2" in state["sandbox"], json.dumps(state))
    state = ended(run_id)
    expect(state["status"] == "passed" and state["attempt"] == 1 and "no cgroup" in state["sandbox"], json.dumps(state))
