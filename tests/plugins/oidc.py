#!/usr/bin/env python3
"""The plugin oidc as a pipeline meets it: whose token starts a run, which words refuse the others, and what happens when
the issuer changes its keys, is away, or is slow. On both databases; in the daemon's process, then in one of its own.

    tests/support/with-postgres tests/plugins/oidc.py --build-dir build/dev
"""
import json
import os
import pathlib
import re
import secrets
import sys
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "faults")]
from daemon import Client, Daemon, expect, main, until  # noqa: E402
from issuer import Issuer, Key, b64, hs256, token  # noqa: E402


class Pipeline:
    def __init__(self, daemon):
        self.daemon, self.client, self.judged = daemon, Client(daemon.port), 0

    def ask(self, jwt, job, scheme="Bearer"):
        return self.client.request("POST", f"/api/jobs/{job}/trigger", {"Authorization": f"{scheme} {jwt}"})

    def allowed(self, what, jwt, job):
        answer = self.ask(jwt, job)
        expect(answer.status == 202, f"{what}: {answer}")
        self.judged += 1
        return answer

    def refused(self, what, jwt, job, code, status=401):
        answer = self.ask(jwt, job)
        expect((answer.status, answer.code()) == (status, code), f"{what}: wanted {status} {code}, got {answer}")
        if status == 401:
            expect(answer.headers.get("www-authenticate", "").startswith("Bearer"), f"{what}: {answer.headers}")
        self.judged += 1
        return answer


def inheritable_sockets(process):
    """Of the daemon and its children, beside what they were started with: what is not close-on-exec."""
    children = pathlib.Path(f"/proc/{process}/task/{process}/children").read_text().split()
    return [(str(fd), os.readlink(fd)) for pid in (process, *children) for fd in pathlib.Path(f"/proc/{pid}/fd").iterdir()
            if int(fd.name) > 2 and os.readlink(fd).startswith("socket:")
            and not int(re.search(r"flags:\s*(\d+)", pathlib.Path(f"/proc/{pid}/fdinfo/{fd.name}").read_text())[1], 8) & os.O_CLOEXEC]


def twice(claims, name, value):
    """The JSON of `claims` with a name that stands there twice."""
    return json.dumps(claims).encode()[:-1] + f', "{name}": {json.dumps(value)}}}'.encode()


