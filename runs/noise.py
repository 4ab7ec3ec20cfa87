"""The noise floor: what the baseline scores, and how much that moves from seed to seed."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass

from archwright.core import Metric, TaskError, TaskSpec
from archwright.runs.journal.journal import Journal
from archwright.runs.settings import LOWER_RUNG_SEEDS, RunSettings
from archwright.runs.trainer import Trainer, Trial, TrialRequest

BASELINE = "baseline"
LEAST_RELATIVE_SD = 1e-3
"""A few seeds can agree by chance; below this share of the mean no spread is believed."""

HOPELESS_SHARE = 0.1
LEAST_PROGRESS = 0.1

Curve = tuple[tuple[int, float], ...]


@dataclass(frozen=True, slots=True)
class Floor:
    """The baseline at one rung: mean and standard deviation over seeds, in the metric's unit."""

    steps: int
    mean: float
    sd: float
    scores: tuple[float, ...]
    """One per seed, from seed 0."""
    parameters: int
    ceiling: tuple[int, float] | None = None
    """(step, training loss) that a candidate must have passed not to be hopeless."""

    def gain(self, metric: Metric, score: float) -> float:
        """How far `score` lies above the baseline, in noise standard deviations."""
        return metric.gain(score, self.mean) / self.sd


def measure_noise(
    spec: TaskSpec, trainer: Trainer, journal: Journal, settings: RunSettings, parameters: int
) -> list[Floor]:
    """Train the baseline with several seeds at each rung; one floor per rung.

    Raises:
        TaskError: the baseline does not train.
    """
    top = len(spec.rungs) - 1
    wanted = [
        (rung, seed)
        for rung in range(len(spec.rungs))
        for seed in range(settings.baseline_seeds if rung == top else LOWER_RUNG_SEEDS)
    ]

    def train(place: tuple[int, int]) -> Trial:
        rung, seed = place
        request = TrialRequest(
            BASELINE, "the baseline", spec.baseline, spec.recipe, rung, seed, BASELINE
        )
        trial = trainer.train(request)
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
    floors = [_floor(s, t, parameters) for s, t in zip(spec.rungs, by_rung, strict=True)]
    journal.note("noise", [asdict(f) for f in floors])
    return floors


def read_floors(journal: Journal) -> list[Floor]:
    """The noise floor that the journal holds; empty before it was measured."""
    return [
        Floor(
            **{
                **floor,
                "scores": tuple(floor["scores"]),
                "ceiling": tuple(floor["ceiling"]) if floor["ceiling"] else None,
            }
        )
        for floor in journal.fact("noise", [])
    ]


def _floor(steps: int, trials: Sequence[Trial], parameters: int) -> Floor:
    scores = tuple(t.score for t in trials if t.score is not None)
    mean = statistics.fmean(scores)
    sd = max(statistics.stdev(scores), LEAST_RELATIVE_SD * abs(mean), 1e-9)
    return Floor(steps, mean, sd, scores, parameters, _ceiling(steps, [t.curve for t in trials]))


def _ceiling(steps: int, curves: Sequence[Curve]) -> tuple[int, float] | None:
    """Half-way, a candidate must have made a tenth of the baseline's progress in training loss.

    None where the baseline itself has hardly moved by then: a late start is no fault there.
    """
    late = [next((p for p in curve if p[0] >= steps / 2), None) for curve in curves]
    if not all(curves) or None in late:
        return None
    first = statistics.fmean(curve[0][1] for curve in curves)
    progress = first - statistics.fmean(point[1] for point in late if point)
    if progress < LEAST_PROGRESS * abs(first):
        return None
    return max(point[0] for point in late if point), first - HOPELESS_SHARE * progress
