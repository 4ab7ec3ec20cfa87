"""The finalists of a search: the best of a play-off on seeds of the search."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import ceil, inf, sqrt
from statistics import fmean, stdev
from typing import Final

from archwright.core import BASELINE, TRAINED_STATUSES, Aim, Candidate, Floor, Trial, TrialSpec
from archwright.runs.context import RunContext

PLAYOFF: Final = ((5.0, 3), (3.0, 5), (2.0, 7))
"""Rounds of the play-off: candidates for each place among the finalists, and the seeds that each
has when the round is over."""
BENEFIT_OF_DOUBT: Final = 0.5
"""A candidate may lie so many standard errors below the baseline and still be a finalist."""
CLEARLY: Final = 1.5
"""With its mean so many standard errors above the floor, a candidate is preferred by its cost."""


@dataclass(frozen=True, slots=True)
class Finalist:
    """A candidate that won its play-off, with its gains over the baseline's mean there, or its
    margins over the aim's floor, one for each training that measured something."""

    candidate: Candidate
    gains: tuple[float, ...]

    def is_promising(self, floor: Floor, aim: Aim | None = None) -> bool:
        """Whether it may well be better than the baseline, or at the aim's floor."""
        if not self.gains:
            return False
        base = 0.0 if aim else 1 / len(floor.scores)  # The aim's floor has no noise.
        error = floor.sd * sqrt(1 / len(self.gains) + base)
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
        entrants = sorted(entrants, key=_Entrant.fitness, reverse=True)[: ceil(width * count)]
        jobs = [(e, seed) for e in entrants for seed in range(len(e.trials), seeds)]
        if most_trials is not None:
            jobs = jobs[: max(0, most_trials - spent)]
        # The next round waits for all of this one: what takes longest is begun first.
        jobs.sort(key=lambda job: job[0].seconds, reverse=True)
        with ThreadPoolExecutor(context.settings.workers) as pool:
            specs = [TrialSpec(e.candidate, context.top, seed) for e, seed in jobs]
            for (entrant, _), trial in zip(jobs, pool.map(train, specs), strict=True):
                entrant.trials.append(trial)
        spent += len(jobs)
    best = sorted(entrants, key=_Entrant.fitness, reverse=True)[:count]
    found = [Finalist(e.candidate, tuple(e.gains())) for e in best]
    return [f for f in found if f.is_promising(context.floors[-1], context.aim)], spent


def playoff_trainings(count: int) -> int:
    """Trainings that a play-off for so many finalists takes as a rule: the search has trained each
    on two seeds."""
    before, total = 2, 0
    for width, seeds in PLAYOFF:
        total += ceil(width * count) * (seeds - before)
        before = seeds
    return total


def _at_top(context: RunContext) -> list[Candidate]:
    """What the search trained at the top rung; where the aim is a cost, what is worth having."""
    aim, most = context.aim, inf
    if aim is not None and aim.margin(context.floors[-1].mean) >= 0:
        most = aim.cost(context.journal.candidate(BASELINE) or context.baseline)
    return [
        c
        for c in context.journal.each_candidate()
        if c.rung == context.top
        and not c.is_control
        and c.status in TRAINED_STATUSES
        and (aim is None or aim.cost(c) < most)
    ]


@dataclass(slots=True)
class _Entrant:
    """A candidate in the play-off, with its trainings on seeds of the search so far."""

    context: RunContext
    candidate: Candidate
    trials: list[Trial]

    @property
    def seconds(self) -> float:
        """The longest of its trainings so far."""
        return max((t.resources.seconds for t in self.trials), default=0.0)

    def gains(self) -> list[float]:
        """As those of a finalist."""
        metric, aim = self.context.metric, self.context.aim
        reference = self.context.floors[-1].mean if aim is None else aim.floor
        return [metric.gain(t.score, reference) for t in self.trials if t.score is not None]

    def fitness(self) -> tuple[bool, float]:
        """The mean gain, where few seeds count for less: it is multiplied by n / (n + 1), the
        weight of n measurements against a prior of the same variance. Where the aim is a cost,
        those that are clearly at the floor come first, the smallest of them at the head."""
        gains, aim = self.gains(), self.context.aim
        weighted = sum(gains) / (len(gains) + 1)
        if aim is None or not gains:
            return False, weighted
        error = spread_of(gains, self.context.floors[-1].sd) / sqrt(len(gains))
        if fmean(gains) > CLEARLY * error:
            return True, -aim.cost(self.candidate)
        return False, weighted


def spread_of(scores: Sequence[float], sd: float) -> float:
    """The noise of trainings that may be noisier than the baseline's: their own standard deviation,
    or the baseline's where that is larger."""
    return max(sd, stdev(scores)) if len(scores) > 1 else sd
