"""Runs GoogleTest programs whole for ./check, where ctest starts one for each test: many times faster under a sanitizer.

    programs.py BUILD_DIR OUT.xml --label LABEL [--without LABEL]... [--as-in BUILD_DIR] [--jobs N] [--timeout SECONDS]

Takes the programs of the tests that carry LABEL and none of the others, in several parts when they have many tests, and
writes what ctest would have, for report.py. A program that ends before it has said how each of its tests went, that
takes longer than the timeout, or that fails though its tests passed (a leak that is found at its end) is a test that
failed. --as-in: a build whose programs of that label have to be there too. Exit code 0 when all programs ran, whatever
came of it.
"""

import argparse
import collections
import concurrent.futures
import json
import os
import signal
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree

PART = 20  # tests at least
SHOWN_CHARACTERS = 20_000

Program = collections.namedtuple("Program", "path directory tests")


def properties(test):
    return {item["name"]: item["value"] for item in test.get("properties", [])}


def programs(listing, label, without):
    """The programs of a listing of ctest, each with the names of its tests. Those that have many come first."""
    found = {}
    for test in listing["tests"]:
        labels = {word for text in properties(test).get("LABELS", []) for word in text.split(".")}
        if label not in labels or labels.intersection(without):
            continue
        if "serial" in labels:
            raise ValueError(f"the test {test['name']} wants the machine for itself, and would not have it here")
        command = test.get("command") or [""]
        names = [word.split("=", 1)[1] for word in command if word.startswith("--gtest_filter=")]
        if len(names) != 1:
            raise ValueError(f"the test {test['name']} is none of a GoogleTest program that has been built")
        directory = properties(test).get("WORKING_DIRECTORY", ".")
        found.setdefault(command[0], Program(command[0], directory, [])).tests.append(names[0])
    return sorted(found.values(), key=lambda program: (-len(program.tests), program.path))


def results(path):
    """{name: (state, text, seconds)} of what GoogleTest wrote, state being one of run, fail, notrun."""
    found = {}
    for case in ElementTree.parse(path).getroot().iter("testcase"):
        failures = [failure.text or failure.get("message", "") for failure in case.findall("failure")]
        skipped = case.find("skipped")
        if failures:
            outcome = "fail", "\n".join(failures)
        elif skipped is not None:
            outcome = "notrun", f"{skipped.get('message', '')}"
        elif case.get("result") == "completed":
            outcome = "run", ""
        else:
            continue  # another part's
        found[f"{case.get('classname')}.{case.get('name')}"] = outcome + (case.get("time", "0"),)
    return found


def run(program, part, parts, timeout):
    """(what GoogleTest wrote, why that is not all or None) of one part of a program."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "out.xml")
        environment = dict(os.environ, GTEST_TOTAL_SHARDS=str(parts), GTEST_SHARD_INDEX=str(part))
        with open(os.path.join(folder, "output"), "w+b") as output:
            process = subprocess.Popen([program.path, f"--gtest_output=xml:{path}"], cwd=program.directory, env=environment,
                                       stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                                       start_new_session=True)
            try:
                code = process.wait(timeout)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)  # with the processes that its tests have started
                process.wait()
                code = f"nothing: it was ended after {timeout} s"
            output.seek(0)
            text = output.read().decode(errors="replace")[-SHOWN_CHARACTERS:]
        said = results(path) if os.path.exists(path) else None
    if said is None:
        return {}, f"it ended with {code} in the midst of its tests\n{text}"
    if code != 0 and all(outcome[0] != "fail" for name, outcome in said.items() if name in program.tests):
        return said, f"its tests passed and it ended with {code}\n{text}"
    return said, None


def add(suite, name, state, text, seconds="0"):
    case = ElementTree.SubElement(suite, "testcase", name=name, status=state, time=seconds)
    if state == "fail":
        ElementTree.SubElement(case, "failure", message="")
    if state == "notrun":
        ElementTree.SubElement(case, "skipped", message="SKIP_REGULAR_EXPRESSION_MATCHED")
        text = f"Skipped\n{text}"
    # XML has no words for other control characters.
    ElementTree.SubElement(case, "system-out").text = "".join(c for c in text if c >= " " or c in "\n\t")


def merge(program, outcomes):
    """The <testcase>s of a program from its parts: (what was said, why that is not all)."""
    suite = ElementTree.Element("testsuite")
    said = {}
    for part, wrong in outcomes:
        said.update(part)
        if wrong:
            add(suite, os.path.basename(program.path), "fail", wrong)
    for name in program.tests:
        if name in said:
            add(suite, name, *said[name])
    missing = [name for name in program.tests if name not in said]
    if missing and not any(wrong for _, wrong in outcomes):
        add(suite, os.path.basename(program.path), "fail", f"it said nothing of {', '.join(missing)}")
    return suite


def listed(build_dir, label, without):
    listing = subprocess.run(["ctest", "--test-dir", build_dir, "--show-only=json-v1"], check=True, text=True,
                             capture_output=True).stdout
    return programs(json.loads(listing), label, set(without))


def main():
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("build_dir")
    parser.add_argument("out")
    parser.add_argument("--label", required=True)
    parser.add_argument("--without", action="append", default=[])
    parser.add_argument("--as-in")
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--timeout", type=int, default=900)
    words = parser.parse_args()
    chosen = listed(words.build_dir, words.label, words.without)
    if not chosen:
        print(f"Error: no test in {words.build_dir} has the label {words.label}")
        sys.exit(1)
    if words.as_in:
        there = {os.path.basename(program.path) for program in chosen}
        wanted = {os.path.basename(program.path) for program in listed(words.as_in, words.label, words.without)}
        if wanted - there:
            print(f"Error: not built in {words.build_dir}: {', '.join(sorted(wanted - there))}")
            sys.exit(1)
    root = ElementTree.Element("testsuites")
    with concurrent.futures.ThreadPoolExecutor(words.jobs) as pool:
        running = []
        for program in chosen:
            parts = max(1, min(words.jobs, len(program.tests) // PART))
            running.append((program, [pool.submit(run, program, part, parts, words.timeout) for part in range(parts)]))
        for program, parts in running:
            root.append(merge(program, [part.result() for part in parts]))
            seconds = sum(float(case.get("time")) for case in root[-1])
            print(f"{len(program.tests):5} tests of {os.path.basename(program.path)}, {seconds:.0f} s", flush=True)
    ElementTree.ElementTree(root).write(words.out)


if __name__ == "__main__":
    main()
