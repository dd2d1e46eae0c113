#!/usr/bin/env python3
"""The plugin oidc and issuers over TLS: whose server is believed is decided by ca_file alone. Certificates are made by
openssl, servers listen on loopback.

    tests/plugins/oidc_tls.py --build-dir build/dev
"""
import json
import ssl

from oidc import Client, Daemon, Key, Pipeline, expect, main, until
from issuer import Issuer, openssl, token

DAY = ("-days", "1", "-sha256")


class Authority:
    def __init__(self, folder, name):
        self.folder, self.key, self.certificate = folder, folder / (name + "-ca.key"), folder / (name + "-ca.pem")
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", *DAY,
                "-subj", f"/CN={name} authority", "-addext", "basicConstraints=critical,CA:TRUE",
                "-keyout", str(self.key), "-out", str(self.certificate))

    def server(self, name, address):
        """A context with a certificate for this address."""
        key, certificate, extensions = (self.folder / (name + end) for end in (".key", ".pem", ".ext"))
        request = openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                          "-subj", "/CN=issuer", "-keyout", str(key))
        extensions.write_text(f"subjectAltName={address}\n")
        certificate.write_bytes(openssl("x509", "-req", *DAY, "-CA", str(self.certificate), "-CAkey", str(self.key),
                                        "-CAcreateserial", "-extfile", str(extensions), text=request))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        return context


def drive(args, database):
    with Daemon(args.build_dir, database) as daemon:
        ours, theirs = Authority(daemon.folder, "ours"), Authority(daemon.folder, "theirs")
        issuers = {"good": Issuer(tls=ours.server("good", "IP:127.0.0.1")),
                   "of another authority": Issuer(tls=theirs.server("stranger", "IP:127.0.0.1")),
                   "with another's name": Issuer(tls=ours.server("other", "DNS:issuer.example.test"))}
        key = Key(daemon.folder, "rsa-1")
        daemon.start()
        job = daemon.job("true")
        daemon.end()
        rules = daemon.folder / "oidc.json"
        rules.write_text(json.dumps({"issuers": [
            {"issuer": issuer.id, "audience": "usher", "rules": [{"jobs": [job], "claims": {"repository": "acme/shop"}}]}
            for issuer in issuers.values()]}))
        judged = 0
        for isolation in ("inproc", "process"):
            for authority in (ours.certificate, None):
                daemon.write_config(
                    daemon.config, daemon.folder / "state", daemon.port,
                    "[auth]\ntrigger = oidc, api-key\nthrottle_exempt = 127.0.0.1\n[plugins.oidc]\n"
                    f"rules_file = {rules}\nrefetch_seconds = 1\nisolation = {isolation}\n"
                    + (f"ca_file = {authority}\n" if authority else ""))
                for issuer in issuers.values():
                    issuer.keys, issuer.fetches = [key], 0
                daemon.start()
                pipeline = Pipeline(daemon)
                for what, issuer in issuers.items():
                    jwt = token(key, issuer.github())
                    if authority and what == "good":
                        until(f"{isolation}: an issuer of our authority", lambda t=jwt: pipeline.ask(t, job).status == 202)
                    else:
                        pipeline.refused(f"{isolation}: an issuer {what}, ca_file {authority}", jwt, job, "AUTH_UNAVAILABLE", 503)
                        expect(issuer.fetches == 0, f"{isolation}: an issuer {what} was asked for keys")
                    judged += 1
                pipeline.client.close()
                away = issuers["of another authority" if authority else "good"].id  # the first
                until("readyz says whose keys are missing", lambda a=away: a in (
                    ready := Client(daemon.port).request("GET", "/readyz")).body.decode() and ready.status == 503)
                daemon.end()
        for issuer in issuers.values():
            issuer.down()
        return f"{judged} issuers over TLS judged"


if __name__ == "__main__":
    main("oidc-tls", drive, databases=("sqlite",))
