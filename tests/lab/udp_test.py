"""A group over UDP on hosts of their own: the datagrams of kernel sockets between guests, or of DPDK, whose leader's host dies or is cut off.

What a group does over RDMA there is in group_test.py and faults_test.py.
"""

import group
import machines


class UdpTest(group.GroupLab):
    LINKS = 'transport = "udp"\n'

    def test_commits_and_agrees(self):
        self.make_group()
        self.load(range(self.HOSTS), 5)
        self.await_loads()
        self.end_of_load()
        self.assert_same_state(range(self.HOSTS))
        for host in range(self.HOSTS):
            said = self.replica(host)
            self.assertEqual({"udp-socket"}, {link["path"] for link in said["links"]})
            self.assertEqual(0, said["transport_counters"]["dropped_forged"])

    def test_a_leader_that_is_cut_off(self):
        leader = self.make_group()
        self.load(range(self.HOSTS))
        self.await_acknowledged(leader)
        self.assertEqual(0, self.lab("cut", leader)[0])
        self.await_acknowledged(self.await_leader(self.others(leader)))
        self.assertEqual(0, self.lab("heal", leader)[0])
        self.end_of_load()
        self.assert_same_state(range(self.HOSTS))

    def test_the_host_of_a_leader_dies(self):
        self.kill_host_under_load(self.make_group())


DPDK_SECTIONS = '[udp]\nport = "dpdk"\n[dpdk]\ndevice = "net_af_packet0,iface=eth0,framecnt=256"\n'


def dpdk_address(host):
    """Where DPDK carries its datagrams over the guest's interface: an address that its kernel does not have."""
    return f'udp_address = "{group.ADDRESS.format(110 + host)}"\n'


class LeaderByDpdkIsKilled:
    """What each ./check shows of it (short_test.py)."""

    def test_a_leader_whose_datagrams_dpdk_carries_is_killed(self):
        self.IDLE = "back_off"  # nothing of DPDK waits: three guests that only look leave the others little
        self.SECTIONS = DPDK_SECTIONS
        self.more_of = dpdk_address
        leader = self.make_group(links=UdpTest.LINKS)
        self.load(range(self.HOSTS), more=group.LIGHT)
        self.await_acknowledged(leader)
        self.run_in(leader, "pkill -9 -f '[g]aios replica'")
        self.await_acknowledged(self.await_leader(self.others(leader)))
        for host in self.others(leader):
            said = self.replica(host)
            self.assertEqual({"udp-dpdk"}, {link["path"] for link in said["links"]})
            self.assertEqual(0, said["transport_counters"]["checksums_wrong"])
        self.end_of_load()
        self.assert_same_state(self.others(leader))


class DpdkTest(LeaderByDpdkIsKilled, group.GroupLab):
    LINKS = 'transport = "udp"\n'
    SECTIONS = DPDK_SECTIONS

    def more_of(self, host):
        return dpdk_address(host)

    def test_the_host_of_a_leader_dies(self):
        leader = self.make_group()
        self.kill_host_under_load(leader)
        for host in self.others(leader):
            said = self.replica(host)
            self.assertEqual({"udp-dpdk"}, {link["path"] for link in said["links"]})
            self.assertEqual(0, said["transport_counters"]["checksums_wrong"])


if __name__ == "__main__":
    machines.main()
