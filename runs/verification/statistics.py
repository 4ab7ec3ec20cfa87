"""The statistics of verification: paired comparison over seeds, and over the samples of a test.

`docs/method.md` explains the choices.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from archwright.core import Array, SplitScores

ALPHA: Final = 0.1
"""What all test evaluations of a workspace on one sealed split may spend together: half of it,
5 %, is the first one's."""
CONFIDENCE: Final = 0.95
WEIGHTS: Final = (0.7, 0.2, 0.1)
"""How the level of a test evaluation is shared by those that are decided with it, the most
promising first."""


@dataclass(frozen=True, slots=True)
class Effect:
    """A mean paired gain with its two-sided confidence interval, both in the metric's unit, and the
    one-sided p value of "no gain" against "a gain"."""

    mean: float
    interval: tuple[float, float]
    p: float


def compare(gains: Sequence[float], tests: int = 1, confidence: float = CONFIDENCE) -> Effect:
    """Student's paired t test of per-seed gains (candidate minus control at the same seed).

    Args:
        gains: one paired difference per seed, positive is better; at least two.
        tests: p is multiplied and the interval widened by so many (Bonferroni: Dunn 1961, "Multiple
            Comparisons among Means").
        confidence: of the interval, for all tests at once.
    """
    n = len(gains)
    error = statistics.stdev(gains) / math.sqrt(n)
    return _effect(statistics.fmean(gains), error, n - 1, tests, confidence)


@dataclass(frozen=True, slots=True, eq=False)
class SplitGains:
    """Paired gains on the test split, positive is better."""

    each: Array
    """`(seeds, samples)`; for a score of the whole `(seeds, resamples)`."""
    whole: Array | None = None
    """For a score of the whole, its gain with each seed: `(seeds,)`."""
    share: float = 1.0
    """See `SplitScores`."""

    @property
    def by_seed(self) -> Array:
        """The gain with each seed."""
        means: Array = self.each.mean(axis=1) if self.whole is None else self.whole
        return means

    @property
    def variance(self) -> tuple[float, int]:
        """What samples contribute to the variance of the mean, with its degrees of freedom."""
        means = self.each.mean(axis=0)
        if self.whole is not None:  # a resample without a class has no score
            means = means[np.isfinite(means)]
            return self.share * float(means.var(ddof=1)), len(means) - 1
        samples = len(means)
        return (float(means.var(ddof=1)) / samples if samples > 1 else 0.0), max(1, samples - 1)


def gains_on_test(
    own: Sequence[SplitScores], other: Sequence[SplitScores], sign: float
) -> SplitGains:
    """The gains of one over another, trained with the same seeds.

    Args:
        own: test scores of each seed.
        other: likewise.
        sign: 1 where higher is better, -1 where lower is.
    """
    pairs = list(zip(own, other, strict=True))
    each = sign * (np.stack([a.each for a, _ in pairs]) - np.stack([b.each for _, b in pairs]))
    if own[0].whole is None:
        return SplitGains(each)
    return SplitGains(each, sign * np.array([a.mean - b.mean for a, b in pairs]), own[0].share)


def compare_on_test(gains: SplitGains, confidence: float = CONFIDENCE) -> Effect:
    """Whether a gain would hold for other seeds and for other samples.

    The variance of the mean is the sum of what seeds and what samples contribute, with the degrees
    of freedom of Satterthwaite (1946, "An Approximate Distribution of Estimates of Variance
    Components"). For a score of the whole, what samples contribute is from a paired bootstrap.

    Args:
        gains: of each seed and sample, or resample.
        confidence: of the interval.
    """
    seeds = len(gains.by_seed)
    by_seed = float(gains.by_seed.var(ddof=1)) / seeds
    by_sample, known = gains.variance
    spread = by_seed**2 / (seeds - 1) + by_sample**2 / known
    freedom = (by_seed + by_sample) ** 2 / spread if spread > 0 else seeds - 1
    error = math.sqrt(by_seed + by_sample)
    mean = float(gains.each.mean() if gains.whole is None else gains.whole.mean())
    return _effect(mean, error, freedom, 1, confidence)


