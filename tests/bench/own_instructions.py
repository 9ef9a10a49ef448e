"""Instructions of the leader for one commit of 64 bytes beyond those of the floor of the same medium, and those of a
follower that learns and applies it: all run under callgrind, over shared memory (shm_instructions) or on a device
without a network (verbs_instructions). Prints JSON.

    python3 -B tests/bench/own_instructions.py build/release/bin/shm_instructions [--commands N] [--most M] [--most-learning M]

Exit codes: 0 counted, 1 more than --most beyond the floor or than --most-learning, 2 wrong usage."""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile

SIDES = {"product": "MeasureCommits", "floor": "MeasureFloor", "learning": "MeasureLearning"}


def count(program, function, arguments, commands, output):
    """Instructions within `function`, for each command."""
    done = subprocess.run(
        ["valgrind", "--tool=callgrind", f"--toggle-collect=*{function}*",
         f"--callgrind-out-file={output}", program, str(commands), *arguments],
        capture_output=True, text=True, check=False)
    collected = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode != 0 or collected is None:
        sys.exit(f"valgrind exits with {done.returncode}:\n{done.stderr[-2000:]}")
    return int(collected.group(1)) / commands


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("program")
    parser.add_argument("--with", dest="disturbances", action="append", default=[], metavar="NAME=NUMBER",
                        help="verbs_instructions: what disturbs the leader, as late=1")
    parser.add_argument("--commands", type=int, default=20_000)
    parser.add_argument("--most", type=float, help="instructions beyond the floor that are allowed")
    parser.add_argument("--most-learning", type=float, help="instructions of a follower that are allowed")
    parser.add_argument("--keep", metavar="DIRECTORY", help="leave the profiles there, for callgrind_annotate")
    options = parser.parse_args()
    report = {"commands": options.commands}
    with tempfile.TemporaryDirectory() as temporary:
        for side, function in SIDES.items():
            output = os.path.join(options.keep or temporary, f"{side}.callgrind")
            counted = count(options.program, function, options.disturbances, options.commands, output)
            report[side] = {"instructions": round(counted, 1)}
    report["own_instructions"] = round(report["product"]["instructions"] - report["floor"]["instructions"], 1)
    print(json.dumps(report))
    if min(report[side]["instructions"] for side in SIDES) < 50:
        sys.exit("nothing was counted: are the functions still called so?")
    if options.most is not None and report["own_instructions"] > options.most:
        sys.exit(f"{report['own_instructions']} instructions beyond the floor, {options.most} are allowed")
    if options.most_learning is not None and report["learning"]["instructions"] > options.most_learning:
        sys.exit(f"a follower takes {report['learning']['instructions']} instructions for a command, "
                 f"{options.most_learning} are allowed")


main()
