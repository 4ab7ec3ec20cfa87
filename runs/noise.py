"""The noise floor: what the baseline scores, and how much that moves from seed to seed."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from math import ceil

from archwright.domain import Metric, TaskError, TaskSpec
from archwright.runs.budget import LOWER_RUNG_SEEDS
from archwright.runs.journal import Journal
from archwright.runs.settings import RunSettings
from archwright.runs.trainer import Trainer, TrialRequest

BASELINE = "baseline"
LEAST_RELATIVE_SD = 1e-3
"""A few seeds can agree by chance; below this share of the mean no spread is believed."""


@dataclass(frozen=True, slots=True)
class Floor:
    """The baseline at one rung: mean and standard deviation over seeds, in the metric's unit."""

    steps: int
    mean: float
    sd: float
    scores: tuple[float, ...]
    parameters: int

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

    def train(place: tuple[int, int]) -> float:
        rung, seed = place
        request = TrialRequest(
            BASELINE, "the baseline", spec.baseline, spec.recipe, rung, seed, BASELINE
        )
        trial = trainer.train(request)
        if trial.score is None:
            raise TaskError(
                f"the baseline of task {spec.name} does not train ({trial.status}: {trial.error}); "
                f"mend baseline.py, then `archwright task check {spec.folder}`"
            )
        return trial.score

    with ThreadPoolExecutor(settings.workers) as pool:
        scores = list(pool.map(train, wanted))
    floors = [
        _floor(
            steps, [s for (r, _), s in zip(wanted, scores, strict=True) if r == rung], parameters
        )
        for rung, steps in enumerate(spec.rungs)
    ]
    journal.note("noise", [asdict(f) for f in floors])
    return floors


def _floor(steps: int, scores: Sequence[float], parameters: int) -> Floor:
    mean = statistics.fmean(scores)
    sd = max(statistics.stdev(scores), LEAST_RELATIVE_SD * abs(mean), 1e-9)
    return Floor(steps, mean, sd, tuple(scores), parameters)


def climbs(gain: float, rivals: Sequence[float], reduction: int) -> bool:
    """Whether a candidate earns the next rung: it is in the top 1/`reduction` of its rung.

    The rule of asynchronous successive halving (Li et al. 2020, "A System for Massively Parallel
    Hyperparameter Tuning") over the rivals that it sees; with too few of them, it must at least
    beat the baseline.
    """
    if len(rivals) + 1 < reduction:
        return gain > 0
    places = ceil((len(rivals) + 1) / reduction)
    return sum(rival > gain for rival in rivals) < places
