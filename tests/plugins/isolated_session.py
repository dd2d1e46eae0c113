#!/usr/bin/python3
"""The plugin session in a process of its own, as user usher-plugin: on SQLite it runs as the daemon's user and everything
works; on PostgreSQL it may not write into the state folder, so it starts, says which command makes the setup token, and
with that the setup goes on. Root only: a user for it exists in a mount namespace of the test's.

    tests/support/with-postgres tests/plugins/isolated_session.py --build-dir build/dev
"""
import os
import pathlib
import pwd
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "faults"))
from daemon import SKIPPED, Daemon, expect, main  # noqa: E402

OWNER, PLUGIN = 58990, 58991  # nobody else's


def user_of(pid):
    return pathlib.Path(f"/proc/{pid}").stat().st_uid


def helpers(daemon):
    """The plugin's processes of this daemon: its launcher's children."""
    found = subprocess.run(["pgrep", "-f", "^usher-plugin session"], capture_output=True, text=True, check=False).stdout.split()
    return [int(pid) for pid in found if str(daemon.process.pid) in ancestors(int(pid))]


def ancestors(pid):
    found = []
    while pid > 1:
        try:
            pid = int(pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            break
        found.append(str(pid))
    return found


def drive(args, database):
    if subprocess.run(["unshare", "--mount", "true"], check=False, stderr=subprocess.DEVNULL).returncode:
        print("SKIPPED: no mount namespaces here")
        sys.exit(SKIPPED)
    in_namespace = ["unshare", "--mount", "--propagation", "private", "sh", "-ec", 'mount --bind "$0" /etc/passwd; exec "$@"']
    with Daemon(args.build_dir, database) as daemon:
        users = daemon.folder / "passwd"
        names = [f"{entry.pw_name}:x:{entry.pw_uid}:{entry.pw_gid}::/:/bin/sh" for entry in pwd.getpwall()
                 if not entry.pw_name.startswith("usher")]
        users.write_text("\n".join([*names, f"usher:x:{OWNER}:{OWNER}::/:/bin/sh",
                                    f"usher-plugin:x:{PLUGIN}:{PLUGIN}::/:/bin/sh", ""]))
        users.chmod(0o644)
        state = daemon.folder / "state"
        state.mkdir(mode=0o711)
        for path in (state, daemon.folder / "session-secret"):
            os.chown(path, OWNER, OWNER)
        daemon.prefix = [*in_namespace, str(users)]
        daemon.config.write_text(daemon.config.read_text().replace(
            "[plugins.session]\n", "[plugins.session]\nisolation = process\n"))
        daemon.start()
        expect(user_of(daemon.process.pid) == OWNER, "the daemon did not become the folder's owner")
        processes = helpers(daemon)
        wanted = PLUGIN if database == "postgres" else OWNER
        expect(processes and all(user_of(pid) == wanted for pid in processes),
               f"{processes} as {[user_of(pid) for pid in processes]}, not {wanted}")
        token = state / "setup-token"
        if database == "postgres":
            expect(not token.exists() and "setup-token" in daemon.log_file.read_text(), "the log does not say what to do")
            made = subprocess.run([*daemon.prefix, args.build_dir + "/bin/usherd", "--config", daemon.config, "setup-token"],
                                  stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False)
            expect(made.returncode == 0, f"usherd setup-token: {made.stdout}{made.stderr}")
        expect(token.stat().st_uid == OWNER and token.stat().st_mode & 0o777 == 0o600, f"{token}: {token.stat()}")
        daemon.job("true")  # sets up, signs in, works
        done = daemon.call("POST", "/api/auth/setup", {"token": "x" * 40, "email": "a@example.test",
                                                       "password": "correct horse battery", "name": "A"}, (409,))
        expect(done["code"] == "SETUP_DONE", f"{done}")
        if database == "postgres":
            expect(f"may not remove {token}" in daemon.log_file.read_text(), "the log does not say that the file is left over")
        else:
            expect(not token.exists(), "the setup token is still there")
        return f"the plugin's process has uid {wanted}; set up"


if __name__ == "__main__":
    if os.geteuid() != 0:
        print("SKIPPED: wants root")
        sys.exit(SKIPPED)
    main("isolated-session", drive)
