#!/usr/bin/env python3
"""Links, FIFOs, sockets and devices among artifacts and results: each refused, named in the log, never served."""
from daemon import Client, Daemon, expect, main

SCRIPT = """set -e
cd $USHER_ARTIFACTS
echo kept > good.txt
mkdir -p sub && echo kept > sub/good.txt
ln -s /etc/passwd link
ln -s good.txt inner-link
ln -s /etc folder-link
ln -s ../../../../attempt-1/journal climbing-link
ln good.txt hard-link
mkfifo fifo
ln -s /dev/zero device-link
python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("socket")'
ln -s /dev/zero $USHER_RESULTS/device.xml
mkfifo $USHER_RESULTS/fifo.xml
ln -s /etc/passwd $USHER_RESULTS/link.xml
"""
# good.txt has a second name, so it is as foreign as that one: nobody knows whose file it is.
REFUSED = ["link", "inner-link", "folder-link", "climbing-link", "hard-link", "good.txt", "fifo", "device-link", "socket"]


def fault(args, database):
    rounds = args.rounds or (50 if args.long else 2)
    with Daemon(args.build_dir, database).start() as d:
        client = Client(d.port, 30)
        for _ in range(rounds):
            job = d.job(SCRIPT, timeoutSeconds=30)
            _, key = d.key(job)
            made = client.request("POST", f"/api/jobs/{job}/trigger?wait=60", {"Authorization": "Bearer " + key})
            expect(made.status == 200, f"{made}")
            run = made.json().get("run", made.json())
            expect(run["status"] == "passed", f"{run}")
            expect(run["tests"][0]["cases"] == [], f"{run['tests'][0]['cases']}")
            admin = {"Authorization": "Bearer " + d.admin_token}
            listed = client.request("GET", f"/api/runs/{run['id']}/artifacts", admin)
            names = [one["path"] for one in listed.json()["artifacts"]]
            expect(names == ["sub/good.txt"], f"kept: {names}")
            log = client.request("GET", f"/api/runs/{run['id']}/log?test=0", admin).body.decode()
            for name in REFUSED:
                expect(f"left out: {name}: " in log, f"{name} is not named in the log:\n{log}")
                got = client.request("GET", f"/api/runs/{run['id']}/artifacts/{name}", admin)
                expect(got.status == 404, f"{name}: {got}")
            for name in ("device.xml", "fifo.xml", "link.xml"):
                expect(name in log, f"{name} is not named in the log:\n{log}")
        client.close()
        return f"{rounds} runs, {len(REFUSED) + 3} kinds of files that are none in each: all refused, the regular one kept"


main(23, fault)
