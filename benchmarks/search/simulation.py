"""Training replaced by draws around a known quality."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

import numpy as np

from archwright.core import (
    BASELINE,
    METRICS,
    Candidate,
    Problem,
    Recipe,
    SplitScores,
    Status,
    TaskSpec,
    Trial,
    TrialSpec,
)

SAMPLE_LUCK: Final = 0.25
"""Spread over candidates of their luck with the validation samples, in noise sd."""
SAMPLES: Final = 400
SAMPLE_NOISE: Final = 3.0
PLANTED_NUMBER: Final = 7
UNMEASURED: Final = -3.7
"""A normal deviate below it is a training that measured nothing: one in ten thousand, where a busy
machine ends one in a hundred, and again when it is repeated."""

PROBLEM: Final = Problem("Model", (1,), (1,), "mse", max_params=1000, targets="values")
SPEC: Final = TaskSpec(
    name="simulated",
    summary="draws around a known quality",
    metric=METRICS["accuracy"],
    problem=PROBLEM,
    rungs=(1, 3),
    recipe=Recipe(),
    contract="",
    baseline="",
    folder=Path(),
)

BASE: Final = Candidate(BASELINE, parameters=10)


class SimulatedTrainer:
    """Draws scores around known qualities in place of training.

    The draw of a trial depends on its candidate, steps and seed alone.

    Args:
        campaign: which one; the draws of another are others.
        planted: the quality of the candidate that is better than the baseline.
    """

    sealed_split = "simulated"

    def __init__(self, campaign: int, planted: float) -> None:
        self._campaign = campaign
        self.planted = planted
        self.correlation = 0.0
        """Of a training's noise on test with its noise on validation."""
        self._noises: dict[tuple[object, ...], float] = {}
        self.fresh: set[tuple[str, int]] = set()
        """Trainings of verification, by candidate and seed."""
        self.searched: set[tuple[str, int, int]] = set()
        """Trainings on seeds of the search, by candidate, rung and seed."""

    def quality(self, candidate: str) -> float:
        """The truth, in noise standard deviations over the baseline."""
        return self.planted if candidate == str(PLANTED_NUMBER) else 0.0

    def on_validation(self, candidate: str) -> float:
        """What an endless number of seeds would show on the validation samples."""
        luck = 0.0 if candidate == BASELINE else self._normal(candidate, "luck")
        return self.quality(candidate) + SAMPLE_LUCK * luck

    def train(self, spec: TrialSpec) -> Trial:
        """A score around what validation shows."""
        id_, rung = spec.candidate.id, spec.rung
        if spec.purpose != "verification":
            self.searched.add((id_, rung, spec.seed))
        asked = (id_, spec.purpose, rung, SPEC.rungs[rung], spec.seed)
        if self._normal(id_, rung, spec.seed, "kills") < UNMEASURED:
            return Trial(*asked, status=Status.TIMEOUT, error="the machine was busy")
        value = 90.0 + self.on_validation(id_) + self._noise(spec)
        return Trial(*asked, status=Status.OK, score=value, curve=((1, 1.0), (3, 0.5)))

    def train_sealed(self, spec: TrialSpec) -> Trial:
        """As `train`."""
        self.fresh.add((spec.candidate.id, spec.seed))
        return self.train(spec)

    def open_sealed(self, spec: TrialSpec) -> SplitScores:
        """Test scores around the truth, one per sample."""
        id_, share = spec.candidate.id, self.correlation
        by_sample = self._draw(id_, "test").normal(0.0, SAMPLE_NOISE, SAMPLES)
        own = self._normal(id_, "test", spec.seed)
        noise = share * self._noise(spec) + (1 - share**2) ** 0.5 * own
        return SplitScores(90.0 + self.quality(id_) + noise + by_sample)

    def _noise(self, spec: TrialSpec) -> float:
        return self._normal(spec.candidate.id, spec.rung, spec.seed)

    def _normal(self, *parts: object) -> float:
        if parts not in self._noises:
            self._noises[parts] = float(self._draw(*parts).normal())
        return self._noises[parts]

    def _draw(self, *parts: object) -> np.random.Generator:
        text = "/".join(map(str, (self._campaign, *parts)))
        return np.random.default_rng(list(hashlib.sha256(text.encode()).digest()))
