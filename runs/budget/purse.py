"""Trainings that a search may still begin, where it is not known beforehand who will use them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

from archwright.core import TrialSpec
from archwright.runs.journal import Journal

QUICK: Final = "quick"
"""The purpose of a training that a model asked for; never a result."""
SEARCHES: Final = ("search", QUICK)
"""The purposes of trainings that a search pays for."""


class Purse:
    """Trainings are taken out of it one by one, by whoever begins one.

    Args:
        most: how many there are in all, since the run began; what verification needs is not for a
            search, and more of it is kept the more is found.
    """

    def __init__(self, journal: Journal, most: Callable[[], int]) -> None:
        self._most = most
        self._used = sum(journal.training_time(purpose)[1] for purpose in SEARCHES)
        self._lock = threading.Lock()

    def draw(self, spec: TrialSpec) -> bool:
        """Take one out for a trial; False where none is left. Other trials cost it nothing."""
        if spec.purpose not in SEARCHES:
            return True
        with self._lock:
            left = self._used < self._most()
            self._used += left
        return left
