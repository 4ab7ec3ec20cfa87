"""What a test over samples needs of one training's scores on a split."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from archwright.core.arrays import Array
from archwright.core.objectives.chunks import Labels
from archwright.core.objectives.measures import KeptSplit, Own, Whole
from archwright.core.objectives.metric import Metric

if TYPE_CHECKING:
    from archwright.core.task import Problem

RESAMPLES: Final = 200
_SEED: Final = 1979
_NUMBERS: Final = 40_000
"""About the most numbers that one resample takes; with more a sample, at least `_LEAST` samples."""
_LEAST: Final = 200


@dataclass(frozen=True, slots=True, eq=False)
class SplitScores:
    """One training's scores on a split.

    `each` holds a score per sample, `(samples,)`. For a score of the whole it holds that of each
    resample, and `whole` that of the split itself; the variance over samples is that of the
    resamples times `share`.
    """

    each: Array
    whole: float | None = None
    share: float = 1.0

    @property
    def mean(self) -> float:
        """The score of the split."""
        return float(self.each.mean()) if self.whole is None else self.whole

    def all_at(self, score: float) -> SplitScores:
        """A training that scores this throughout, to compare with."""
        each = np.full_like(self.each, score, dtype=np.float64)
        return replace(self, each=each, whole=None if self.whole is None else score)


def split_scores(metric: Metric, problem: Problem, kept: Array, labels: Labels) -> SplitScores:
    """The scores of a split, from what a scorer kept of the predictions on it.

    A score of the whole is bootstrapped (Efron 1979, "Bootstrap Methods: Another Look at the
    Jackknife"), with the same resamples for all trainings. Where a sample has many numbers, each
    resample is smaller than the split (m out of n: Bickel, Götze and van Zwet 1997, "Resampling
    Fewer Than n Observations"), so that the cost is bounded.
    """
    if kept.ndim == 1:
        return SplitScores(kept)
    measure = metric.measure
    assert isinstance(measure, Whole | Own)
    score = measure.of_rows(KeptSplit(problem, kept, labels))
    samples, numbers = len(kept), kept[0].size
    size = samples if measure.light else min(samples, max(_LEAST, _NUMBERS // numbers))
    each = np.array([score(rows) for rows in _resamples(samples, size)])
    return SplitScores(each, score(None), size / samples)


def _resamples(samples: int, size: int) -> Iterator[Array]:
    draw = np.random.default_rng(_SEED)
    for _ in range(RESAMPLES):
        yield draw.integers(samples, size=size)
