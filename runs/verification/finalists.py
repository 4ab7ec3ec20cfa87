"""The finalists of a search: the best of a play-off on the seeds of the noise floor."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from statistics import fmean
from typing import Final

from archwright.core import TRAINED_STATUSES, Candidate, TrialSpec
from archwright.runs.context import RunContext

PLAYOFF: Final = 3
"""Candidates in the play-off for each place among the finalists."""


def choose_finalists(
    context: RunContext, count: int, most_trials: int | None
) -> tuple[list[Candidate], int]:
    """The finalists, best first, and how many trainings it took to choose them.

    Args:
        most_trials: trainings that the play-off may use, None without a limit.
    """
    gains, spent = _play_off(context, _entrants(context, count), most_trials)
    best = sorted(gains, key=lambda i: -gains[i])[:count]
    found = (context.journal.candidate(i) for i in best if gains[i] > 0)
    return [candidate for candidate in found if candidate is not None], spent


def _entrants(context: RunContext, count: int) -> list[Candidate]:
    """Those at the top rung that gained anything, best first.

    A gain on few seeds counts for less: it is multiplied by n / (n + 1), the weight of n
    measurements against a prior of the same variance.
    """
    shown = [
        c
        for c in context.journal.candidates()
        if c.rung == context.top
        and (c.gain or 0.0) > 0
        and not c.is_control
        and c.status in TRAINED_STATUSES
    ]
    shown.sort(key=lambda c: -(c.gain or 0.0) * c.seeds / (c.seeds + 1))
    return shown[: PLAYOFF * count]


def _play_off(
    context: RunContext, entrants: Sequence[Candidate], most_trials: int | None
) -> tuple[dict[str, float], int]:
    """Mean paired gain of each entrant over all seeds of the noise floor, in the metric's unit;
    entrants for whom no trials are left keep the seeds that they have."""
    floor = context.floors[-1]
    jobs: list[TrialSpec] = []
    for entrant in entrants:
        missing = [
            TrialSpec(entrant, context.top, s) for s in range(entrant.seeds, len(floor.scores))
        ]
        if most_trials is None or len(jobs) + len(missing) <= most_trials:
            jobs += missing
    with ThreadPoolExecutor(context.settings.workers) as pool:
        list(pool.map(context.trainer.train, jobs))
    gains = {}
    for entrant in entrants:
        played = entrant.seeds + sum(job.candidate is entrant for job in jobs)
        # The journal has them all by now.
        specs = [TrialSpec(entrant, context.top, s) for s in range(played)]
        scores = [context.trainer.train(spec).score for spec in specs]
        if None not in scores:
            pairs = zip((s for s in scores if s is not None), floor.scores, strict=False)
            gains[entrant.id] = fmean(context.metric.gain(a, b) for a, b in pairs)
    return gains, len(jobs)
