#!/usr/bin/env python3
"""Somebody's plugin comes into a server that works, by its configuration alone: in the shadow, then into the chain, then with
new code. What a reload cannot do it says; what is wrong leaves everything as it was.

    tests/plugins/by_config.py --build-dir build/dev
"""
import pathlib
import re
import shutil
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "faults"))
from daemon import Client, Daemon, expect, main, until  # noqa: E402

NAME = "misbehave"  # a plugin that allows, abstains or does wrong on request


def drive(args, database):
    with Daemon(args.build_dir, database) as daemon:
        plugin = daemon.folder / "somebody.so"
        shutil.copy(f"{args.build_dir}/tests/fixtures/misbehave.so", plugin)
        plugin.chmod(0o644)
        section = f"[plugins.{NAME}]\npath = {plugin}\nname = {NAME}\nisolation = process\ndatabase = none\n"
        client = Client(daemon.port)

        def configure(more):
            daemon.write_config(daemon.config, daemon.folder / "state", daemon.port, more)

        def restart():
            daemon.end()
            client.close()
            daemon.start()

        def patiently(ask):
            """The answer; again when a busy machine had no time for it."""
            for _ in range(20):
                if "STORAGE_UNAVAILABLE" not in str(answer := ask()):
                    break
                time.sleep(0.5)
            return answer

        def reloaded():
            return patiently(lambda: daemon.call("POST", "/api/plugins/reload", {}, (200, 503)))

        def reload(*problems):
            answer = reloaded()
            expect([problem.partition(":")[0] for problem in answer["problems"]] == list(problems), f"reload: {answer}")
            expect(answer["success"] is (not problems), f"reload: {answer}")
            return {one["name"]: one for one in answer["plugins"]}

        def trigger(wanted):
            answer = patiently(lambda: client.request("POST", f"/api/jobs/{job}/trigger",
                                                      {"X-Target": NAME, "X-Misbehave": "none"}))
            expect(answer.status == wanted, f"wanted {wanted}: {answer}")

        configure("[auth]\ntrigger = api-key\n")
        daemon.start()
        job = daemon.job("true")
        reload()
        trigger(401)

        configure(f"[auth]\ntrigger = api-key\nshadow = {NAME}\n{section}")
        expect(NAME not in reload(f"[plugins.{NAME}] is new", "[auth] shadow was changed"), "reloaded what is not there")
        restart()
        reload()
        trigger(401)

        def differs():
            trigger(401)  # one that the shadow had no time for counts as an error
            metrics = client.request("GET", "/metrics").body.decode()
            return re.search(rf'^usher_shadow_differences{{plugin="{NAME}"}} [1-9]', metrics, re.M)

        until("the shadow's difference is counted", differs)

        configure(f"[auth]\ntrigger = api-key, {NAME}\n{section}")
        reload("[auth] trigger was changed", "[auth] shadow was changed")
        trigger(401)
        restart()
        trigger(202)

        # New code, in a process of its own: without a restart.
        pid = daemon.process.pid
        other = daemon.folder / "other.so"
        other.write_bytes(plugin.read_bytes())
        other.chmod(0o644)
        other.rename(plugin)
        until("readyz says that the file is another one",
              lambda: "another version is on disk" in client.request("GET", "/readyz").body.decode())
        trigger(202)
        reload()
        listed = next(p for p in daemon.call("GET", "/api/plugins")["plugins"] if p["name"] == NAME)
        expect(listed["changedOnDisk"] is False, f"the new code is not loaded: {listed}")
        trigger(202)
        expect(daemon.process.poll() is None and daemon.process.pid == pid, "another daemon")

        # A file that is no plugin: the one that works goes on. A section that is gone does so, too.
        other.write_bytes(b"no plugin")
        other.chmod(0o644)
        other.rename(plugin)
        answer = reloaded()
        expect(answer["success"] is False, f"reload: {answer}")
        trigger(202)
        configure("[auth]\ntrigger = api-key\n")
        reload(f"[plugins.{NAME}] is gone and goes on", "[auth] trigger was changed")
        trigger(202)
        restart()
        trigger(401)
        return "shadow, chain, new code and back, by configuration"


if __name__ == "__main__":
    main("plugin by config", drive, databases=("sqlite",))