def wrong_tokens(issuer, rsa, elliptic, folder):
    """(what, token, code)"""
    now, good = int(time.time()), issuer.github()
    whole = token(rsa, good)
    head, body, signature = whole.split(".")
    stranger = Key(folder, "stranger-" + secrets.token_hex(4))
    as_rsa = Key(folder, "copy-" + secrets.token_hex(4))
    as_rsa.kid = rsa.kid

    def without(name):
        return {key: value for key, value in good.items() if key != name}

    form, sign, alg = "INVALID_TOKEN_FORMAT", "INVALID_TOKEN_SIGNATURE", "UNSUPPORTED_ALGORITHM"
    yield "alg none, no signature", b64(b'{"alg":"none","kid":"%s"}' % rsa.kid.encode()) + f".{body}.", alg
    yield "alg None", token(rsa, good, {"alg": "None"}), alg
    yield "HS256 with the public key", token(rsa, good, {"alg": "HS256"}, hs256(rsa.public)), alg
    yield "HS256 with the key's text", token(rsa, good, {"alg": "HS256"}, hs256(json.dumps(rsa.jwk).encode())), alg
    yield "RS384", token(rsa, good, {"alg": "RS384"}), alg
    yield "PS256", token(rsa, good, {"alg": "PS256"}), alg
    yield "ES256 by an RSA key", token(rsa, good, {"alg": "ES256"}), sign
    yield "RS256 by an elliptic key", token(elliptic, good, {"alg": "RS256"}), sign
    yield "signed by a stranger, with the right kid", token(as_rsa, good), sign
    yield "a key in the token itself", token(as_rsa, good, {"jwk": as_rsa.jwk}), sign
    yield "another kid", token(rsa, good, {"kid": elliptic.kid}), sign
    yield "other claims below the signature", f"{head}.{b64(json.dumps(issuer.github(exp=now + 9000)))}.{signature}", sign
    yield "a byte more", f"{head}.{body}.{b64(rsa.sign(f'{head}.{body}'.encode()) + bytes(1))}", sign
    some = token(elliptic, issuer.gitlab()).rpartition(".")[0]
    yield "a byte more, elliptic", f"{some}.{b64(elliptic.sign(some.encode()) + bytes(1))}", sign
    yield "an empty signature", f"{head}.{body}.", sign
    yield "a signature of zeros", f"{head}.{body}.{b64(bytes(256))}", sign
    yield "half a signature", f"{head}.{body}.{b64(bytes(128))}", sign
    yield "a kid that nobody has", token(stranger, good), "UNKNOWN_KEY"
    yield "no kid", token(rsa, good, {"kid": None}), form
    yield "crit", token(rsa, good, {"crit": ["exp"]}), form
    yield "another type", token(rsa, good, {"typ": "logout+jwt"}), form
    yield "two algorithms", token(rsa, good, b'{"alg":"RS256","kid":"%s","alg":"none"}' % rsa.kid.encode()), form
    yield "two repositories", token(rsa, twice(issuer.github(repository="evil/shop"), "repository", "acme/shop")), form
    yield "two issuers", token(rsa, twice(good, "iss", "http://127.0.0.1:1")), form
    yield "padding", f"{head}.{body}.{signature}==", form
    yield "left-over bits", whole[:-1] + chr(ord(whole[-1]) + 1 if whole[-1] in "AQgw" else ord("A")), form
    yield "claims that are a list", token(rsa, b"[]"), form
    yield "no JSON", token(rsa, b"{"), form
    yield "too long", token(rsa, issuer.github(filler="x" * 13_000)), form
    yield "another issuer", token(rsa, {**good, "iss": "https://token.actions.githubusercontent.com"}), "UNKNOWN_ISSUER"
    yield "an issuer with a slash more", token(rsa, {**good, "iss": issuer.id + "/"}), "UNKNOWN_ISSUER"
    yield "no issuer", token(rsa, without("iss")), form
    yield "expired", token(rsa, issuer.github(exp=now - 40)), "TOKEN_EXPIRED"
    yield "expired long ago", token(rsa, issuer.github(exp=0)), "TOKEN_EXPIRED"
    yield "not before a while", token(rsa, issuer.github(nbf=now + 60)), "TOKEN_NOT_YET_VALID"
    yield "made in the future", token(rsa, issuer.github(iat=now + 60)), "TOKEN_NOT_YET_VALID"
    yield "another audience", token(rsa, issuer.github(aud="https://github.com/acme")), "WRONG_AUDIENCE"
    yield "an audience more", token(rsa, issuer.github(aud="usher2")), "WRONG_AUDIENCE"
    yield "no audience", token(rsa, without("aud")), "WRONG_AUDIENCE"
    yield "an audience that is no text", token(rsa, issuer.github(aud={"usher": 1})), "WRONG_AUDIENCE"
    yield "no exp", token(rsa, without("exp")), "INVALID_TOKEN_CLAIMS"
    yield "no iat", token(rsa, without("iat")), "INVALID_TOKEN_CLAIMS"
    yield "no sub", token(rsa, without("sub")), "INVALID_TOKEN_CLAIMS"
    yield "exp as text", token(rsa, issuer.github(exp=str(now + 300))), "INVALID_TOKEN_CLAIMS"
    yield "nbf as text", token(rsa, issuer.github(nbf="0")), "INVALID_TOKEN_CLAIMS"
    yield "not three parts", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJyb290In0", "TOKEN_REQUIRED"


def not_authorized(issuer, rsa):
    yield "another repository", token(rsa, issuer.github(repository="acme/other"))
    yield "a repository that only begins so", token(rsa, issuer.github(repository="acme/shopping"))
    yield "a repository in other letters", token(rsa, issuer.github(repository="Acme/Shop"))
    yield "another branch", token(rsa, issuer.github(ref="refs/heads/feature"))
    yield "a branch below the tags' pattern", token(rsa, issuer.github(ref="refs/tags/v1/x"))
    yield "no environment", token(rsa, {k: v for k, v in issuer.github().items() if k != "environment"})
    yield "a claim that is a list", token(rsa, issuer.github(repository=["acme/shop"]))


