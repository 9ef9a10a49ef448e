"""The lab's messages: JSON objects, one a line, over a stream that does not block.

Between `lab` and the supervisor, and between the supervisor and the agent in a guest. Bytes that commands print travel
in base64.
"""

import base64
import json
import os

# The longest line that is taken in. What commands print comes in pieces far below it.
MAX_LINE_BYTES = 1 << 20


def pack(data):
    return base64.b64encode(data).decode("ascii")


def unpack(text):
    return base64.b64decode(text, validate=True)


class Decoder:
    """Cuts what arrives into messages. Raises ValueError on what is none, and is of no use afterwards."""

    def __init__(self):
        self._pending = bytearray()

    def feed(self, data):
        """Yields the messages that are complete with these bytes."""
        self._pending += data
        while (end := self._pending.find(b"\n")) >= 0:
            line = bytes(self._pending[:end])
            del self._pending[:end + 1]
            if len(line) > MAX_LINE_BYTES:
                break
            message = json.loads(line)
            if not isinstance(message, dict):
                raise ValueError("a message is an object")
            yield message
        if len(self._pending) > MAX_LINE_BYTES or end >= 0:
            raise ValueError(f"a line of more than {MAX_LINE_BYTES} bytes")


class Channel:
    """Messages over a file descriptor, which it owns.

    received(message) is called for each that arrives; closed(reason) once, when the stream ends, breaks, or carries
    what is no message. close() makes no call.
    """

    READ_BYTES = 1 << 16

    def __init__(self, loop, descriptor, received, closed):
        os.set_blocking(descriptor, False)
        self._loop = loop
        self._descriptor = descriptor
        self._received = received
        self._closed = closed
        self._decoder = Decoder()
        self._output = bytearray()
        self._waiting = False  # for the stream to take more
        self._drained = []  # (bytes still to be written before the call, call)
        loop.watch(descriptor, self._read)

    @property
    def open(self):
        return self._descriptor >= 0

    def send(self, message, sent=None):
        """Queues a message; sent(), if given, is called once it has left. Without effect when closed."""
        if not self.open:
            return
        self._output += json.dumps(message, separators=(",", ":")).encode() + b"\n"
        if sent:
            self._drained.append([len(self._output), sent])
        self._write()

    def close(self):
        if self.open:
            self._loop.forget(self._descriptor)
            os.close(self._descriptor)
            self._descriptor = -1
            self._drained = []

    def _end(self, reason):
        self.close()
        self._closed(reason)

    def _read(self):
        try:
            data = os.read(self._descriptor, self.READ_BYTES)
        except BlockingIOError:
            return
        except OSError as error:
            self._end(error.strerror)
            return
        if not data:
            self._end("")
            return
        try:
            for message in self._decoder.feed(data):
                self._received(message)
                if not self.open:
                    return
        except ValueError as error:
            self._end(f"not a message of the lab: {error}")

    def _watch(self):
        # Telling the selector costs more than a short message: only when something changes.
        if self._waiting != bool(self._output):
            self._waiting = bool(self._output)
            self._loop.watch(self._descriptor, self._read, self._write if self._waiting else None)

    def _write(self):
        try:
            written = os.write(self._descriptor, self._output) if self._output else 0
        except BlockingIOError:
            written = 0
        except OSError:
            # The reader's side may have closed after a last message, which is still to be read.
            self._output.clear()
            self._drained = []
            self._watch()
            return
        del self._output[:written]
        for mark in self._drained:
            mark[0] -= written
        done = [call for left, call in self._drained if left <= 0]
        self._drained = [mark for mark in self._drained if mark[0] > 0]
        self._watch()
        for call in done:
            call()
