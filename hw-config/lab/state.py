"""The directory of a lab: its lock, its control socket, logs, and what guests leave in /run/results.

$GAIOS_LAB_DIR, by default /tmp/gaios-lab-UID. One lab at a time has it: the supervisor's lock says whether one is up.

    lock          held by the supervisor for as long as it lives
    control       the socket that the command `lab` speaks to the supervisor over
    logs/         supervisor; hostN.console and hostN.qemu for each guest
    results/hostN what that guest sees as /run/results
    previous/     logs and results of the lab before this one
"""

import fcntl
import glob
import os
import shutil
import socket
import stat
import struct

from failure import Failure

# struct flock of Linux on 64-bit machines.
FLOCK = struct.Struct("hh4xqqi4x")


class State:
    """The paths, and who holds them. Creates the directory."""

    def __init__(self, path=None):
        self.path = os.path.abspath(path or os.environ.get("GAIOS_LAB_DIR") or f"/tmp/gaios-lab-{os.getuid()}")
        try:
            os.makedirs(self.path, mode=0o700, exist_ok=True)
            found = os.lstat(self.path)
            # Under /tmp anybody may have made it first, and would then have a say in what runs as this user.
            if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o022:
                raise PermissionError(0, "it is not a directory that only this user can write to")
        except OSError as error:
            raise Failure(f"cannot keep the lab in {self.path}: {error.strerror}; set GAIOS_LAB_DIR", 2) from error
        self.logs = os.path.join(self.path, "logs")
        self.results = os.path.join(self.path, "results")
        self._lock = None

    def holder(self):
        """The process id of the supervisor, or None when no lab is up."""
        with open(os.path.join(self.path, "lock"), "a", encoding="utf-8") as file:
            asked = FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
            kind, _, _, _, holder = FLOCK.unpack(fcntl.fcntl(file, fcntl.F_GETLK, asked))
        return None if kind == fcntl.F_UNLCK else holder

    def lock(self):
        """Makes this process the holder until it ends; raises Failure when there is one."""
        # The kernel gives such a lock up when the process closes the file once, however often it had opened it.
        self._lock = open(os.path.join(self.path, "lock"), "a", encoding="utf-8")
        try:
            fcntl.lockf(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise Failure(f"a lab is up in {self.path}") from error

    def fresh(self, hosts):
        """Empty logs and results for so many hosts; those of the lab before are kept, and no older ones."""
        previous = os.path.join(self.path, "previous")
        shutil.rmtree(previous, ignore_errors=True)
        os.mkdir(previous)
        for folder in (self.logs, self.results):
            if os.path.exists(folder):
                os.rename(folder, os.path.join(previous, os.path.basename(folder)))
            os.mkdir(folder)
        for host in range(hosts):
            os.mkdir(self.results_of(host))

    def results_of(self, host):
        return os.path.join(self.results, f"host{host}")

    def log(self, name):
        return os.path.join(self.logs, name)

    def listen(self):
        """A socket that hears the command `lab`."""
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.remove_control()
        self._at_control(listener.bind)
        listener.listen(16)
        listener.setblocking(False)
        return listener

    def connect(self):
        """A socket to the supervisor; raises OSError when there is none, or it does not listen yet."""
        link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._at_control(link.connect)
        except OSError:
            link.close()
            raise
        return link

    def remove_control(self):
        try:
            os.remove(os.path.join(self.path, "control"))
        except FileNotFoundError:
            pass

    def machine_name(self, host):
        """What QEMU is called on its command line: tells the machines of this lab from all others."""
        return f"gaios-lab:{self.path}:host{host}".replace(",", "_")

    def machines(self):
        """Process ids of QEMUs of this lab, whoever started them."""
        found = []
        for path in glob.glob("/proc/[0-9]*/cmdline"):
            try:
                with open(path, "rb") as file:
                    words = file.read().split(b"\0")
            except OSError:  # it has just ended
                continue
            if any(word.startswith(self.machine_name("").encode()) for word in words[1:]):
                found.append(int(path.split("/")[2]))
        return found

    def _at_control(self, call):
        # An address of a Unix socket holds 107 bytes, a path more.
        folder = os.open(self.path, os.O_PATH | os.O_DIRECTORY)
        try:
            call(f"/proc/self/fd/{folder}/control")
        finally:
            os.close(folder)
