"""The agent in a guest: runs commands that the supervisor asks for, many at a time, over a virtio-serial port.

What it takes in:
  {"run": ID, "argv": [..], "directory": ".."}   starts a command; its input is empty
  {"taken": ID, "bytes": N}                      so much of its output has been delivered, more may come
  {"end": ID}                                    kills the command and its process group
What it sends:
  {"hello": {..}}                                first, once the RDMA device has its addresses
  {"output": ID, "stream": "stdout" or "stderr", "data": base64}
  {"exit": ID, "code": N}                        last; 128 + N for a signal, 127 or 126 with "error" when not started

A command is over when its process ends: what it left in the background runs on, its output is no longer read.
"""

import glob
import os
import signal
import subprocess
import sys
import time

import wire
from loop import Loop

PORT_NAME = "lab"
PIECE_BYTES = 1 << 14
# Output of one command that may be under way. A reader that does not read holds up its own command, nothing else.
WINDOW_BYTES = 1 << 18


class Command:
    """A process, its two pipes, and how much of its output is not yet delivered."""

    def __init__(self, agent, number, argv, directory):
        self._agent = agent
        self._number = number
        self._under_way = 0
        self._process = subprocess.Popen(argv, cwd=directory, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                         stderr=subprocess.PIPE, start_new_session=True)
        self._pipes = {"stdout": self._process.stdout, "stderr": self._process.stderr}
        self._ended = os.pidfd_open(self._process.pid)
        self._over = False
        for pipe in self._pipes.values():
            os.set_blocking(pipe.fileno(), False)
        agent.loop.watch(self._ended, self._end)
        self._watch()

    def kill(self):
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass

    def taken(self, count):
        self._under_way -= count
        if self._over:
            self._finish()
        else:
            self._watch()

    def _watch(self):
        for stream, pipe in self._pipes.items():
            self._agent.loop.watch(pipe, (lambda stream=stream: self._read(stream)) if self._room() else None)

    def _room(self):
        return self._under_way < WINDOW_BYTES

    def _read(self, stream):
        """Returns whether there was something."""
        pipe = self._pipes[stream]
        try:
            data = os.read(pipe.fileno(), PIECE_BYTES)
        except BlockingIOError:
            return False
        if not data:
            self._agent.loop.forget(pipe)
            pipe.close()
            del self._pipes[stream]
            return False
        self._under_way += len(data)
        self._agent.send({"output": self._number, "stream": stream, "data": wire.pack(data)})
        if not self._room():
            self._watch()
        return True

    def _end(self):
        self._agent.loop.forget(self._ended)
        os.close(self._ended)
        self._over = True
        for pipe in self._pipes.values():
            self._agent.loop.forget(pipe)
        self._finish()

    def _finish(self):
        """Sends what the process had written when it ended, as the window allows, then its exit code."""
        for stream in list(self._pipes):
            while self._room() and self._read(stream):
                pass
        if not self._room():
            for pipe in self._pipes.values():
                self._agent.loop.forget(pipe)
            return
        for pipe in self._pipes.values():
            pipe.close()
        code = self._process.wait()
        self._agent.finished(self._number, code if code >= 0 else 128 - code)


class Agent:
    """Serves one supervisor, over `descriptor`, until that closes."""

    def __init__(self, loop, descriptor):
        self.loop = loop
        self._commands = {}
        self._channel = wire.Channel(loop, descriptor, self._received, self._closed)

    def send(self, message):
        self._channel.send(message)

    def finished(self, number, code):
        del self._commands[number]
        self.send({"exit": number, "code": code})

    def _received(self, message):
        number = message.get("run", message.get("taken", message.get("end")))
        if "run" in message:
            try:
                self._commands[number] = Command(self, number, message["argv"], message["directory"])
            except OSError as error:
                code = 127 if isinstance(error, FileNotFoundError) else 126
                self.send({"exit": number, "code": code, "error": f"{error.filename}: {error.strerror}"})
        elif number in self._commands:  # else it has just ended
            if "taken" in message:
                self._commands[number].taken(message["bytes"])
            else:
                self._commands[number].kill()

    def _closed(self, reason):
        for command in self._commands.values():
            command.kill()
        if reason:
            print(f"lab: the supervisor's line broke: {reason}", file=sys.stderr)
        self.loop.stop()


def rdma_device():
    """{device, gid_index, gid} of the first port with a RoCEv2 address of IPv4; None as long as there is none."""
    for kind in sorted(glob.glob("/sys/class/infiniband/*/ports/1/gid_attrs/types/*")):
        index = os.path.basename(kind)
        port = kind.split("/gid_attrs/")[0]
        try:
            with open(kind, encoding="ascii") as file:
                version = file.read().strip()
            with open(f"{port}/gids/{index}", encoding="ascii") as file:
                gid = file.read().strip()
            with open(f"{port}/state", encoding="ascii") as file:
                state = file.read().strip()
        except OSError:  # an index without an address
            continue
        if version == "RoCE v2" and gid.startswith("0000:0000:0000:0000:0000:ffff:") and state.endswith("ACTIVE"):
            return {"device": port.split("/")[4], "gid_index": int(index), "gid": gid}
    return None


def open_port():
    for name in glob.glob("/sys/class/virtio-ports/*/name"):
        with open(name, encoding="ascii") as file:
            if file.read().strip() == PORT_NAME:
                return os.open(f"/dev/{name.split('/')[-2]}", os.O_RDWR)
    raise OSError("the machine has no port of the lab")


def main():
    loop = Loop()
    agent = Agent(loop, open_port())
    deadline = time.monotonic() + 20

    # The device takes its addresses from the interface in the background, and nothing reports it.
    def greet():
        device = rdma_device()
        if device is None and time.monotonic() < deadline:
            loop.after(0.02, greet)
            return
        agent.send({"hello": {"kernel": os.uname().release, "rdma": device}})

    greet()
    loop.run()


if __name__ == "__main__":
    main()
