"""gaios-bench between hosts: the leader and the floor's writer on one, replicas and the floor's peers on the others."""

import json
import os

import group
import machines
import paths

BENCH = os.path.join(paths.BIN, "gaios-bench")


class BenchmarkBetweenHosts:
    """What each ./check may show of it (short_test.py): that it measures, not what."""

    BLOCKS = 2
    COMMANDS = {"commit": 50, "throughput": 1000}  # of a block

    def tearDown(self):
        for host in range(self.HOSTS):
            self.lab("run", host, "pkill -9 -f '[g]aios-bench'")  # there is none where all went well
        super().tearDown()

    def measure(self, benchmark, *more):
        """The report of host 0, which the others serve until it has ended."""
        command = f"exec {BENCH} {benchmark} --transport verbs --config {group.DIRECTORY}/group.toml --id "
        serving = [self.begin("run", "--timeout", machines.BOUND_SECONDS, host, command + str(host))
                   for host in range(1, self.HOSTS)]
        code, output, errors = self.lab(
            "run", "--timeout", machines.BOUND_SECONDS, 0,
            " ".join(map(str, (command + "0 --json - --blocks", self.BLOCKS, "--block-commits", self.COMMANDS[benchmark],
                               *more))))
        print(output, errors, flush=True)
        self.assertEqual(0, code, [self.end(process) for process in serving])
        self.assert_good(*serving)
        return json.loads(output)

    def test_benchmarks_measure_between_hosts(self):
        self.place_group()
        for benchmark in self.COMMANDS:
            report = self.measure(benchmark)
            self.assertEqual((benchmark, "verbs", self.HOSTS, self.HOSTS, self.BLOCKS),
                             (report["benchmark"], report["transport"], report["hosts"], report["replicas"], report["blocks"]))
            for side in ("product", "floor"):
                self.assertGreater(report[side]["per_second"], 0)


class BenchmarkTest(BenchmarkBetweenHosts, group.GroupLab):
    def test_the_host_that_measures_may_come_last(self):
        # Longer after the others than it would take them to elect one of themselves.
        self.place_group()
        command = f"exec {BENCH} commit --transport verbs --config {group.DIRECTORY}/group.toml --id "
        serving = [self.begin("run", "--timeout", machines.BOUND_SECONDS, host, command + str(host))
                   for host in range(1, self.HOSTS)]
        self.run_in(0, "sleep 45")
        code, output, errors = self.lab("run", "--timeout", machines.BOUND_SECONDS, 0,
                                        command + "0 --blocks 2 --block-commits 50 --json -")
        self.assertEqual(0, code, output + errors)
        self.assert_good(*serving)

    def test_a_host_that_ends_ends_the_run_by_name(self):
        self.place_group()
        command = f"exec {BENCH} commit --transport verbs --config {group.DIRECTORY}/group.toml --id "
        serving = [self.begin("run", "--timeout", machines.BOUND_SECONDS, host, command + str(host))
                   for host in range(1, self.HOSTS)]
        measuring = self.begin("run", "--timeout", machines.BOUND_SECONDS, 0,
                               command + "0 --blocks 10000 --block-commits 50 --json /run/results/report.json")
        # Commands of the product and entries of the floor go by RDMA alone.
        frames = self.status()["frames"]["forwarded"]
        self.wait(lambda: self.status()["frames"]["forwarded"] > frames + 20000, "it measures")
        self.run_in(2, "pkill -9 -f '[g]aios-bench commit'")
        code, output, errors = self.end(measuring)
        self.assertEqual(1, code, output + errors)
        self.assertIn("the host of replica 2 ended its part during the run", errors)
        # The other one is told by nobody that all went well.
        code, output, errors = self.end(serving[0])
        self.assertEqual(1, code, output + errors)
        self.assertIn("ended before it was done", errors)
        self.end(serving[1])


if __name__ == "__main__":
    machines.main()
