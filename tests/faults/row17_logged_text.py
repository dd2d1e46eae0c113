#!/usr/bin/env python3
"""Whatever is logged is one clean line: control characters, ANSI sequences, line breaks and values of 1 MB in everything that
a client can name never start a line, colour a terminal or fill the disk."""
import json
import socket
import time

from daemon import Client, Daemon, expect, main

EVIL = {"line break": "a\nERROR usherd forged\n", "carriage return": "a\rERROR forged", "ANSI": "\x1b[31mred\x1b[2J\x1b]0;title\x07",
        "C1": "\u009b31m\u0085next", "NUL": "a\0b", "backspace": "a\b\b\b\x7f", "line separator": "a\u2028b\u2029c", "bidi": "\u202eabc\u2066",
        "1 MB": "x" * 1_000_000, "tab": "a\tb", "quotes": "\" key=value \\", "format": "%s%n%x {} ${x}", "lone": "\udcff"}


def raw(port, data):
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        try:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(65536):
                pass
        except OSError:
            pass


def fault(args, database):
    with Daemon(args.build_dir, database, "capacity = 0\n[log]\nlevel = debug").start() as d:
        job = d.job("true")
        _, key = d.key(job)
        client = Client(d.port)
        admin = {"Authorization": "Bearer " + d.admin_token, "Content-Type": "application/json"}
        begin = d.log_file.stat().st_size
        asked = 0
        for text in EVIL.values():
            data = text.encode("utf-8", "surrogateescape")
            for head in (b"GET /" + data + b" HTTP/1.1\r\nHost: x\r\n\r\n", data + b" / HTTP/1.1\r\nHost: x\r\n\r\n",
                         b"GET / HTTP/1.1\r\nHost: " + data + b"\r\n\r\n", b"GET / HTTP/1.1\r\nHost: x\r\nUser-Agent: " + data + b"\r\n\r\n",
                         b"GET / HTTP/1.1\r\nHost: x\r\nX-Request-Id: " + data + b"\r\nX-Forwarded-For: " + data + b"\r\n\r\n",
                         b"POST /api/jobs/" + job.encode() + b"/trigger HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + data + b"\r\n\r\n",
                         b"POST /api/jobs/" + job.encode() + b"/trigger HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + key.encode()
                         + b"\r\nIdempotency-Key: " + data + b"\r\n\r\n"):
                raw(d.port, head)
                asked += 1
            if "\udcff" in text:
                continue
            for method, path, body in (("POST", "/api/jobs", {"name": text}), ("PATCH", f"/api/jobs/{job}", {"description": text}),
                                       ("POST", "/api/auth/sign-in/email", {"email": text, "password": text}),
                                       ("POST", f"/api/jobs/{job}/api-keys", {"name": text}),
                                       ("POST", "/api/users", {"email": text, "name": text, "password": text, "role": text}),
                                       ("POST", "/api/tests", {"title": text, "type": text, "script": text}),
                                       ("POST", "/api/auth/explain", {"action": text, "resource": text, "credential": text}),
                                       ("PUT", f"/api/jobs/{job}/tests", {"tests": [text]})):
                client.request(method, path, admin, json.dumps(body))
                asked += 1
            user = f"u{asked}@example.test"
            answer = client.request("POST", "/api/users", admin, json.dumps(
                {"email": user, "name": text[:60], "password": "a long password", "role": "editor"}))
            asked += 1
        time.sleep(0.5)
        with open(d.log_file, "rb") as log:
            log.seek(begin)
            written = log.read()
        lines = written.split(b"\n")
        expect(len(lines) > 20, "nothing was logged: nothing was tested")
        first = lines[0].split()[0]
        for line in lines[:-1]:
            expect(all(byte >= 0x20 and byte != 0x7F for byte in line), f"a control character in {line[:300]!r}")
            decoded = line.decode("utf-8")  # or it raises, and the row fails
            expect(not any(0x80 <= ord(c) < 0xA0 or c in "\u2028\u2029\u202e\u2066" for c in decoded), f"an unclean line: {line[:300]!r}")
            expect(len(line) < 8192, f"a line of {len(line)} bytes: {line[:200]!r}")
            expect(len(line.split()[0]) == len(first), f"a line that does not begin with its time: {line[:200]!r}")
        client.close()
        return f"{asked} requests, {len(lines) - 1} lines of {max(map(len, lines))} bytes at most, all clean"


main(17, fault)
