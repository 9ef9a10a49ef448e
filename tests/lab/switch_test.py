"""The lab's switch, over plain sockets in place of machines."""

import socket
import struct
import unittest

import paths  # noqa: F401  (finds the modules below)
import switch
from loop import Loop

BROADCAST = b"\xff" * 6


def address(host):
    return bytes([0x52, 0x54, 0, 0x77, 0, host])


def frame(target, source, payload=b"payload"):
    return target + source + b"\x08\x00" + payload


def framed(content):
    return struct.pack("!I", len(content)) + content


class SwitchTest(unittest.TestCase):
    HOSTS = 3

    def setUp(self):
        self.loop = Loop()
        self.lost = []
        self.switch = switch.Switch(self.loop, seed=1, lost=self.lost.append)
        self.ends = {}
        self.arrived = {}
        for host in range(self.HOSTS):
            self.attach(host)
        for host in range(self.HOSTS):  # all learned
            self.send(host, frame(BROADCAST, address(host)))
        for host in range(self.HOSTS):
            self.assertEqual(self.HOSTS - 1, len(self.received(host)))

    def tearDown(self):
        for host, end in self.ends.items():
            self.switch.detach(host)
            end.close()

    def attach(self, host):
        end, inner = socket.socketpair()
        end.setblocking(False)
        if host in self.ends:
            self.ends[host].close()
        self.ends[host] = end
        self.arrived[host] = b""
        self.switch.attach(host, inner)

    def settle(self):
        """What was sent has gone through the switch: sockets of one host deliver at once."""
        for _ in range(4):
            self.loop.turn(0)

    def send(self, host, content):
        self.ends[host].sendall(framed(content))
        self.settle()

    def received(self, host):
        """Whole frames that have come to the host."""
        while True:
            try:
                data = self.ends[host].recv(1 << 20)
            except BlockingIOError:
                break
            if not data:
                break
            self.arrived[host] += data
            self.settle()
        frames, rest = [], self.arrived[host]
        while len(rest) >= 4 and len(rest) >= 4 + struct.unpack("!I", rest[:4])[0]:
            length = struct.unpack("!I", rest[:4])[0]
            frames.append(rest[4:4 + length])
            rest = rest[4 + length:]
        self.arrived[host] = rest
        return frames

    def passes(self, sender, receiver):
        content = frame(address(receiver), address(sender))
        self.send(sender, content)
        return self.received(receiver) == [content]

    def test_a_learned_address_is_sent_to_alone(self):
        self.assertTrue(self.passes(0, 1))
        self.assertEqual([], self.received(2))

    def test_an_unknown_address_goes_to_all_but_the_sender(self):
        content = frame(address(9), address(0))
        self.send(0, content)
        self.assertEqual([[], [content], [content]], [self.received(host) for host in range(3)])

    def test_a_host_that_moves_is_learned_anew(self):
        self.send(2, frame(BROADCAST, address(1)))
        content = frame(address(1), address(0))
        self.send(0, content)
        self.assertEqual([content], self.received(2)[-1:])
        self.assertNotIn(content, self.received(1))

    def test_a_sender_of_many_addresses_does_not_grow_the_table_for_ever(self):
        for number in range(3 * switch.MAX_ADDRESSES):
            self.send(0, frame(address(0), b"\x02" + number.to_bytes(5, "big")))
        self.assertLessEqual(len(self.switch._learned), switch.MAX_ADDRESSES)

    def test_frames_cut_anywhere_on_their_way_arrive_whole(self):
        contents = [frame(address(1), address(0), bytes([number]) * 3 * number) for number in range(1, 9)]
        stream = b"".join(framed(content) for content in contents)
        for step in (1, 3, 7, 64):
            for start in range(0, len(stream), step):
                self.ends[0].sendall(stream[start:start + step])
                self.settle()
            self.assertEqual(contents, self.received(1))

    def test_a_cut_one_way_leaves_the_other(self):
        self.switch.lose(0, 1, 1)
        self.assertFalse(self.passes(0, 1))
        self.assertTrue(self.passes(1, 0))
        self.assertTrue(self.passes(0, 2))
        self.send(0, frame(BROADCAST, address(0)))
        self.assertEqual([], self.received(1))
        self.assertEqual(1, len(self.received(2)))
        self.assertEqual({(0, 1, None): 1}, self.switch.losses())
        self.switch.lose(0, 1, 0)
        self.assertTrue(self.passes(0, 1))
        self.assertEqual({}, self.switch.losses())

    def test_a_cut_of_a_port_leaves_other_frames(self):
        def udp4(port, options=b"", fragment=0):
            header = bytes([0x45 + len(options) // 4]) + bytes(5) + struct.pack("!H", fragment) + b"\x40\x11" + bytes(10)
            return address(1) + address(0) + b"\x08\x00" + header + options + struct.pack("!HHHH", 7, port, 8, 0)

        def udp6(port):
            header = b"\x60" + bytes(5) + b"\x11\x40" + bytes(32)
            return address(1) + address(0) + b"\x86\xdd" + header + struct.pack("!HHHH", 7, port, 8, 0)

        def tcp4(port):
            return udp4(port)[:23] + b"\x06" + udp4(port)[24:]

        def pass_of(*contents):
            for content in contents:
                self.send(0, content)
            return self.received(1)

        self.switch.lose(0, 1, 1, 4791)
        self.assertEqual([], pass_of(udp4(4791), udp4(4791, bytes(8)), udp6(4791)))
        others = [udp4(4790), udp4(4790, bytes(8)), udp6(4792), tcp4(4791), udp4(4791, fragment=100),
                  frame(address(1), address(0)), udp4(4791)[:30]]
        self.assertEqual(others, pass_of(*others))
        self.assertTrue(self.passes(1, 0))
        self.assertEqual({(0, 1, 4791): 1}, self.switch.losses())
        self.switch.lose(0, 1, 1)
        self.assertFalse(self.passes(0, 1))
        self.switch.lose(0, 1, 0, 4791)
        self.assertEqual({(0, 1, None): 1}, self.switch.losses())
        self.switch.lose(0, 1, 1, 4791)
        self.switch.lose(0, 1, 0)
        self.assertEqual({}, self.switch.losses())
        self.assertEqual([udp4(4791)], pass_of(udp4(4791)))

    def test_loss_takes_about_its_share(self):
        self.switch.lose(0, 1, 0.25)
        arrived = 0
        for _ in range(2000):
            self.send(0, frame(address(1), address(0)))
            arrived += len(self.received(1))
        # Seeded: the same each time.
        self.assertGreater(arrived, 1400)
        self.assertLess(arrived, 1600)
        self.assertEqual(2000 - arrived, self.switch.counters["lost"])

    def test_a_host_that_does_not_read_loses_frames_and_holds_up_nobody(self):
        large = frame(address(1), address(0), bytes(60000))
        count = 2 * switch.MAX_QUEUE_BYTES // len(large)
        for _ in range(count):
            self.send(0, large)
        self.assertTrue(self.passes(0, 2))
        overrun = self.switch.counters["overrun"]
        self.assertGreater(overrun, 0)
        # What was kept is whole, and in time all of it comes.
        frames = self.received(1)
        self.assertEqual(count - overrun, len(frames))
        self.assertEqual({large}, set(frames))

    def test_a_stream_out_of_step_loses_its_port_and_no_other(self):
        self.ends[0].sendall(b"\xff\xff\xff\xff" + bytes(64))
        self.settle()
        self.assertEqual([0], self.lost)
        self.assertEqual(1, self.switch.counters["malformed"])
        self.assertTrue(self.passes(1, 2))
        self.send(1, frame(address(0), address(1)))  # to the port that is gone

    def test_a_frame_without_addresses_is_dropped(self):
        self.send(0, b"short")
        self.assertEqual(1, self.switch.counters["malformed"])
        self.assertTrue(self.passes(0, 1))

    def test_a_host_that_comes_back_is_reached_and_its_cuts_are_kept(self):
        self.switch.lose(0, 1, 1)
        self.ends[1].close()
        self.settle()
        self.assertEqual([1], self.lost)
        self.attach(1)
        self.assertTrue(self.passes(1, 2))
        self.assertTrue(self.passes(2, 1))
        self.assertFalse(self.passes(0, 1))


if __name__ == "__main__":
    unittest.main()
