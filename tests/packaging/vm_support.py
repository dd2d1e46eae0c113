"""What the steps inside the virtual machine share beyond steps.py: asking systemd, the kernel and the journal."""
import json
import pathlib
import subprocess
import time

from steps import EVIDENCE, ctl, expect, job_id, request, run

APT = ["apt-get", "-q", "-y", "-o", "Dpkg::Use-Pty=0"]
GROUP = pathlib.Path("/sys/fs/cgroup/system.slice/usher-launcher.service")
PASSWORD = "correct horse battery staple\n"
UNITS = ("usherd.service", "usherd.socket", "usher-launcher.service")


def tell_journal():
    for unit in UNITS:
        said = subprocess.run(["journalctl", "--no-pager", "-n", "12", "-u", unit], capture_output=True, text=True, timeout=60)
        print(said.stdout, flush=True)


EVIDENCE.append(tell_journal)


def shown(unit, key):
    return run("systemctl", "show", "-P", key, unit).strip()


def make_job(name, script, **settings):
    folder = pathlib.Path("/tmp", name)
    folder.mkdir(exist_ok=True)
    (folder / "test.sh").write_text(script)
    (folder / "usher.json").write_text(json.dumps({"name": name, "queueLimit": 1000, **settings, "tests": [{"file": "test.sh"}]}))
    ctl("job", "import", str(folder))
    ctl("key", "create", name, "--name", "ci", "--rate-limit", "none", "--output", f"/tmp/{name}.key")
    return f"/api/jobs/{job_id(name)}/trigger", pathlib.Path(f"/tmp/{name}.key").read_text().strip()


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
    """Nothing of what is gone: a process may end while it is looked at."""
    try:
        return path.read_text().strip()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def run_of(trigger, key):
    for _ in range(10):
        status, body = request("POST", trigger, key)
        if status != 503:
            break
        time.sleep(2)
    expect(status == 202, f"{status} {body}")
    return body["data"]["runId"]


def living(words):
    found = [path for path in pathlib.Path("/proc").glob("[0-9]*/cmdline")
             if text_of(path).replace("\0", " ").strip() == words]
    return [path.parent.name for path in found]
