"""Builds `gaios` from the sources of the commit in tests/processes/earlier, and has a group of three brought from that
build to this one, and one of it back again (upgrade_from_earlier.cc).

    python3 -B tests/processes/upgrade_from_earlier.py SOURCES TEST

TEST: the program, in whose directory the earlier build is put, as gaios-earlier; what it is built in stays beside that
directory, for the next time. Exit codes: those of TEST; 77, said aloud, where SOURCES are no clone that goes back to
that commit, 1 where it cannot be built. In a shallow clone ./check --full wants GAIOS_ALLOW_SKIP=upgrade.from_earlier."""

import os
import shutil
import subprocess
import sys

SKIPPED = 77


def run(*command, **more):
    print("+", *command, flush=True)
    return subprocess.run(command, check=False, **more)


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    sources, test = (os.path.realpath(argument) for argument in sys.argv[1:])
    with open(os.path.join(sources, "tests", "processes", "earlier"), encoding="utf-8") as file:
        commit = file.read().split()[0]
    git = ("git", "-c", f"safe.directory={sources}", "-C", sources)
    if run(*git, "cat-file", "-e", f"{commit}^{{commit}}").returncode != 0:
        print(f"SKIPPED: this clone does not go back to {commit}")
        sys.exit(SKIPPED)
    programs = os.path.dirname(test)
    there = os.path.join(os.path.dirname(programs), "earlier", commit)
    build = os.path.join(there, "build", "release")
    if not os.path.exists(os.path.join(build, "build.ninja")):
        if os.path.exists(there):
            shutil.rmtree(there)
        os.makedirs(there)
        packed = os.path.join(there, "sources.tar")
        for step in ((*git, "archive", "--output", packed, commit), ("tar", "-xf", packed),
                     ("cmake", "--preset", "release", "-DGAIOS_TESTS=OFF", "-DGAIOS_BENCH=OFF", "-DGAIOS_VERBS=OFF",
                      "-DGAIOS_DPDK=OFF")):
            if run(*step, cwd=there).returncode != 0:
                sys.exit(f"Error: {commit} cannot be built")
    # Whatever an earlier run has left of it.
    if run("cmake", "--build", build, "--target", "gaios").returncode != 0:
        sys.exit(f"Error: {commit} cannot be built")
    shutil.copy(os.path.join(build, "bin", "gaios"), os.path.join(programs, "gaios-earlier"))
    sys.exit(run(test).returncode)


main()
