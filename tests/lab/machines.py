"""A lab for a test: booted once for all tests of a class, in $GAIOS_LAB_DIR, and taken down after them."""

import json
import os
import shutil
import subprocess
import sys
import time
import unittest

import paths
import kernel
from failure import Failure
from state import State

SKIPPED = 77  # what ctest takes for a skip; ./check then fails unless it is allowed
BOUND_SECONDS = 300
PORT = 18515  # of perftest and of ibv_rc_pingpong, in hexadecimal as the kernel lists it:
LISTENS = f":{PORT:04X} 00000000:0000 0A|:{PORT:04X} 0{'0' * 31}:0000 0A"


def why_not():
    """Why there can be no lab here, or None."""
    for name in ("qemu-system-x86_64", "busybox", "ib_write_bw", "ibv_rc_pingpong", "ibv_devinfo", "rdma"):
        if not shutil.which(name):
            return f"{name} is not there: run hw-config/lab/install"
    try:
        kernel.prepare(lambda text: print(text, flush=True))
    except Failure as failure:
        return f"no kernel for the guests: {failure}"
    return None


class LabTest(unittest.TestCase):
    HOSTS = 0  # each class says how many
    MEMORY_MIB = 512  # of each

    def run(self, result=None):
        begin = time.monotonic()
        super().run(result)
        print(f"{self.id()}: {time.monotonic() - begin:.0f} s", flush=True)

    @classmethod
    def setUpClass(cls):
        cls.state = State()
        cls.lab("down")
        # However this process ends, nothing is left: unittest does not come to tearDownClass when it is interrupted.
        code, _, errors = cls.lab("up", "--hosts", cls.HOSTS, "--memory-mib", cls.MEMORY_MIB,
                                  "--boot-seconds", BOUND_SECONDS, "--life-of", os.getpid())
        if code:
            raise AssertionError(errors)
        print(errors, flush=True)

    @classmethod
    def tearDownClass(cls):
        code, _, errors = cls.lab("down")
        if code or cls.state.machines() or cls.state.holder():
            raise AssertionError(f"the lab did not go down: {errors} {cls.state.machines()} {cls.state.holder()}")

    @staticmethod
    def begin(*arguments):
        return subprocess.Popen([sys.executable, "-B", paths.LAB, *map(str, arguments)], stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    @classmethod
    def lab(cls, *arguments):
        """Runs it to its end; returns exit code, standard output and standard error."""
        return cls.end(cls.begin(*arguments))

    @staticmethod
    def end(process):
        output, errors = process.communicate(timeout=BOUND_SECONDS + 60)
        return process.returncode, output, errors

    def run_in(self, host, command):
        """Runs a shell's command that must succeed, and returns what it printed."""
        code, output, errors = self.lab("run", "--timeout", BOUND_SECONDS, host, command)
        self.assertEqual(0, code, f"{command}: {output}{errors}")
        return output

    def status(self):
        return json.loads(self.lab("status", "--json")[1])

    def wait(self, condition, what):
        deadline = time.monotonic() + BOUND_SECONDS
        while not condition():
            self.assertLess(time.monotonic(), deadline, what)
            time.sleep(0.1)

    def between(self, server, client, tool):
        """Starts a tool of perftest or libibverbs at both ends, over RoCEv2; returns both processes.

        -e: it sleeps until its work is done. One that spins keeps the device of a guest's one processor from running,
        as those that measure writes must: they have no such option.
        """
        if not tool.startswith("ib_write"):
            tool += " -e"
        tool += " -d rxe0 {} {}".format("-g" if tool.startswith("ibv_") else "-x", self.gid_index(server))
        serving = self.begin("run", "--timeout", BOUND_SECONDS, server, tool)
        listens = self.begin("run", "--timeout", BOUND_SECONDS, server,
                             f"until grep -qE '{LISTENS}' /proc/net/tcp /proc/net/tcp6; do sleep 0.1; done")
        self.wait(lambda: listens.poll() is not None or serving.poll() is not None, "the server listens")
        if serving.poll() is not None:
            listens.terminate()
            listens.communicate()
            self.fail(f"{tool} ended at once: {self.end(serving)}")
        self.assert_good(listens)
        return serving, self.begin("run", "--timeout", BOUND_SECONDS, client, f"{tool} host{server}")

    def assert_good(self, *processes):
        for process in processes:
            code, output, errors = self.end(process)
            self.assertEqual(0, code, output + errors)

    def gid_index(self, host):
        return self.status()["hosts"][host]["rdma"]["gid_index"]


def main():
    """The main of a test in the lab: skipped aloud where there can be none."""
    reason = why_not()
    if reason:
        print(f"SKIPPED: no lab here: {reason}")
        sys.exit(SKIPPED)
    unittest.main(verbosity=2)
