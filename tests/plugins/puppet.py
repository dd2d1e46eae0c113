#!/usr/bin/env python3
"""Somebody's plugin, which proves who asks in a field of its own, as its callers and as it itself meet the daemon: what it
is asked, what it is told came of it, and what of its verdicts reaches a client.

    tests/support/with-postgres tests/plugins/puppet.py --build-dir build/dev
"""
import concurrent.futures
import datetime
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


def shown(answer):
    names = ("limit", "remaining", "reset")
    return [answer.headers.get(prefix + name) for prefix in ("ratelimit-", "x-ratelimit-") for name in names]


def limits_reach_the_client(stage):
    job, limits = stage.daemon.job("true"), {"X-Limits": "10 6 30500"}
    absent = "00000000-0000-4000-8000-000000000000"
    made = stage.trigger(job, {**ALLOW, **limits})
    run = made.run()
    stage.daemon.await_idle()
    denied = {"X-Do": "deny", **limits}
    answers = [(made, 202), (stage.trigger(job, denied), 403),
               (stage.ask("GET", f"/api/jobs/{job}", {**ALLOW, **limits}), 200),
               (stage.ask("GET", f"/api/jobs/{absent}", {**ALLOW, **limits}), 404),
               (stage.ask("GET", f"/api/jobs/{job}", denied), 403),
               (stage.ask("GET", f"/api/runs/{run}/events", {**ALLOW, **limits}), 200),
               (stage.ask("POST", f"/api/jobs/{job}/puppet/418", {**ALLOW, **limits}), 418)]
    for answer, status in answers:
        expect(answer.status == status and shown(answer) == ["10", "6", "31"] * 2, f"{answer} {answer.headers}")
    given_back = stage.trigger(absent, {**ALLOW, **limits})
    expect(given_back.status == 404 and shown(given_back) == ["10", "7", "31"] * 2, f"{given_back.headers}")
    for code in ("RATE_LIMITED", "TEAPOT"):
        refused = {**denied, "X-Status": "429", "X-Code": code}
        for answer in (stage.trigger(job, refused), stage.ask("GET", f"/api/jobs/{job}", refused)):
            body = answer.json()
            expect((answer.status, body["code"], body["limit"], body["remaining"]) == (429, code, 10, 6), f"{answer}")
            reset = datetime.datetime.fromisoformat(body["resetAt"].replace("Z", "+00:00")).timestamp()
            expect(20 < reset - time.time() < 40, f"{answer}")
            expect(shown(answer) == ["10", "6", "31"] * 2 and answer.headers["retry-after"] == "31", f"{answer.headers}")
    own = stage.trigger(job, {**ALLOW, **limits, "X-Set": "ratelimit-limit: 99"})
    expect(shown(own) == ["99", "6", "31", "10", "6", "31"], f"{own.headers}")


def what_came_of_it_is_told_when_it_is_known(stage):
    job = stage.daemon.job("true")
    run = stage.trigger(job, ALLOW).run()
    stage.daemon.await_idle()
    admin = {**ALLOW, "X-Role": "admin"}

    def told(action, outcome, status, method, path, headers=None, body=None):
        before = len(stage.lines("settled"))
        answer = stage.ask(method, path, {**admin, **(headers or {})}, body)
        expect(answer.status == status, f"{method} {path}: {answer}")
        until("it is settled", lambda: len(stage.lines("settled")) > before)
        expect(stage.lines("settled")[before:] == [f"settled {action} allow {outcome(answer)}"],
               f"{method} {path}: {stage.lines('settled')[before:]}")

    accepted, abandoned = (lambda _: "accepted run="), (lambda _: "abandoned run=")
    told("job.read", accepted, 200, "GET", f"/api/jobs/{job}")
    told("job.read", abandoned, 404, "GET", f"/api/jobs/{run}")
    told("job.create", abandoned, 400, "POST", "/api/jobs", {}, b"{}")
    told("run.cancel", abandoned, 409, "POST", f"/api/runs/{run}/cancel")
    told("run.read", accepted, 200, "GET", f"/api/runs/{run}/events")
    told("run.rerun", lambda answer: f"accepted run={answer.run()}", 202, "POST", f"/api/runs/{run}/rerun")
    told("puppet.answer", accepted, 200, "POST", f"/api/jobs/{job}/puppet/200")
    told("puppet.answer", abandoned, 409, "POST", f"/api/jobs/{job}/puppet/409")


