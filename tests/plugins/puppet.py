#!/usr/bin/env python3
"""Somebody's plugin, which proves who asks in a field of its own, as its callers and as it itself meet the daemon: what it
is asked, what it is told came of it, and what of its verdicts reaches a client.

    tests/support/with-postgres tests/plugins/puppet.py --build-dir build/dev
"""
import concurrent.futures
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "faults"))
from daemon import Client, Daemon, expect, main, until  # noqa: E402

ALLOW = {"X-Do": "allow"}


class Stage:
    """A daemon whose chains end in the puppet."""

    def __init__(self, daemon):
        self.daemon, self.record = daemon, daemon.folder / "record"

    def ask(self, method, path, headers=None, body=None):
        client = Client(self.daemon.port)
        answer = client.request(method, path, headers, body)
        client.close()
        return answer

    def trigger(self, job, headers, body=b"{}", query=""):
        return self.ask("POST", f"/api/jobs/{job}/trigger{query}", headers, body)

    def lines(self, begin):
        return [line for line in self.record.read_text().splitlines() if line.startswith(begin)]


def a_flight_is_boarded_with_equal_credentials_only(stage):
    job = stage.daemon.job("true")
    with concurrent.futures.ThreadPoolExecutor() as pool:
        slow = {"Idempotency-Key": "fl1", "X-Delay": "700"}
        first = pool.submit(stage.trigger, job, {**slow, **ALLOW})
        equal = pool.submit(stage.trigger, job, {**slow, **ALLOW})
        time.sleep(0.25)
        before = len(stage.lines("asked job.trigger deny"))
        other = stage.trigger(job, {"Idempotency-Key": "fl1", "X-Do": "deny"})
        expect(other.status == 403, f"boarded somebody else's flight: {other}")
        expect(len(stage.lines("asked job.trigger deny")) == before + 1, "the plugin was not asked")
        expect(first.result().status == equal.result().status == 202, f"{first.result()} {equal.result()}")
        expect(first.result().run() == equal.result().run(), "equal requests made two runs")
    expect(len(stage.lines("asked job.trigger allow")) == 1, "equal requests did not share a flight")


def questions_name_their_job(stage):
    job = stage.daemon.job("true")
    admin = {**ALLOW, "X-Role": "admin"}
    for action, method, path in (("job.trigger", "POST", f"/api/jobs/{job}/trigger"),
                                 ("job.read", "GET", f"/api/jobs/{job.upper()}"),
                                 ("schedule.list", "GET", f"/api/jobs/{job}/schedules"),
                                 ("key.list", "GET", f"/api/jobs/{job}/api-keys"),
                                 ("puppet.answer", "POST", f"/api/jobs/{job}/puppet/200"),
                                 ("puppet.poke", "POST", f"/api/puppet/{job}")):
        stage.ask(method, path, admin)
        asked = stage.lines(f"asked {action} allow")
        expect(asked and f" job_id={job} " in asked[-1], f"{action}: {asked[-1:]}")
        expect(asked[-1].count(job) == (1 if action.startswith("puppet.") else 2), f"{action}: {asked[-1]}")
    for path in ("/api/jobs", "/api/jobs/no-id"):
        stage.ask("GET", path, admin)
    expect(all(" job_id=- " in line for line in stage.lines("asked job.")[-2:]), "a job out of nowhere")


def drive(args, database):
    checks = [a_flight_is_boarded_with_equal_credentials_only, questions_name_their_job]
    with Daemon(args.build_dir, database) as daemon:
        daemon.write_config(
            daemon.config, daemon.folder / "state", daemon.port,
            "[auth]\ntrigger = api-key, puppet\nrun = puppet\nmanage = session, puppet\n"
            f"[plugins.puppet]\npath = {pathlib.Path(args.build_dir).resolve()}/tests/fixtures/puppet.so\nrecord = {daemon.folder}/record\n")
        daemon.start()
        stage = Stage(daemon)
        for check in checks:
            check(stage)
    return f"{len(checks)} rules hold"


if __name__ == "__main__":
    main("puppet", drive)
