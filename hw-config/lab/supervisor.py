"""The process that is the lab: owns the machines, the switch and the control socket. Started by `lab up`.

    supervisor.py <PIPE    a line of JSON: {directory, hosts, boot_seconds, settings, life_of}; the pipe is then kept open

On standard output it tells `lab up`, in lines of JSON, how the machines come up: {"progress": text}, and at last
{"done": ..} or {"failed": text}. If standard input closes before that, whoever asked for the lab is gone: it takes all
down. Afterwards it lives until `lab down`, a signal, or the end of the process `life_of`, if there is one; when it
dies the machines die with it.
"""

import json
import os
import signal
import socket
import sys

import machine
import wire
from failure import Failure
from loop import Loop
from settings import Settings
from state import State
from switch import Switch

LOG_LINES_SHOWN = 12


class Client:
    """One connection of the command `lab`: a request, and its answers until one says `done` or `failed`."""

    def __init__(self, supervisor, descriptor):
        self._supervisor = supervisor
        self._run = None  # (machine, number)
        self._channel = wire.Channel(supervisor.loop, descriptor, self._received, self._closed)

    def done(self, result=None):
        self._channel.send({"done": result or {}}, self._channel.close)

    def failed(self, text, code=1):
        self._channel.send({"failed": text, "code": code}, self._channel.close)

    def follow(self, where, number):
        self._run = (where, number)

    def output(self, stream, data, taken):
        self._channel.send({"output": stream, "data": data}, taken)

    def exited(self, code, error):
        self._run = None
        if code is None:
            self.failed(error)
        else:
            self.done({"code": code, "error": error})

    def _received(self, message):
        try:
            self._supervisor.serve(self, message)
        except Failure as failure:
            self.failed(str(failure), failure.code)
        except (KeyError, TypeError, ValueError) as error:
            self.failed(f"the lab does not understand {message}: {error!r}", 2)

    def _closed(self, _):
        if self._run:
            self._run[0].end_run(self._run[1])


