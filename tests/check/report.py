"""Reads the JUnit files of ctest for ./check: counts results, explains failures, applies GAIOS_ALLOW_SKIP.

    report.py FILE.xml...

Prints `passed failed skipped` on stdout, and what a person needs on stderr. A test that was skipped, disabled or not
run counts as failed unless a pattern of $GAIOS_ALLOW_SKIP (comma separated, e.g. `Recordings.*`) matches its name.
"""

import fnmatch
import os
import sys
import xml.etree.ElementTree as ElementTree

SHOWN_LINES = 60


def outcome(case):
    """Returns (state, reason) of a <testcase>; state is one of passed, failed, skipped."""
    output = case.findtext("system-out") or ""
    status = case.get("status")
    if status == "run":
        return "passed", ""
    if status == "disabled":
        return "skipped", "disabled"
    if status == "notrun":
        skip = case.find("skipped")
        message = skip.get("message", "") if skip is not None else ""
        # ctest also says `notrun` of a missing program, and of a test that failed first and then skipped the rest.
        if message.startswith("SKIP_") and "[  FAILED  ]" not in output:
            return "skipped", skip_reason(output)
        return "failed", message
    return "failed", f"after {float(case.get('time') or 0):.1f} s"


def skip_reason(output):
    """The text that a GoogleTest gave to GTEST_SKIP, on the lines after `Skipped`."""
    lines = output.splitlines()
    for number, line in enumerate(lines):
        if line.endswith("Skipped"):
            reason = []
            for text in lines[number + 1:]:
                if text.startswith("[") or not text.strip():
                    break
                reason.append(text.strip())
            return " ".join(reason)
    return lines[-1].strip() if lines else ""


def report(paths, allowed, say):
    """Returns counts {passed, failed, skipped} over the files, and says why for all that did not pass."""
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    not_allowed = []
    for path in paths:
        for case in ElementTree.parse(path).getroot().iter("testcase"):
            name = case.get("name")
            state, reason = outcome(case)
            if state == "skipped" and not any(fnmatch.fnmatchcase(name, pattern) for pattern in allowed):
                say(f"   NOT RUN {name}: {reason or 'it gave no reason'}")
                not_allowed.append(name)
                state = "failed"
            elif state == "skipped":
                say(f"   skipped, as GAIOS_ALLOW_SKIP allows: {name}: {reason or 'it gave no reason'}")
            elif state == "failed":
                say(f"   FAILED {name}{': ' if reason else ''}{reason}")
                output = (case.findtext("system-out") or "").splitlines()
                for line in output[-SHOWN_LINES:]:
                    say(f"      {line}")
            counts[state] += 1
    if not_allowed:
        say("   A test that cannot run here fails the check. To allow it, and count it as skipped:")
        say(f"   GAIOS_ALLOW_SKIP='{','.join(not_allowed)}'")
    return counts


def main():
    allowed = [name.strip() for name in os.environ.get("GAIOS_ALLOW_SKIP", "").split(",") if name.strip()]
    counts = report(sys.argv[1:], allowed, lambda text: print(text, file=sys.stderr))
    print(counts["passed"], counts["failed"], counts["skipped"])


if __name__ == "__main__":
    main()
