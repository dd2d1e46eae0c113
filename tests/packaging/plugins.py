"""The packages of auth plugins in the install test: ours beside API keys, each configured from the file that it brings, and one of
somebody else's."""
import glob
import hashlib
import hmac
import json
import os
import pathlib
import re
import secrets
import ssl

from issuer import Issuer, Key, token
from steps import ctl, expect, request, run, step, until

CONF = "/etc/usher/conf.d/"
CHAINS = CONF + "80-chains.conf"


def of_the_daemon(path, text):
    """A file with a secret, as the manual pages say."""
    pathlib.Path(path).write_text(text)
    run("chown", "root:usher", path)
    os.chmod(path, 0o640)


def fill_in(name, **values):
    """What an operator does: takes the marks off the lines of the file that came with the package, and names his own values."""
    path = pathlib.Path(CONF, name)
    text = re.sub(r"^#(?=\[|[a-z_]+ = .)", "", path.read_text(), flags=re.MULTILINE)
    for key, value in values.items():
        text, found = re.subn(rf"^#?{key} =.*$", f"{key} = {value}", text, flags=re.MULTILINE)
        expect(found == 1, f"{name} has {found} lines of {key}")
    path.write_text(text)
    expect(run("stat", "-c", "%a %U:%G", str(path)).strip() == "640 root:usher", f"{name} is no longer the daemon's")


def sign(secret, body):
    return {"X-Hub-Signature-256": "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}


def judged(plugin, *words):
    """usher-plugin-check, which has no configuration of this daemon, says nothing bad of it."""
    said = ctl("plugin", "check", plugin, *words)
    expect("FAIL" not in said, said)
    print("   " + said.strip().splitlines()[-1])


def issuer_with(authority):
    """An issuer behind TLS whose certificate is its own authority, left in this file."""
    run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=issuer",
        "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", "/tmp/issuer.key", "-out", "/tmp/issuer.crt")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain("/tmp/issuer.crt", "/tmp/issuer.key")
    of_the_daemon(authority, pathlib.Path("/tmp/issuer.crt").read_text())
    return Issuer(tls=context)


def our_plugins(manager, daemon, job):
    step("the plugins oidc and webhook-signature: checked, configured from their own files, asked")
    for name in ("usherd-auth-oidc", "usherd-auth-webhook"):
        expect(manager.needs_the_interface(name), f"{name}'s dependency")
    folder = os.path.dirname(glob.glob("/usr/lib*/usher/plugins/oidc.so")[0])
    secret = secrets.token_hex(32)
    of_the_daemon("/etc/usher/webhook-secrets", secret + "\n")
    of_the_daemon("/etc/usher/webhook-job-secrets", "")
    issuer, rsa = issuer_with("/etc/usher/issuer.pem"), Key("/tmp", "one")
    issuer.keys = [rsa]
    rules = {"issuers": [{"issuer": issuer.id, "audience": "usher",
                          "rules": [{"jobs": [job], "claims": {"repository": "acme/shop", "ref": "refs/heads/main"}}]}]}
    of_the_daemon("/etc/usher/oidc.json", json.dumps(rules))
    judged(f"{folder}/webhook-signature.so", "--config", "secret_file=/etc/usher/webhook-secrets")
    judged(f"{folder}/oidc.so", "--config", "rules_file=/etc/usher/oidc.json")

    fill_in("60-webhook-signature.conf")
    fill_in("60-oidc.conf", ca_file="/etc/usher/issuer.pem")
    # Each file's chain has its own plugin beside api-key; who uses both names both.
    of_the_daemon(CHAINS, "[auth]\ntrigger = api-key, oidc, webhook-signature\nrun = api-key, oidc, session\n")
    run("usherd", "--check-config")
    daemon.restart()
    listed = ctl("plugin", "list")
    for name in ("oidc", "webhook-signature"):
        expect(re.search(rf"^{name}\b", listed, re.MULTILINE), listed)
    path, body = f"/api/jobs/{job}/trigger?wait=60", b"{}"

    def asked(what, want, *how, **more):
        status, answer = request("POST", path, *how, body=body, **more)
        expect((status, answer.get("code")) == want, f"{what} was answered {status} {answer}")

    asked("a signed body", (200, None), headers=sign(secret, body))
    asked("a body that was signed by somebody else", (401, "INVALID_SIGNATURE"), headers=sign(secret[::-1], body))
    asked("a pipeline's token", (200, None), token(rsa, issuer.github()))
    asked("the token of another repository", (403, "TOKEN_NOT_AUTHORIZED"), token(rsa, issuer.github(repository="evil/shop")))
    asked("a token that another key has signed", (401, "INVALID_TOKEN_SIGNATURE"),
          token(rsa, issuer.github(), sign=Key("/tmp", "stranger").sign))
    issuer.down()


