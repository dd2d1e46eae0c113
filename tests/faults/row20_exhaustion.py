#!/usr/bin/env python3
"""Out of descriptors, of threads, of memory: the listener lives, says 503 or closes, forgets nothing that it acknowledged, and
recovers without a restart when there is room again."""
import contextlib
import os
import pathlib
import resource
import socket
import time

from daemon import Client, Daemon, expect, main


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def mapped(pid):
    return int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[0]) * resource.getpagesize()


def await_answer(d, job, key, seconds, what):
    """A trigger is accepted again, on a new connection."""
    until = time.monotonic() + seconds
    while True:
        client = Client(d.port, 5)
        answer = d.trigger(client, job, key)
        client.close()
        if answer.status == 202:
            return
        expect(time.monotonic() < until, f"{what}: not recovered after {seconds} s: {answer}")
        time.sleep(0.1)


def press(d, job, key, count):
    """Connections that stay open, and triggers beside them; the statuses seen."""
    seen = {}
    with contextlib.ExitStack() as stack:
        for number in range(count):
            try:
                connection = stack.enter_context(socket.create_connection(("127.0.0.1", d.port), timeout=2))
                connection.sendall(b"GET /healthz HTTP/1.1\r\n")
            except OSError:
                pass
            if number % 10 == 0:
                client = Client(d.port, 3)
                status = d.trigger(client, job, key).status
                client.close()
                seen[status] = seen.get(status, 0) + 1
    return seen


def fault(args, database):
    rounds = args.rounds or (10 if args.long else 1)
    with Daemon(args.build_dir, database, "capacity = 0").start() as d:
        job = d.job("true", queueLimit=100000)
        _, key = d.key(job)
        await_answer(d, job, key, 5, "start")
        pid, told = d.process.pid, []
        for _ in range(rounds):
            limits = {resource.RLIMIT_NOFILE: descriptors(pid) + 20, resource.RLIMIT_NPROC: 1,
                      resource.RLIMIT_AS: mapped(pid) + (4 << 20)}
            for what, limit in limits.items():
                name = {resource.RLIMIT_NOFILE: "descriptors", resource.RLIMIT_NPROC: "threads", resource.RLIMIT_AS: "memory"}[what]
                old = resource.prlimit(pid, what)
                resource.prlimit(pid, what, (limit, old[1]))
                try:
                    seen = press(d, job, key, 120)
                finally:
                    resource.prlimit(pid, what, old)
                expect(d.process.poll() is None, f"out of {name}: usherd ended with {d.process.returncode}:\n{d.log_tail()}")
                expect(set(seen) <= {0, 202, 503}, f"out of {name}: {seen}")
                await_answer(d, job, key, 10, "out of " + name)
                told.append(f"{name} {seen}")
        d.judge()
        return "; ".join(told[:3])


main(20, fault)
