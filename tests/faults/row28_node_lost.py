#!/usr/bin/env python3
"""Three nodes on one PostgreSQL, each in a network namespace of its own. One is killed with all that it started, one is
cut off, one is frozen: their runs are taken over within 30 s or marked lost, by policy, and no two nodes run the same
attempt. Every test writes down where and when it lives; that, not a daemon's word, is judged."""
import http.client
import json
import os
import random
import secrets
import signal
import subprocess
import threading
import time
from urllib.parse import urlparse

from daemon import SKIPPED, Client, Daemon, Postgres, expect, main
from proxy import Proxy

TAKEN_WITHIN = 30


def ip(*words, check=True):
    return subprocess.run(["ip", *words], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20, check=check)


class Network:
    """A bridge with our end of it, and namespaces that hang on it by a link that can be cut."""

    def __init__(self, count):
        tag, net = secrets.token_hex(2), f"10.231.{random.randrange(1, 255)}"
        self.bridge, self.here, self.nodes = f"ush{tag}", f"{net}.1", []
        try:
            ip("link", "add", self.bridge, "type", "bridge")
            ip("addr", "add", f"{net}.1/24", "dev", self.bridge)
            ip("link", "set", self.bridge, "up")
            for number in range(count):
                space, link = f"usher-{tag}-{number}", f"ush{tag}{number}"
                self.nodes.append((space, link, f"{net}.{number + 10}"))
                ip("netns", "add", space)
                ip("link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", space)
                ip("link", "set", link, "master", self.bridge, "up")
                ip("-n", space, "link", "set", "lo", "up")
                ip("-n", space, "addr", "add", f"{net}.{number + 10}/24", "dev", "eth0")
                ip("-n", space, "link", "set", "eth0", "up")
        except (OSError, subprocess.SubprocessError):
            self.close()
            raise

    def cut(self, number, cut):
        ip("link", "set", self.nodes[number][1], "down" if cut else "up")

    def kill_all(self, number):
        """As when the machine loses power: nothing that was started there lives on."""
        while pids := ip("netns", "pids", self.nodes[number][0]).stdout.split():
            for pid in pids:
                try:
                    os.kill(int(pid), signal.SIGKILL)
                except ProcessLookupError:
                    pass
            time.sleep(0.02)

    def close(self):
        for number, (space, _, _) in enumerate(self.nodes):
            try:
                self.kill_all(number)
            except (OSError, subprocess.SubprocessError):
                pass
            ip("netns", "del", space, check=False)
        ip("link", "del", self.bridge, check=False)


class Cluster:
    def __init__(self, args, network):
        server = urlparse(Postgres().url)
        self.network, self.proxy = network, Proxy((server.hostname, server.port), host=network.here)
        self.nodes, self.ids, self.begin = [], [], time.monotonic()
        secret = secrets.token_hex(32)
        for number, (space, _, address) in enumerate(network.nodes):
            node = Daemon(args.build_dir, "postgres", host=address, prefix=("ip", "netns", "exec", space),
                          via=f"{network.here}:{self.proxy.port}", beside=self.nodes[0] if self.nodes else None)
            (node.folder / "cluster-secret").write_text(secret)
            (node.folder / "cluster-secret").chmod(0o600)
            first = 2_000_000 + number * 1000  # one machine, three launchers: no uid may be anybody else's
            node.write_config(node.config, node.folder / "state", node.port,
                              f"capacity = 20\nuid_range = {first}-{first + 99}\n[cluster]\n"
                              f"address = {address}:8400\nsecret_file = {node.folder}/cluster-secret\n")
            self.nodes.append(node)
            known = {row[0] for row in node.sql("SELECT id FROM nodes")} if number else set()
            node.start()
            if number == 0:
                node.call("GET", "/api/jobs")  # makes the admin
            self.ids += [row[0] for row in node.sql("SELECT id FROM nodes") if row[0] not in known]
        self.shared = self.nodes[0].folder / "shared"
        self.shared.mkdir()
        self.shared.chmod(0o1777)

    def state(self):
        """run -> (status, attempt, node)"""
        return {row[0]: (row[1], int(row[2]), row[3])
                for row in self.nodes[0].sql("SELECT id, status, attempt, coalesce(node_id, '') FROM runs")}

    def timeline(self, run):
        """What happened to a run, in seconds since its first event, with the nodes' numbers."""
        rows = self.nodes[0].sql(f"SELECT at, type, node_id, attempt FROM run_events WHERE run_id = '{run}' ORDER BY id")
        names = {node: f"node {number}" for number, node in enumerate(self.ids)}
        return ", ".join(f"{(int(at) - int(rows[0][0])) / 1e6:.1f} s {kind} (attempt {attempt}"
                         f"{', ' + names[node] if node in names else ''})" for at, kind, node, attempt in rows)

    def await_beats(self, seconds=20):
        """Until every node beats again."""
        def beats():
            return dict(self.nodes[0].sql("SELECT id, beats FROM nodes"))
        before, until = beats(), time.monotonic() + seconds
        while not all(count != before[node] for node, count in beats().items()):
            expect(time.monotonic() < until, f"a node does not beat: {before} and now {beats()}")
            time.sleep(0.2)

    def close(self):
        for node in reversed(self.nodes):
            node.__exit__(None)
        self.proxy.close()


