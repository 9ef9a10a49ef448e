"""The lab with three hosts: Soft-RoCE between them, and all that can be done to a host and to its paths."""

import hashlib
import os
import re

import machines
import paths

# Runs until it was not run for longer than the seconds in its first argument, by the guest's own clock.
GAP = ("import sys, time\nlast = time.monotonic()\nprint('running', flush=True)\nwhile True:\n"
       "    time.sleep(0.01)\n    now = time.monotonic()\n"
       "    if now - last > float(sys.argv[1]): break\n    last = now\nprint(now - last)")


class ThreeHostsTest(machines.LabTest):
    HOSTS = 3

    def tearDown(self):
        for host in range(self.HOSTS):
            self.lab("heal", host)
            if self.status()["hosts"][host]["state"] in ("killed", "ended"):
                self.lab("start", host)

    def test_every_host_has_a_device_with_an_address_of_rocev2(self):
        for host in range(self.HOSTS):
            text = self.run_in(host, "ibv_devinfo -v -d rxe0")
            self.assertRegex(text, r"state:\s+PORT_ACTIVE")
            self.assertRegex(text, r"active_mtu:\s+4096")
            index = self.gid_index(host)
            self.assertRegex(text, rf"GID\[\s*{index}\]:\s+::ffff:10\.77\.0\.{10 + host}, RoCE v2")

    def test_rdma_writes_and_reads_between_all_hosts(self):
        for server, client in ((0, 1), (1, 2), (2, 0)):
            for tool in ("ib_write_bw -s 65536 -n 100 -F", "ib_read_lat -s 8 -n 100 -F"):
                with self.subTest(tool, server=server, client=client):
                    self.assert_good(*self.between(server, client, tool))

    def test_what_travels_by_rdma_is_what_was_sent(self):
        self.assert_good(*self.between(2, 1, "ibv_rc_pingpong -c -n 200"))

    def frames_lost(self):
        return self.status()["frames"]["lost"]

    def rdma_stops_and_goes_on(self, *cut):
        """RDMA traffic of host 0 and 1 stands still while the path is cut, and ends well once it is healed."""
        # Both ends send again for as long as it takes: 7 retries are without end to this device.
        processes = self.between(1, 0, "ibv_rc_pingpong -n 2000")
        before = self.status()["frames"]["forwarded"]
        self.wait(lambda: self.status()["frames"]["forwarded"] > before + 200, "traffic begins")
        lost = self.frames_lost()
        self.assertEqual(0, self.lab("cut", *cut)[0])
        self.wait(lambda: self.frames_lost() >= lost + 5, "packets are lost, and sent again")
        self.assertEqual([None, None], [process.poll() for process in processes])
        self.assertEqual(0, self.lab("heal", *cut)[0])
        self.assert_good(*processes)

    def test_cut_and_heal_both_ways(self):
        self.rdma_stops_and_goes_on("0")

    def test_cut_and_heal_one_way(self):
        self.rdma_stops_and_goes_on("1", "--from", "0")
        self.rdma_stops_and_goes_on("1", "--to", "0")

    def test_loss_is_made_good_by_the_device(self):
        self.lab("lose", "0", "5")
        lost = self.frames_lost()
        self.assert_good(*self.between(1, 0, "ibv_rc_pingpong -c -n 200"))
        self.assertGreater(self.frames_lost(), lost)

    def listen(self, host):
        """A process that prints the datagrams that come to the host."""
        process = self.begin("run", "--timeout", machines.BOUND_SECONDS, host, "python3", "-c",
                             "import socket\ns = socket.socket(type=socket.SOCK_DGRAM)\ns.bind(('', 7000))\n"
                             "print('bound', flush=True)\nwhile True: print(s.recv(99).decode(), flush=True)")
        self.assertEqual("bound\n", process.stdout.readline())
        return process

    def send(self, sender, receiver, text):
        self.run_in(sender, f"python3 -c \"import socket; socket.socket(type=socket.SOCK_DGRAM)"
                            f".sendto(b'{text}', ('host{receiver}', 7000))\"")

    def test_a_path_that_is_cut_one_way_carries_the_other(self):
        listeners = [self.listen(host) for host in (0, 1)]
        lost = self.frames_lost()
        self.lab("cut", "1", "--from", "0")
        self.send(0, 1, "lost")
        self.send(1, 0, "back")
        self.assertEqual("back\n", listeners[0].stdout.readline())
        self.assertGreater(self.frames_lost(), lost)
        self.lab("heal", "1", "--from", "0")
        self.send(0, 1, "healed")
        self.assertEqual("healed\n", listeners[1].stdout.readline())
        for listener in listeners:
            listener.terminate()
            listener.communicate()

    def test_a_stalled_host_stands_still_and_its_clock_does_not(self):
        seconds = 2
        watch = self.begin("run", "--timeout", machines.BOUND_SECONDS, 1, "python3", "-c", GAP, seconds * 0.9)
        self.assertEqual("running\n", watch.stdout.readline())
        self.assertEqual(0, self.lab("stall", 1, seconds)[0])
        code, output, errors = self.end(watch)
        self.assertEqual(0, code, errors)
        self.assertGreater(float(output), seconds * 0.9)
        self.assert_good(*self.between(1, 0, "ib_write_bw -n 50 -F"))

    def test_a_host_is_killed_and_starts_again(self):
        before = self.status()["hosts"][2]["pid"]
        self.assertEqual(0, self.lab("kill", 2)[0])
        self.assertFalse(os.path.exists(f"/proc/{before}"))
        self.assertEqual(["up", "up", "killed"], [host["state"] for host in self.status()["hosts"]])
        self.assertEqual(125, self.lab("run", 2, "true")[0])
        self.assert_good(*self.between(1, 0, "ib_write_bw -n 50 -F"))
        code, _, errors = self.lab("start", 2)
        self.assertEqual(0, code, errors)
        self.assert_good(*self.between(2, 0, "ib_write_bw -n 50 -F"))

    def test_run(self):
        self.assertEqual((7, "out\n", "err\n"), self.lab("run", 1, "echo out; echo err >&2; exit 7"))
        self.assertEqual(137, self.lab("run", 1, "kill -9 $$")[0])
        self.assertEqual(127, self.lab("run", 1, "/no/such", "program")[0])
        self.assertEqual("host2\n", self.run_in(2, "hostname"))
        numbers = "".join(f"{number}\n" for number in range(1, 200001))
        printed = self.run_in(0, "seq 200000")
        self.assertEqual(hashlib.sha256(numbers.encode()).hexdigest(), hashlib.sha256(printed.encode()).hexdigest())

    def test_the_root_is_read_only_and_results_come_out(self):
        self.assertNotEqual(0, self.lab("run", 0, "touch /usr/of-a-guest")[0])
        self.assertNotEqual(0, self.lab("run", 0, f"touch '{paths.SOURCE_DIR}/of-a-guest'")[0])
        self.run_in(0, "echo result >/run/results/file; echo scratch >/tmp/file")
        with open(os.path.join(self.state.results_of(0), "file"), encoding="utf-8") as file:
            self.assertEqual("result\n", file.read())
        self.assertNotEqual(0, self.lab("run", 1, "cat /run/results/file")[0])  # each host has its own

    def test_guests_see_the_tree_as_it_is_now(self):
        path = os.path.join(self.state.path, "changing")
        self.assertTrue(path.startswith(paths.SOURCE_DIR), "the test's directory is in the tree")
        for text in ("one", "two", "six"):
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
            self.assertEqual(text, self.run_in(0, f"cat '{path}'"))
        self.assertTrue(re.match("linux-image-6", self.status()["kernel"]))


if __name__ == "__main__":
    machines.main()
