"""What the candidates of a run came to, handed out in the order of their numbers.

Trainings end in any order. So that a run is the same however its processes are scheduled, killed
and resumed, a candidate sees a fixed set of results: those of all numbers up to one that was
decided beforehand (see `archwright.runs.budget`), whatever else has ended by then.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from archwright.core import End, Stopped
from archwright.runs.candidates import Candidate
from archwright.runs.halving import Ascent, Rung


@dataclass(frozen=True, slots=True)
class Tried:
    """One candidate number at its end: what it was, and what it showed at each rung."""

    id: str
    title: str
    source: str
    operator: str
    parents: tuple[str, ...]
    parameters: int
    rungs: Mapping[int, Rung]
    trials: int
    """Trainings that it used, failed ones too."""
    flops: int = 0
    latency_ms: float | None = None
    proxies: Mapping[str, float] = field(default_factory=dict)
    end: End = End.TRAINED

    @classmethod
    def of(cls, candidate: Candidate, ascent: Ascent) -> Tried:
        """A candidate with its ascent."""
        return cls(
            id=candidate.id,
            title=candidate.title,
            source=candidate.source,
            operator=candidate.operator,
            parents=candidate.parents,
            parameters=candidate.parameters,
            rungs=ascent.rungs,
            trials=ascent.trials,
            flops=candidate.flops,
            latency_ms=candidate.latency_ms,
            proxies=candidate.proxies,
            end=ascent.end,
        )


class Ledger:
    """Results by candidate number from 1, and the turns in which candidates are screened."""

    def __init__(self, stopping: Callable[[], bool]) -> None:
        self._stopping = stopping
        self._changed = threading.Condition()
        self._tried: dict[int, Tried] = {}
        self._ended_upto = 0
        self._turn = 1
        self._failure: BaseException | None = None

    def close(self, number: int, tried: Tried) -> None:
        """Candidate `number` has ended."""
        with self._changed:
            self._tried[number] = tried
            while self._ended_upto + 1 in self._tried:
                self._ended_upto += 1
            self._changed.notify_all()

    def fail(self, error: BaseException) -> None:
        """Something broke outside of any candidate: whoever waits gets the error."""
        with self._changed:
            self._failure = self._failure or error
            self._changed.notify_all()

    def upto(self, number: int) -> list[Tried]:
        """All candidates up to `number`, once they have ended."""
        self._wait(lambda: self._ended_upto >= number)
        with self._changed:
            return [self._tried[n] for n in range(1, number + 1)]

    @contextmanager
    def turn(self, number: int) -> Iterator[None]:
        """Candidates pass here one at a time, in the order of their numbers.

        Where one breaks off, nobody passes any more: what is settled rests on all before it.
        """
        self._wait(lambda: self._turn == number)
        yield
        with self._changed:
            self._turn = number + 1
            self._changed.notify_all()

    def _wait(self, ready: Callable[[], bool]) -> None:
        with self._changed:
            while not ready():
                if self._failure is not None:
                    raise self._failure
                if self._stopping():
                    raise Stopped("the run was asked to stop")
                self._changed.wait(timeout=0.2)
