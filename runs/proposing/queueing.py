"""The queue before training: what has passed its checks waits here, the most promising first.

Each slot is used by one candidate from its first training to its last. What has been overtaken too
often, since better was proposed, is dropped before anything is paid for it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from archwright.core import Candidate, Stopped
from archwright.runs.journal import Journal

OVERTAKEN: Final = 8
"""Candidates proposed later that may go first, before one that waits is dropped."""
SPARE: Final = 1
"""Slots beyond the workers, so that none idles between two trainings of a candidate."""


class Queue:
    """Lets candidates into training.

    Args:
        slots: how many may be in training.
        promise: how promising a candidate is, among those that wait at one moment; larger is
            better.
        stopping: whether the run is to end.
    """

    def __init__(
        self,
        journal: Journal,
        slots: int,
        promise: Callable[[Candidate], float],
        stopping: Callable[[], bool],
    ) -> None:
        self._journal = journal
        self._free = slots + SPARE
        self._promise = promise
        self._stopping = stopping
        self._changed = threading.Condition()
        self._waiting: dict[int, Candidate] = {}
        self._overtaken: dict[int, int] = {}

    @property
    def waiting(self) -> int:
        """How many wait."""
        with self._changed:
            return len(self._waiting)

    @contextmanager
    def slot(self, candidate: Candidate) -> Iterator[str]:
        """Wait for a slot and hold it; gives why the candidate was dropped instead, or nothing.

        Raises:
            Stopped: the run was asked to stop.
        """
        key, let_in = candidate.id, []

        def wait() -> dict[str, str]:
            let_in.append(True)
            return {"dropped": self._wait(candidate)}

        dropped = str(self._journal.once("queue", key, key, {}, wait)["dropped"])
        if dropped:
            yield dropped
            return
        if not let_in:  # An earlier session let it in: it need not wait again.
            self._change_free(-1)
        try:
            yield ""
        finally:
            self._change_free(1)

    def _wait(self, candidate: Candidate) -> str:
        """Wait until it is this one's turn, or it is dropped."""
        number = candidate.number
        with self._changed:
            self._waiting[number] = candidate
            self._overtaken[number] = 0
            try:
                while self._overtaken[number] < OVERTAKEN:
                    if self._free > 0 and self._next() == number:
                        return self._let_in(number)
                    if self._stopping():
                        raise Stopped("the run was asked to stop")
                    self._changed.wait(timeout=0.2)
            finally:
                self._waiting.pop(number, None)
                self._changed.notify_all()
        return f"{OVERTAKEN} that were proposed later went first"

    def _next(self) -> int:
        """The number of the most promising one; of equals the one that was proposed first."""
        return max(self._waiting, key=lambda n: (self._promise(self._waiting[n]), -n))

    def _let_in(self, number: int) -> str:
        self._free -= 1
        for other in self._waiting:
            self._overtaken[other] += other < number
        return ""

    def _change_free(self, by: int) -> None:
        with self._changed:
            self._free += by
            self._changed.notify_all()
