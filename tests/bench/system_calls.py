"""Counts the system calls of the leader's thread over a closed loop: they are those of looking at the sockets now and then,
and so bounded by the time that passes, not by the number of commits."""

import json
import os
import subprocess
import sys
import tempfile
import time

# Looking at the sockets takes a handful of calls every 500 us. A start takes some thousands, memory and handshakes included.
CALLS_PER_SECOND = 20_000
CALLS_AT_START = 10_000
COMMITS = 200_000


def run(program, seconds):
    with tempfile.TemporaryDirectory() as directory:
        report = os.path.join(directory, "report.json")
        summary = os.path.join(directory, "calls")
        begin = time.monotonic()
        # Without -f strace follows the first thread alone, which is the leader's.
        done = subprocess.run(
            ["strace", "-c", "-o", summary, program, "commit", "--seconds", str(seconds), "--blocks", "2", "--capacity",
             "1048576", "--json", report], capture_output=True, text=True, check=False)
        elapsed = time.monotonic() - begin
        if done.returncode != 0:
            sys.exit(f"gaios-bench under strace exits with {done.returncode}: {done.stderr}")
        with open(report, encoding="utf-8") as file:
            commits = json.load(file)["product"]["commands"]
        with open(summary, encoding="utf-8") as file:
            total = [line.split() for line in file if line.rstrip().endswith("total")]
        return commits, int(total[-1][3] if len(total[-1]) > 4 else total[-1][2]), elapsed


def main():
    program = sys.argv[1]
    seconds = 1
    commits, calls, elapsed = run(program, seconds)
    while commits < COMMITS and seconds < 32:  # a slow machine
        seconds *= 2
        commits, calls, elapsed = run(program, seconds)
    bound = CALLS_AT_START + CALLS_PER_SECOND * elapsed
    print(f"{calls} system calls for {commits} commits in {elapsed:.1f} s; at most {bound:.0f} are expected")
    if calls > bound:
        sys.exit("the leader's thread makes more system calls than looking at its sockets takes")
    if commits >= COMMITS and calls >= commits:
        sys.exit("the leader's thread makes a system call for each commit")


main()
