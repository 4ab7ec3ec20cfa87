"""How long trainings took, kept up to date by what is new in a journal."""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass, field
from typing import Final

LATEST: Final = 64
"""Trainings that are known one by one."""


@dataclass(slots=True)
class Sum:
    """Seconds of so many trainings."""

    seconds: float = 0.0
    count: int = 0

    def add(self, seconds: float) -> None:
        """One more."""
        self.seconds += seconds
        self.count += 1


@dataclass(slots=True)
class TrainingTally:
    """Trainings that ended, in the order in which they did."""

    cursor: int = 0
    """The last change of the journal that is in it."""
    by_purpose: defaultdict[str, Sum] = field(default_factory=lambda: defaultdict(Sum))
    candidates: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """Whose they were, by purpose."""
    by_steps: defaultdict[int, Sum] = field(default_factory=lambda: defaultdict(Sum))
    """Of those that ended well, as are the latest."""
    latest: deque[tuple[int, float]] = field(default_factory=lambda: deque(maxlen=LATEST))

    def add(self, candidate: str, purpose: str, steps: int, seconds: float, well: bool) -> None:
        """One more training of a candidate."""
        self.by_purpose[purpose].add(seconds)
        self.candidates[purpose].add(candidate)
        if well:
            self.by_steps[steps].add(seconds)
            self.latest.appendleft((steps, seconds))
