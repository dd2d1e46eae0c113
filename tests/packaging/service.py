"""What the units say, without a systemd: a service is started with its own command line, user and capabilities, is handed the
socket, and its notes are listened to."""
import glob
import os
import pathlib
import signal
import socket
import subprocess
import time

from steps import EVIDENCE, PORT, expect, fail


def tell_logs():
    for log in glob.glob("/tmp/*.log"):
        print(f"-- {log}\n" + "\n".join(pathlib.Path(log).read_text(errors="replace").splitlines()[-25:]))


EVIDENCE.append(tell_logs)


def door():
    """The socket, as usherd.socket holds it while services come and go."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", PORT))
    listener.listen(4096)
    return listener


class Service:
    def __init__(self, file, listener=None):
        self.file, self.unit, self.listener, self.process = pathlib.Path(file), pathlib.Path(file).name, listener, None
        self.notes = []

    def settings(self):
        lines = [line for line in self.file.read_text().splitlines() if "=" in line and not line.startswith("#")]
        return dict(line.split("=", 1) for line in lines)

    def start(self):
        unit = self.settings()
        capabilities = unit["CapabilityBoundingSet"].split()
        expect(capabilities == unit["AmbientCapabilities"].split(), f"{self.unit}: capabilities")
        kept = ",".join("+" + name.removeprefix("CAP_").lower() for name in capabilities)
        sets = "-all" + ("," + kept if kept else "")
        path = f"/run/notify-{self.unit}"
        if os.path.exists(path):
            os.unlink(path)
        self.channel = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.channel.bind(path)
        os.chmod(path, 0o777)
        environment = {"PATH": os.environ["PATH"], "NOTIFY_SOCKET": path}
        if "WatchdogSec" in unit:
            environment["WATCHDOG_USEC"] = "8000000"
        command = unit["ExecStart"].split()
        words = ["setpriv", "--reuid=" + unit["User"], "--regid=" + unit["Group"], "--clear-groups",
                 "--inh-caps=" + sets, "--ambient-caps=" + sets, "--bounding-set=" + sets, "--no-new-privs"]
        inherited = ()
        if self.listener is not None:
            # Number 3, as systemd passes it.
            environment["LISTEN_FDS"] = "1"
            words = ["sh", "-c", f"exec 3<&{self.listener.fileno()}; LISTEN_PID=$$; export LISTEN_PID; exec \"$@\"", "sh"] + words
            inherited = (self.listener.fileno(),)
        with open(f"/tmp/{self.unit}.log", "a") as log:
            self.process = subprocess.Popen(words + command, env=environment, stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, pass_fds=inherited, start_new_session=True)
        self.wait_for("READY=1")

    def refuses_to_start(self):
        """Its user and its command, by hand: what it says and how it ends."""
        unit = self.settings()
        return subprocess.run(["setpriv", "--reuid=" + unit["User"], "--regid=" + unit["Group"], "--clear-groups"] +
                              unit["ExecStart"].split(), capture_output=True, text=True, timeout=60)

    def wait_for(self, note, seconds=30):
        self.channel.settimeout(0.2)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                heard = self.channel.recv(4096).decode()
                self.notes.append(heard)
                if heard.startswith(note):
                    return
            except TimeoutError:
                if self.process.poll() is not None:
                    fail(f"{self.unit} ended with {self.process.returncode}")
        fail(f"{self.unit} did not say {note}")

    def silent_for(self, seconds):
        """Nothing is said for so long, after what is in the channel already."""
        self.channel.settimeout(0.1)
        while True:
            try:
                self.channel.recv(4096)
            except TimeoutError:
                break
        self.channel.settimeout(seconds)
        try:
            fail(f"{self.unit} said {self.channel.recv(4096)}")
        except TimeoutError:
            pass

    def signal(self, number):
        self.process.send_signal(number)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        expect(self.process.wait(30) == 0, f"{self.unit} ended with {self.process.returncode}")

    def restart(self):
        """How long it took, in seconds."""
        began = time.monotonic()
        self.stop()
        self.start()
        return time.monotonic() - began
