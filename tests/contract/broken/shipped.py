#!/usr/bin/env python3
"""usher-plugin-check passes every plugin that we ship and every example, each with a database where it wants one.

    shipped.py --build-dir BUILD [NAME...]
"""
import argparse
import base64
import hashlib
import hmac
import http.server
import json
import pathlib
import re
import secrets
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "plugins"))
from issuer import Issuer, Key, token  # noqa: E402

TOKEN = secrets.token_urlsafe(30)
JOB = "3f0c8a52-5b7e-4c39-9d21-6a0f1be47c11"  # what the checker asks about


class Decider(http.server.BaseHTTPRequestHandler):
    """The service that remote-decision asks."""

    def do_POST(self):
        good = self.headers["Authorization"] == f"Bearer {TOKEN}" and self.headers["X-Usher-Action"] == "job.trigger"
        self.send_response(200 if good else 401)
        if good:
            self.send_header("X-Usher-Principal", "somebody")
        self.end_headers()

    def log_message(self, *_):
        pass


def sign(text):
    return hmac.new(TOKEN.encode(), text.encode(), hashlib.sha256).digest()


def webhooks(folder):
    """The three ways to sign the empty body that the checker sends."""
    now = str(int(time.time()))
    ways = {
        "github": f"X-Hub-Signature-256: sha256={sign('').hex()}\n",
        "gitlab": f"X-Gitlab-Token: {TOKEN}\n",
        "standard": f"webhook-id: msg_1\nwebhook-timestamp: {now}\n"
                    f"webhook-signature: v1,{base64.b64encode(sign(f'msg_1.{now}.')).decode()}\n"}
    for way, header in ways.items():
        (folder / way).write_text(header)
        for plugin in ("webhook-signature", "examples/webhook-signature"):
            yield (plugin, ["--config", f"secret_file={folder}/token", "--allow", f"{folder}/{way}"])


def pipeline(folder):
    """An issuer, and a token of its for the job that the checker names."""
    issuer, key = Issuer(), Key(folder, "k1", "ES256")
    issuer.keys = [key]
    (folder / "oidc.json").write_text(json.dumps({"issuers": [{"issuer": issuer.id, "audience": "usher", "rules": [
        {"jobs": [JOB], "claims": {"repository": "acme/shop"}}]}]}))
    (folder / "pipeline").write_text(f"Authorization: Bearer {token(key, issuer.github())}\n")
    return ("oidc", ["--config", f"rules_file={folder}/oidc.json", "--allow", f"{folder}/pipeline"])


def plugins(folder, decider):
    """(name, what the checker is told beside the file)"""
    (folder / "token").write_text(TOKEN + "\n")
    (folder / "good-header").write_text(f"Authorization: Bearer {TOKEN}\n")
    (folder / "cookie-secret").write_text(secrets.token_urlsafe(40) + "\n")
    (folder / "cookie-secret").chmod(0o600)
    database = ["--config", f"database.url=sqlite://{folder}/state/usher.db"]
    return [
        ("static-token", ["--config", f"token_file={folder}/token", "--allow", f"{folder}/good-header"]),
        ("allow-list-of-one", ["--config", "address=198.51.100.9"]),
        *webhooks(folder),
        ("remote-decision", ["--config", f"url=http://127.0.0.1:{decider}/decide", "--allow", f"{folder}/good-header"]),
        pipeline(folder),
        ("api-key", database),
        ("session", database + ["--config", f"secret_file={folder}/cookie-secret"]),
    ]


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--build-dir", required=True)
    options.add_argument("names", nargs="*")
    options = options.parse_args()
    build = pathlib.Path(options.build_dir).resolve()
    bad = tried = 0
    with tempfile.TemporaryDirectory(prefix="usher-check-") as name:
        folder = pathlib.Path(name)
        (folder / "usherd.conf").write_text(
            f"state_dir = {folder}/state\n[exec]\nsandbox = none\n[plugins]\ndir = {build}/plugins\n"
            "[plugins.api-key]\n[plugins.session]\n")
        migrated = subprocess.run([build / "bin/usherd", "--config", folder / "usherd.conf", "migrate"],
                                  stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
        if migrated.returncode:
            print("FAILED: migrate", migrated.stdout, migrated.stderr)
            return 1
        decider = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Decider)
        threading.Thread(target=decider.serve_forever, daemon=True).start()
        for plugin, words in plugins(folder, decider.server_port):
            file = build / "plugins" / (plugin + ".so")
            if (options.names and plugin not in options.names) or not file.exists():
                continue
            tried += 1
            done = subprocess.run([build / "bin/usher-plugin-check", file, "--seed", "3", *words],
                                  stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300)
            skipped = [line for line in done.stdout.splitlines() if line.startswith("skip")]
            print(f"{plugin}: {done.stdout.splitlines()[-1] if done.stdout else done.stderr}, {len(skipped)} not judged")
            # A checker that cannot create the plugin judges nothing: that would be no pass.
            if done.returncode or re.search("refuses this configuration|fails with this configuration", done.stdout):
                bad += 1
                print(done.stdout + done.stderr)
        decider.shutdown()
    bad += not options.names and tried < 12
    print("FAILED" if bad else f"PASS {tried}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