def write_rules(daemon, issuer, other, shop, tools):
    rules = daemon.folder / "oidc.json"
    shops = {"jobs": [shop], "claims": {"repository": "acme/shop", "environment": "production",
                                        "ref": ["refs/heads/main", "refs/tags/v*"]}}
    rules.write_text(json.dumps({"issuers": [
        {"issuer": issuer.id, "audience": "usher", "rules": [
            shops, {"jobs": [tools.upper()], "claims": {"project_path": "acme/**", "ref_protected": "true"}}]},
        {"issuer": other.id, "audience": "usher", "rules": [shops]}]}))
    return rules


def drive(args, database):
    return " and ".join(judge(args, database, isolated) for isolated in (False, True)) + " tokens judged"


def judge(args, database, isolated):
    issuer, other = Issuer(), Issuer()
    with Daemon(args.build_dir, database) as daemon:
        daemon.start()
        shop, tools = daemon.job("true"), daemon.job("true")
        daemon.end()
        daemon.write_config(
            daemon.config, daemon.folder / "state", daemon.port,
            "[auth]\ntrigger = oidc, api-key\nrun = oidc, api-key, session\nmanage = oidc, session\nthrottle_exempt = 127.0.0.1\n"
            f"[plugins.oidc]\nrules_file = {write_rules(daemon, issuer, other, shop, tools)}\n"
            "refetch_seconds = 1\nrefresh_seconds = 30\nfetch_timeout_ms = 1000\n"
            f"isolation = {'process' if isolated else 'inproc'}\n")
        rsa, elliptic = Key(daemon.folder, "rsa-1"), Key(daemon.folder, "ec-1", "ES256")
        issuer.keys = [rsa, elliptic, {"kid": "oct", "kty": "oct", "k": b64(b"0" * 32)}]
        twin = Key(daemon.folder, "twin")
        twin.kid, other.keys = rsa.kid, [twin.jwk | {"kid": rsa.kid}]
        daemon.start()
        pipeline = Pipeline(daemon)
        tokens(pipeline, issuer, rsa, elliptic, shop, tools)
        two_issuers(pipeline, issuer, other, rsa, twin, shop)
        rotation(pipeline, issuer, rsa, elliptic, shop)
        outages(pipeline, issuer, rsa, shop)
        stale(pipeline, issuer, rsa, shop)
        log = daemon.log_file.read_text()
        expect("eyJ" not in log, "a token is in the log")
        issuer.down()
        other.down()
        return ("isolated " if isolated else "") + str(pipeline.judged)