def a_plugin_that_does_not_answer_is_named(stage):
    answer = stage.ask("GET", "/api/puppet/silent", ALLOW)
    expect((answer.status, answer.code()) == (503, "AUTH_UNAVAILABLE"), f"{answer}")
    expect("retry-after" in answer.headers and answer.seconds < 4, f"{answer.seconds} s, {answer.headers}")


def a_trigger_sets_no_cookie(stage):
    job, cookie = stage.daemon.job("true"), {"X-Set": "Set-Cookie: puppet=1", "X-Set-Too": "Retry-After: 7"}
    read = stage.ask("GET", f"/api/jobs/{job}", {**ALLOW, **cookie})
    expect(read.status == 200 and read.headers.get("set-cookie") == "puppet=1", f"{read.headers}")
    for word, status in (("allow", 202), ("deny", 403)):
        answer = stage.trigger(job, {**cookie, "X-Do": word})
        expect(answer.status == status and "set-cookie" not in answer.headers, f"{answer} {answer.headers}")
        expect(answer.headers.get("retry-after") == "7", f"{answer.headers}")


def every_refusal_has_words(stage):
    path = "/api/runs/00000000-0000-4000-8000-000000000000"

    def refused(status, code, headers):
        answer = stage.ask("GET", path, headers)
        body = answer.json()
        expect((answer.status, body["code"]) == (status, code) and body["error"] and body["message"], f"{headers}: {answer}")
        return answer

    refused(401, "UNAUTHORIZED", {})
    refused(403, "FORBIDDEN", {"X-Do": "deny"})
    refused(403, "FORBIDDEN", {"X-Do": "deny", "X-Words": "Not today"})
    refused(429, "RATE_LIMITED", {"X-Do": "deny", "X-Status": "429"})
    refused(401, "NO_TICKET", {"X-Do": "abstain", "X-Code": "NO_TICKET"})
    challenge = {"X-Do": "abstain", "X-Set": 'WWW-Authenticate: Puppet realm="x"'}
    refused(403, "FORBIDDEN", {"X-Do": "abstain", "X-Status": "403"})
    answer = refused(401, "UNAUTHORIZED", challenge)
    expect(answer.headers["www-authenticate"] == 'Puppet realm="x"', f"{answer.headers}")


def what_takes_no_body_says_so(stage):
    job = stage.daemon.job("sleep 30")
    run = stage.trigger(job, ALLOW).run()
    for verb, status in (("rerun", 202), ("cancel", 200)):
        path = f"/api/runs/{run}/{verb}"
        for body, kind, wanted, code in ((b'{"force": true}', "application/json", 400, "INVALID_BODY"),
                                         (b"[]", "application/json", 400, "INVALID_BODY"),
                                         (b"now!", "application/json", 400, "INVALID_BODY"),
                                         (b"{}", "text/plain", 415, "UNSUPPORTED_MEDIA_TYPE")):
            answer = stage.ask("POST", path, {**ALLOW, "Content-Type": kind}, body)
            expect((answer.status, answer.code()) == (wanted, code), f"{path} {body}: {answer}")
            expect(b"force" not in body or answer.json()["details"][0]["field"] == "force", f"{answer}")
        answer = stage.ask("POST", path, {**ALLOW, "Content-Type": "application/json"}, b"{}")
        expect(answer.status == status, f"{path}: {answer}")
    for path in ("/api/nodes/nobody/drain", "/api/nodes/nobody/undrain", "/api/plugins/reload"):
        answer = stage.ask("POST", path, {**ALLOW, "X-Role": "admin", "Content-Type": "application/json"}, b'{"force": true}')
        expect((answer.status, answer.code()) == (400, "INVALID_BODY"), f"{path}: {answer}")
    for left in stage.daemon.runs():
        stage.ask("POST", f"/api/runs/{left}/cancel", ALLOW)


def drive(args, database):
    checks = [a_flight_is_boarded_with_equal_credentials_only, questions_name_their_job, limits_reach_the_client,
              what_came_of_it_is_told_when_it_is_known, a_plugin_that_does_not_answer_is_named,
              a_trigger_sets_no_cookie, every_refusal_has_words, what_takes_no_body_says_so]
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
