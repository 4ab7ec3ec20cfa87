"""The finalists of a search: the best of a play-off on seeds of the search."""

from __future__ import annotations

from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import ceil, sqrt
from statistics import fmean
from typing import Final

from archwright.core import TRAINED_STATUSES, Candidate, Floor, Trial, TrialSpec
from archwright.runs.context import RunContext

PLAYOFF: Final = ((5.0, 3), (3.0, 5), (2.0, 7))
"""Rounds of the play-off: candidates for each place among the finalists, and the seeds that each
has when the round is over."""
BENEFIT_OF_DOUBT: Final = 0.5
"""A candidate may lie so many standard errors below the baseline and still be a finalist."""


@dataclass(frozen=True, slots=True)
class Finalist:
    """A candidate that won its play-off, with its gains over the baseline's mean there, one for
    each training that measured something."""

    candidate: Candidate
    gains: tuple[float, ...]

    def is_promising(self, floor: Floor) -> bool:
        """Whether it may well be better than the baseline."""
        if not self.gains:
            return False
        error = floor.sd * sqrt(1 / len(self.gains) + 1 / len(floor.scores))
        return fmean(self.gains) > -BENEFIT_OF_DOUBT * error


def choose_finalists(
    context: RunContext, count: int, most_trials: int | None, settled: Collection[str] = ()
) -> tuple[list[Finalist], int]:
    """The finalists, best first, and how many trainings it took to choose them.

    Sequential halving (Karnin, Koren and Somekh 2013, "Almost Optimal Exploration in Multi-Armed
    Bandits"): each round trains fewer candidates on more seeds. A training that measured nothing
    counts for nothing, and its candidate is ranked by the others.

    Args:
        most_trials: trainings that the play-off may use, None without a limit.
        settled: candidates that are not taken up.
    """
    train = context.trainer.train
    entrants = [
        _Entrant(context, c, [train(TrialSpec(c, context.top, seed)) for seed in range(c.seeds)])
        for c in _at_top(context)
        if c.id not in settled
    ]
    spent = 0
    for width, seeds in PLAYOFF:
        entrants = sorted(entrants, key=_Entrant.merit, reverse=True)[: ceil(width * count)]
        jobs = [(e, seed) for e in entrants for seed in range(len(e.trials), seeds)]
        if most_trials is not None:
            jobs = jobs[: max(0, most_trials - spent)]
        with ThreadPoolExecutor(context.settings.workers) as pool:
            specs = [TrialSpec(e.candidate, context.top, seed) for e, seed in jobs]
            for (entrant, _), trial in zip(jobs, pool.map(train, specs), strict=True):
                entrant.trials.append(trial)
        spent += len(jobs)
    best = sorted(entrants, key=_Entrant.merit, reverse=True)[:count]
    found = [Finalist(e.candidate, tuple(e.gains())) for e in best]
    return [f for f in found if f.is_promising(context.floors[-1])], spent


def playoff_trainings(count: int) -> int:
    """Trainings that a play-off for so many finalists takes as a rule: the search has trained each
    on two seeds."""
    before, total = 2, 0
    for width, seeds in PLAYOFF:
        total += ceil(width * count) * (seeds - before)
        before = seeds
    return total


def _at_top(context: RunContext) -> list[Candidate]:
    return [
        c
        for c in context.journal.candidates()
        if c.rung == context.top and not c.is_control and c.status in TRAINED_STATUSES
    ]


@dataclass(slots=True)
class _Entrant:
    """A candidate in the play-off, with its trainings on seeds of the search so far."""

    context: RunContext
    candidate: Candidate
    trials: list[Trial]

    def gains(self) -> list[float]:
        """As those of a finalist."""
        metric, mean = self.context.metric, self.context.floors[-1].mean
        return [metric.gain(t.score, mean) for t in self.trials if t.score is not None]

    def merit(self) -> float:
        """The mean gain, where few seeds count for less: it is multiplied by n / (n + 1), the
        weight of n measurements against a prior of the same variance."""
        gains = self.gains()
        return sum(gains) / (len(gains) + 1)
