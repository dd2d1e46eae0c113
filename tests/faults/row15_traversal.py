#!/usr/bin/env python3
"""No path of a request leaves its folder: ids, tests, artifacts and plugin names with dots, slashes, encodings and links are
refused, and what lies outside is never answered. Links, FIFOs and devices that a test leaves as artifacts are refused too."""
import itertools
import json
import time
import urllib.parse

from daemon import Client, Daemon, expect, main

STEPS = ["..", ".", "%2e%2e", "%2e", "..%00", "%252e%252e", "..%c0%af", "%c0%ae%c0%ae", "..;", "...", "....", "..\\", "%5c..", "%2f",
         "%2F..", "", "~", "%00", "..%0a", "..%u2215", "．．"]
ENDS = ["marker", "usher.db", "session-secret", "etc/passwd", "proc/self/environ", "", "report.txt/..", "link", "linkdir/marker",
        "fifo", "device", "output", "0.log"]
LEAVE = """\
cd "$USHER_ARTIFACTS"
echo fine > report.txt
mkdir sub && echo fine > sub/inner.txt
ln -s {folder}/marker link
ln -s {folder} linkdir
ln -s /etc/passwd passwd
mkfifo fifo
mknod device c 1 3 2>/dev/null || true
ln {folder}/marker hard 2>/dev/null || true
exit 0
"""


def paths():
    for count in (1, 2, 3, 5, 9):
        for step, end in itertools.product(STEPS, ENDS):
            yield "/".join([step] * count + [end])
            yield "/".join([step] * count).replace("/", "%2f") + "%2f" + end
    for first, second, end in itertools.product(STEPS, STEPS, ENDS):
        yield f"{first}/sub/{second}/{end}"


def fault(args, database):
    wanted = args.rounds or (5000 if args.long else 400)
    with Daemon(args.build_dir, database) as d:
        secret = "outside-" + "0123456789abcdef" * 2
        (d.folder / "marker").write_text(secret + "\n")
        (d.folder / "marker").chmod(0o644)
        d.start()
        job = d.job(LEAVE.replace("{folder}", str(d.folder)))
        _, key = d.key(job)
        client = Client(d.port)
        run = d.trigger(client, job, key).run()
        for _ in range(200):
            shown = d.call("GET", f"/api/runs/{run}")
            if shown["status"] not in ("queued", "running"):
                break
            time.sleep(0.05)
        expect(shown["status"] == "passed", f"the run that leaves links: {shown}")
        kept = {entry["path"] for entry in d.call("GET", f"/api/runs/{run}/artifacts")["artifacts"]}
        expect({"report.txt", "sub/inner.txt"} <= kept, f"artifacts are missing: {kept}")
        expect(not kept & {"link", "passwd", "fifo", "device", "linkdir", "linkdir/marker"}, f"not plain files, and kept: {kept}")
        admin = {"Authorization": "Bearer " + d.admin_token, "Content-Type": "application/json"}
        every = list(paths())
        step = max(1, len(every) // wanted)
        asked = 0
        for path in every[::step]:
            for where in (f"/api/runs/{run}/artifacts/{path}", f"/api/runs/{path}", f"/api/runs/{run}/log?test={path}",
                          f"/api/jobs/{path}/api-keys", f"/{path}"):
                answer = client.request("GET", urllib.parse.quote(where, safe="/%?=~;\\"), admin)
                asked += 1
                expect(answer.status in (200, 301, 400, 404, 405, 416), f"GET {where}: {answer}")
                for what in (secret.encode(), b"root:", b"SQLite format", b"fault-secret"):
                    expect(what not in answer.body, f"GET {where} shows {what!r}: {answer}")
                expect(str(d.folder).encode() not in answer.body, f"GET {where} tells a path: {answer}")
        body = json.dumps({"action": "job.trigger", "resource": "../../marker", "credential": "x" * 20})
        answer = client.request("POST", "/api/auth/explain", admin, body)
        expect(answer.status in (200, 400, 404) and secret.encode() not in answer.body, f"explain: {answer}")
        client.close()
        return f"{asked} paths, nothing outside; {len(kept)} artifacts kept, links and devices refused"


main(15, fault)
