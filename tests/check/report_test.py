"""Tests of report.py on what ctest 3.25 writes."""

import os
import tempfile
import unittest

import report

CASES = {
    "pass": '<testcase name="Suite.Pass" status="run"><system-out>[       OK ]</system-out></testcase>',
    "fail": '<testcase name="Suite.Fail" status="fail"><failure message=""/><system-out>expected 1</system-out></testcase>',
    "skip": '<testcase name="Suite.Skip" status="notrun"><skipped message="SKIP_REGULAR_EXPRESSION_MATCHED"/>'
            "<system-out>a_test.cc:2: Skipped\nno recordings in ../shared/data\n[  SKIPPED ] Suite.Skip</system-out></testcase>",
    "fail_then_skip": '<testcase name="Suite.Both" status="notrun">'
                      '<skipped message="SKIP_REGULAR_EXPRESSION_MATCHED"/>'
                      "<system-out>[  SKIPPED ] part\n[  FAILED  ] Suite.Both</system-out></testcase>",
    "missing": '<testcase name="gone" status="notrun"><skipped message="Unable to find executable"/></testcase>',
    "disabled": '<testcase name="Suite.Off" status="disabled"/>',
}


class ReportTest(unittest.TestCase):
    def run_report(self, cases, allowed=()):
        said = []
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "junit.xml")
            with open(path, "w", encoding="utf-8") as file:
                file.write("<testsuite>" + "".join(CASES[case] for case in cases) + "</testsuite>")
            counts = report.report([path], list(allowed), said.append)
        return (counts["passed"], counts["failed"], counts["skipped"]), "\n".join(said)

    def test_counts_passes_and_failures(self):
        counts, said = self.run_report(["pass", "pass", "fail"])
        self.assertEqual(counts, (2, 1, 0))
        self.assertIn("FAILED Suite.Fail", said)
        self.assertIn("expected 1", said)

    def test_a_skip_fails_with_its_reason(self):
        counts, said = self.run_report(["skip"])
        self.assertEqual(counts, (0, 1, 0))
        self.assertIn("no recordings in ../shared/data", said)
        self.assertIn("GAIOS_ALLOW_SKIP='Suite.Skip'", said)

    def test_an_allowed_skip_is_counted_as_skipped_and_named(self):
        for allowed in ("Suite.Skip", "Suite.*"):
            counts, said = self.run_report(["skip", "pass"], ["Other.Test", allowed])
            self.assertEqual(counts, (1, 0, 1))
            self.assertIn("Suite.Skip", said)

    def test_a_name_is_matched_whole(self):
        self.assertEqual(self.run_report(["skip"], ["Suite.Ski"])[0], (0, 1, 0))

    def test_a_disabled_test_is_a_skip(self):
        self.assertEqual(self.run_report(["disabled"])[0], (0, 1, 0))
        self.assertEqual(self.run_report(["disabled"], ["Suite.Off"])[0], (0, 0, 1))

    def test_no_permission_hides_a_failure_or_a_missing_program(self):
        self.assertEqual(self.run_report(["fail", "missing", "fail_then_skip"], ["*"])[0], (0, 3, 0))


if __name__ == "__main__":
    unittest.main()