def _effect(mean: float, error: float, freedom: float, tests: int, confidence: float) -> Effect:
    from scipy import stats

    if error == 0.0:
        return Effect(mean, (mean, mean), 1.0 if mean <= 0 else 0.0)
    p = float(stats.t.sf(mean / error, freedom))
    reach = float(stats.t.isf((1 - confidence) / 2 / tests, freedom)) * error
    return Effect(mean, (mean - reach, mean + reach), min(1.0, p * tests))


def levels(level: float, passed: Sequence[Callable[[float], bool]]) -> list[float]:
    """The levels at which hypotheses are tested one after the other, so that a false rejection
    among them is no likelier than `level`.

    The fallback procedure (Wiens 2003, "A Fixed Sequence Bonferroni Procedure for Testing Multiple
    Endpoints"): each has its share of the level (`WEIGHTS`), and one that was rejected hands on
    what it was tested at to the next.

    Args:
        level: of all of them.
        passed: says whether a hypothesis is rejected at a level; in the order of their testing.
    """
    weights = WEIGHTS[: len(passed)] + (0.0,) * (len(passed) - len(WEIGHTS))
    given, carried = [], 0.0
    for weight, test in zip(weights, passed, strict=True):
        own = level * weight / sum(weights) + carried
        given.append(own)
        carried = own if test(own) else 0.0
    return given


def shrink(gains: Sequence[float]) -> float:
    """The mean gain, shrunk towards none for having been selected as large.

    Empirical Bayes with a normal prior around no gain whose variance is estimated from the same
    effect (Efron and Morris 1973, "Stein's Estimation Rule and Its Competitors"): the estimate is
    multiplied by its share of signal, `1 - error**2 / mean**2`, at least 0.
    """
    mean = statistics.fmean(gains)
    error = statistics.stdev(gains) / math.sqrt(len(gains))
    if mean == 0.0:
        return 0.0
    return mean * max(0.0, 1.0 - error**2 / mean**2)


def predict(scores: Sequence[float]) -> tuple[float, float]:
    """Where one more training on another seed lands with 95 %, by Student's prediction interval."""
    from scipy import stats

    n = len(scores)
    reach = (
        float(stats.t.isf((1 - CONFIDENCE) / 2, n - 1))
        * statistics.stdev(scores)
        * math.sqrt(1 + 1 / n)
    )
    return statistics.fmean(scores) - reach, statistics.fmean(scores) + reach


@dataclass(frozen=True, slots=True)
class Improvement:
    """Relative improvement over random in per cent, with its 95 % interval."""

    percent: float
    interval: tuple[float, float]


def over_random(method: Sequence[float], random: Sequence[float], sign: float) -> Improvement:
    """Relative improvement over random: `100 (mean_method - mean_random) / mean_random`.

    From Yang et al. 2020, "NAS Evaluation Is Frustratingly Hard". The interval is by the delta
    method on the ratio of the two means, with a t quantile.

    Args:
        method: scores of what the search found, on seeds that it was not chosen by.
        random: scores of random draws of the same space and recipe; their mean is not 0.
        sign: 1 where higher is better, -1 where lower is.
    """
    from scipy import stats

    m, r = statistics.fmean(method), statistics.fmean(random)
    errors = [np.var(x, ddof=1) / len(x) if len(x) > 1 else 0.0 for x in (method, random)]
    ratio_error = math.sqrt(errors[0] + errors[1] * (m / r) ** 2) / abs(r)
    percent = sign * 100 * (m - r) / r
    reach = 100 * ratio_error * float(stats.t.isf((1 - CONFIDENCE) / 2, max(1, len(random) - 1)))
    return Improvement(percent, (percent - reach, percent + reach))
