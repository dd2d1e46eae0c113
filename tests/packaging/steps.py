"""What the install test is told with: steps, expectations, commands that must succeed. It ends at the first thing that is
not as it should be."""
import glob
import os
import pathlib
import subprocess
import sys


def step(text):
    print(f"== {text}", flush=True)


def fail(text):
    print(f"FAILED: {text}", flush=True)
    for log in glob.glob("/tmp/*.log"):
        print(f"-- {log}\n" + "\n".join(pathlib.Path(log).read_text(errors="replace").splitlines()[-25:]))
    sys.exit(1)


def expect(condition, text):
    if not condition:
        fail(text)


def run(*words, stdin=None, codes=(0,), env=None, cwd=None):
    done = subprocess.run(words, input=stdin, capture_output=True, text=True, timeout=300, cwd=cwd,
                          env={**os.environ, **(env or {})})
    if done.returncode not in codes:
        fail(f"{' '.join(words)} ended with {done.returncode}:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
    return done.stdout