def lives(shared):
    """(run, attempt) -> [(node's folder, first, last)], one for each start."""
    found = {}
    for file in shared.iterdir():
        if file.name == "release":
            continue
        run, attempt, _ = file.name.split(".")
        lines = [line.split() for line in file.read_text().splitlines() if len(line.split()) == 2]
        if lines:
            found.setdefault((run, int(attempt)), []).append(
                ("/".join(lines[0][1].split("/")[:3]), int(lines[0][0]) / 1e9, int(lines[-1][0]) / 1e9))
    return found


def strike(cluster, jobs, kinds, told, number):
    """Faults on some nodes at once, with runs on all; waits until the others have taken over; heals. The times."""
    shared, state = cluster.shared, {}
    (cluster.shared / "release").unlink(missing_ok=True)
    cluster.await_beats()
    fresh = {}
    for index, node in enumerate(cluster.nodes):
        client = Client(node.port, host=node.host)
        for more in range(10):
            for kind, (job, key) in jobs.items():
                made = node.trigger(client, job, key, secrets.token_hex(8))
                expect(made.status == 202, f"{made}\n{node.log_tail()}")
                fresh[made.run()] = kind
            time.sleep(0.2)
            # Who claims first has it; each node must have some.
            if more >= 1 and cluster.ids[index] in [state[2] for run, state in cluster.state().items() if run in fresh]:
                break
        client.close()
    until = time.monotonic() + 30
    while True:
        state = cluster.state()
        seen = lives(shared)
        if all(state[run][0] == "running" and (run, 1) in seen for run in fresh):
            break
        expect(time.monotonic() < until, f"not all running: {[state[r] for r in fresh]}")
        time.sleep(0.2)
    victims = {}
    for index, fault in kinds.items():
        mine = {run for run in fresh if state[run][2] == cluster.ids[index]}
        expect(mine, f"round {number}: node {index} runs nothing")
        victims.update({run: index for run in mine})
    begin = time.monotonic()
    for index, fault in kinds.items():
        if fault == "killed":
            cluster.network.kill_all(index)
            cluster.nodes[index].process.wait(10)
        elif fault == "cut":
            cluster.network.cut(index, True)
        else:
            cluster.nodes[index].process.send_signal(signal.SIGSTOP)
    taken = {}
    while len(taken) < len(victims):
        state, now = cluster.state(), time.monotonic() - begin
        for run, index in victims.items():
            status, attempt, node = state[run]
            over = status == "lost" if fresh[run] == "fail" else \
                status == "running" and attempt == 2 and node not in [cluster.ids[i] for i in kinds]
            if over:
                taken.setdefault(run, now)
        expect(now < TAKEN_WITHIN + 10, f"round {number}: {kinds}: not taken over after {now:.0f} s: "
               f"{[state[r] for r in victims if r not in taken]}")
        time.sleep(0.1)
    expect(max(taken.values()) < TAKEN_WITHIN, f"round {number}: {kinds}: taken over after {max(taken.values()):.1f} s")

    # From a node that lives: the output of its own runs, and who has the output that is away now.
    witness = next(n for i, n in enumerate(cluster.nodes) if i not in kinds)
    gone = next((r for r, i in victims.items() if fresh[r] == "fail" and kinds[i] != "frozen"), None)
    if gone:
        client = Client(witness.port, host=witness.host)
        answer = client.request("GET", f"/api/runs/{gone}/log", {"Authorization": "Bearer " + witness.admin_token})
        expect(answer.status == 503 and answer.code() == "NODE_UNREACHABLE", f"log of a lost node's run: {answer}")
        client.close()

    times = {}
    for index, fault in kinds.items():
        node = cluster.nodes[index]
        times[fault] = max(t for run, t in taken.items() if victims[run] == index)
        if fault == "killed":
            node.start()
        elif fault == "cut":
            cluster.network.cut(index, False)
        else:
            node.process.send_signal(signal.SIGCONT)
    time.sleep(3)  # what comes back late writes what it thinks it knows
    (shared / "release").touch()
    until = time.monotonic() + 40
    while True:
        state = cluster.state()
        if all(state[run][0] not in ("queued", "running") for run in fresh):
            break
        expect(time.monotonic() < until, f"stuck: {[state[r] for r in fresh]}")
        time.sleep(0.2)
    for run, kind in fresh.items():
        wanted = ("passed", 1) if run not in victims else ("lost", 1) if kind == "fail" else ("passed", 2)
        expect(state[run][:2] == wanted, f"round {number}: {run} ({kind}, node {victims.get(run)}): {state[run]}")
    seen = lives(shared)
    for run in fresh:
        attempts = sorted((attempt, where) for (id, attempt), where in seen.items() if id == run)
        for attempt, where in attempts:
            expect(len(where) == 1, f"round {number}: {run} attempt {attempt} was started {len(where)} times: {where}")
        for (_, [earlier]), (_, [later]) in zip(attempts, attempts[1:]):
            expect(earlier[0] != later[0] and earlier[2] < later[1],
                   f"round {number}: {run}: attempt 1 on {earlier} and attempt 2 on {later} at one time")
    if number == 0:
        for fault in kinds.values():
            run = next(r for r, i in victims.items() if kinds[i] == fault and fresh[r] == "rerun")
            print(f"timeline, {fault}: " + cluster.timeline(run), flush=True)
    # Any node serves every run's output.
    client = Client(witness.port, host=witness.host)
    for run in fresh:
        if state[run][0] == "passed":
            answer = client.request("GET", f"/api/runs/{run}/log", {"Authorization": "Bearer " + witness.admin_token})
            expect(answer.status == 200 and b"hello from" in answer.body, f"log of {run} {state[run]}: {answer}")
    client.close()
    told.extend(fresh)
    return times


