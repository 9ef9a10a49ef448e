"""A loop of events in one thread: files that are ready, and timers. Runs the supervisor, and the agent in a guest."""

import heapq
import itertools
import selectors
import time


class Loop:
    """Not for more than one thread. Callbacks take no arguments and must not block."""

    def __init__(self):
        self._selector = selectors.DefaultSelector()
        self._timers = []  # (due, number, callback); a cancelled one has no callback
        self._numbers = itertools.count()
        self._running = False

    def watch(self, file, readable=None, writable=None):
        """Calls `readable`, `writable` whenever the file is; replaces what was asked for it before."""
        events = (selectors.EVENT_READ if readable else 0) | (selectors.EVENT_WRITE if writable else 0)
        if file in self._selector.get_map():
            if events:
                self._selector.modify(file, events, (readable, writable))
            else:
                self._selector.unregister(file)
        elif events:
            self._selector.register(file, events, (readable, writable))

    def forget(self, file):
        """To be called before the file is closed."""
        self.watch(file)

    def after(self, seconds, callback):
        """Calls back once; returns what cancel() takes."""
        timer = [time.monotonic() + seconds, next(self._numbers), callback]
        heapq.heappush(self._timers, timer)
        return timer

    def cancel(self, timer):
        timer[2] = None

    def stop(self):
        """Ends run() after the callbacks of this turn."""
        self._running = False

    def run(self):
        self._running = True
        while self._running:
            self.turn()

    def turn(self, longest=None):
        """Waits for one batch of events, `longest` seconds at most, and makes its calls."""
        wait = longest
        if self._timers:
            due = max(0, self._timers[0][0] - time.monotonic())
            wait = due if wait is None else min(wait, due)
        for key, events in self._selector.select(wait):
            # An earlier callback of this batch may have closed the file, and its number may be another's by now.
            if self._selector.get_map().get(key.fd) is not key:
                continue
            readable, writable = key.data
            if events & selectors.EVENT_READ and readable:
                readable()
            if events & selectors.EVENT_WRITE and writable and self._selector.get_map().get(key.fd) is key:
                writable()
        while self._timers and self._timers[0][0] <= time.monotonic():
            callback = heapq.heappop(self._timers)[2]
            if callback:
                callback()
