#!/usr/bin/env python3
"""The wall clock jumps a day ahead, a day back, and by an NTP step: no run is timed out or kept for it, deadlines hold, triggers
and sessions go on, and on PostgreSQL no other node takes a run whose node merely has another time. A preloaded library
moves the wall clock of one daemon; no other clock, and nothing of the machine's."""
import contextlib
import subprocess
import time

from daemon import Client, Daemon, Fail, expect, main

SHIM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
static long offset(void) {
    static _Atomic long* mapped;
    if (!mapped) {
        int fd = open(CONTROL, O_RDONLY | O_CLOEXEC);
        if (fd < 0) return 0;
        void* at = mmap(0, 4096, PROT_READ, MAP_SHARED, fd, 0);
        close(fd);
        if (at == MAP_FAILED) return 0;
        mapped = at;
    }
    return atomic_load(mapped);
}
int clock_gettime(clockid_t clock, struct timespec* at) {
    int result = ((int (*)(clockid_t, struct timespec*))dlsym(RTLD_NEXT, "clock_gettime"))(clock, at);
    if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) at->tv_sec += offset();
    return result;
}
int gettimeofday(struct timeval* at, void* zone) {
    int result = ((int (*)(struct timeval*, void*))dlsym(RTLD_NEXT, "gettimeofday"))(at, zone);
    if (result == 0 && at) at->tv_sec += offset();
    return result;
}
time_t time(time_t* out) {
    struct timespec at;
    clock_gettime(CLOCK_REALTIME, &at);
    if (out) *out = at.tv_sec;
    return at.tv_sec;
}
"""
STEPS = {"a day ahead": 86400, "a day back": -86400, "an NTP step": -7}


def fault(args, database):
    with contextlib.ExitStack() as stack:
        d = stack.enter_context(Daemon(args.build_dir, database, "capacity = 4"))
        control = d.folder / "control"
        control.write_bytes(b"\0" * 4096)
        control.chmod(0o644)
        shim = d.folder / "shim.so"
        made = subprocess.run(["cc", "-x", "c", "-", "-shared", "-fPIC", f'-DCONTROL="{control}"', "-o", shim, "-ldl"], input=SHIM,
                              capture_output=True, text=True, check=False)
        if made.returncode != 0:
            raise Fail(made.stderr)

        def step(seconds):
            with open(control, "r+b") as file:
                file.write(seconds.to_bytes(8, "little", signed=True))

        d.prefix = ["env", f"LD_PRELOAD={shim}"]
        d.start()
        if database == "postgres":
            stack.enter_context(Daemon(args.build_dir, database, "capacity = 4", beside=d).start())
        calm = d.job("sleep 4", timeoutSeconds=30, maxConcurrency=10)
        stuck = d.job("sleep 60", timeoutSeconds=3, maxConcurrency=10)
        keys = {job: d.key(job, rateLimit={"max": 1000, "windowSeconds": 60})[1] for job in (calm, stuck)}
        client, told = Client(d.port), []
        for name, seconds in STEPS.items():
            runs = {job: d.trigger(client, job, key).run() for job, key in keys.items()}
            time.sleep(1.2)
            step(seconds)
            begin = time.monotonic()
            answer = d.trigger(client, calm, keys[calm])
            expect(answer.status == 202, f"{name}: a trigger is refused: {answer}")
            while True:
                states = {job: d.call("GET", f"/api/runs/{run}") for job, run in runs.items()}
                if all(state["status"] not in ("queued", "running") for state in states.values()):
                    break
                expect(time.monotonic() - begin < 25, f"{name}: {[state['status'] for state in states.values()]}")
                time.sleep(0.1)
            took = time.monotonic() - begin
            expect(states[calm]["status"] == "passed", f"{name}: {states[calm]}")
            expect(states[stuck]["status"] == "timeout", f"{name}: {states[stuck]}")
            expect(took < 18, f"{name}: a timeout of 3 s took {took:.1f} s")
            if args.long and database == "postgres" and seconds == 86400:
                time.sleep(22)  # as long as a node may be silent
            step(0)
            told.append(f"{name} {took:.1f} s")
        d.await_idle(40)
        d.judge()
        twice = [run for run, (_, attempt) in d.runs().items() if attempt != 1]
        expect(not twice, f"taken from a node that lives: {twice}")
        client.close()
        return "; ".join(told) + ("; two nodes, no lease stolen" if database == "postgres" else "")


main(19, fault)