def events_of(node, run, seconds=30):
    """(type, data) of the run's events as this node streams them, to the end."""
    client = http.client.HTTPConnection(node.host, node.port, timeout=seconds)
    client.request("GET", f"/api/runs/{run}/events", headers={"Authorization": "Bearer " + node.admin_token})
    answer, found, kind = client.getresponse(), [], ""
    expect(answer.status == 200, f"events: {answer.status}")
    until = time.monotonic() + seconds
    while not found or found[-1][0] != "end":
        expect(time.monotonic() < until, f"events do not end: {found}")
        line = answer.readline().decode().rstrip("\n")
        expect(line or not answer.isclosed(), f"the stream was cut: {found}")
        if line.startswith("event: "):
            kind = line[7:]
        elif line.startswith("data: "):
            found.append((kind, json.loads(line[6:])))
    client.close()
    return found


def served_everywhere(cluster):
    """One run, seen and cancelled through nodes that do not lead it."""
    job = cluster.nodes[0].job("echo first; sleep 2; echo second; echo kept > $USHER_ARTIFACTS/a.txt")
    key = cluster.nodes[0].key(job)[1]
    client = Client(cluster.nodes[0].port, host=cluster.nodes[0].host)
    run = cluster.nodes[0].trigger(client, job, key).run()
    seen, threads = {}, []
    for node in cluster.nodes:
        threads.append(threading.Thread(target=lambda n: seen.update({n.host: events_of(n, run)}), args=(node,)))
        threads[-1].start()
    for thread in threads:
        thread.join(40)
    expect(len(seen) == 3, f"events came to an end on {sorted(seen)} only")
    for host, events in seen.items():
        text = "".join(data["text"] for kind, data in events if kind == "log")
        expect(text == "first\nsecond\n", f"events on {host}: {events}")
        expect(events == seen[cluster.nodes[0].host], f"other events on {host}: {events}")
    headers = {"Authorization": "Bearer " + cluster.nodes[0].admin_token}
    for node in cluster.nodes:
        one = Client(node.port, host=node.host)
        listed = one.request("GET", f"/api/runs/{run}/artifacts", headers).json()["artifacts"]
        expect(len(listed) == 1 and listed[0]["bytes"] == 5, f"artifacts on {node.host}: {listed}")
        content = one.request("GET", f"/api/runs/{run}/artifacts/{listed[0]['path']}", headers)
        expect(content.body == b"kept\n", f"artifact on {node.host}: {content}")
        part = one.request("GET", f"/api/runs/{run}/log", {**headers, "Range": "bytes=6-"})
        expect(part.status == 206 and part.body == b"second\n", f"range on {node.host}: {part}")
        one.close()
        # Nobody without the secret learns anything, and nobody is sent elsewhere.
        unsigned = Client(8400, host=node.host)
        refused = unsigned.request("GET", f"/cluster/v1/log?run={run}&attempt=1&test=0&offset=0&max=100")
        expect(refused.status == 403 and not refused.body, f"unsigned on {node.host}: {refused}")
        unsigned.close()
    waiting = cluster.nodes[0].job("sleep 600")
    waiting_key = cluster.nodes[0].key(waiting)[1]
    run = cluster.nodes[0].trigger(client, waiting, waiting_key).run()
    until = time.monotonic() + 15
    while cluster.state()[run][0] != "running":
        expect(time.monotonic() < until, "does not run")
        time.sleep(0.1)
    other = next(n for i, n in enumerate(cluster.nodes) if cluster.ids[i] != cluster.state()[run][2])
    begin = time.monotonic()
    other.call("POST", f"/api/runs/{run}/cancel", {}, wanted=(200, 202))
    while cluster.state()[run][0] != "cancelled":
        expect(time.monotonic() - begin < 15, f"not cancelled through another node: {cluster.state()[run]}")
        time.sleep(0.1)
    # A drained node claims nothing, whichever node was told.
    other.call("POST", f"/api/nodes/{cluster.ids[0]}/drain", {})
    quick = cluster.nodes[0].job("true", maxConcurrency=20)
    quick_key = cluster.nodes[0].key(quick)[1]
    drained = [cluster.nodes[0].trigger(client, quick, quick_key).run() for _ in range(10)]
    cluster.nodes[0].await_idle(20)
    state = cluster.state()
    expect(all(state[r][0] == "passed" and state[r][2] != cluster.ids[0] for r in drained),
           f"node 0 is drained: {[state[r] for r in drained]}")
    other.call("POST", f"/api/nodes/{cluster.ids[0]}/undrain", {})
    time.sleep(2)  # it looks every second
    client.close()
    return [*drained, run, next(iter(r for r in state if r not in drained and r != run))]


