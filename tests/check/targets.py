"""Prints the programs of the tests that carry a label, for ./check: `ctest --show-only=json-v1 | targets.py LABEL`."""

import json
import os
import sys


def targets(listing, label):
    found = set()
    for test in listing["tests"]:
        labels = [value for item in test.get("properties", []) if item["name"] == "LABELS" for value in item["value"]]
        if test.get("command") and any(label in text.split(".") for text in labels):
            found.add(os.path.basename(test["command"][0]))
    return sorted(found)


if __name__ == "__main__":
    print("\n".join(targets(json.load(sys.stdin), sys.argv[1])))
