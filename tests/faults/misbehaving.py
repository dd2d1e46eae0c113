"""What rows 7 and 8 share: a daemon whose triggers are judged by tests/faults/plugin/misbehave.cpp."""
import shutil

from daemon import Client, Daemon, Fail


class Misbehaving:
    """One section of the plugin for each of `names`, asked in turn; a trigger names the one that it means."""

    def __init__(self, args, database, names, isolation, deadline_ms):
        source = args.build_dir + "/tests/fixtures/misbehave.so"
        self.names = [n.replace("_", "-") for n in names]
        self.daemon = Daemon(args.build_dir, database)
        plugin = self.daemon.folder / "misbehave.so"
        shutil.copy(source, plugin)
        plugin.chmod(0o644)
        sections = "".join(f"[plugins.{name}]\npath = {plugin}\nname = {name}\nisolation = {isolation}\n"
                           f"deadline_ms = {deadline_ms}\ndatabase = none\n" for name in self.names)
        with open(self.daemon.config, "a", encoding="utf-8") as config:
            config.write(f"capacity = 0\n[auth]\ntrigger = {', '.join(self.names)}\n{sections}")

    def __enter__(self):
        self.daemon.start()
        self.job = self.daemon.job("true", queueLimit=100000)
        return self

    def __exit__(self, *what):
        self.daemon.__exit__(*what)

    def trigger(self, client, name, kind, job=None):
        return client.request("POST", f"/api/jobs/{job or self.job}/trigger", {"X-Target": name, "X-Misbehave": kind})

    def plugin(self, name):
        listed = self.daemon.call("GET", "/api/plugins")["plugins"]
        return next(p for p in listed if p["name"] == name)

    def alive(self):
        if self.daemon.process.poll() is not None:
            raise Fail(f"the daemon died ({self.daemon.process.returncode}):\n{self.daemon.log_tail()}")
        client = Client(self.daemon.port, 5)
        answer = client.request("GET", "/healthz")
        client.close()
        if answer.status != 200:
            raise Fail(f"healthz: {answer}")
        return answer.seconds
