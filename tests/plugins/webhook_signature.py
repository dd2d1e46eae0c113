#!/usr/bin/env python3
"""The plugin webhook-signature as a sender meets it: which requests start a run, and with which words the others are
refused. On both databases; with the plugin in the daemon's process, then in one of its own.

    tests/support/with-postgres tests/plugins/webhook_signature.py --build-dir build/dev
"""
import base64
import hashlib
import hmac
import json
import pathlib
import secrets
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "faults"))
from daemon import Client, Daemon, expect, main, until  # noqa: E402

BODY = json.dumps({"parameters": {}}).encode()


def digest(key, text):
    return hmac.new(key if isinstance(key, bytes) else key.encode(), text, hashlib.sha256)


def github(key, body=BODY):
    return {"X-Hub-Signature-256": "sha256=" + digest(key, body).hexdigest()}


def standard(key, identifier, body=BODY, off=0, signed_id=None, then=None):
    then = then or str(int(time.time()) + off)
    text = f"{signed_id or identifier}.{then}.".encode() + body
    return {"webhook-id": identifier, "webhook-timestamp": then,
            "webhook-signature": "v1," + base64.b64encode(digest(key, text).digest()).decode()}


class Sender:
    def __init__(self, daemon):
        self.daemon, self.client, self.judged = daemon, Client(daemon.port), 0

    def send(self, job, headers, body=BODY):
        if isinstance(headers, dict):
            headers = {"Content-Type": "application/json", **headers}
        return self.client.request("POST", f"/api/jobs/{job}/trigger", headers, body)

    def allowed(self, what, job, headers, body=BODY):
        answer = self.send(job, headers, body)
        expect(answer.status == 202, f"{what}: {answer}")
        self.judged += 1
        return answer

    def refused(self, what, job, headers, status, code, body=BODY):
        before = len(self.daemon.runs())
        answer = self.send(job, headers, body)
        expect((answer.status, answer.code()) == (status, code), f"{what}: {answer}")
        expect(len(self.daemon.runs()) == before, f"{what}: refused, and yet there is a run")
        if status == 401:
            expect(answer.headers.get("www-authenticate", "").startswith("Bearer"), f"{what}: {answer.headers}")
        self.judged += 1
        return answer


def invalid(sender, job, key, other):
    def refused(what, headers, body=BODY):
        sender.refused(what, job, headers, 401, "INVALID_SIGNATURE", body)

    refused("another secret", github("x" * 30))
    refused("another job's secret", github(other))
    refused("a changed body", github(key), BODY + b" ")
    refused("SHA-1", {"X-Hub-Signature-256": "sha1=" + hmac.new(key.encode(), BODY, hashlib.sha1).hexdigest()})
    refused("no sha256= in front", {"X-Hub-Signature-256": digest(key, BODY).hexdigest()})
    refused("a cut signature", {"X-Hub-Signature-256": github(key)["X-Hub-Signature-256"][:-2]})
    refused("an empty signature", {"X-Hub-Signature-256": ""})
    refused("a longer signature", {"X-Hub-Signature-256": github(key)["X-Hub-Signature-256"] + "0"})
    refused("large letters", {"X-Hub-Signature-256": "sha256=" + digest(key, BODY).hexdigest().upper()})
    refused("a longer token", {"X-Gitlab-Token": key + "x"})
    refused("half of a token", {"X-Gitlab-Token": key[:-1]})
    refused("a token of another job", {"X-Gitlab-Token": other})
    good = standard(key, "msg_" + secrets.token_hex(8))
    refused("a changed body, standard", good, BODY + b" ")
    refused("a changed id", standard(key, "msg_1", signed_id="msg_2"))
    refused("a changed time", {**good, "webhook-timestamp": str(int(good["webhook-timestamp"]) - 1)})
    refused("no id", {name: value for name, value in good.items() if name != "webhook-id"})
    refused("no time", {name: value for name, value in good.items() if name != "webhook-timestamp"})
    refused("a time that is none, well signed", standard(key, "msg_soon", then="soon"))
    refused("an empty id, well signed", standard(key, ""))
    refused("an id that is too long, well signed", standard(key, "m" * 257))
    refused("another version", {**good, "webhook-signature": good["webhook-signature"].replace("v1,", "v2,")})


def drive(args, database):
    words, isolated = [], False
    for isolated in (False, True):
        words.append(("isolated " if isolated else "") + str(judge(args, database, isolated)))
    return f"{' and '.join(words)} requests judged"


