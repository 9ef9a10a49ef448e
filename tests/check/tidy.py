"""Runs clang-tidy over the sources of a configured and built tree, for ./check.

    tidy.py SOURCE_DIR BUILD_DIR CACHE_DIR [--changed-since COMMIT]

A source that was clean is not read again until its compile command, the checks, the tool, its text or that of a
header of the project that it includes changes. With --changed-since only what differs from that commit is read: the
sources themselves, and for each header one source that includes it. What was compiled together is read one by one.
Exit code 1 when something is found.
"""

import argparse
import concurrent.futures
import hashlib
import json
import os
import re
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


def one_by_one(commands, build_dir):
    """(command, object file that it was made into, whether with others) of each source: one for each here."""
    for command in commands:
        path, made = os.path.realpath(command["file"]), made_by(command["command"])
        if os.path.basename(os.path.dirname(path)) == "Unity" and path.startswith(build_dir + os.sep):
            with open(path, encoding="utf-8") as together:
                parts = re.findall(r'^#include "(.*)"$', together.read(), re.MULTILINE)
        else:
            parts = [command["file"]]
        for part in parts:
            yield {**command, "file": part, "command": command["command"].replace(command["file"], part)}, made, len(parts) > 1


def included(path, inputs):
    """Of the inputs of several sources that were compiled together, what one of them includes, and what that does."""
    found, todo = {path}, [path]
    while todo:
        with open(todo.pop(), encoding="utf-8", errors="replace") as file:
            words = re.findall(r'^\s*#\s*include "(?:gaios/)?([^"]+)"', file.read(), re.MULTILINE)
        for word in words:
            for name in inputs - found:
                if name.endswith("/" + word):
                    found.add(name)
                    todo.append(name)
    return found


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
    """({path: (key, inputs)} of every source of the project that is compiled, their commands); the key names all that
    tidy sees."""
    version = subprocess.run([TOOL, "--version"], check=True, text=True, capture_output=True).stdout
    deps, hashes, found, kept = dependencies(build_dir), {}, {}, []
    with open(os.path.join(build_dir, "compile_commands.json"), encoding="utf-8") as file:
        commands = json.load(file)
    for command, made, together in one_by_one(commands, build_dir):
        path = os.path.realpath(command["file"])
        if path in found or path.startswith(build_dir + os.sep) or not path.startswith(source_dir + os.sep):
            continue
        inputs = {os.path.realpath(name) for name in deps.get(made, [])} | {path}
        if together:
            inputs = included(path, inputs)
        inputs.update(configurations(source_dir, path))
        key = hashlib.sha256("\n".join([version, command["command"]]).encode())
        for name in sorted(inputs):
            if name.startswith(source_dir + os.sep):
                key.update(f"{name} {file_hash(name, hashes)}\n".encode())
        found[path] = key.hexdigest(), inputs
        kept.append(command)
    return dict(sorted(found.items())), kept


def changed(source_dir, commit):
    """Files of the project that differ from a commit, those that are new and not yet added among them."""
    def git(*words):
        done = subprocess.run(["git", "-c", f"safe.directory={source_dir}", "-C", source_dir, *words], check=True,
                              text=True, capture_output=True)
        return {os.path.join(source_dir, name) for name in done.stdout.splitlines()}
    return git("diff", "--name-only", commit) | git("ls-files", "--others", "--exclude-standard")


def concerned(files, names):
    """The sources among `files` to be read when the files `names` have changed."""
    chosen = {path for path in files if path in names}
    for name in sorted(names):
        users = [path for path, (_, inputs) in files.items() if name in inputs]
        if users and not chosen.intersection(users):
            stem = os.path.splitext(os.path.basename(name))[0]
            chosen.add(next((path for path in users if os.path.basename(path).startswith(stem)), users[0]))
    return chosen


def tidy(path, commands_dir):
    # g++ has warnings that clang does not know, and headers that it has precompiled for itself.
    done = subprocess.run([TOOL, "-p", commands_dir, "--quiet", "--extra-arg=-Wno-unknown-warning-option",
                           "--extra-arg=-Wno-ignored-gch", path],
                          text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    return done.returncode, done.stdout if done.stdout.strip() or not done.returncode else done.stderr


def main():
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("directories", nargs=3)
    parser.add_argument("--changed-since", metavar="COMMIT")
    words = parser.parse_args()
    source_dir, build_dir, cache_dir = (os.path.realpath(path) for path in words.directories)
    os.makedirs(cache_dir, exist_ok=True)
    files, commands = sources(source_dir, build_dir)
    commands_dir = cache_dir + ".commands"
    os.makedirs(commands_dir, exist_ok=True)
    with open(os.path.join(commands_dir, "compile_commands.json"), "w", encoding="utf-8") as file:
        json.dump(commands, file)
    keys = {key for key, _ in files.values()}
    for name in os.listdir(cache_dir):
        if name not in keys:
            os.remove(os.path.join(cache_dir, name))
    clean = set(os.listdir(cache_dir))
    of_interest = concerned(files, changed(source_dir, words.changed_since)) if words.changed_since else set(files)
    todo = [(path, key) for path, (key, _) in files.items() if path in of_interest and key not in clean]
    print(f"{len(files)} files, {len(of_interest)} to look at, {len(of_interest) - len(todo)} of them known to be clean",
          flush=True)
    dirty = []
    with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        jobs = {pool.submit(tidy, path, commands_dir): (path, key) for path, key in todo}
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
