"""An OpenID Connect issuer of our own on loopback: signs identity tokens as GitHub Actions and GitLab CI do, and can be
made to misbehave. Keys and signatures are openssl's."""
import base64
import hashlib
import hmac
import http.server
import json
import pathlib
import subprocess
import threading
import time


def b64(data):
    return base64.urlsafe_b64encode(data if isinstance(data, bytes) else data.encode()).rstrip(b"=").decode()


def openssl(*words, text=b""):
    return subprocess.run(["openssl", *words], input=text, capture_output=True, timeout=30, check=True).stdout


class Key:
    """kind: RS256 or ES256."""

    def __init__(self, folder, kid, kind="RS256", bits=2048):
        self.kid, self.kind, self.file = kid, kind, pathlib.Path(folder) / (kid + ".pem")
        made = ("genrsa", str(bits)) if kind == "RS256" else ("ecparam", "-name", "prime256v1", "-genkey", "-noout")
        self.file.write_bytes(openssl(*made))
        self.public = openssl("pkey", "-in", self.file, "-pubout")
        self.jwk = {"kid": kid, "use": "sig", "alg": kind}
        if kind == "RS256":
            modulus = openssl("rsa", "-in", self.file, "-noout", "-modulus").decode().strip().partition("=")[2]
            self.jwk |= {"kty": "RSA", "n": b64(bytes.fromhex(modulus)), "e": "AQAB"}
        else:
            point = openssl("pkey", "-in", self.file, "-pubout", "-outform", "DER")[-64:]
            self.jwk |= {"kty": "EC", "crv": "P-256", "x": b64(point[:32]), "y": b64(point[32:])}

    def sign(self, text):
        der = openssl("dgst", "-sha256", "-sign", str(self.file), text=text)
        if self.kind == "RS256":
            return der
        first = der[4:4 + der[3]]
        second = der[6 + der[3]:]
        return b"".join(int.from_bytes(number, "big").to_bytes(32, "big") for number in (first, second))


def hs256(secret):
    return lambda text: hmac.new(secret, text, hashlib.sha256).digest()


def token(key, claims, header=None, sign=None):
    """`header` and `claims` may be bytes, and then stand there to the letter."""
    head = {"alg": key.kind, "kid": key.kid, "typ": "JWT", **header} if isinstance(header, dict) else header
    head = head or {"alg": key.kind, "kid": key.kid, "typ": "JWT"}
    parts = [part if isinstance(part, bytes) else json.dumps(part).encode() for part in (head, claims)]
    text = ".".join(b64(part) for part in parts).encode()
    return (text + b"." + b64((sign or key.sign)(text)).encode()).decode()


class Issuer:
    """Serves `keys` as long as it is up; over TLS when given a context. `mode`: good, down (500), slow, drip, garbage, huge,
    redirect, impostor (its discovery document is another's),
    query (its keys have an address that is none), alien (keys of other kinds alone)."""

    def __init__(self, port=0, tls=None):
        self.keys, self.mode, self.fetches, self.port, self.tls = [], "good", 0, port, tls
        self.server = None
        self.up()

    def up(self):
        issuer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                try:
                    issuer.serve(self)
                except OSError:
                    pass

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.server.daemon_threads = True
        if self.tls:  # the handshake is the connection's own thread's business
            self.server.socket = self.tls.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
            self.server.handle_error = lambda *_: None
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def down(self):
        self.server.shutdown()
        self.server.server_close()

    @property
    def id(self):
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    def serve(self, request):
        if request.path == "/.well-known/openid-configuration":
            name = "https://example.test" if self.mode == "impostor" else self.id
            return self.send(request, {"issuer": name, "jwks_uri": self.id + "/keys" + ("?all" if self.mode == "query" else "")})
        self.fetches += 1
        # Whoever does not look at the status, or follows, finds keys.
        keys = {"keys": [key if isinstance(key, dict) else key.jwk for key in self.keys]}
        if self.mode == "down":
            return self.send(request, keys, 500)
        if self.mode == "redirect" and request.path != "/elsewhere":
            return self.send(request, {}, 302, {"Location": self.id + "/elsewhere"})
        if self.mode == "alien":
            return self.send(request, {"keys": [{"kid": "oct", "kty": "oct", "k": b64(b"0" * 32)}]})
        if self.mode == "slow":
            time.sleep(10)
        if self.mode == "drip":
            request.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
            for _ in range(100):
                time.sleep(0.1)
                request.wfile.write(b"x")
        if self.mode == "garbage":
            return self.send(request, b'{"keys": [}')
        if self.mode == "huge":
            return self.send(request, json.dumps(keys).encode() + b" " * 400_000)
        return self.send(request, keys)

    def send(self, request, body, status=200, more=None):
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        request.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(body)), **(more or {})}.items():
            request.send_header(name, value)
        request.end_headers()
        request.wfile.write(body)

    def github(self, **more):
        """What GitHub Actions says of a job."""
        now = int(time.time())
        return {"iss": self.id, "aud": "usher", "sub": "repo:acme/shop:ref:refs/heads/main", "iat": now, "nbf": now - 60,
                "exp": now + 300, "repository": "acme/shop", "repository_id": "4711", "ref": "refs/heads/main",
                "environment": "production", "run_attempt": "1", **more}

    def gitlab(self, **more):
        """What GitLab CI says of a job."""
        now = int(time.time())
        return {"iss": self.id, "aud": ["other", "usher"], "sub": "project_path:acme/tools:ref_type:tag:ref:v1.2",
                "iat": now, "nbf": now, "exp": now + 300, "project_path": "acme/tools", "ref": "v1.2", "ref_type": "tag",
                "ref_protected": "true", "job_id": "99", **more}
