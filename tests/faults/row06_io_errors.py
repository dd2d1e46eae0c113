#!/usr/bin/env python3
"""Each fsync in turn says EIO, each write in turn ENOSPC: nothing is acknowledged that is not there afterwards, the answers are
clean errors, and the database is intact. A small preloaded library makes the errors. SQLite only: with PostgreSQL the
database's files are not usherd's."""
import os
import sqlite3
import subprocess
import time

from daemon import Client, Daemon, Fail, expect, main

SHIM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <fcntl.h>
#include <unistd.h>
/* The control file: kind, the number of the call that fails, how many follow it, calls so far. */
struct control { atomic_int kind, from, count, seen; };
static struct control* control(void) {
    static struct control* mapped;
    if (!mapped) {
        int fd = open(CONTROL, O_RDWR | O_CLOEXEC);
        if (fd < 0) return 0;
        void* at = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        close(fd);
        if (at == MAP_FAILED) return 0;
        mapped = at;
    }
    return mapped;
}
static int is_database(int fd) {
    char link[64], path[512];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t size = readlink(link, path, sizeof path - 1);
    if (size < 0) return 0;
    path[size] = 0;
    return strstr(path, "usher.db") != 0;
}
static int fails(int kind, int fd) {
    struct control* c = control();
    if (!c || atomic_load(&c->kind) != kind || !is_database(fd)) return 0;
    int n = atomic_fetch_add(&c->seen, 1);
    return n >= c->from && n < c->from + c->count;
}
#define SYNC(name) int name(int fd) { \
    if (fails(1, fd)) { errno = EIO; return -1; } \
    return ((int (*)(int))dlsym(RTLD_NEXT, #name))(fd); }
SYNC(fsync)
SYNC(fdatasync)
#define WRITE(name) ssize_t name(int fd, const void* data, size_t size, off_t at) { \
    if (fails(2, fd)) { errno = ENOSPC; return -1; } \
    return ((ssize_t (*)(int, const void*, size_t, off_t))dlsym(RTLD_NEXT, #name))(fd, data, size, at); }
WRITE(pwrite)
WRITE(pwrite64)
"""
KINDS = {"fsync EIO": 1, "write ENOSPC": 2}


class Control:
    def __init__(self, path):
        self.path = path
        path.write_bytes(b"\0" * 4096)
        path.chmod(0o666)

    def set(self, kind, first, count):
        with open(self.path, "r+b") as file:
            file.write(b"".join(number.to_bytes(4, "little") for number in (kind, first, count, 0)))

    def seen(self):
        return int.from_bytes(self.path.read_bytes()[12:16], "little")


def fault(args, database):
    calls = args.rounds or (200 if args.long else 8)
    d = Daemon(args.build_dir, database, "capacity = 0")
    control = Control(d.folder / "control")
    shim = d.folder / "shim.so"
    made = subprocess.run(["cc", "-x", "c", "-", "-shared", "-fPIC", "-O1", f'-DCONTROL="{control.path}"', "-o", shim, "-ldl"],
                          input=SHIM, capture_output=True, text=True, check=False)
    if made.returncode != 0:
        raise Fail(made.stderr)
    d.prefix = ["env", f"LD_PRELOAD={shim}"]
    with d:
        d.start()
        job = d.job("true", queueLimit=100000)
        _, key = d.key(job, rateLimit={"max": 10000, "windowSeconds": 1})
        client, told, hit = Client(d.port), {}, 0
        for name, kind in KINDS.items():
            for first in range(calls):
                control.set(kind, first, 1 + first % 3)
                for _ in range(4 + first // 4):
                    answer = d.trigger(client, job, key, os.urandom(8).hex())
                    told[answer.status] = told.get(answer.status, 0) + 1
                    expect(answer.status in (202, 503, 507), f"{name} at call {first}: {answer}")
                hit += control.seen() > first
                control.set(0, 0, 0)
                until = time.monotonic() + 10
                while (answer := d.trigger(client, job, key)).status != 202:
                    expect(time.monotonic() < until, f"{name} at call {first}: not recovered: {answer}\n{d.log_tail()}")
                    time.sleep(0.05)
                expect(d.process.poll() is None, f"{name} at call {first}: usherd ended:\n{d.log_tail()}")
        client.close()
        expect(hit > calls, f"only {hit} of {2 * calls} faults were reached")
        expect(told.get(503, 0) + told.get(507, 0) > 0, f"no error was seen: {told}")
        d.judge()
        d.process.kill()
        d.process.wait()
        with sqlite3.connect(d.folder / "state" / "usher.db") as connection:
            verdict = connection.execute("PRAGMA integrity_check").fetchone()[0]
        expect(verdict == "ok", f"integrity_check: {verdict}")
        d.start()
        d.judge()
        return f"{hit} faults at {calls} places of 2 kinds, answers {told}, nothing acknowledged lost, integrity ok"


main(6, fault, databases=("sqlite",))
