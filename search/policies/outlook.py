"""How good candidates would be at the top rung, where many were measured at a lower one alone."""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable
from typing import Final

from archwright.core import Candidate

SLOPE: Final = 0.5
"""Of a gain at a rung what is left of it at the next, before any candidate was measured at both."""
WEIGHT: Final = 2.0
"""As many results of the usual size count for that."""
REFIT: Final = 0.02
"""The slopes are fitted again once so large a share of results is new."""


class Outlook:
    """Results by the gain that they would have at the top rung, the best first.

    A gain is over the baseline at the same rung, and shrinks as both train longer: from one rung to
    the next by a factor that is fitted, by least squares through the origin, to the candidates that
    were measured at both. So a child that began at a high rung and did badly there does not pass
    for better than one that did well at a low one.
    """

    def __init__(self) -> None:
        self.ranked: list[Candidate] = []
        """The best first; of equals the one that came first."""
        self._slopes: list[float] = []
        self._fitted = 0

    def add(self, candidate: Candidate) -> None:
        """Take in a candidate that was measured."""
        insort(self.ranked, candidate, key=self._order)
        count = len(self.ranked)
        if count - self._fitted >= REFIT * count:
            self._fitted = count
            slopes = fit_slopes(self.ranked)
            if slopes != self._slopes:
                self._slopes = slopes
                self.ranked.sort(key=lambda c: (*self._order(c), c.sequence))

    def _order(self, candidate: Candidate) -> tuple[float]:
        return (-self.of(candidate),)

    def of(self, candidate: Candidate) -> float:
        """The gain that a measured candidate is expected to have at the top rung."""
        rung, gain = candidate.fitness
        for slope in self._slopes[int(rung) :]:
            gain *= slope
        return gain


def fit_slopes(candidates: Iterable[Candidate]) -> list[float]:
    """From each rung to the next the share of a gain that is left, in [0, 1]."""
    measured = [
        {rung: m.gain for rung, m in c.rungs.items() if m.gain is not None} for c in candidates
    ]
    slopes = []
    for rung in range(max((max(gains, default=0) for gains in measured), default=0)):
        both = [(g[rung], g[rung + 1]) for g in measured if rung in g and rung + 1 in g]
        squares = sum(x * x for x, _ in both)
        slope = SLOPE
        if squares > 0:
            usual = WEIGHT * squares / len(both)
            slope = (sum(x * y for x, y in both) + SLOPE * usual) / (squares + usual)
        slopes.append(min(1.0, max(0.0, slope)))
    return slopes
