"""Whose turn it is where there are fewer places than callers."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition

from archwright.core import Stopped


class Turns:
    """Places 0 … `count - 1`. `close` turns everybody away, those who wait included."""

    def __init__(self, count: int) -> None:
        self._free = list(range(count))  # a heap: the lowest place first
        self.count = count
        self._queue: list[tuple[int, int]] = []
        self._arrivals = itertools.count()
        self._changed = Condition()
        self.closed = False

    @contextmanager
    def place(self, priority: int = 0) -> Iterator[int]:
        """Hold a place, waiting for one if need be; lowest `priority` first.

        Raises:
            Stopped: it was closed before a place came free.
        """
        place = self._take(priority)
        try:
            yield place
        finally:
            with self._changed:
                heapq.heappush(self._free, place)
                self._changed.notify_all()

    def _take(self, priority: int) -> int:
        ticket = (priority, next(self._arrivals))
        with self._changed:
            heapq.heappush(self._queue, ticket)
            try:
                self._changed.wait_for(
                    lambda: self.closed or (self._free and self._queue[0] == ticket)
                )
            finally:
                self._queue.remove(ticket)
                heapq.heapify(self._queue)
                self._changed.notify_all()
            if self.closed:
                raise Stopped("the sandbox was stopped")
            return heapq.heappop(self._free)

    @property
    def waiting(self) -> int:
        """How many wait for a place."""
        with self._changed:
            return len(self._queue)

    def close(self) -> None:
        """Let nobody in any more."""
        with self._changed:
            self.closed = True
            self._changed.notify_all()