def tokens(pipeline, issuer, rsa, elliptic, shop, tools):
    run = pipeline.allowed("GitHub, RS256", token(rsa, issuer.github()), shop).run()
    pipeline.allowed("GitLab, ES256", token(elliptic, issuer.gitlab()), tools)
    pipeline.allowed("a tag", token(rsa, issuer.github(ref="refs/tags/v1.2")), shop)
    pipeline.allowed("expired within the leeway", token(rsa, issuer.github(exp=int(time.time()) - 5)), shop)
    pipeline.allowed("made a little ahead of us", token(rsa, issuer.github(iat=int(time.time()) + 20, nbf=int(time.time()) + 20)), shop)
    pipeline.allowed("the type in small letters", token(rsa, issuer.github(), {"typ": "jwt"}), shop)
    pipeline.allowed("a project two groups down", token(elliptic, issuer.gitlab(project_path="acme/a/tools")), tools)
    answer = pipeline.ask(token(rsa, issuer.github()), shop, "bearer")
    expect(answer.status == 202, f"the scheme in small letters: {answer}")
    answer = pipeline.ask(token(rsa, issuer.github()), shop, "Basic")
    expect((answer.status, answer.code()) == (401, "TOKEN_REQUIRED"), f"another scheme: {answer}")
    good = ("Authorization", "Bearer " + token(rsa, issuer.github()))
    for pair in ([good, good], [good, ("authorization", "Bearer x")], [("Authorization", "Bearer x"), good]):
        answer = pipeline.client.request("POST", f"/api/jobs/{shop}/trigger", pair)
        expect(answer.status == 400, f"two Authorization fields: {answer}")
    key = pipeline.daemon.key(shop)[1]
    pipeline.allowed("a key, as ever", key, shop)
    before = len(pipeline.daemon.runs())
    for what, jwt, code in wrong_tokens(issuer, rsa, elliptic, pipeline.daemon.folder):
        pipeline.refused(what, jwt, shop, code)
    for what, jwt in not_authorized(issuer, rsa):
        pipeline.refused(what, jwt, shop, "TOKEN_NOT_AUTHORIZED", 403)
    pipeline.refused("for another job", token(rsa, issuer.github()), tools, "TOKEN_NOT_AUTHORIZED", 403)
    pipeline.refused("no token", "", shop, "TOKEN_REQUIRED")
    expect(len(pipeline.daemon.runs()) == before, "refused, and yet there is a run")

    def read(jwt, method="GET", path=""):
        return pipeline.client.request(method, f"/api/runs/{run}{path}", {"Authorization": "Bearer " + jwt})

    answer = read(token(rsa, issuer.github(run_attempt="2")))
    expect(answer.status == 200 and answer.json()["triggeredBy"] == "acme/shop@refs/heads/main", f"reads its run: {answer}")
    answer = read(token(elliptic, issuer.gitlab()))
    expect((answer.status, answer.code()) == (403, "TOKEN_NOT_AUTHORIZED"), f"reads another's run: {answer}")
    answer = read(token(elliptic, issuer.gitlab()), "POST", "/cancel")
    expect((answer.status, answer.code()) == (403, "TOKEN_NOT_AUTHORIZED"), f"cancels another's run: {answer}")
    answer = read(token(rsa, issuer.github()), "POST", "/cancel")
    expect(answer.status in (200, 202, 409), f"cancels its run: {answer}")
    # Asked about anything else it has nothing to say, whoever it is.
    for method, path in (("GET", "/api/jobs"), ("GET", f"/api/jobs/{shop}"), ("DELETE", f"/api/jobs/{shop}")):
        answer = pipeline.client.request(method, path, {"Authorization": "Bearer " + token(rsa, issuer.github())})
        expect(answer.status == 401, f"a token opens another door: {method} {path}: {answer}")


def two_issuers(pipeline, issuer, other, rsa, twin, shop):
    """The other has a key of the same name: each signs for itself alone, and its pipelines are others."""
    run = pipeline.allowed("the other issuer", token(twin, other.github()), shop).run()
    pipeline.refused("the other's key for this one", token(twin, issuer.github()), shop, "INVALID_TOKEN_SIGNATURE")
    pipeline.refused("this one's key for the other", token(rsa, other.github()), shop, "INVALID_TOKEN_SIGNATURE")
    answer = pipeline.client.request("GET", f"/api/runs/{run}", {"Authorization": "Bearer " + token(rsa, issuer.github())})
    expect((answer.status, answer.code()) == (403, "TOKEN_NOT_AUTHORIZED"), f"reads a run of the other issuer's: {answer}")


def rotation(pipeline, issuer, rsa, elliptic, shop):
    time.sleep(1.1)  # refetch_seconds
    new = Key(pipeline.daemon.folder, "rsa-2")
    issuer.keys = [new]
    pipeline.allowed("a new key, at once", token(new, issuer.github()), shop)
    pipeline.refused("the key that went", token(rsa, issuer.github()), shop, "UNKNOWN_KEY")
    before = issuer.fetches
    for i in range(60):  # made-up kids: refused, and the issuer hardly notices
        pipeline.refused("a made-up kid", token(rsa, issuer.github(), {"kid": f"k{i}"}, lambda _: b"0" * 256), shop, "UNKNOWN_KEY")
    expect(issuer.fetches - before <= 5, f"{issuer.fetches - before} fetches for 60 made-up kids")
    for kind, change in {"too short": Key(pipeline.daemon.folder, "short", bits=1024).jwk,
                         "for encryption": {**rsa.jwk, "use": "enc"},
                         "for another algorithm": {**rsa.jwk, "alg": "RS512"},
                         "of a private text": {"kid": rsa.kid, "kty": "oct", "k": b64(rsa.public)}}.items():
        time.sleep(1.1)
        issuer.keys = [new, change]
        odd = rsa if change["kid"] == rsa.kid else Key(pipeline.daemon.folder, "short", bits=1024)
        pipeline.refused(f"a key {kind}", token(odd, issuer.github()), shop, "UNKNOWN_KEY")
    time.sleep(1.1)
    issuer.keys = [new, rsa, {**elliptic.jwk, "kid": rsa.kid}]
    pipeline.refused("a kid that stands there twice", token(rsa, issuer.github()), shop, "UNKNOWN_KEY")
    time.sleep(1.1)
    issuer.keys = [new, rsa]
    pipeline.allowed("the first key again", token(rsa, issuer.github()), shop)


