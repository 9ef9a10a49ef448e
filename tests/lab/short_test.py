"""What every ./check shows of RDMA on a device: three hosts, booted once for all of it.

The contract of a transport on Soft-RoCE, each replica a process of the first host, and errors of its device; what a host
lacks. A group on the three hosts whose lead goes round, whose leader is cut off, whose ring wraps with a dead host, whose leader's host dies,
whose leader's host stalls (the logs are compared byte by byte then), one of whose replicas holds another key, and
between whose hosts RDMA alone is cut while UDP carries on; a group whose datagrams DPDK carries over the guests' cards,
and whose leader is killed; benchmarks between hosts; one whose replicas are killed one after another and come back, on hosts that are booted for
it; and one that is killed, stopped and starved by a seed's plan, on one host. ./check plays those of ALWAYS and
BY_ROTATION of the others, with each commit others; --full plays all. The rest, which takes longer, is in the other tests
of this directory.
"""

import json
import os

import benchmark_test
import chaos_test
import fallback_test
import group
import group_test
import machines
import paths
import restarted_test
import rotation
import udp_test

RESTARTS = 4
ALWAYS = ("test_the_contract_of_a_transport_is_kept", "test_the_leaders_host_dies")
BY_ROTATION = 4
LOG_BYTES = 1 << 22  # not filled while a host stalls


class ShortTest(group_test.LeaderIsCutOff, group_test.LeadGoesRound, group_test.RingWraps, fallback_test.RdmaIsCut,
                udp_test.LeaderByDpdkIsKilled, benchmark_test.BenchmarkBetweenHosts, group.GroupLab):
    def pass_on_the_device(self, tests):
        code, output, errors = self.lab("run", "--timeout", machines.BOUND_SECONDS, 0,
                                        os.path.join(paths.BIN, "verbs_lab_test"), f"--gtest_filter={tests}")
        print(output, errors, flush=True)
        self.assertEqual(0, code)
        self.assertRegex(output, r"\[  PASSED  \] [1-9][0-9]* tests\.")

    def test_the_contract_of_a_transport_is_kept(self):
        self.pass_on_the_device("Verbs/ConformanceTest.*")

    def test_errors_of_the_device_are_paths_that_are_down(self):
        self.addCleanup(self.run_in, 0, "ip link set eth0 up")  # one of them takes it down
        self.pass_on_the_device("ErrorTest.*")

    def test_a_host_that_lacks_something_says_so(self):
        probe = f"{group.GAIOS} rdma-probe --rounds 1"
        code, _, errors = self.lab("run", 0, "ulimit -l 64; exec setpriv --bounding-set -ipc_lock --inh-caps -ipc_lock " + probe)
        self.assertEqual(1, code, errors)
        self.assertRegex(errors, "RDMA device rxe0 does not register .* the limit of locked memory is 64 KiB: raise it")
        findings = json.loads(self.lab("run", 0, f"{group.GAIOS} doctor --json -")[1])["findings"]
        self.assertEqual([("ok", "RDMA device rxe0 (rdma_rxe) is fenced by mr_deregistration, unless a config asks for "
                           "another; a replica tries its fence when it starts, `gaios rdma-probe` each at any time")],
                         [(each["level"], each["text"]) for each in findings if each["id"] == "rdma_fence"])

    def test_a_leaders_host_that_stalls_finds_itself_fenced(self):
        leader = self.make_group(LOG_BYTES)
        for host in range(self.HOSTS):
            self.assertEqual(["verbs", "verbs"], [link["path"] for link in self.replica(host)["links"]])
            self.assertIn("fence mr_deregistration has held on RDMA device rxe0 in 3 trials", self.log(host))
        self.load(range(self.HOSTS))
        self.await_acknowledged(leader)
        stall = self.begin("stall", leader, 8)
        successor = self.await_leader(self.others(leader))
        self.assert_good(stall)
        self.wait(lambda: self.replica(leader).get("role") == "follower", f"it steps down: {self.log(leader)}")
        self.await_acknowledged(successor)
        self.end_of_load()
        self.assert_same_state(range(self.HOSTS))
        written = self.assert_same_logs(range(self.HOSTS), LOG_BYTES)
        counters = [self.replica(host)["transport_counters"] for host in range(self.HOSTS)]
        print(f"{written} bytes of log; leader {leader}, then {successor}; other than 0:",
              [{name: count for name, count in each.items() if count} for each in counters], flush=True)
        for host in self.others(leader):
            self.assertGreater(counters[host]["fences"], 0)

    def test_a_replica_with_another_key_is_refused_and_disturbs_nobody(self):
        self.place_group()
        stranger = self.HOSTS - 1
        self.run_in(stranger, f"head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \\n' > {group.DIRECTORY}/cluster.key")
        for host in range(self.HOSTS):
            self.start(host)
        leader = self.await_leader(self.others(stranger))
        self.load(self.others(stranger))
        self.await_acknowledged(leader)
        told = "the two ends do not hold the same cluster key"
        self.wait(lambda: all(told in self.log(host) for host in range(self.HOSTS)),
                  f"both ends say so: {[self.log(host) for host in range(self.HOSTS)]}")
        self.await_acknowledged(leader)
        self.assertEqual({"down"}, {link["state"] for link in self.replica(stranger)["links"]})
        self.assertGreater(self.end_of_load(), 0)
        self.assert_same_state(self.others(stranger))

    def test_the_leaders_host_dies(self):
        leader = self.make_group()
        self.kill_host_under_load(leader)


class ShortRestartedTest(restarted_test.ReplicasAreRestarted):
    def test_replicas_lost_one_after_another(self):
        self.restarted(RESTARTS)


class ShortChaosTest(chaos_test.GroupsUnderFire):
    def test_a_group_under_fire(self):
        self.play(chaos_test.SEEDS[3], 3, chaos_test.SLOWER)


def load_tests(loader, tests, pattern):
    del loader, pattern
    return rotation.rotated(tests, ALWAYS, BY_ROTATION)


if __name__ == "__main__":
    machines.main()
