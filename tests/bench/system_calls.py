"""Counts the system calls of the leader's thread over a closed loop: they are those of looking at the sockets now and then,
and so bounded by the time that passes, not by the number of commits. Sharp enough to find a call in every ten commits."""

import json
import os
import subprocess
import sys
import tempfile
import time

# One call for each look at the sockets, which are looked at every ShmOptions::poll_interval_ns (500 us) while nothing
# comes in; as much again for clocks that run differently under strace.
CALLS_PER_SECOND = 2 * 2_000
# Calls that come with a start and an end: memory, handshakes, sockets looked at closely until all is quiet. The shortest run
# tells how many; it may have been lucky by so many.
START_MARGIN = 1_500
MAX_SECONDS = 32


def run(program, seconds):
    """Commits of the whole run, its system calls, and how long it took."""
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
    _, start_calls, start_elapsed = run(program, 0.02)
    seconds = 1
    while True:
        commits, calls, elapsed = run(program, seconds)
        bound = start_calls + START_MARGIN + CALLS_PER_SECOND * max(elapsed - start_elapsed, 0)
        # A slow machine takes longer to tell the one from the other.
        if bound < commits / 10 or 2 * seconds > MAX_SECONDS:
            break
        seconds *= 2
    print(f"{calls} system calls for {commits} commits in {elapsed:.1f} s; at most {bound:.0f} are expected, "
          f"{start_calls} of them for a start")
    if bound >= commits / 10:
        sys.exit(f"too few commits in {elapsed:.0f} s to tell a call in every ten: is the machine overloaded?")
    if calls > bound:
        sys.exit("the leader's thread makes more system calls than looking at its sockets takes")


main()
