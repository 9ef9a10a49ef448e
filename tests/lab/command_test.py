"""The command `lab` and its supervisor, with a stand-in for QEMU: what they start, end, refuse and report.

Nothing here says that a machine works: three_hosts_test.py and one_host_test.py do, in the lab itself.
"""

import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

import paths
import kernel
from state import State

BOUND_SECONDS = 60
HERE = os.path.dirname(os.path.abspath(__file__))


def static_program():
    """The least that passes for a static busybox: the header of an ELF program without segments."""
    return b"\x7fELF\x02\x01\x01" + bytes(57)


class CommandTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="gaios-lab-test-")
        # Longer than the address of a Unix socket may be.
        self.directory = os.path.join(self.folder, "state" * 30)
        programs, cache = os.path.join(self.folder, "bin"), os.path.join(self.folder, "cache")
        os.makedirs(programs)
        kept = kernel.kept_at(cache)
        os.makedirs(kept)
        for name, text in (("package", "linux-image-none"), ("image", "vmlinux"), ("modules", "")):
            with open(os.path.join(kept, name), "w", encoding="utf-8") as file:
                file.write(text)
        self.program("qemu-system-x86_64",
                     f"#!/bin/sh\nexec '{sys.executable}' -B '{HERE}/stand_in.py' \"$@\"\n".encode())
        self.program("busybox", static_program())
        self.environment = dict(os.environ, PATH=f"{programs}:/usr/bin:/bin", GAIOS_LAB_DIR=self.directory,
                                GAIOS_LAB_CACHE=cache, GAIOS_LAB_ACCELERATOR="tcg")
        self.state = State(self.directory)

    def tearDown(self):
        self.lab("down")
        self.assert_nothing_runs()
        shutil.rmtree(self.folder)

    def program(self, name, content):
        path = os.path.join(self.folder, "bin", name)
        with open(path, "wb") as file:
            file.write(content)
        os.chmod(path, 0o755)

    def begin(self, *arguments, **environment):
        return subprocess.Popen([sys.executable, "-B", paths.LAB, *arguments], stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                env=dict(self.environment, **environment))

    def lab(self, *arguments, **environment):
        """Runs it to its end; returns exit code, standard output and standard error."""
        process = self.begin(*arguments, **environment)
        output, errors = process.communicate(timeout=BOUND_SECONDS)
        return process.returncode, output, errors

    def up(self, hosts=2):
        code, output, errors = self.lab("up", "--hosts", str(hosts))
        self.assertEqual((0, ""), (code, output), errors)

    def status(self):
        """As `lab status --json` prints it."""
        with self.state.connect() as link, link.makefile("rw") as stream:
            print('{"do":"status"}', file=stream, flush=True)
            return json.loads(stream.readline())["done"]

    def states(self):
        return [host["state"] for host in self.status()["hosts"]]

    def wait(self, condition, what):
        deadline = time.monotonic() + BOUND_SECONDS
        while not condition():
            self.assertLess(time.monotonic(), deadline, what)
            select.select([], [], [], 0.02)

    def assert_nothing_runs(self):
        self.assertEqual(([], None), (self.state.machines(), self.state.holder()))
        self.assertFalse(os.path.exists(os.path.join(self.directory, "control")))

    def assert_ends_with_nothing_left(self, what):
        self.wait(lambda: not self.state.machines() and self.state.holder() is None, what)
        self.assertEqual([], [name for name in os.listdir(self.directory) if name.startswith("initramfs-")])

    # A lab's life

    def test_up_status_down(self):
        self.assertEqual(1, self.lab("status")[0])
        self.up(3)
        self.assertEqual(["up"] * 3, self.states())
        self.assertEqual(3, len(self.state.machines()))
        self.assertEqual(3, self.lab("status")[1].count("rxe0, GID index 1"))
        self.assertEqual(self.status(), json.loads(self.lab("status", "--json")[1]))
        self.assertEqual(0, self.lab("down")[0])
        self.assert_nothing_runs()
        self.assertEqual(1, self.lab("status")[0])
        self.assertEqual(0, self.lab("down")[0])
        with open(self.state.log("host2.console"), encoding="utf-8") as file:
            self.assertIn("console of the stand-in", file.read())

    def test_a_second_lab_in_the_same_directory_is_refused(self):
        self.up()
        before = self.state.machines()
        code, _, errors = self.lab("up")
        self.assertEqual(1, code)
        self.assertIn("lab down", errors)
        self.assertEqual(sorted(before), sorted(self.state.machines()))

    def test_logs_and_results_of_the_lab_before_are_kept(self):
        self.up(1)
        with open(os.path.join(self.state.results_of(0), "mine"), "w", encoding="utf-8"):
            pass
        self.lab("down")
        self.up(1)
        self.assertEqual([], os.listdir(self.state.results_of(0)))
        self.assertTrue(os.path.exists(os.path.join(self.directory, "previous", "results", "host0", "mine")))

    # Ends that nobody asked for

    def booting(self):
        """An `up` whose machines run and do not come up."""
        process = self.begin("up", "--hosts", "2", STAND_IN="hangs")
        self.wait(lambda: len(self.state.machines()) == 2, "machines start")
        return process

    def test_an_interrupted_boot_leaves_nothing(self):
        process = self.booting()
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=BOUND_SECONDS)
        self.assertEqual(130, process.returncode)
        self.assert_ends_with_nothing_left("after SIGINT")

    def test_a_boot_whose_starter_is_killed_leaves_nothing(self):
        process = self.booting()
        process.kill()
        process.communicate(timeout=BOUND_SECONDS)
        self.wait(lambda: not self.state.machines() and self.state.holder() is None, "after SIGKILL")

    def test_a_boot_that_takes_too_long_says_so(self):
        code, _, errors = self.lab("up", "--hosts", "2", "--boot-seconds", "0.5", STAND_IN="hangs")
        self.assertEqual(1, code)
        self.assertIn("not all hosts were up after 0.5 s", errors)
        self.assertIn("host1 is booting", errors)
        self.assert_ends_with_nothing_left("after the bound")

    def test_a_boot_that_fails_shows_why(self):
        code, _, errors = self.lab("up", "--hosts", "2", STAND_IN="fails")
        self.assertEqual(1, code)
        for text in ("QEMU ended with 1", "console of the stand-in", "the stand-in does not boot", self.state.logs):
            self.assertIn(text, errors)
        self.assert_ends_with_nothing_left("after the failure")

    def test_a_host_without_an_rdma_device_is_a_failure(self):
        code, _, errors = self.lab("up", "--hosts", "1", STAND_IN="has_no_device")
        self.assertEqual(1, code)
        self.assertIn("no RDMA device", errors)
        self.assert_ends_with_nothing_left("after the failure")

    def test_a_boot_whose_supervisor_is_killed_leaves_nothing(self):
        process = self.booting()
        os.kill(self.state.holder(), signal.SIGKILL)
        _, errors = process.communicate(timeout=BOUND_SECONDS)
        self.assertEqual(1, process.returncode)
        self.assertIn("supervisor failed", errors)
        self.assert_ends_with_nothing_left("after SIGKILL of the supervisor")

    def test_machines_do_not_outlive_their_supervisor(self):
        self.up()
        os.kill(self.state.holder(), signal.SIGKILL)
        self.assert_ends_with_nothing_left("after SIGKILL of the supervisor")
        self.assertEqual(1, self.lab("status")[0])
        self.up()  # what it left behind is in nobody's way

    def test_a_supervisor_that_is_asked_to_end_takes_all_down(self):
        self.up()
        os.kill(self.state.holder(), signal.SIGTERM)
        self.assert_ends_with_nothing_left("after SIGTERM")

    def test_a_lab_ends_with_the_process_whose_life_it_shares(self):
        process = subprocess.Popen(["sleep", str(10 * BOUND_SECONDS)])
        code, _, errors = self.lab("up", "--hosts", "2", "--life-of", str(process.pid))
        self.assertEqual(0, code, errors)
        self.assertEqual(["up"] * 2, self.states())
        process.kill()
        process.wait()
        self.assert_ends_with_nothing_left("after the process was killed")
        code, _, errors = self.lab("up", "--hosts", "2", "--life-of", str(process.pid))
        self.assertEqual(1, code)
        self.assertIn("is not there", errors)
        self.assert_ends_with_nothing_left("without the process")

    def test_down_ends_a_supervisor_that_does_not_answer(self):
        self.up()
        os.kill(self.state.holder(), signal.SIGSTOP)
        code, _, errors = self.lab("down")
        self.assertEqual(0, code)
        self.assertIn("does not answer", errors)
        self.assert_nothing_runs()

    # Commands

    def test_run(self):
        self.up()
        code, output, errors = self.lab("run", "1", "echo out; echo err >&2; exit 7")
        self.assertEqual((7, "out\n", "err\n"), (code, output, errors))
        self.assertEqual((0, "a b|c\n"), self.lab("run", "host0", "printf", r"%s|%s\n", "a b", "c")[:2])
        self.assertEqual((0, "-n\n"), self.lab("run", "0", "--", "printf", r"%s\n", "-n")[:2])
        self.assertEqual(128 + signal.SIGKILL, self.lab("run", "0", "kill -9 $$")[0])
        self.assertEqual(127, self.lab("run", "0", "/no/such", "program")[0])
        self.assertEqual((0, os.path.realpath(self.folder)),
                         (lambda done: (done[0], done[1].strip()))(
                             self.lab("run", "--directory", self.folder, "0", "pwd", "-P")))

    def test_run_whose_time_is_over_is_killed(self):
        self.up(1)
        fifo = os.path.join(self.folder, "fifo")
        os.mkfifo(fifo)
        held = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
        # A pipe tells that no writer is left only where there was one: a command killed before it opened it would be
        # waited for.
        os.close(os.open(fifo, os.O_WRONLY))
        try:
            code, _, errors = self.lab("run", "--timeout", "1", "0", f"exec sleep 1000 >{fifo}")
            self.assertEqual(124, code)
            self.assertIn("1 s", errors)
            # Its last writer's end can be read; nothing else is ever written.
            self.assertTrue(select.select([held], [], [], BOUND_SECONDS)[0], "the command ends")
            self.assertEqual(b"", os.read(held, 1))
        finally:
            os.close(held)

    def test_an_interrupted_run_is_killed(self):
        self.up(1)
        process = self.begin("run", "0", "echo $$; exec sleep 1000")
        ended = os.pidfd_open(int(process.stdout.readline()))
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=BOUND_SECONDS)
        self.assertEqual(130, process.returncode)
        self.assertTrue(select.select([ended], [], [], BOUND_SECONDS)[0])
        os.close(ended)

    def test_a_reader_that_went_away_ends_the_command(self):
        self.up(1)
        process = self.begin("run", "0", "yes")
        process.stdout.readline()
        process.stdout.close()
        self.assertEqual("", process.stderr.read())
        self.assertEqual(128 + signal.SIGPIPE, process.wait(BOUND_SECONDS))
        process.stderr.close()

    def test_a_killed_host_is_told_and_starts_again(self):
        self.up()
        # One that ends when nobody reads it: the stand-in's commands do not die with it, as those of a machine do.
        process = self.begin("run", "0", "echo started; exec yes")
        self.assertEqual("started\n", process.stdout.readline())
        self.assertEqual(0, self.lab("kill", "0")[0])
        _, errors = process.communicate(timeout=BOUND_SECONDS)
        self.assertEqual(125, process.returncode)
        self.assertIn("host0 was killed", errors)
        self.assertEqual(["killed", "up"], self.states())
        self.assertEqual(1, len(self.state.machines()))
        for command in (["run", "0", "true"], ["stall", "0", "1"], ["kill", "0"]):
            code, _, errors = self.lab(*command)
            self.assertIn(code, (1, 125))
            self.assertIn("host0 is killed", errors)
        self.assertEqual(0, self.lab("start", "0")[0])
        self.assertEqual(["up", "up"], self.states())
        self.assertEqual(0, self.lab("run", "0", "true")[0])
        self.assertEqual(1, self.lab("start", "0")[0])

    def test_a_host_that_ends_by_itself_is_told_from_one_that_was_killed(self):
        self.up()
        os.kill(self.status()["hosts"][1]["pid"], signal.SIGSEGV)
        self.wait(lambda: self.states() == ["up", "ended"], "the end is seen")
        self.assertEqual("by signal 11", self.status()["hosts"][1]["reason"])

    def test_a_stalled_host_does_nothing_until_it_is_over(self):
        self.up()
        stall = self.begin("stall", "0", "1.5")
        self.wait(lambda: self.states() == ["stalled", "up"], "the stall begins")
        pid = self.status()["hosts"][0]["pid"]

        def state():
            with open(f"/proc/{pid}/stat", encoding="ascii") as file:
                return file.read().rsplit(")", 1)[1].split()[0]
        self.wait(lambda: state() == "T", "its process is stopped")  # a moment after it has been told to
        stalled = self.begin("run", "0", "echo late")
        self.assertEqual(0, self.lab("run", "1", "true")[0])  # the other runs
        self.assertEqual(("late\n", ""), stalled.communicate(timeout=BOUND_SECONDS))
        stall.communicate(timeout=BOUND_SECONDS)
        self.assertEqual(0, stall.returncode)
        self.assertEqual(["up", "up"], self.states())

    def test_a_stalled_host_can_be_killed(self):
        self.up(1)
        stall = self.begin("stall", "0", "3600")
        self.wait(lambda: self.states() == ["stalled"], "the stall begins")
        self.assertEqual(0, self.lab("kill", "0")[0])
        _, errors = stall.communicate(timeout=BOUND_SECONDS)
        self.assertEqual(1, stall.returncode)
        self.assertIn("host0 was killed", errors)

    def test_paths_that_are_cut_lossy_and_healed(self):
        self.up(3)

        def paths_after(*command):
            code, _, errors = self.lab(*command)
            self.assertEqual(0, code, errors)
            return {(loss["from"], loss["to"]): loss["share"] for loss in self.status()["losses"]}

        self.assertEqual({(0, 1): 1, (0, 2): 1, (1, 0): 1, (2, 0): 1}, paths_after("cut", "0"))
        self.assertEqual({(0, 2): 1, (1, 0): 1, (2, 0): 1}, paths_after("heal", "0", "--to", "1"))
        self.assertEqual({}, paths_after("heal", "0"))
        self.assertEqual({(1, 0): 1}, paths_after("cut", "0", "--from", "1"))
        self.assertEqual({(1, 0): 1, (2, 0): 1, (2, 1): 1}, paths_after("cut", "2", "--to", "all"))
        self.assertIn("host2 to host1: cut", self.lab("status")[1])
        paths_after("heal", "2", "--to", "all")
        self.assertEqual({(1, 0): 1, (1, 2): 0.25, (2, 1): 0.25},
                         paths_after("lose", "1", "25", "--from", "2", "--to", "2"))
        self.assertIn("host1 to host2: 25% lost", self.lab("status")[1])
        self.assertEqual({(1, 2): 0.25, (2, 1): 0.25}, paths_after("heal", "0"))
        self.assertEqual({}, paths_after("heal", "1"))
        self.assertEqual({(0, 1): 1}, paths_after("cut", "0", "--to", "1", "--port", "4791"))
        self.assertEqual(4791, self.status()["losses"][0]["port"])
        self.assertIn("host0 to host1: cut, of frames to UDP port 4791", self.lab("status")[1])
        self.assertEqual({}, paths_after("heal", "0", "--port", "4791"))

    # What is refused

    def test_wrong_usage(self):
        self.up(2)
        for command, word in ((["run", "2", "true"], "no host 2"), (["cut", "x"], "invalid host"),
                              (["cut", "0", "--from", "0"], "itself"), (["cut", "0", "--from", "7"], "no host 7"),
                              (["lose", "0", "101"], "PERCENT"), (["cut", "0", "--port", "65536"], "invalid port"), (["stall", "0", "0"], "stall"),
                              (["stall", "0", "nan"], "stall"), (["run", "0"], "needs a command"),
                              (["up", "--hosts", "0"], "--hosts"), ([], "COMMAND")):
            with self.subTest(command):
                code, output, errors = self.lab(*command)
                self.assertEqual((2, ""), (code, output), errors)
                self.assertIn(word, errors)

    def test_garbage_on_the_control_socket_harms_nobody(self):
        self.up(1)
        for garbage in (b"garbage\n", b"{}\n", b'{"do":"nothing"}\n', b'{"do":"kill"}\n', b'{"do":"kill","host":"0"}\n',
                        b'{"do":"run","host":0,"argv":1}\n', b'{"do":5}\n', b'{"do":'):
            with self.subTest(garbage), self.state.connect() as link:
                link.sendall(garbage)
        self.assertEqual(["up"], self.states())

    def test_what_the_lab_lacks_is_named(self):
        os.remove(os.path.join(self.folder, "bin", "busybox"))
        self.program("busybox", b"#!/bin/sh\n")
        self.assertIn("busybox", self.lab("up")[2])
        programs = os.path.join(self.folder, "bin")
        os.remove(os.path.join(programs, "qemu-system-x86_64"))
        code, _, errors = self.lab("up", PATH=programs)
        self.assertEqual(1, code)
        self.assertIn("qemu-system-x86_64: run hw-config/lab/install", errors)

    def test_a_directory_that_others_may_write_to_is_refused(self):
        os.chmod(self.directory, 0o777)
        code, _, errors = self.lab("up")
        self.assertEqual(2, code)
        self.assertIn("GAIOS_LAB_DIR", errors)
        os.chmod(self.directory, 0o700)


if __name__ == "__main__":
    unittest.main()
