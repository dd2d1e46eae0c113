#!/usr/bin/env python3
"""Whatever is too large is refused before it is held: target 414, fields 431, body 413, compressed body 415; the daemon
grows by less than 10 MB and answers others all the while."""
import gzip
import socket
import time

from daemon import Client, Daemon, expect, main


def send(port, pieces, seconds=20):
    """Sends until all is sent or the daemon has had enough; the status of its answer, 0 when it only closed."""
    with socket.create_connection(("127.0.0.1", port), timeout=seconds) as connection:
        got = b""
        try:
            for piece in pieces:
                connection.sendall(piece)
        except OSError:
            pass  # closed by the daemon: its answer is waiting to be read
        try:
            while b"\r\n" not in got and (chunk := connection.recv(4096)):
                got += chunk
        except OSError:
            pass
    return int(got.split()[1]) if got.startswith(b"HTTP/1.1 ") else 0


def fault(args, database):
    rounds = args.rounds or (50 if args.long else 5)
    with Daemon(args.build_dir, database, "capacity = 0").start() as d:
        job = d.job("true")
        _, key = d.key(job)
        client = Client(d.port)
        d.trigger(client, job, key)
        head = f"POST /api/jobs/{job}/trigger HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {key}\r\n".encode()
        body = b"Content-Type: application/json\r\n"
        squeezed = gzip.compress(b" " * 1_000_000)
        megabyte = b"x" * 65536
        cases = {
            "100 KB target": (414, lambda: [b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n"]),
            "50,000 fields": (431, lambda: [head] + [b"X-%d: y\r\n" % n for n in range(50_000)] + [b"\r\n"]),
            "one field of 1 MB": (431, lambda: [head, b"X: " + b"y" * 1_000_000 + b"\r\n\r\n"]),
            "announced 10 GB": (413, lambda: [head + body + b"Content-Length: 10000000000\r\n\r\n"]),
            "endless chunks": (413, lambda: [head + body + b"Transfer-Encoding: chunked\r\n\r\n"]
                               + [b"10000\r\n" + megabyte + b"\r\n"] * 400),
            "compressed": (415, lambda: [head + body + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(squeezed)
                                         + squeezed]),
        }
        for case, (_, pieces) in cases.items():
            send(d.port, pieces())
        before = d.rss()
        for _ in range(rounds):
            for case, (status, pieces) in cases.items():
                got = send(d.port, pieces())
                expect(got == status, f"{case}: {got} instead of {status}")
                begin = time.monotonic()
                expect(d.trigger(client, job, key).status == 202, "an honest request is refused")
                expect(time.monotonic() - begin < 2, "an honest request waits")
        grown = (d.rss() - before) / 1e6
        expect(grown < 10, f"grown by {grown:.1f} MB")
        client.close()
        d.judge()
        return f"{rounds * len(cases)} oversize requests, each its status, {grown:+.1f} MB"


main(12, fault)
