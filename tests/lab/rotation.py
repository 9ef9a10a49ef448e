"""Which tests of a program run when there is no time for all: some always, of the others so many, others with every text.

./check names its commit in GAIOS_ROTATE_BY. Without it, and where a test is asked for by its name, nothing is left out.
"""

import hashlib
import os
import unittest


def drawn(names, count, by):
    """`count` of the names, chosen by the text `by`: each as often as any other, over many texts."""
    names = sorted(names)
    count = min(count, len(names))
    if count == 0:
        return set()
    first = int(hashlib.sha256(by.encode()).hexdigest(), 16) % len(names)
    return {names[(first + i) % len(names)] for i in range(count)}


def each(suite):
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from each(test)
        else:
            yield test


def rotated(tests, always, count):
    """Of the tests of a module those named in `always` and `count` of the others; what is left out is said."""
    by = os.environ.get("GAIOS_ROTATE_BY")
    if not by:
        return tests
    tests = list(each(tests))
    names = {test.id().split(".")[-1] for test in tests}
    unknown = set(always) - names
    if unknown:
        raise AssertionError(f"no such tests: {', '.join(sorted(unknown))}")
    chosen = set(always) | drawn(names - set(always), count, by)
    print(f"left out this time: {', '.join(sorted(names - chosen))}", flush=True)
    classes = {}  # those of a class stay together, for it boots its hosts once
    for test in tests:
        if test.id().split(".")[-1] in chosen:
            classes.setdefault(type(test), []).append(test)
    return unittest.TestSuite(unittest.TestSuite(members) for members in classes.values())