def removed_but_named(manager, daemon, job):
    step("a plugin's package is removed while the configuration names it: said, line by line, and nobody let in")
    own = pathlib.Path(CONF, "60-webhook-signature.conf")
    path, body = f"/api/jobs/{job}/trigger?wait=60", b"{ }"
    signed = sign(pathlib.Path("/etc/usher/webhook-secrets").read_text().strip(), body)
    said = manager.remove("usherd-auth-webhook")
    complaint = (f"{CHAINS}:2: [auth] trigger: there is no plugin webhook-signature at "
                 f"{os.path.dirname(glob.glob('/usr/lib*/usher/plugins/oidc.so')[0])}/webhook-signature.so: "
                 "install its package (usherd-auth-webhook)")
    for words in (complaint, "usherd is not restarted"):
        expect(words in said, f"the removal did not say '{words}': {said}")
    status, answer = request("POST", path, headers=signed, body=body)
    expect(status == 200, f"the daemon that runs should go on with what it has loaded: {status} {answer}")
    until(lambda: "webhook-signature.so is gone" in json.dumps(request("GET", "/readyz")), 30, "readyz says that the file is gone")
    daemon.stop()
    refused = daemon.refuses_to_start()
    expect(refused.returncode == 2 and complaint in refused.stderr, f"it ended with {refused.returncode}: {refused.stderr}")
    manager.install("usherd-auth-webhook")
    if (kept := own.with_name(own.name + ".rpmsave")).exists():
        kept.rename(own)
    daemon.start()
    status, answer = request("POST", path, headers=signed, body=body + b" ")
    expect(status == 401, f"a signature of another body: {status} {answer}")


def forget_our_plugins():
    """What the operator made beside the packages, and must take away himself."""
    for path in (CHAINS, "/etc/usher/webhook-secrets", "/etc/usher/webhook-job-secrets", "/etc/usher/oidc.json",
                 "/etc/usher/issuer.pem"):
        os.unlink(path)


def somebody_elses(manager, daemon, job, key):
    step("a plugin of somebody else's, built with usher-plugin-dev alone")
    source, other = "/work/usher-auth-static-token", "a-token-of-somebody-else-0123456789"
    os.makedirs("/work")
    run("cp", "-r", "/usr/share/doc/usher-plugin-dev/examples/static-token", source)
    for packed in glob.glob(source + "/*.gz"):
        run("gunzip", packed)
    package = manager.package(source)
    of_the_daemon("/etc/usher/static-token", other + "\n")
    manager.install(package)
    expect(manager.needs_the_interface("usher-auth-static-token"), "the other plugin's dependency")
    daemon.restart()
    path = f"/api/jobs/{job}/trigger"
    status, _ = request("POST", path, key)
    expect(status == 401, f"the key of the other plugin was answered {status}")
    status, body = request("POST", path + "?wait=60", other)
    expect(status == 200 and "passed" in json.dumps(body), f"the token was answered {status} {body}")
    manager.purge("usher-auth-static-token")
    os.unlink("/etc/usher/static-token")
    daemon.restart()
    status, _ = request("POST", path, other)
    expect(status == 401, f"the token still works: {status}")
