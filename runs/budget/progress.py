"""What has ended of a search: who waits for it, and what a budget has to know of it."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import numpy as np

from archwright.core import Array, Candidate, Stopped
from archwright.runs.budget.pace import is_out_of_time

LATEST: Final = 1_000
"""The last that ended are known whole, to whoever compares expectations with what came of them."""

_ROW: Final = [("ended", bool), ("entrant", bool), ("late", bool), ("trials", np.int32)]


@dataclass(frozen=True, slots=True)
class Grant:
    """What a candidate may use: `trials` at most, seeing the results of numbers up to `sees`, those
    `without` which left out."""

    number: int
    sees: int
    trials: int
    without: tuple[int, ...] = ()

    @property
    def under_way(self) -> tuple[int, ...]:
        """The numbers before it whose results it does not see."""
        return (*self.without, *range(self.sees + 1, self.number))


@dataclass(frozen=True, slots=True)
class EndedCandidates:
    """Candidates that have ended, by number from the lowest: for each how many trainings the search
    used on it, and whether verification may take it up."""

    numbers: Array
    trials: Array
    is_entrant: Array
    is_out_of_time: bool = False
    """Whether the time of the run ended before anything was measured of one of them."""

    def __len__(self) -> int:
        return len(self.numbers)

    @property
    def used(self) -> int:
        """Trainings of all of them."""
        return int(self.trials.sum())

    def since(self, number: int) -> EndedCandidates:
        """Those after a number."""
        first = int(np.searchsorted(self.numbers, number, side="right"))
        shown = (self.numbers[first:], self.trials[first:], self.is_entrant[first:])
        return EndedCandidates(*shown, self.is_out_of_time)


class Progress:
    """Results by candidate number from 1, and the turns in which candidates are screened.

    A result is kept whole until it is taken; of all there is a line of numbers, so that a search
    of any length takes little memory.

    Args:
        stopping: whether the run was asked to stop.
        is_entrant: whether verification may take a candidate up.
    """

    def __init__(
        self,
        stopping: Callable[[], bool],
        is_entrant: Callable[[Candidate], bool] = lambda _: False,
    ) -> None:
        self._stopping = stopping
        self._is_entrant = is_entrant
        self._changed = threading.Condition()
        self._results: dict[int, Candidate] = {}
        self._latest: deque[Candidate] = deque(maxlen=LATEST)
        self._rows = np.zeros(64, _ROW)
        self._count = 0
        self._ended_upto = 0
        self._turn = 1
        self._failure: BaseException | None = None

    def close(self, number: int, result: Candidate) -> None:
        """Candidate `number` has ended."""
        row = True, self._is_entrant(result), is_out_of_time(result), result.trials
        with self._changed:
            while number >= len(self._rows):
                self._rows = np.concatenate([self._rows, np.zeros_like(self._rows)])
            self._rows[number] = row
            self._count += 1
            self._results[number] = result
            self._latest.append(result)
            while self._is_ended(self._ended_upto + 1):
                self._ended_upto += 1
            self._changed.notify_all()

    def _is_ended(self, number: int) -> bool:
        return number < len(self._rows) and bool(self._rows["ended"][number])

    def fail(self, error: BaseException) -> None:
        """Something failed outside of any candidate: all who wait get the error."""
        with self._changed:
            self._failure = self._failure or error
            self._changed.notify_all()

    def upto(self, number: int) -> EndedCandidates:
        """All candidates up to `number`, once they have ended."""
        return self.seen(Grant(number + 1, number, 0))

    def seen(self, grant: Grant) -> EndedCandidates:
        """The candidates that a grant names, once they have ended."""
        named = self._named(grant)
        with self._changed:
            return self._shown(named)

    def take(self, grant: Grant) -> list[Candidate]:
        """Of the candidates that a grant names, once they have ended, those that were not taken
        before, by their numbers. They are kept no longer."""
        named = self._named(grant)
        with self._changed:
            new = sorted(n for n in self._results if n < len(named) and named[n])
            return [self._results.pop(n) for n in new]

    def _named(self, grant: Grant) -> Array:
        """Whether a grant names a number, from 0 on, once all that it names have ended."""
        named = np.ones(grant.sees + 1, bool)
        named[0] = False
        named[[n for n in grant.without if n <= grant.sees]] = False

        def all_ended() -> bool:
            known = self._rows["ended"][: len(named)]
            return bool(known[named[: len(known)]].all()) and not named[len(known) :].any()

        if grant.without:
            self.wait(all_ended)
        else:
            self.wait(lambda: self._ended_upto >= grant.sees)
        return named

    def _shown(self, named: Array) -> EndedCandidates:
        numbers = np.flatnonzero(named)
        rows = self._rows[numbers]
        return EndedCandidates(numbers, rows["trials"], rows["entrant"], bool(rows["late"].any()))

    def ended(self) -> EndedCandidates:
        """All candidates that have ended by now."""
        with self._changed:
            return self._shown(self._rows["ended"])

    def latest(self) -> list[Candidate]:
        """The last that have ended, in the order in which they did."""
        with self._changed:
            return list(self._latest)

    def wait_for_more(self, least: int) -> tuple[int, tuple[int, ...]]:
        """The highest number that has ended once so many have, and those below it that have not."""
        self.wait(lambda: self._count >= least)
        with self._changed:
            last = int(np.flatnonzero(self._rows["ended"])[-1]) if self._count else 0
            left = np.flatnonzero(~self._rows["ended"][:last])[1:]
            return last, tuple(left.tolist())

    @contextmanager
    def turn(self, number: int) -> Iterator[None]:
        """Candidates pass here one at a time, in the order of their numbers.

        If one fails, none after it passes: its result depends on all before it.
        """
        self.wait(lambda: self._turn == number)
        yield
        with self._changed:
            self._turn = number + 1
            self._changed.notify_all()

    def wait(self, ready: Callable[[], bool]) -> None:
        """Wait for something that depends on the candidates under way.

        Raises:
            Stopped: the run was asked to stop.
            BaseException: what failed outside of any candidate.
        """
        with self._changed:
            while not ready():
                self._pause()

    def pause(self) -> None:
        """Wait for a moment, or until something has ended; raises as `wait` does."""
        with self._changed:
            self._pause()

    def _pause(self) -> None:
        if self._failure is not None:
            raise self._failure
        if self._stopping():
            raise Stopped("the run was asked to stop")
        self._changed.wait(timeout=0.2)
