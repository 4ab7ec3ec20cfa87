"""Measures the noise floor: the baseline, trained with several seeds at each rung."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from archwright.core import Curve, Floor, TaskError, Trial, TrialSpec
from archwright.core.settings import LOWER_RUNG_SEEDS
from archwright.runs.context import RunContext

LEAST_RELATIVE_SD = 1e-3
"""A few seeds can agree by chance; a spread below this share of the mean is not believed."""

HOPELESS_SHARE = 0.1
LEAST_PROGRESS = 0.1
PURPOSE = "baseline"


def measure_noise(context: RunContext) -> list[Floor]:
    """Train the baseline with several seeds at each rung; one floor per rung.

    Raises:
        TaskError: the baseline does not train.
    """
    spec, settings = context.spec, context.settings
    wanted = [
        (rung, seed)
        for rung in range(len(spec.rungs))
        for seed in range(settings.baseline_seeds if rung == context.top else LOWER_RUNG_SEEDS)
    ]

    def train(place: tuple[int, int]) -> Trial:
        trial = context.trainer.train(TrialSpec(context.baseline, *place, PURPOSE))
        if trial.score is None:
            raise TaskError(
                f"the baseline of task {spec.name} does not train ({trial.status}: {trial.error}); "
                f"fix baseline.py, then `archwright task check {spec.folder}`"
            )
        return trial

    with ThreadPoolExecutor(settings.workers) as pool:
        trials = list(pool.map(train, wanted))
    by_rung: list[list[Trial]] = [[] for _ in spec.rungs]
    for (rung, _), trial in zip(wanted, trials, strict=True):
        by_rung[rung].append(trial)
    parameters = context.baseline.parameters
    floors = [_floor(s, t, parameters) for s, t in zip(spec.rungs, by_rung, strict=True)]
    context.journal.note(noise=floors)
    return floors


def floor_sd(scores: Sequence[float]) -> float:
    """The standard deviation of scores over seeds, never quite 0."""
    return max(statistics.stdev(scores), LEAST_RELATIVE_SD * abs(statistics.fmean(scores)), 1e-9)


def _floor(steps: int, trials: Sequence[Trial], parameters: int) -> Floor:
    scores = tuple(t.score for t in trials if t.score is not None)
    ceiling = _ceiling(steps, [t.curve for t in trials])
    return Floor(steps, statistics.fmean(scores), floor_sd(scores), scores, parameters, ceiling)


def _ceiling(steps: int, curves: Sequence[Curve]) -> tuple[int, float] | None:
    """Half-way, a candidate must have made a tenth of the baseline's progress in training loss.

    None where the baseline itself has hardly moved by then: there, a late start is not a fault.
    """
    late = [next((p for p in curve if p[0] >= steps / 2), None) for curve in curves]
    if not all(curves) or None in late:
        return None
    first = statistics.fmean(curve[0][1] for curve in curves)
    progress = first - statistics.fmean(point[1] for point in late if point)
    if progress < LEAST_PROGRESS * abs(first):
        return None
    return max(point[0] for point in late if point), first - HOPELESS_SHARE * progress