class Supervisor:
    """All of one lab. `state` is locked by this process."""

    def __init__(self, state, hosts, settings):
        self.loop = Loop()
        self._settings = settings
        self._state = state
        self._switch = Switch(self.loop, lost=lambda port: None)  # the end of a QEMU is seen by its machine
        self._starter = None  # the channel to `lab up`, until it has heard how it went
        self._starter_input = None
        self._bound = None    # the timer of the boot
        self._waiting = {}    # machine -> clients that wait for it to boot
        self.machines = [machine.Machine(self.loop, self._switch, state, host, self._changed)
                         for host in range(hosts)]
        self._listener = state.listen()
        self.loop.watch(self._listener, self._accept)

    # Coming up and going down

    def bring_up(self, input_descriptor, output, seconds):
        """Starts all machines. Reports to `output`; a machine that does not come up takes the lab down."""
        self._starter = wire.Channel(self.loop, output, lambda message: None, lambda reason: None)
        self._starter_input = wire.Channel(self.loop, input_descriptor, lambda message: None, self._starter_gone)
        self._bound = self.loop.after(seconds, lambda: self._give_up(f"not all hosts were up after {seconds:g} s"))
        for each in self.machines:
            each.start(self._settings)

    def live_with(self, process):
        """Ends the loop when that process has ended; it may have ended already."""
        try:
            self.loop.watch(os.pidfd_open(process), self.loop.stop)
        except ProcessLookupError:
            text = f"process {process}, whose life the lab was to share, is not there"
            self.loop.after(0, lambda: self._give_up(text))

    def _starter_gone(self, _):
        if self._starter:
            self.loop.stop()

    def _give_up(self, text):
        if not self._starter:
            return
        for each in self.machines:
            if each.state != "up":
                text += f"\n{each.name} is {each.state} {each.reason}; the end of its console:\n" + self._tail(each)
        starter, self._starter = self._starter, None
        starter.send({"failed": text}, self.loop.stop)

    def _tail(self, each):
        lines = []
        for kind in ("console", "qemu"):
            with open(self._state.log(f"{each.name}.{kind}"), encoding="utf-8", errors="replace") as file:
                lines += file.read().splitlines()[-LOG_LINES_SHOWN:]
        return "\n".join(f"  {line}" for line in lines)

    def _changed(self, each):
        print(f"{each.name} {each.state} {each.reason}", flush=True)
        if self._starter:
            if each.state == "up" and each.rdma:
                self._starter.send({"progress": f"{each.name} is up after {each.boot_seconds:.1f} s"})
            if each.state == "up" and not each.rdma:
                self._give_up(f"{each.name} has no RDMA device with an address of RoCEv2")
            elif each.state == "ended":
                self._give_up(f"{each.name} did not boot")
            elif all(every.state == "up" for every in self.machines):
                self.loop.cancel(self._bound)
                starter, self._starter = self._starter, None
                starter.send({"done": {}}, starter.close)
        if each.state != "booting":
            for client in self._waiting.pop(each, []):
                if each.state == "up" and each.rdma:
                    client.done({"boot_seconds": each.boot_seconds})
                else:
                    client.failed(f"{each.name} did not come up: {each.reason or 'it has no RDMA device'}")

    def take_down(self):
        self._state.remove_control()
        for each in self.machines:
            each.kill()

    # Serving `lab`

    def _accept(self):
        try:
            link, _ = self._listener.accept()
        except BlockingIOError:
            return
        Client(self, link.detach())

    def serve(self, client, message):
        """Carries out one request; raises Failure when it cannot be."""
        getattr(self, f"_do_{message['do']}", self._unknown)(client, message)

    def _unknown(self, client, message):
        raise Failure(f"the lab has no request {message['do']}", 2)

    def _machine(self, message, *states):
        host = message["host"]
        if not isinstance(host, int) or not 0 <= host < len(self.machines):
            raise Failure(f"there is no host {host}: this lab has 0 to {len(self.machines) - 1}", 2)
        each = self.machines[host]
        if states and each.state not in states:
            raise Failure(f"{each.name} is {each.state}{f' ({each.reason})' if each.reason else ''}")
        return each

    def _do_down(self, client, _):
        self.take_down()
        client.done()
        self.loop.stop()

    def _do_status(self, client, _):
        client.done({
            "accelerator": self._settings.accelerator,
            "kernel": self._settings.kernel.package,
            "hosts": [{"host": each.host, "state": each.state, "reason": each.reason,
                       "address": machine.address(each.host), "pid": each.pid, "boot_seconds": each.boot_seconds,
                       "rdma": each.rdma} for each in self.machines],
            "losses": [{"from": sender, "to": receiver, "share": share, "port": port}
                       for (sender, receiver, port), share in sorted(self._switch.losses().items(),
                                                                     key=lambda loss: (*loss[0][:2], loss[0][2] or 0))],
            "frames": self._switch.counters,
        })

    def _do_run(self, client, message):
        each = self._machine(message, "up", "stalled")
        client.follow(each, each.run(message["argv"], message["directory"], client))

    def _do_lose(self, client, message):
        """Sets the share of frames lost on the paths named: to and from a host, of all peers or of one."""
        for sender, receiver in self._paths(message):
            self._switch.lose(sender, receiver, message["share"], message.get("port"))
        client.done()

    def _paths(self, message):
        host = self._machine(message).host
        peers = {}
        for way in ("from", "to"):
            named = message.get(way)
            if named is None:
                continue
            if named != "all" and self._machine({"host": named}).host == host:
                raise Failure(f"host{host} has no path to itself that leads through the switch", 2)
            peers[way] = [each.host for each in self.machines if each.host != host and named in ("all", each.host)]
        return ([(peer, host) for peer in peers.get("from", [])] + [(host, peer) for peer in peers.get("to", [])])

    def _do_stall(self, client, message):
        seconds = message["seconds"]
        if not 0 < seconds <= 3600:
            raise Failure("a stall lasts more than 0 s and at most an hour", 2)
        self._machine(message, "up").stall(seconds, client)

    def _do_kill(self, client, message):
        self._machine(message, "booting", "up", "stalled").kill()
        client.done()

    def _do_start(self, client, message):
        each = self._machine(message, "killed", "ended")
        each.start(self._settings)
        self._waiting.setdefault(each, []).append(client)


def wake_on_signals(loop):
    """SIGTERM and SIGINT end the loop."""
    reader, writer = socket.socketpair()
    for end in (reader, writer):
        end.setblocking(False)
    signal.set_wakeup_fd(writer.fileno())
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: None)
    loop.watch(reader, loop.stop)
    return reader, writer


def main():
    asked = json.loads(sys.stdin.readline())
    # What is printed goes to the log from here on, as does what Python says of a failure.
    ends = os.dup(0), os.dup(1)
    state = State(asked["directory"])
    try:
        state.lock()
    except Failure as failure:
        print(json.dumps({"failed": str(failure)}))
        sys.exit(1)
    state.fresh(asked["hosts"])
    log = os.open(state.log("supervisor"), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    nowhere = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nowhere, 0), (log, 1), (log, 2)):
        os.dup2(source, target)
    settings = Settings.of(asked["settings"])
    initramfs = os.path.join(state.path, "initramfs")
    os.replace(settings.initramfs, initramfs)
    supervisor = Supervisor(state, asked["hosts"], settings._replace(initramfs=initramfs))
    signals = wake_on_signals(supervisor.loop)
    try:
        supervisor.bring_up(*ends, asked["boot_seconds"])
        if asked["life_of"] is not None:
            supervisor.live_with(asked["life_of"])
        supervisor.loop.run()
    finally:
        supervisor.take_down()
        for end in signals:
            end.close()


if __name__ == "__main__":
    main()
