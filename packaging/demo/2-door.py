"""The door of this server, from outside: whoever brings no key, or a wrong one, must be turned away."""
import json
import os
import sys
import urllib.error
import urllib.request

TARGET = os.environ["TARGET"]
JOB = os.environ["USHER_JOB_ID"]


def trigger(headers):
    request = urllib.request.Request(f"{TARGET}/api/jobs/{JOB}/trigger", method="POST", headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as refused:
        return refused.code, json.load(refused)


def expect(what, headers, status, code):
    got_status, body = trigger(headers)
    good = (got_status, body.get("code")) == (status, code)
    print(f"{'ok  ' if good else 'FAIL'} {what}: {got_status} {body.get('code')}", flush=True)
    return good


results = [
    expect("no key", {}, 401, "API_KEY_REQUIRED"),
    expect("something that is no key", {"X-Api-Key": "short"}, 401, "INVALID_API_KEY_FORMAT"),
    expect("a key that nobody made", {"Authorization": "Bearer job_" + "0" * 60}, 401, "INVALID_API_KEY"),
]
sys.exit(0 if all(results) else 1)
