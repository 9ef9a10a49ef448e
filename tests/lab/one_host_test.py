"""The lab with one host: an RDMA device that several processes of a host share."""

import machines


class OneHostTest(machines.LabTest):
    HOSTS = 1

    def test_rdma_within_the_host(self):
        for tool in ("ib_write_bw -s 4096 -n 200 -F", "ib_read_lat -s 8 -n 200 -F", "ib_atomic_lat -n 200 -F",
                     "ibv_rc_pingpong -c -n 100"):
            with self.subTest(tool):
                self.assert_good(*self.between(0, 0, tool))


if __name__ == "__main__":
    machines.main()
