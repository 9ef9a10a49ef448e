"""A group whose links have two paths, RDMA and UDP, on three hosts between which RDMA alone is cut.

Under load, and judged as in group.py.
"""

import group
import machines


class RdmaIsCut:
    """What each ./check shows of it (short_test.py)."""

    def test_rdma_is_cut_udp_goes_on_and_rdma_is_gone_back_to(self):
        leader = self.make_group(links=group.TWO_PATHS)
        self.load(range(self.HOSTS), more=group.LIGHT)
        leader, before = self.await_paths("verbs", leader)
        self.cut_rdma()
        leader, by_udp = self.await_paths("udp-socket", leader)
        self.await_acknowledged(leader)
        for link in by_udp["links"]:
            self.assertGreaterEqual(link["switches"], 1)
            self.assertRegex(self.log(leader), f"link to replica {link['peer']}: from verbs to udp: .+")
        self.heal_rdma()
        leader, back = self.await_paths("verbs", leader)
        self.await_acknowledged(leader)
        for link in back["links"]:
            self.assertRegex(self.log(leader), f"link to replica {link['peer']}: from udp to verbs: a better one is back")
        # That each link goes back once is shown where time is simulated (tests/transport/fallback).
        print([said["commit"] for said in (before, by_udp, back, self.replica(leader))], flush=True)
        self.end_of_load()
        self.assert_same_state(range(self.HOSTS))


class FallbackTest(RdmaIsCut, group.GroupLab):
    def test_a_leaders_host_dies_while_udp_carries_the_writes(self):
        self.make_group(links=group.TWO_PATHS)
        self.load(range(self.HOSTS), more=group.LIGHT)
        self.await_paths("verbs")
        self.cut_rdma()
        leader, _ = self.await_paths("udp-socket")
        self.await_acknowledged(leader)
        self.kill_host_under_load(leader)

    def test_one_host_whose_rdma_is_cut(self):
        leader = self.make_group(links=group.TWO_PATHS)
        self.load(range(self.HOSTS), more=group.LIGHT)
        for cut in (self.others(leader)[0], leader):
            with self.subTest("the leader's" if cut == leader else "a follower's"):
                self.await_paths("verbs")
                self.assertEqual(0, self.lab("cut", cut, "--port", group.RDMA_PORT)[0])
                self.await_acknowledged(self.await_leader(range(self.HOSTS)))
                self.heal_rdma()
                self.await_acknowledged(self.await_paths("verbs")[0])
        self.end_of_load()
        self.assert_same_state(range(self.HOSTS))

    def test_a_group_that_begins_without_rdma(self):
        self.cut_rdma()
        self.make_group(links=group.TWO_PATHS)
        self.load(range(self.HOSTS), more=group.LIGHT)
        leader, _ = self.await_paths("udp-socket")
        self.await_acknowledged(leader)
        self.wait(lambda: "does not answer by RDMA" in self.log(leader), f"it says so: {self.log(leader)}")
        self.heal_rdma()
        self.await_acknowledged(self.await_paths("verbs")[0])
        self.end_of_load()
        self.assert_same_state(range(self.HOSTS))


if __name__ == "__main__":
    machines.main()
