#!/usr/bin/env python3
"""Revoking a key races with its verification: nothing is accepted that began after the revoke was answered. On PostgreSQL
half of the load goes to a second node with a state folder of its own."""
import contextlib
import json
import threading
import time

from daemon import Client, Daemon, expect, main


def fault(args, database):
    rounds = args.rounds or (10000 if args.long else 40)
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(Daemon(args.build_dir, database, "capacity = 0").start())
        job = first.job("true", queueLimit=100000)
        nodes = [first]
        if database == "postgres":
            nodes.append(stack.enter_context(Daemon(args.build_dir, database, "capacity = 0", beside=first).start()))
        admin, headers = Client(first.port), {"Authorization": "Bearer " + first.admin_token,
                                              "Content-Type": "application/json"}
        current, stop, guard = ["", -1], threading.Event(), threading.Lock()

        def clients(node):
            client = Client(node.port)
            while not stop.is_set():
                with guard:
                    key, number = current
                if not key:
                    time.sleep(0.001)
                    continue
                node.trigger(client, job, key, round=number)

        threads = [threading.Thread(target=clients, args=(node,), daemon=True) for node in nodes for _ in range(4 // len(nodes))]
        for thread in threads:
            thread.start()
        revoked = {}
        try:
            for number in range(rounds):
                key_id, key = first.key(job)
                with guard:
                    current[:] = [key, number]
                time.sleep(0.02 + 0.03 * (number % 5) / 5)
                # In turn the two ways to take a key away.
                path = f"/api/jobs/{job}/api-keys/{key_id}"
                for _ in range(5):  # a machine that is busy may say 503: then it is not revoked yet
                    if number % 2:
                        answer = admin.request("PATCH", path, headers, json.dumps({"enabled": False}))
                    else:
                        answer = admin.request("DELETE", path, headers)
                    if answer.status != 503:
                        break
                revoked[number] = time.monotonic()
                expect(answer.status == 200, f"round {number}: revoke: {answer}")
                time.sleep(0.03)  # the clients go on with the dead key
                with guard:
                    current[:] = ["", number]
                if number % 2:
                    answer = admin.request("DELETE", path, headers)
                    expect(answer.status == 200, f"round {number}: delete: {answer}")
        finally:
            stop.set()
            for thread in threads:
                thread.join(20)
        after = before = 0
        codes = {}
        for node in nodes:
            for entry in node.log.entries:
                began_after = entry["at"] > revoked[entry["round"]]
                if entry["status"] == 202:
                    expect(not began_after, f"accepted {1000 * (entry['at'] - revoked[entry['round']]):.2f} ms after the "
                           f"revoke was answered, node {nodes.index(node)}: {entry}")
                    before += 1
                elif began_after:
                    codes[entry.get("code")] = codes.get(entry.get("code"), 0) + 1
                    expect(entry["status"] in (401, 429), f"not a refusal: {entry}")
                    after += 1
        expect(before > rounds and after > rounds, f"no race: {before} accepted, {after} refused")
        runs = first.runs()
        told = {run for node in nodes for run in node.log.acknowledged()}
        expect(told == set(runs), f"{len(runs)} runs exist, {len(told)} were acknowledged")
        return f"{rounds} revokes on {len(nodes)} node(s), {before} accepted before, {after} refused after {codes}, 0 late"


main(25, fault)
