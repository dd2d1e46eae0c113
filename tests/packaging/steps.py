"""What the install tests share, in the minimal Debian and in the virtual machine: steps, expectations, commands that must succeed,
usherctl, requests, triggers at a rate. A test ends, or goes on to its next step, at the first thing that is not as it should be."""
import concurrent.futures
import http.client
import json
import os
import subprocess
import threading
import time

PORT = 8321
EVIDENCE = []  # what is called to say more when something failed: the logs of the services, wherever they are


class Failed(Exception):
    pass


def step(text):
    print(f"== {text} ({time.monotonic():.0f} s)", flush=True)


def fail(text):
    print(f"FAILED: {text}", flush=True)
    for tell in EVIDENCE:
        tell()
    raise Failed(text)


def expect(condition, text):
    if not condition:
        fail(text)


def run(*words, stdin=None, codes=(0,), cwd=None):
    done = subprocess.run(words, input=stdin, capture_output=True, text=True, timeout=600, cwd=cwd)
    if done.returncode not in codes:
        fail(f"{' '.join(words)} ended with {done.returncode}:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
    return done.stdout


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


def request(method, path, key=None, headers=None, body=None):
    """Status and body; the key is a bearer token, the body is sent as it is."""
    sent = {"Content-Type": "application/json", **({"Authorization": f"Bearer {key}"} if key else {}), **(headers or {})}
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=120)
    try:
        connection.request(method, path, body=body, headers=sent)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read() or b"{}")
    finally:
        connection.close()


def run_state(run_id):
    answer = json.loads(ctl("run", "show", run_id, "--json"))
    return answer.get("run", answer)


def ended(run_id, seconds=300):
    until(lambda: run_state(run_id)["status"] not in ("queued", "running"), seconds, f"run {run_id} ends")
    return run_state(run_id)


def job_id(name):
    return json.loads(ctl("job", "show", name, "--json"))["job"]["id"]


class Flood:
    """Triggers at a rate, each in time whatever becomes of the others, from its start to its end()."""

    def __init__(self, trigger, key, rate):
        self.trigger, self.key, self.rate = trigger, key, rate
        self.answers = []  # (status or exception, seconds, run)
        self.lock = threading.Lock()
        self.ending = threading.Event()
        self.pool = concurrent.futures.ThreadPoolExecutor(150)
        self.began = time.monotonic()
        self.thread = threading.Thread(target=self._go)
        self.thread.start()

    def _go(self):
        asked = 0
        while not self.ending.wait(max(0.0, self.began + asked / self.rate - time.monotonic())):
            self.pool.submit(self._ask)
            asked += 1

    def _ask(self):
        began = time.monotonic()
        try:
            status, body = request("POST", self.trigger, self.key)
        except Exception as error:  # every failure counts, whatever it is
            status, body = repr(error), {}
        with self.lock:
            self.answers.append((status, time.monotonic() - began, (body.get("data") or {}).get("runId")))

    def end(self):
        """Waits for the answers; how long all of it took, in seconds."""
        self.ending.set()
        self.thread.join()
        self.pool.shutdown()
        return time.monotonic() - self.began

    def accepted(self):
        return [run_id for status, _, run_id in self.answers if status == 202]

    def failed(self):
        return [f"{status} after {seconds:.2f} s" for status, seconds, _ in self.answers if status != 202]

    def slowest(self):
        return max(seconds for _, seconds, _ in self.answers)