def fault(args, database):
    rounds = args.rounds or (50 if args.long else 1)
    try:
        network = Network(3)
    except (OSError, subprocess.SubprocessError) as why:
        print(f"SKIPPED: row 28: no network namespaces here: {getattr(why, 'stderr', '') or why}")
        raise SystemExit(SKIPPED) from None
    cluster = None
    try:
        cluster = Cluster(args, network)
        script = (f"echo hello from $USHER_ATTEMPT; f={cluster.shared}/$USHER_RUN_ID.$USHER_ATTEMPT.$$; i=0; umask 022; "
                  f"while [ ! -e {cluster.shared}/release ] && [ $i -lt 1200 ]; do "
                  "echo \"$(date +%s%N) $USHER_ARTIFACTS\" >> $f; sleep 0.1; i=$((i+1)); done")
        jobs = {}
        for kind in ("rerun", "fail"):
            job = cluster.nodes[0].job(script, maxConcurrency=60, onLost=kind)
            jobs[kind] = (job, cluster.nodes[0].key(job)[1])
        told, slowest, most = served_everywhere(cluster), {}, 0
        for number in range(rounds):
            # What a node that was cut off has left on the server must go by itself.
            here = int(cluster.nodes[0].sql("SELECT count(*) FROM pg_stat_activity")[0][0])
            most = max(most, here)
            if number % 10 == 0:
                print(f"round {number}: {here} connections to the database", flush=True)
            expect(most < 150, f"round {number}: {most} connections to the database")
            order = random.sample(range(3), 3)
            for kinds in ({order[0]: "killed", order[1]: "cut"}, {order[2]: "frozen"}):
                for name, seconds in strike(cluster, jobs, kinds, told, number).items():
                    slowest[name] = max(slowest.get(name, 0), seconds)
        state = cluster.state()
        expect(set(told) == set(state), f"{len(told)} runs acknowledged, {len(state)} exist")
        return (f"{rounds} rounds on 3 nodes, {len(told)} runs, 0 lost against policy, no attempt on two nodes; taken over "
                "within " + ", ".join(f"{seconds:.1f} s ({name})" for name, seconds in sorted(slowest.items()))
                + f"; at most {most} connections")
    except BaseException:
        if cluster:
            for node in cluster.nodes:
                print(f"--- {node.folder.name}\n{node.log_tail()[-1500:]}")
        raise
    finally:
        if cluster:
            cluster.close()
        network.close()


main(28, fault, databases=("postgres",))
