#!/usr/bin/env python3
"""Thousands of slow connections (slow head, slow body, slow read): the others' p99 stays within 50 ms, RSS under 150 MB."""
import multiprocessing
import resource
import socket
import time

from daemon import Client, Daemon, expect, main


def slow(port, count, key, job, ready, stop):
    """In a process of its own, so that the clients that are measured do not wait for this one."""
    sockets = []
    for number in range(count):
        s = socket.socket()
        if number % 3 == 2:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        s.settimeout(10)
        try:
            s.connect(("127.0.0.1", port))
            if number % 3 == 0:
                s.send(b"POST /api/jobs HTTP/1.1\r\nHost: x\r\nX-Slow: ")
            elif number % 3 == 1:
                s.send(f"POST /api/jobs/{job}/trigger HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {key}\r\n"
                       "Content-Type: application/json\r\nContent-Length: 60000\r\n\r\n ".encode())
            else:  # asks, and asks again, and never reads
                s.send(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" * 20)
        except OSError:
            continue
        s.setblocking(False)
        sockets.append((s, b"a" if number % 3 == 0 else b" " if number % 3 == 1 else b"G"))
    ready.put(len(sockets))
    while not stop.wait(2):
        for s, byte in sockets:
            try:
                s.send(byte)
            except OSError:
                pass


def percentile(values, part):
    return sorted(values)[min(len(values) - 1, int(len(values) * part))]


def measure(d, job, seconds):
    client, times, until = Client(d.port), [], time.monotonic() + seconds
    headers = {"Authorization": "Bearer " + d.admin_token}
    most = 0
    while time.monotonic() < until:
        answer = client.request("GET", f"/api/jobs/{job}", headers)
        expect(answer.status == 200, f"another client: {answer}")
        times.append(answer.seconds)
        most = max(most, d.rss())
        time.sleep(0.005)
    client.close()
    return times, most


def fault(args, database):
    count, seconds = (10_000, 60) if args.long else (2_000, 5)
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit[1], limit[1]))
    with Daemon(args.build_dir, database, "capacity = 0").start() as d:
        job = d.job("true")
        _, key = d.key(job)
        quiet, _ = measure(d, job, 1)
        ready, stop = multiprocessing.Queue(), multiprocessing.Event()
        child = multiprocessing.Process(target=slow, args=(d.port, count, key, job, ready, stop), daemon=True)
        child.start()
        try:
            opened = ready.get(timeout=60)
            expect(opened > count * 0.95, f"only {opened} of {count} slow connections came in")
            times, most = measure(d, job, seconds)
        finally:
            stop.set()
            child.join(20)
            if child.is_alive():
                child.kill()
        expect(d.process.poll() is None, f"usherd ended: {d.log_tail()}")
        p99 = percentile(times, 0.99)
        expect(p99 < 0.05, f"p99 {p99 * 1000:.1f} ms with {opened} slow connections, "
               f"{percentile(quiet, 0.99) * 1000:.1f} ms without")
        expect(most < 150 << 20, f"RSS {most >> 20} MiB")
        expect(not d.runs(), "a body that never ended made a run")
        return (f"{opened} slow connections for {seconds} s, p99 {p99 * 1000:.1f} ms (without: "
                f"{percentile(quiet, 0.99) * 1000:.1f} ms), RSS {most >> 20} MiB")


main(10, fault, databases=("sqlite",))
