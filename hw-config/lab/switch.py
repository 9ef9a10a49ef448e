"""The network of the lab: a learning Ethernet switch whose paths can be cut one way, made lossy, and healed, for all
frames or for those to one UDP port.

Each port is a stream socket to a QEMU (`-netdev socket`): frames with a length of 4 bytes in front, most significant
byte first. Frames that a host does not take in are dropped once its queue is full, as a real switch does.
"""

import random
import socket
import struct

HEADER = struct.Struct("!I")
ETHERNET_BYTES = 14
IPV4, IPV6, UDP = 0x0800, 0x86DD, 17
IPV6_BYTES = 40
MIN_FRAME_BYTES = 14
MAX_FRAME_BYTES = 68 * 1024  # what QEMU's own buffer holds
MAX_QUEUE_BYTES = 4 << 20    # per port
MAX_ADDRESSES = 1024
READ_BYTES = 1 << 18


def udp_port(frame):
    """The UDP port that an Ethernet frame goes to, or None. Of a datagram in fragments only the first one tells."""
    kind = int.from_bytes(frame[12:14], "big")
    if kind == IPV4 and frame[23:24] == bytes([UDP]) and not int.from_bytes(frame[20:22], "big") & 0x1FFF:
        start = ETHERNET_BYTES + (frame[14] & 15) * 4
    elif kind == IPV6 and frame[20:21] == bytes([UDP]):
        start = ETHERNET_BYTES + IPV6_BYTES
    else:
        return None
    return int.from_bytes(frame[start + 2:start + 4], "big") if len(frame) >= start + 4 else None


class Port:
    """One socket: bytes that have come and are no whole frame yet, and bytes that the other side is still to take."""

    def __init__(self, link):
        self.link = link
        self.arrived = bytearray()
        self.queue = bytearray()


class Switch:
    """Ports have numbers, those of the hosts. `lost` is called when a port's stream ends or is out of step."""

    def __init__(self, loop, seed=0, lost=lambda port: None):
        self._loop = loop
        self._random = random.Random(seed)
        self._lost = lost
        self._ports = {}
        self._learned = {}  # MAC address -> port
        # (sender, receiver) -> {UDP port, or None for all frames: share of them that is lost}; 1 is a cut
        self._losses = {}
        self.counters = {"forwarded": 0, "lost": 0, "overrun": 0, "malformed": 0}

    def attach(self, number, link):
        """Takes over the socket as port `number`."""
        self.detach(number)
        link.setblocking(False)
        port = self._ports[number] = Port(link)
        self._watch(number, port)

    def detach(self, number):
        """What was learned about other ports stays, as do losses: they are of the path, not of the host."""
        port = self._ports.pop(number, None)
        if port:
            self._loop.forget(port.link)
            port.link.close()
            self._learned = {address: at for address, at in self._learned.items() if at != number}

    def lose(self, sender, receiver, share, port=None):
        """From now on this share of frames, 0 to 1, of `sender` to `receiver` is lost: of all, or of those to a UDP
        port. 1 is a cut, 0 heals; without a port it heals those of ports too."""
        losses = self._losses.setdefault((sender, receiver), {})
        if share > 0:
            losses[port] = share
        elif port is None:
            losses.clear()
        else:
            losses.pop(port, None)
        if not losses:
            del self._losses[sender, receiver]

    def losses(self):
        """{(sender, receiver, port): share}, of paths that are not whole; port None: of all frames."""
        return {(*path, port): share for path, losses in self._losses.items() for port, share in losses.items()}

    def _is_lost(self, sender, receiver, framed):
        losses = self._losses.get((sender, receiver))
        if losses is None:
            return False
        share = losses.get(None, 0)
        if len(losses) > (None in losses):
            share = max(share, losses.get(udp_port(framed[HEADER.size:]), 0))
        return share >= 1 or (share > 0 and self._random.random() < share)

    def _read(self, number, port):
        try:
            data = port.link.recv(READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._drop(number)
            return
        port.arrived += data
        start, available, whole = 0, len(port.arrived), bytes(port.arrived)
        while available - start >= HEADER.size:
            length = HEADER.unpack_from(whole, start)[0]
            if length > MAX_FRAME_BYTES:  # no way to find the next frame
                self.counters["malformed"] += 1
                self._drop(number)
                return
            end = start + HEADER.size + length
            if available < end:
                break
            if length < MIN_FRAME_BYTES:
                self.counters["malformed"] += 1
            else:
                self._forward(number, whole[start:end])
            start = end
        del port.arrived[:start]

    def _forward(self, sender, framed):
        """`framed`: header and frame."""
        target, source = framed[4:10], framed[10:16]
        if not source[0] & 1 and self._learned.get(source) != sender:
            if len(self._learned) >= MAX_ADDRESSES:
                self._learned.clear()
            self._learned[source] = sender
        known = None if target[0] & 1 else self._learned.get(target)
        if known == sender:
            return
        for receiver in (self._ports if known is None else (known,)):
            if receiver == sender:
                continue
            if self._is_lost(sender, receiver, framed):
                self.counters["lost"] += 1
                continue
            self._send(receiver, framed)

    def _send(self, number, framed):
        port = self._ports[number]
        if len(port.queue) + len(framed) > MAX_QUEUE_BYTES:
            self.counters["overrun"] += 1
            return
        self.counters["forwarded"] += 1
        waiting = bool(port.queue)
        port.queue += framed
        if not waiting:
            self._write(port)
            if port.queue:
                self._watch(number, port)

    def _write_more(self, number, port):
        self._write(port)
        if not port.queue:
            self._watch(number, port)

    def _watch(self, number, port):
        self._loop.watch(port.link, lambda: self._read(number, port),
                         (lambda: self._write_more(number, port)) if port.queue else None)

    @staticmethod
    def _write(port):
        try:
            written = port.link.send(port.queue)
        except BlockingIOError:
            written = 0
        except OSError:  # its reader learns of it
            written = len(port.queue)
        del port.queue[:written]

    def _drop(self, number):
        self.detach(number)
        self._lost(number)


def link_pair():
    """The two ends of a port's cable, with room for bursts of large frames."""
    ends = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    for end in ends:
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
    return ends