def judge(args, database, isolated):
    every, own, next_own = (secrets.token_urlsafe(24) for _ in range(3))
    raw = secrets.token_bytes(32)
    with Daemon(args.build_dir, database) as daemon:
        files = daemon.folder / "webhook-secrets", daemon.folder / "webhook-job-secrets"
        files[0].write_text(f"# for every job\n{every}\n")
        files[1].write_text("")

        def configure(more=""):
            daemon.write_config(
                daemon.config, daemon.folder / "state", daemon.port,
                "[auth]\ntrigger = api-key, webhook-signature\nrun = api-key, session, webhook-signature\n"
                "throttle_exempt = 127.0.0.1\n"
                f"[plugins.webhook-signature]\nsecret_file = {files[0]}\njob_secrets_file = {files[1]}\n"
                f"isolation = {'process' if isolated else 'inproc'}\n{more}")

        configure()
        daemon.start()
        job, own_job = daemon.job("true"), daemon.job("true")
        sender = Sender(daemon)

        sender.allowed("GitHub", job, github(every))
        sender.allowed("GitLab", job, {"X-Gitlab-Token": every})
        sender.allowed("Standard Webhooks", job, standard(every, "msg_a"))
        sender.allowed("an empty body", job, github(every, b""), b"")
        key = daemon.key(job)[1]
        sender.allowed("a key, as ever", job, {"Authorization": "Bearer " + key})
        sender.refused("nothing", job, {}, 401, "API_KEY_REQUIRED")
        sender.refused("two ways at once", job, {**github(every), "X-Gitlab-Token": every}, 400, "REPEATED_SIGNATURE")
        again = github(every)["X-Hub-Signature-256"]
        for name, value in (("X-Hub-Signature-256", again), ("X-Gitlab-Token", every)):
            for pair in ([value, value], [value, "x"], ["x", value]):
                sender.refused(f"{name} twice", job, [("Content-Type", "application/json"), *((name, one) for one in pair)],
                               400, "REPEATED_SIGNATURE")
        good = standard(every, "msg_fields")
        for name in good:  # which of the two was signed?
            pairs = [("Content-Type", "application/json"), *good.items(), (name, "1")]
            answer = sender.send(job, pairs)
            expect(answer.status in (400, 401), f"{name} twice: {answer}")
        invalid(sender, job, every, own)

        # Time, and the same delivery again: also with another time, as a sender that tries again signs it.
        sender.refused("too old", job, standard(every, "msg_old", off=-310), 401, "SIGNATURE_EXPIRED")
        sender.refused("too new", job, standard(every, "msg_new", off=310), 401, "SIGNATURE_EXPIRED")
        for then in (-2**63, 2**63 - 1):
            sender.refused("centuries off", job, standard(every, "msg_far", then=str(then)), 401, "SIGNATURE_EXPIRED")
        sender.allowed("old, and not too old", job, standard(every, "msg_old", off=-280))
        sender.allowed("new, and not too new", job, standard(every, "msg_new", off=280))
        again = standard(every, "msg_twice")
        sender.allowed("a delivery", job, again)
        sender.refused("the same delivery", job, again, 409, "WEBHOOK_REPLAYED")
        sender.refused("the same delivery later", job, standard(every, "msg_twice", off=2), 409, "WEBHOOK_REPLAYED")
        sender.allowed("the same id for another job", own_job, standard(every, "msg_twice"))
        # A delivery that made no run is no delivery.
        bad = b'{"parameters": {"UNKNOWN": "1"}}'
        sender.refused("a body that no job takes", job, standard(every, "msg_bad", bad), 400, "INVALID_BODY", bad)
        # The plugin is told of it beside the answer.
        until("the same id, mended", lambda: sender.send(job, standard(every, "msg_bad")).status == 202)
        first = sender.allowed("with an Idempotency-Key", job, {**standard(every, "msg_key"), "Idempotency-Key": "k1"})
        replay = sender.allowed("and its replay", job, {**standard(every, "msg_key"), "Idempotency-Key": "k1"})
        expect(first.run() == replay.run(), f"two runs: {first} {replay}")

        # A signature opens no other door, though the plugin is asked there.
        run = first.run()
        answer = sender.client.request("GET", f"/api/runs/{run}", {"X-Gitlab-Token": every})
        expect(answer.status == 401, f"a signature reads a run: {answer}")

        # Secrets of one job, two of them while one is being changed; nothing is lost over a reload.
        files[1].write_text(f"{own_job} {own}\n{own_job.upper()} {next_own}\n")
        files[0].write_text(f"{every}\nwhsec_{base64.b64encode(raw).decode()}\n")
        daemon.call("POST", "/api/plugins/reload", {})
        sender.allowed("a job's own secret", own_job, github(own))
        sender.allowed("its next one", own_job, {"X-Gitlab-Token": next_own})
        sender.refused("the secret for every job", own_job, github(every), 401, "INVALID_SIGNATURE")
        sender.refused("this job's secret for another", job, github(own), 401, "INVALID_SIGNATURE")
        sender.allowed("the old one for the others", job, github(every))
        sender.allowed("whsec_", job, standard(raw, "msg_whsec"))
        two = standard(raw, "msg_two")
        two["webhook-signature"] = "v1," + base64.b64encode(b"0" * 32).decode() + " " + two["webhook-signature"]
        sender.allowed("two signatures, one good", job, two)
        two = standard(raw, "msg_three")
        two["webhook-signature"] += " v1," + base64.b64encode(b"0" * 32).decode()
        sender.allowed("the good one first", job, two)
        if not isolated:
            sender.refused("a delivery from before the reload", job, again, 409, "WEBHOOK_REPLAYED")
        configure("accept = standard, github\ntolerance_seconds = 60\n")
        daemon.call("POST", "/api/plugins/reload", {})
        sender.refused("a way that is not accepted", job, {"X-Gitlab-Token": every}, 401, "API_KEY_REQUIRED")
        sender.refused("older than the tolerance of now", job, standard(every, "msg_60", off=-70), 401, "SIGNATURE_EXPIRED")
        sender.allowed("within it", job, standard(every, "msg_60", off=-40))
        sender.allowed("one that is, beside it", job, {**github(every), "X-Gitlab-Token": "x"})
        log = daemon.log_file.read_text()
        expect(not any(word in log for word in (every, own, next_own)), "a secret is in the log")
        return sender.judged


if __name__ == "__main__":
    main("webhook-signature", drive)
