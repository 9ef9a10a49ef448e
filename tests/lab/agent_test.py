"""The agent of a guest and the messages it speaks, over a socket in place of the virtio port."""

import os
import random
import signal
import socket
import sys
import tempfile
import time
import unittest

import paths  # noqa: F401  (finds the modules below)
import agent
import wire
from loop import Loop

BOUND_SECONDS = 60


class DecoderTest(unittest.TestCase):
    def test_messages_cut_anywhere(self):
        messages = [{"n": n, "text": "x" * n} for n in range(40)]
        loop = Loop()
        ends = socket.socketpair()
        channel = wire.Channel(loop, ends[0].detach(), None, None)
        for message in messages:
            channel.send(message)
        channel.close()
        with ends[1]:
            stream = b"".join(iter(lambda: ends[1].recv(4096), b""))
        chance = random.Random(1)
        for _ in range(50):
            decoder, got, rest = wire.Decoder(), [], stream
            while rest:
                size = chance.randint(1, 90)
                got += decoder.feed(rest[:size])
                rest = rest[size:]
            self.assertEqual(messages, got)

    def test_what_is_no_message_is_refused(self):
        for garbage in (b"\n", b"[]\n", b"1\n", b"{\n", b"\xff\xfe\n", b'{"a":1}x\n', b"x" * (wire.MAX_LINE_BYTES + 1)):
            with self.subTest(garbage[:10]):
                with self.assertRaises(ValueError):
                    list(wire.Decoder().feed(garbage))

    def test_bytes_of_any_kind_travel(self):
        data = bytes(range(256)) * 3
        self.assertEqual(data, wire.unpack(wire.pack(data)))
        for wrong in ("abc", "a\nb=", "@@@@"):
            with self.assertRaises(ValueError):
                wire.unpack(wrong)


