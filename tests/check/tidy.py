"""Runs clang-tidy over the sources of a configured and built tree, for ./check.

    tidy.py SOURCE_DIR BUILD_DIR CACHE_DIR [--all]

A source that was clean is not read again until its compile command, the checks, the tool, its text or that of a
header of the project that it includes changes (--all reads every one). Exit code 1 when something is found.
"""

import concurrent.futures
import hashlib
import json
import os
import shlex
import subprocess
import sys

TOOL = "clang-tidy-19"


def dependencies(build_dir):
    """Object file -> files it was made from, as Ninja recorded them in the last build."""
    deps, current = {}, None
    listing = subprocess.run(["ninja", "-C", build_dir, "-t", "deps"], check=True, text=True, capture_output=True)
    for line in listing.stdout.splitlines():
        if line.startswith("    "):
            deps[current].append(os.path.join(build_dir, line.strip()))
        elif ": #deps" in line:
            current = line.split(": #deps")[0]
            deps[current] = []
    return deps


def made_by(command):
    """The object file of a compile command."""
    words = shlex.split(command)
    return words[words.index("-o") + 1]


def file_hash(path, known):
    if path not in known:
        with open(path, "rb") as file:
            known[path] = hashlib.sha256(file.read()).hexdigest()
    return known[path]


def configurations(source_dir, path):
    """The .clang-tidy files that hold for a source: those of its folder and of the ones above."""
    folder = os.path.dirname(path)
    while folder.startswith(source_dir):
        name = os.path.join(folder, ".clang-tidy")
        if os.path.exists(name):
            yield name
        folder = os.path.dirname(folder)


def sources(source_dir, build_dir):
    """[(path, key)] of every source of the project that is compiled; the key names everything that tidy sees."""
    version = subprocess.run([TOOL, "--version"], check=True, text=True, capture_output=True).stdout
    deps, hashes, found = dependencies(build_dir), {}, {}
    with open(os.path.join(build_dir, "compile_commands.json"), encoding="utf-8") as file:
        commands = json.load(file)
    for command in commands:
        path = os.path.realpath(command["file"])
        if path in found or path.startswith(build_dir + os.sep) or not path.startswith(source_dir + os.sep):
            continue
        inputs = {os.path.realpath(name) for name in deps.get(made_by(command["command"]), [])} | {path}
        inputs.update(configurations(source_dir, path))
        key = hashlib.sha256("\n".join([version, command["command"]]).encode())
        for name in sorted(inputs):
            if name.startswith(source_dir + os.sep):
                key.update(f"{name} {file_hash(name, hashes)}\n".encode())
        found[path] = key.hexdigest()
    return sorted(found.items())


def tidy(path, build_dir):
    # g++ has warnings that clang does not know.
    done = subprocess.run([TOOL, "-p", build_dir, "--quiet", "--extra-arg=-Wno-unknown-warning-option", path],
                          text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    return done.returncode, done.stdout if done.stdout.strip() or not done.returncode else done.stderr


def main():
    source_dir, build_dir, cache_dir = (os.path.realpath(path) for path in sys.argv[1:4])
    os.makedirs(cache_dir, exist_ok=True)
    files = sources(source_dir, build_dir)
    keys = {key for _, key in files}
    for name in os.listdir(cache_dir):
        if name not in keys:
            os.remove(os.path.join(cache_dir, name))
    clean = set(os.listdir(cache_dir)) if "--all" not in sys.argv[4:] else set()
    todo = [(path, key) for path, key in files if key not in clean]
    print(f"{len(files)} files, {len(files) - len(todo)} known to be clean", flush=True)
    dirty = []
    with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        jobs = {pool.submit(tidy, path, build_dir): (path, key) for path, key in todo}
        for number, job in enumerate(concurrent.futures.as_completed(jobs), 1):
            path, key = jobs[job]
            name = os.path.relpath(path, source_dir)
            code, text = job.result()
            if code == 0:
                open(os.path.join(cache_dir, key), "w", encoding="utf-8").close()
            else:
                dirty.append(name)
                print(text)
            print(f"[{number}/{len(todo)}] {name}{'' if code == 0 else ': FAILED'}", flush=True)
    if dirty:
        print(f"Error: clang-tidy found something in {len(dirty)} files: {' '.join(dirty)}")
        sys.exit(1)


if __name__ == "__main__":
    main()
