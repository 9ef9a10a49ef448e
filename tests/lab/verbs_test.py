"""The transport over RDMA on a device: the conformance suite, fences with writers in flight, thousands of connections.

One host, whose device several processes share. Run with the directory of the built programs.
"""

import os
import sys

import machines

PROGRAM = "verbs_lab_test"
# On a machine that has other things to do; a guest's clock may run fast then, by a factor.
SECONDS = 3000


class VerbsTest(machines.LabTest):
    HOSTS = 1
    programs = ""

    def run_program(self, tests):
        process = self.begin("run", "--timeout", SECONDS, 0, os.path.join(self.programs, PROGRAM),
                             f"--gtest_filter={tests}")
        output, errors = process.communicate(timeout=SECONDS + 60)
        print(output, errors, flush=True)
        self.assertEqual(0, process.returncode)
        self.assertRegex(output, r"\[  PASSED  \] [1-9][0-9]* tests?\.")

    def test_the_fence_holds_with_writers_in_flight(self):
        self.run_program("FenceTest.*")

    def test_the_contract_of_a_transport_is_kept(self):
        self.run_program("Verbs/ConformanceTest.*")


if __name__ == "__main__":
    VerbsTest.programs = sys.argv.pop(1)
    machines.main()
