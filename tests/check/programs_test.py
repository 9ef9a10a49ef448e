"""Tests of programs.py, on programs that write what GoogleTest 1.12 does."""

import os
import stat
import tempfile
import unittest
import xml.etree.ElementTree as ElementTree

import programs
import report

# Two shards: each test is in one, as its number says. The rest of a test is what its program does when it gets there.
SCRIPT = r'''#!/bin/bash
out=${1#--gtest_output=xml:}
cases= code=0
case_of() { cases+="<testcase name=\"$1\" classname=\"Suite\" time=\"0.1\" status=\"run\" result=\"$2\">$3</testcase>"; }
test_of() {  # NUMBER NAME WHAT
  if [ $(($1 % GTEST_TOTAL_SHARDS)) -ne "$GTEST_SHARD_INDEX" ]; then
    cases+="<testcase name=\"$2\" classname=\"Suite\" time=\"0\" status=\"notrun\" result=\"suppressed\"/>"
    return
  fi
  echo "[ RUN      ] Suite.$2"
  case $3 in
    passes) case_of "$2" completed "" ;;
    fails) case_of "$2" completed '<failure message="expected 1">expected 1, got 2</failure>'; code=1 ;;
    skips) case_of "$2" skipped '<skipped message="no recordings"/>' ;;
    dies) echo "heap-use-after-free"; kill -9 $$ ;;
    hangs) exec tail -f /dev/null ;;
    leaks) case_of "$2" completed ""; code=23; echo "LeakSanitizer: 8 bytes" ;;
    forgotten) ;;
    outside) case_of "$2" completed ""; cases+='<testcase name="" classname="" result="completed"><failure>at its end</failure></testcase>'
      code=1; echo "fails at its end" ;;
  esac
}
'''


class ProgramsTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def counts(self, tests, parts=1, timeout=30):
        """Counts of the report and what it says, of a program whose tests do what is told."""
        path = os.path.join(self.folder, "a_test")
        with open(path, "w", encoding="utf-8") as file:
            file.write(SCRIPT)
            file.writelines(f"test_of {number} T{number} {what}\n" for number, what in enumerate(tests))
            file.write('echo "<testsuites><testsuite>$cases</testsuite></testsuites>" >"$out"; exit $code\n')
        os.chmod(path, os.stat(path).st_mode | stat.S_IXUSR)
        program = programs.Program(path, self.folder, [f"Suite.T{number}" for number in range(len(tests))])
        suite = programs.merge(program, [programs.run(program, part, parts, timeout) for part in range(parts)])
        out = os.path.join(self.folder, "out.xml")
        ElementTree.ElementTree(suite).write(out)
        said = []
        counts = report.report([out], [], said.append)
        return (counts["passed"], counts["failed"], counts["skipped"]), "\n".join(said)

    def test_counts_what_passed_in_all_parts(self):
        self.assertEqual((5, 0, 0), self.counts(["passes"] * 5)[0])
        self.assertEqual((5, 0, 0), self.counts(["passes"] * 5, parts=2)[0])

    def test_a_failure_has_its_name_and_reason(self):
        counts, said = self.counts(["passes", "fails", "passes"], parts=2)
        self.assertEqual((2, 1, 0), counts)
        self.assertIn("FAILED Suite.T1", said)
        self.assertIn("expected 1, got 2", said)

    def test_a_skip_is_not_run_and_says_why(self):
        counts, said = self.counts(["passes", "skips"])
        self.assertEqual((1, 1, 0), counts)
        self.assertIn("NOT RUN Suite.T1: no recordings", said)

    def test_a_program_that_dies_has_failed_and_shows_where(self):
        counts, said = self.counts(["passes", "passes", "dies", "passes"], parts=2)
        self.assertEqual((2, 1, 0), counts)  # of the other part
        self.assertIn("FAILED a_test", said)
        self.assertIn("[ RUN      ] Suite.T2", said)
        self.assertIn("heap-use-after-free", said)

    def test_a_program_that_does_not_end_has_failed(self):
        counts, said = self.counts(["passes", "hangs"], timeout=1)
        self.assertEqual((0, 1, 0), counts)
        self.assertIn("it was ended after 1 s", said)
        self.assertIn("[ RUN      ] Suite.T1", said)

    def test_a_leak_at_the_end_is_a_failure(self):
        counts, said = self.counts(["passes", "leaks"])
        self.assertEqual((2, 1, 0), counts)
        self.assertIn("LeakSanitizer: 8 bytes", said)

    def test_what_fails_outside_of_all_tests_is_a_failure(self):
        counts, said = self.counts(["passes", "outside"])
        self.assertEqual((2, 1, 0), counts)
        self.assertIn("fails at its end", said)

    def test_a_test_that_nothing_was_said_of_is_a_failure(self):
        counts, said = self.counts(["passes", "forgotten"])
        self.assertEqual((1, 1, 0), counts)
        self.assertIn("it said nothing of Suite.T1", said)


class ListingTest(unittest.TestCase):
    def listed(self, *tests):
        return {"tests": [{"name": name, "command": ["/bin/" + program, "--gtest_filter=" + name],
                           "properties": [{"name": "LABELS", "value": [labels]},
                                          {"name": "WORKING_DIRECTORY", "value": "/where"}]}
                          for name, program, labels in tests]}

    def test_programs_by_label_and_those_with_many_tests_first(self):
        listing = self.listed(("A.1", "a", "core"), ("B.1", "b", "core.threads"), ("B.2", "b", "core.threads"),
                              ("C.1", "c", "core.release"), ("D.1", "d", "threads"))
        self.assertEqual([("/bin/b", "/where", ["B.1", "B.2"]), ("/bin/a", "/where", ["A.1"])],
                         programs.programs(listing, "core", {"release"}))

    def test_one_that_wants_the_machine_for_itself_is_an_error(self):
        with self.assertRaisesRegex(ValueError, "A.1 wants the machine for itself"):
            programs.programs(self.listed(("A.1", "a", "core.serial")), "core", {"release"})

    def test_what_is_no_program_of_googletest_is_an_error(self):
        listing = {"tests": [{"name": "gone_NOT_BUILT", "properties": [{"name": "LABELS", "value": ["core"]}]}]}
        with self.assertRaisesRegex(ValueError, "gone_NOT_BUILT"):
            programs.programs(listing, "core", set())


if __name__ == "__main__":
    unittest.main()
