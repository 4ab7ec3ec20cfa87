"""A candidate's way up the rungs: train, compare, add seeds where it is close, climb or stop.

Candidates climb by asynchronous successive halving (Li et al. 2020, "A System for Massively
Parallel Hyperparameter Tuning"). Seeds, and so the order of the data, are common to all candidates
and the baseline; a gain is the mean over seeds of the difference to the baseline at the same seed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, sqrt
from statistics import fmean
from typing import Final, Protocol

from archwright.core import End, Recipe, Status, TaskSpec
from archwright.runs.noise import Floor
from archwright.runs.settings import RunSettings
from archwright.runs.trainer import Trial, TrialRequest

CLOSE: Final = 1.5
"""A decision is close while the gain lies within so many of its own standard errors of the cut."""


class Trains(Protocol):
    """What trains a candidate: `archwright.runs.trainer.Trainer`, or a simulation of it."""

    def train(self, request: TrialRequest) -> Trial: ...


@dataclass(frozen=True, slots=True)
class Climber:
    """What is trained, and its place in the queue."""

    id: str
    title: str
    source: str
    recipe: Recipe
    priority: int


@dataclass(frozen=True, slots=True)
class Rung:
    """What a candidate showed at one rung.

    `score` is the mean over `seeds` seeds in the metric's unit; `gain` the mean paired gain over
    the baseline in its noise standard deviations.
    """

    score: float
    gain: float
    seeds: int
    curve: tuple[tuple[int, float], ...]


@dataclass(frozen=True, slots=True)
class Ascent:
    """What it showed at each rung that it was trained on, from the lowest, how it ended, and how
    many trainings it took."""

    rungs: Mapping[int, Rung]
    trials: int
    end: End
    reason: str = ""


def highest(rungs: Mapping[int, Rung]) -> tuple[int, Rung | None]:
    """The highest rung with what was shown there; 0 and None where nothing was."""
    rung = max(rungs, default=0)
    return rung, rungs.get(rung)


class Climb:
    """Takes candidates of one task up its rungs."""

    def __init__(
        self, spec: TaskSpec, settings: RunSettings, trainer: Trains, floors: Sequence[Floor]
    ) -> None:
        self._metric = spec.metric
        self._settings = settings
        self._trainer = trainer
        self._floors = floors

    @property
    def most_trials(self) -> int:
        """Most trainings that one candidate can use."""
        return len(self._floors) * self._settings.search_seeds

    def climb(
        self,
        climber: Climber,
        allowance: int,
        rivals: Callable[[int], Sequence[float]],
        reached: Callable[[int, Rung], None],
        first: int = 0,
        spared: Callable[[int, Rung], bool] = lambda *_: False,
    ) -> Ascent:
        """Train for as long as the candidate earns it.

        Args:
            climber: the candidate.
            allowance: most trainings that it may use.
            rivals: gains of the candidates that it is compared with, by rung.
            reached: told of each rung that was finished.
            first: the rung to start at.
            spared: whether it climbs from a rung for another reason than its gain.
        """
        rungs: dict[int, Rung] = {}
        used = 0
        top = len(self._floors) - 1
        for rung in range(first, len(self._floors)):
            if used >= allowance:
                break
            cut = _cut(rivals(rung), self._places(rung))
            shown, spent, failed = self._show(climber, rung, cut, allowance - used)
            used += spent
            if shown is None:
                return Ascent(rungs, used, *_failure(failed))
            rungs[rung] = shown
            reached(rung, shown)
            if rung < top and not shown.gain > cut and not spared(rung, shown):
                break
        return Ascent(rungs, used, End.PROMOTED if len(rungs) > 1 else End.TRAINED)

    def _places(self, rung: int) -> Callable[[int], int]:
        """How many of so many rivals pass: a share of them, at the top rung the finalists."""
        if rung == len(self._floors) - 1:
            return lambda _: max(1, self._settings.finalists)
        return lambda count: ceil((count + 1) / self._settings.reduction)

    def _show(
        self, climber: Climber, rung: int, cut: float, allowance: int
    ) -> tuple[Rung | None, int, Trial | None]:
        """One rung: a seed, and more while the decision is close."""
        floor = self._floors[rung]
        scores: list[float] = []
        gain = 0.0
        curve: tuple[tuple[int, float], ...] = ()
        for seed in range(min(self._settings.search_seeds, allowance, len(floor.scores))):
            trial = self._trainer.train(
                TrialRequest(
                    candidate=climber.id,
                    title=climber.title,
                    source=climber.source,
                    recipe=climber.recipe,
                    rung=rung,
                    seed=seed,
                    priority=climber.priority,
                    ceiling=floor.ceiling,
                )
            )
            if trial.score is None:
                return None, seed + 1, trial
            scores.append(trial.score)
            curve = curve or trial.curve
            pairs = zip(scores, floor.scores, strict=False)
            gain = fmean(self._metric.gain(own, base) for own, base in pairs) / floor.sd
            # Each paired difference has the noise of two trainings.
            if abs(gain - cut) > CLOSE * sqrt(2 / len(scores)):
                break
        return Rung(fmean(scores), gain, len(scores), curve), len(scores), None


def _cut(rivals: Sequence[float], places: Callable[[int], int]) -> float:
    """The gain to pass: that of the last rival that would; with too few of them, the baseline's."""
    wanted = places(len(rivals))
    if len(rivals) < wanted:
        return 0.0
    return sorted(rivals, reverse=True)[wanted - 1]


def _failure(trial: Trial | None) -> tuple[End, str]:
    assert trial is not None
    if trial.status is Status.KILLED:
        return End.TRAINED, trial.error
    return End.CRASHED, f"{trial.status.value}: {trial.error}"
