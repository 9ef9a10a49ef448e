"""Hosts of a group that are cut off under load, a ring that wraps with a dead follower or passes one by, leaders in a
row.

What of a group is tested by every ./check is in short_test.py.
"""

import group
import machines


class LeaderIsCutOff:
    """What each ./check shows of it (short_test.py)."""

    CUTS = ((),)  # both ways

    def test_a_leader_that_is_cut_off(self):
        for how in self.CUTS:
            with self.subTest(how):
                leader = self.make_group()
                self.load(range(self.HOSTS))
                self.await_acknowledged(leader)
                self.assertEqual(0, self.lab("cut", leader, *how)[0])
                others = [host for host in range(self.HOSTS) if host != leader]
                successor = self.await_leader(others)
                self.await_acknowledged(successor)
                self.assertEqual(0, self.lab("heal", leader)[0])
                self.end_of_load()
                self.assert_same_state(range(self.HOSTS))
                self.tearDown()


class RingWraps:
    """What each ./check shows (short_test.py)."""

    def test_the_ring_wraps_with_a_dead_follower(self):
        capacity_bytes = 1 << 14
        leader = self.make_group(capacity_bytes)
        dead = (leader + 1) % self.HOSTS
        self.assertEqual(0, self.lab("kill", dead)[0])
        self.load([leader])
        self.wait(lambda: self.replica(leader)["commit"] > 3 * capacity_bytes, f"three laps: {self.log(leader)}")
        self.end_of_load()
        self.assert_same_state([host for host in range(self.HOSTS) if host != dead])


class LeadGoesRound:
    """What each ./check shows by rotation (short_test.py)."""

    def test_the_lead_goes_from_host_to_host(self):
        leader = self.make_group()
        self.load(range(self.HOSTS), more=group.LIGHT)
        self.await_acknowledged(leader)
        for to in (*self.others(leader), leader):
            self.transfer(leader, to)
            leader = to
            self.assertEqual(leader, self.await_leader(range(self.HOSTS)))
            self.await_acknowledged(leader)
        self.end_of_load()
        self.assert_same_state(range(self.HOSTS))

    def transfer(self, leader, to):
        """As an operator does, on the leader's host: once more while the other does not keep up yet."""
        def done():
            code, _, errors = self.lab("run", leader, f"{group.GAIOS} transfer-leader --config {group.DIRECTORY}/group.toml "
                                                      f"--to {to} --json -")
            if code != 0:
                self.assertIn("cannot lead now", errors)
            return code == 0
        self.wait(done, f"{leader} hands over to {to}: {self.log(to)}")


class GroupTest(LeaderIsCutOff, LeadGoesRound, group.GroupLab):
    CUTS = (("--to", "all"), ("--from", "all"))

    def test_commits_and_agrees(self):
        self.run_in(0, "echo 8 > /proc/sys/vm/nr_hugepages")
        self.addCleanup(self.run_in, 0, "echo 0 > /proc/sys/vm/nr_hugepages")
        self.make_group()
        self.load(range(self.HOSTS), 5)
        self.await_loads()
        self.end_of_load()
        self.assert_same_state(range(self.HOSTS))
        for host in range(self.HOSTS):
            replica = self.replica(host)
            self.assertEqual("verbs", replica["links"][0]["path"])
            # The ring with its words, and the rest, each on two mebibytes; the other hosts have no such pages.
            self.assertEqual(0 if host else 4 << 20, replica["transport_counters"]["huge_page_bytes"])

    def test_each_follower_that_is_cut_off_catches_up(self):
        leader = self.make_group()
        for follower in (host for host in range(self.HOSTS) if host != leader):
            for how in ((), ("--to", "all"), ("--from", "all")):
                with self.subTest((follower, how)):
                    self.load([leader])
                    self.await_acknowledged(leader)
                    self.assertEqual(0, self.lab("cut", follower, *how)[0])
                    self.await_acknowledged(leader)  # without it
                    self.assertEqual(0, self.lab("heal", follower)[0])
                    self.end_of_load()
                    self.assert_same_state(range(self.HOSTS))
        self.assertEqual("leader", self.replica(leader)["role"])

    def test_each_follower_whose_host_stalls_catches_up(self):
        leader = self.make_group()
        for follower in (host for host in range(self.HOSTS) if host != leader):
            with self.subTest(follower):
                self.load([leader])
                self.await_acknowledged(leader)
                stall = self.begin("stall", follower, 6)
                self.wait(lambda: self.status()["hosts"][follower]["state"] == "stalled", "it stands still")
                self.await_acknowledged(leader)  # without it
                self.assert_good(stall)
                self.end_of_load()
                self.assert_same_state(range(self.HOSTS))
        self.assertEqual("leader", self.replica(leader)["role"])

    def test_one_that_the_ring_has_passed_by_goes_on_from_a_snapshot(self):
        capacity_bytes = 1 << 16
        leader = self.make_group(capacity_bytes)
        lost = (leader + 1) % self.HOSTS
        self.load([leader], more=group.LIGHT)
        self.await_acknowledged(leader)
        self.run_in(lost, "pkill -9 -f '[g]aios replica'")
        before = self.replica(leader)["commit"]
        self.wait(lambda: self.replica(leader)["commit"] > before + 3 * capacity_bytes, f"three laps: {self.log(leader)}")
        self.start(lost)
        self.wait(lambda: "it goes on from a snapshot" in self.log(lost), f"a snapshot of another host: {self.log(lost)}")
        self.await_acknowledged(lost)
        self.end_of_load()
        self.assert_same_state(range(self.HOSTS))

    def test_twenty_leaders_in_a_row(self):
        leader = self.make_group()
        self.load(range(self.HOSTS), 1500, group.LIGHT)
        self.await_acknowledged(leader)
        for _ in range(20):
            self.run_in(leader, "pkill -STOP -f '[g]aios replica'")
            successor = self.await_leader([host for host in range(self.HOSTS) if host != leader])
            self.run_in(leader, "pkill -CONT -f '[g]aios replica'")
            self.wait(lambda: self.replica(leader).get("role") == "follower", f"it steps down: {self.log(leader)}")
            leader = successor
            self.await_acknowledged(leader)
        self.end_of_load()
        self.assert_same_state(range(self.HOSTS))


if __name__ == "__main__":
    machines.main()