def outages(pipeline, issuer, rsa, shop):
    daemon = pipeline.daemon
    for mode in ("down", "redirect", "garbage", "huge", "slow", "drip", "impostor", "query", "alien"):
        issuer.mode = mode
        late = Key(daemon.folder, "late-" + mode)
        issuer.keys.append(late)
        time.sleep(1.1)
        begin = time.monotonic()
        pipeline.refused(f"an unknown key, issuer {mode}", token(late, issuer.github()), shop, "AUTH_UNAVAILABLE", 503)
        expect(time.monotonic() - begin < 2, f"issuer {mode}: the answer took {time.monotonic() - begin:.1f} s")
        begin = time.monotonic()
        pipeline.allowed(f"a known key, issuer {mode}", token(rsa, issuer.github()), shop)
        expect(time.monotonic() - begin < 1, f"issuer {mode}: a known key took {time.monotonic() - begin:.1f} s")
        issuer.mode = "good"
        until(f"{mode} is over", lambda: pipeline.ask(token(late, issuer.github()), shop).status == 202)
    # A slow issuer is felt by those alone who need it.
    time.sleep(1.1)
    issuer.mode = "slow"
    jwt, known = token(rsa, issuer.github(), {"kid": "unheard-of"}), token(rsa, issuer.github())
    waits = [threading.Thread(target=lambda: Client(daemon.port).request(
        "POST", f"/api/jobs/{shop}/trigger", {"Authorization": "Bearer " + jwt})) for _ in range(40)]
    for thread in waits:
        thread.start()
    expect(not (open_to_all := inheritable_sockets(daemon.process.pid)), f"programs would inherit {open_to_all}")
    for _ in range(10):
        begin = time.monotonic()
        pipeline.allowed("a known key beside 40 that wait", known, shop)
        expect(time.monotonic() - begin < 1, f"a known key beside 40 that wait took {time.monotonic() - begin:.1f} s")
    for thread in waits:
        thread.join(10)
    issuer.mode = "good"
    # Away when the daemon starts: 503, not ready; then good by itself.
    daemon.end()
    issuer.down()
    daemon.start()
    pipeline.client.close()
    pipeline.refused("no keys at all", known, shop, "AUTH_UNAVAILABLE", 503)
    until("readyz says whose keys are missing", lambda: issuer.id in (
        ready := Client(daemon.port).request("GET", "/readyz")).body.decode() and ready.status == 503)
    issuer.up()
    until("keys after the outage", lambda: pipeline.ask(token(rsa, issuer.github()), shop).status == 202, 12)


def stale(pipeline, issuer, rsa, shop):
    """Keys are good for a while when the issuer is away, and no longer."""
    daemon = pipeline.daemon
    daemon.end()
    daemon.config.write_text(daemon.config.read_text().replace("refresh_seconds = 30\n", "refresh_seconds = 1\nstale_seconds = 4\n"))
    daemon.start()
    pipeline.client.close()
    known = token(rsa, issuer.github())
    until("keys", lambda: pipeline.ask(known, shop).status == 202)
    issuer.mode = "down"
    time.sleep(2)
    pipeline.allowed("the issuer away, keys of before", known, shop)
    time.sleep(3.5)
    pipeline.refused("the issuer away for too long", known, shop, "AUTH_UNAVAILABLE", 503)
    issuer.mode = "good"
    until("keys after that", lambda: pipeline.ask(known, shop).status == 202, 12)


if __name__ == "__main__":
    main("oidc", drive)
