"""One virtual machine of the lab: its QEMU, its agent, and what is done to it."""

import os
import signal
import socket
import time

import qemu
import wire
from switch import link_pair

NETWORK = "10.77.0"


def address(host):
    return f"{NETWORK}.{10 + host}"


class Machine:
    """Belongs to the supervisor, in its loop.

    States: `booting`, `up`, `stalled` (all of it, as a host that is off its core), `killed` (on request), `ended` (by
    itself; `reason` says more). changed(machine) is called at each change. A client is who asked for something that
    takes time: it has output(stream, data, taken), exited(code, error) and done().
    """

    def __init__(self, loop, switch, state, host, changed):
        self._loop = loop
        self._switch = switch
        self._state = state
        self._changed = changed
        self._process = None
        self._ended = -1
        self._channel = None
        self._runs = {}  # number -> client
        self._next_run = 1
        self._stall = None  # (timer of its end, client)
        self._started = 0
        self.host = host
        self.state = "killed"
        self.reason = ""
        self.boot_seconds = None
        self.rdma = None

    @property
    def pid(self):
        return self._process.pid if self._process else None

    @property
    def name(self):
        return f"host{self.host}"

    def start(self, settings):
        """Boots. `settings` is the supervisor's Settings."""
        inner, outer = link_pair()
        agent_inner, agent_outer = socket.socketpair()
        argv = qemu.command(settings.accelerator, settings.kernel, settings.initramfs, settings.memory_mib,
                            f"LAB_HOST={self.host}", settings.processors)
        argv += ["-name", f"{self._state.machine_name(self.host)},process=gaios-{self.name}"]
        argv += ["-netdev", f"socket,id=net,fd={inner.fileno()}"]
        argv += ["-device", f"virtio-net-pci,netdev=net,mac=52:54:00:77:00:{self.host:02x},romfile="]
        argv += ["-device", "virtio-rng-pci", "-device", "virtio-serial-pci"]
        argv += ["-chardev", f"socket,id=agent,fd={agent_inner.fileno()}"]
        argv += ["-device", "virtserialport,chardev=agent,name=lab"]
        for share, path, options in (("root", "/", "readonly=on,multidevs=remap"),
                                     ("tree", settings.tree, "readonly=on,multidevs=remap"),
                                     ("results", self._state.results_of(self.host), "multidevs=remap")):
            argv += ["-fsdev", f"local,id={share},path={qemu.quoted(path)},security_model=none,{options}"]
            argv += ["-device", f"virtio-9p-pci,fsdev={share},mount_tag={share}"]
        with inner, agent_inner, \
             open(self._state.log(f"{self.name}.console"), "ab") as console, \
             open(self._state.log(f"{self.name}.qemu"), "ab") as errors:
            self._process = qemu.start(argv, [inner.fileno(), agent_inner.fileno()], stdout=console, stderr=errors)
        self._started = time.monotonic()
        self.boot_seconds = None
        self.rdma = None
        self._switch.attach(self.host, outer)
        self._channel = wire.Channel(self._loop, agent_outer.detach(), self._received, self._agent_closed)
        self._ended = os.pidfd_open(self._process.pid)
        self._loop.watch(self._ended, self._process_ended)
        self._enter("booting")

    def run(self, argv, directory, client):
        """Runs a command, and returns its number; the client hears its output, then exited()."""
        number = self._next_run
        self._next_run += 1
        self._runs[number] = client
        self._channel.send({"run": number, "argv": argv, "directory": directory})
        return number

    def end_run(self, number):
        """Kills the command; its client hears no more of it."""
        if self._runs.pop(number, None):
            self._channel.send({"end": number})

    def stall(self, seconds, client):
        """Stops the whole machine. Its clocks go on, as those of a host that did not get to run.

        The client hears done() when it runs again, or exited() when it ended before.
        """
        self._process.send_signal(signal.SIGSTOP)
        self._stall = (self._loop.after(seconds, self._resume), client)
        self._enter("stalled")

    def _resume(self):
        client = self._stall[1]
        self._stall = None
        self._process.send_signal(signal.SIGCONT)
        self._enter("up")
        client.done()

    def kill(self):
        """As a loss of power: at once, whatever state it is in."""
        if self._process:
            self._process.kill()
            self._gone("killed", "")

    def _process_ended(self):
        code = self._process.wait()
        self._gone("ended", f"by signal {-code}" if code < 0 else f"QEMU ended with {code}")

    def _gone(self, state, reason):
        self._loop.forget(self._ended)
        os.close(self._ended)
        self._process.wait()
        self._process = None
        clients = list(self._runs.values())
        self._runs = {}
        if self._stall:
            self._loop.cancel(self._stall[0])
            clients.append(self._stall[1])
            self._stall = None
        self._channel.close()
        self._switch.detach(self.host)
        self.reason = reason
        self._enter(state)
        for client in clients:
            client.exited(None, f"{self.name} was {state}" if state == "killed" else f"{self.name} ended: {reason}")

    def _enter(self, state):
        self.state = state
        self._changed(self)

    def _received(self, message):
        if "hello" in message:
            self.boot_seconds = time.monotonic() - self._started
            self.rdma = message["hello"]["rdma"]
            self._enter("up")
            return
        number = message.get("output", message.get("exit"))
        client = self._runs.get(number)
        if client is None:
            return
        if "output" in message:
            data = message["data"]
            size = len(wire.unpack(data))
            client.output(message["stream"], data,
                          lambda: self._channel.send({"taken": number, "bytes": size}))
        else:
            del self._runs[number]
            client.exited(message["code"], message.get("error", ""))

    def _agent_closed(self, reason):
        # QEMU holds the other end: it is ending, or the agent in it sends nonsense.
        if reason:
            self.reason = reason
            self._process.kill()