class AgentTest(unittest.TestCase):
    def setUp(self):
        self.loop = Loop()
        near, far = socket.socketpair()
        self.agent = agent.Agent(self.loop, far.detach())
        self.heard = []
        self.take = True
        self.channel = wire.Channel(self.loop, near.detach(), self.received, self.heard.append)

    def tearDown(self):
        self.channel.close()
        deadline = time.monotonic() + 1  # the agent sees the end, and kills what is left
        while self.agent._channel.open and time.monotonic() < deadline:
            self.loop.turn(0.1)

    def received(self, message):
        self.heard.append(message)
        if "output" in message and self.take:
            self.acknowledge(message)

    def acknowledge(self, message):
        self.channel.send({"taken": message["output"], "bytes": len(wire.unpack(message["data"]))})

    def wait(self, condition):
        deadline = time.monotonic() + BOUND_SECONDS
        while not condition():
            self.assertLess(time.monotonic(), deadline, f"heard only {self.heard}")
            self.loop.turn(1)

    def start(self, number, *argv, directory="/"):
        self.channel.send({"run": number, "argv": list(argv), "directory": directory})

    def exit_of(self, number):
        found = [message for message in self.heard if message.get("exit") == number]
        return found[0] if found else None

    def run_to_end(self, number, *argv, directory="/"):
        self.start(number, *argv, directory=directory)
        self.wait(lambda: self.exit_of(number))
        return self.exit_of(number)

    def printed(self, number, stream):
        return b"".join(wire.unpack(message["data"]) for message in self.heard
                        if message.get("output") == number and message["stream"] == stream)

    def shell(self, number, script):
        return self.run_to_end(number, "/bin/sh", "-c", script)

    def test_code_and_both_outputs(self):
        self.assertEqual({"exit": 1, "code": 7}, self.shell(1, "echo out; echo err >&2; exit 7"))
        self.assertEqual((b"out\n", b"err\n"), (self.printed(1, "stdout"), self.printed(1, "stderr")))

    def test_a_signal_is_told_as_by_a_shell(self):
        self.assertEqual(128 + signal.SIGTERM, self.shell(1, "kill -TERM $$")["code"])

    def test_what_cannot_be_started(self):
        missing = self.run_to_end(1, "/no/such/program")
        self.assertEqual((127, "/no/such/program: No such file or directory"), (missing["code"], missing["error"]))
        self.assertEqual(126, self.run_to_end(2, "/etc")["code"])
        self.assertIn("/no/folder", self.run_to_end(3, "true", directory="/no/folder")["error"])

    def test_the_input_is_empty_and_the_directory_as_asked(self):
        self.shell(1, "cat")
        self.assertEqual(b"", self.printed(1, "stdout"))
        with tempfile.TemporaryDirectory() as folder:
            self.run_to_end(2, "pwd", "-P", directory=folder)
            self.assertEqual(os.path.realpath(folder), self.printed(2, "stdout").decode().strip())

    def test_commands_at_once_do_not_wait_for_each_other(self):
        with tempfile.TemporaryDirectory() as folder:
            fifo = os.path.join(folder, "fifo")
            os.mkfifo(fifo)
            self.start(1, "cat", fifo)
            self.start(2, "/bin/sh", "-c", f"echo through >{fifo}")
            self.wait(lambda: self.exit_of(1) and self.exit_of(2))
        self.assertEqual(b"through\n", self.printed(1, "stdout"))

    def test_much_output_comes_whole_and_before_the_exit(self):
        script = "import sys; sys.stdout.buffer.write(bytes(range(256)) * 20000); sys.stderr.write('e' * 300000)"
        self.assertEqual(0, self.run_to_end(1, sys.executable, "-c", script)["code"])
        self.assertEqual(bytes(range(256)) * 20000, self.printed(1, "stdout"))
        self.assertEqual(b"e" * 300000, self.printed(1, "stderr"))
        self.assertIn("exit", self.heard[-1])

    def test_a_reader_that_does_not_take_holds_up_its_own_command_only(self):
        self.take = False
        self.start(1, "/bin/sh", "-c", "yes | head -c 1000000")
        self.wait(lambda: len(self.printed(1, "stdout")) >= agent.WINDOW_BYTES)
        self.assertEqual(0, self.shell(2, "true")["code"])
        self.assertLessEqual(len(self.printed(1, "stdout")), agent.WINDOW_BYTES + agent.PIECE_BYTES)
        self.assertIsNone(self.exit_of(1))
        self.take = True
        for message in [message for message in self.heard if message.get("output") == 1]:
            self.acknowledge(message)
        self.wait(lambda: self.exit_of(1))
        self.assertEqual(b"y\n" * 500000, self.printed(1, "stdout"))

    def test_the_rest_that_a_command_leaves_in_its_pipe_is_delivered_as_it_is_taken(self):
        self.take = False
        # A pipe holds 64 KiB: this ends with its last output unread.
        self.start(1, sys.executable, "-c",
                   f"import os; os.write(1, b'a' * {agent.WINDOW_BYTES}); os.write(2, b'b' * 60000)")
        self.wait(lambda: len(self.printed(1, "stdout")) + len(self.printed(1, "stderr")) >= agent.WINDOW_BYTES)
        self.take = True
        for message in list(self.heard):
            self.acknowledge(message)
        self.wait(lambda: self.exit_of(1))
        self.assertEqual(b"b" * 60000, self.printed(1, "stderr"))
        self.assertEqual(b"a" * agent.WINDOW_BYTES, self.printed(1, "stdout"))

    def test_what_runs_on_in_the_background_does_not_hold_up_the_exit(self):
        self.assertEqual(0, self.shell(1, "sleep 1000 & echo $!")["code"])
        os.kill(int(self.printed(1, "stdout")), signal.SIGKILL)  # it ran on

    def test_end_kills_the_command_and_what_it_started(self):
        self.start(1, "/bin/sh", "-c", "sleep 1000 & echo $!; wait")
        self.wait(lambda: self.printed(1, "stdout"))
        child = int(self.printed(1, "stdout"))
        ended = os.pidfd_open(child)
        self.channel.send({"end": 1})
        self.wait(lambda: self.exit_of(1))
        self.assertEqual(128 + signal.SIGKILL, self.exit_of(1)["code"])
        self.assertTrue(self.has_ended(ended))

    def test_the_end_of_the_line_kills_all(self):
        self.start(1, "/bin/sh", "-c", "echo $$; exec sleep 1000")
        self.wait(lambda: self.printed(1, "stdout"))
        ended = os.pidfd_open(int(self.printed(1, "stdout")))
        self.channel.close()
        self.loop.run()  # the agent stops it
        self.assertTrue(self.has_ended(ended))

    def test_a_late_word_about_a_command_that_is_over_is_ignored(self):
        self.shell(1, "true")
        self.channel.send({"end": 1})
        self.channel.send({"taken": 1, "bytes": 5})
        self.assertEqual(3, self.shell(2, "exit 3")["code"])

    def has_ended(self, pidfd):
        seen = []
        self.loop.watch(pidfd, lambda: seen.append(True))
        deadline = time.monotonic() + BOUND_SECONDS
        while not seen and time.monotonic() < deadline:
            self.loop.turn(1)
        self.loop.forget(pidfd)
        os.close(pidfd)
        return bool(seen)


if __name__ == "__main__":
    unittest.main()
