"""The transport over RDMA on a device: fences with writers in flight, thousands of connections, and the benchmarks,
small. (The conformance suite and errors of the device are in short_test.py.)

One host, whose device several processes share.
"""

import json
import os

import machines
import paths

PROGRAM = "verbs_lab_test"
# On a machine that has other things to do; a guest's clock may run fast then, by a factor.
SECONDS = 3000


class VerbsTest(machines.LabTest):
    HOSTS = 1

    def run_program(self, tests):
        process = self.begin("run", "--timeout", SECONDS, 0, os.path.join(paths.BIN, PROGRAM),
                             f"--gtest_filter={tests}")
        output, errors = process.communicate(timeout=SECONDS + 60)
        print(output, errors, flush=True)
        self.assertEqual(0, process.returncode)
        self.assertRegex(output, r"\[  PASSED  \] [1-9][0-9]* tests?\.")

    def test_the_fence_holds_with_writers_in_flight(self):
        self.run_program("FenceTest.*")

    def probe(self, *arguments):
        return self.lab("run", "--timeout", SECONDS, 0, os.path.join(paths.BIN, "gaios"), "rdma-probe", *arguments)

    def test_the_probe_finds_that_the_fence_in_use_holds(self):
        code, output, errors = self.probe("--device", "rxe0", "--json", "-")
        print(output, errors, flush=True)
        self.assertEqual(0, code)
        report = json.loads(output)
        self.assertEqual(("rxe0", "rdma_rxe", "Ethernet", "mr_deregistration"),
                         (report["device"], report["driver"], report["link_layer"], report["fence_used"]))
        self.assertEqual((4096, True, True), (report["active_mtu"], report["atomics"], report["memory_windows"]))
        self.assertGreaterEqual(report["max_inline"], 64)
        fences = {fence["strategy"]: fence for fence in report["fences"]}
        self.assertEqual({"qp_error", "mr_deregistration", "access_flags", "mw_invalidation"}, set(fences))
        used = fences["mr_deregistration"]
        self.assertTrue(used["held"])
        self.assertEqual((20, 0, 0), (used["rounds"], used["late_writes"], used["not_stopped"]))
        self.assertGreaterEqual(used["writes"], 20 * 4)

    def test_benchmarks_measure_beside_their_floor(self):
        for benchmark, commands in (("commit", 50), ("throughput", 1000)):
            code, output, errors = self.lab(
                "run", "--timeout", SECONDS, 0, os.path.join(paths.BIN, "gaios-bench"), benchmark, "--transport", "verbs",
                "--device", "rxe0", "--capacity", 1 << 20, "--blocks", 2, "--block-commits", commands, "--json", "-")
            print(output, errors, flush=True)
            self.assertEqual(0, code)
            report = json.loads(output)
            self.assertEqual((benchmark, "verbs", "rxe0", 2),
                             (report["benchmark"], report["transport"], report["device"]["name"], report["blocks"]))
            self.assertEqual({"median", "min", "max"}, set(report["ratio"]))
            for side in ("product", "floor"):
                self.assertGreater(report[side]["per_second"], 0)

    def test_what_is_not_there_is_named(self):
        for arguments, named in ((("--device", "mlx5_0"), ("mlx5_0", "rxe0")), (("--port", "2"), ("port 2", "1 to 1"))):
            code, _, errors = self.probe(*arguments)
            self.assertEqual(2, code)
            for words in named:
                self.assertIn(words, errors)


if __name__ == "__main__":
    machines.main()
