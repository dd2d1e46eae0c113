"""What the steps inside the virtual machine share: asking the services, telling what went wrong."""
import http.client
import json
import pathlib
import subprocess
import time

APT = ["apt-get", "-q", "-y", "-o", "Dpkg::Use-Pty=0"]
GROUP = pathlib.Path("/sys/fs/cgroup/system.slice/usher-launcher.service")
PASSWORD = "correct horse battery staple\n"
UNITS = ("usherd.service", "usherd.socket", "usher-launcher.service")


def step(text):
    print(f"== {text} ({time.monotonic():.0f} s after boot)", flush=True)


class Failed(Exception):
    pass


def fail(text):
    print(f"FAILED: {text}", flush=True)
    for unit in UNITS:
        print(run("journalctl", "--no-pager", "-n", "12", "-u", unit, codes=range(256)), flush=True)
    raise Failed(text)


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
    return done.stdout + (done.stderr if done.returncode else "")


def request(method, path, key=None):
    connection = http.client.HTTPConnection("127.0.0.1", 8321, timeout=120)
    try:
        connection.request(method, path, headers={"Authorization": f"Bearer {key}"} if key else {})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read() or b"{}")
    finally:
        connection.close()


def make_job(name, script, **settings):
    folder = pathlib.Path("/tmp", name)
    folder.mkdir(exist_ok=True)
    (folder / "test.sh").write_text(script)
    (folder / "usher.json").write_text(json.dumps({"name": name, "queueLimit": 1000, **settings, "tests": [{"file": "test.sh"}]}))
    ctl("job", "import", str(folder))
    ctl("key", "create", name, "--name", "ci", "--rate-limit", "none", "--output", f"/tmp/{name}.key")
    job = json.loads(ctl("job", "show", name, "--json"))["job"]["id"]
    return f"/api/jobs/{job}/trigger", pathlib.Path(f"/tmp/{name}.key").read_text().strip()


def run_state(run_id):
    answer = json.loads(ctl("run", "show", run_id, "--json"))
    return answer.get("run", answer)


def set_up():
    words = ("--email", "admin@example.org", "--password-stdin")
    # Done before; or just now, in spite of an answer that was late: the machine is slow.
    for _ in range(10):
        said = ctl("setup", "--name", "Admin", *words, stdin=PASSWORD, codes=(0, 2, 7))
        if "try again" not in said:
            break
        time.sleep(2)
    if "already" in said or "setup token" in said:
        ctl("sign-in", *words, stdin=PASSWORD)


def status_of(pid):
    lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    return dict(line.split(":\t", 1) for line in lines if ":\t" in line)


def text_of(path):
    return path.read_text().strip() if path.exists() else ""


def run_of(trigger, key):
    for _ in range(10):
        status, body = request("POST", trigger, key)
        if status != 503:
            break
        time.sleep(2)
    expect(status == 202, f"{status} {body}")
    return body["data"]["runId"]


def ended(run_id, seconds=300):
    until(lambda: run_state(run_id)["status"] not in ("queued", "running"), seconds, f"run {run_id} ends")
    return run_state(run_id)


def living(words):
    found = [path for path in pathlib.Path("/proc").glob("[0-9]*/cmdline")
             if text_of(path).replace("\0", " ").strip() == words]
    return [path.parent.name for path in found]
