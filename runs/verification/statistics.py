"""The statistics of verification: paired comparison over seeds, and over the samples of a test.

`docs/method.md` explains the choices.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from archwright.core import Array

ALPHA = 0.05
STAGES = 3
"""Interim analyses at most, each with more seeds."""


@dataclass(frozen=True, slots=True)
class Effect:
    """A mean paired gain with its confidence interval and one-sided p value, both corrected.

    `interval` is in the metric's unit and holds for all finalists and stages at once; `p` is for
    "no gain" against "a gain".
    """

    mean: float
    interval: tuple[float, float]
    p: float


def compare(gains: Sequence[float], tried: int, stages: int = STAGES) -> Effect:
    """Student's paired t test of per-seed gains (candidate minus control at the same seed).

    Args:
        gains: one paired difference per seed, positive is better; at least two.
        tried: how many finalists are verified.
        stages: how many interim analyses each may have. p is multiplied and the interval widened by
            `tried * stages` (Bonferroni: Dunn 1961, "Multiple Comparisons among Means").
    """
    from scipy import stats

    n, tests = len(gains), tried * stages
    mean = statistics.fmean(gains)
    error = statistics.stdev(gains) / math.sqrt(n)
    if error == 0.0:
        return Effect(mean, (mean, mean), 1.0 if mean <= 0 else 0.0)
    p = float(stats.t.sf(mean / error, n - 1))
    reach = float(stats.t.isf(ALPHA / 2 / tests, n - 1)) * error
    return Effect(mean, (mean - reach, mean + reach), min(1.0, p * tests))


def compare_on_test(gains: Array, tried: int) -> Effect:
    """Whether a gain would hold for other seeds and for other samples.

    The variance of the mean is the sum of what seeds and what samples contribute, with the degrees
    of freedom of Satterthwaite (1946, "An Approximate Distribution of Estimates of Variance
    Components").

    Args:
        gains: `(seeds, samples)`, paired differences, positive is better.
        tried: how many finalists are verified; p and interval are corrected for it.
    """
    from scipy import stats

    seeds, samples = gains.shape
    mean = float(gains.mean())
    by_seed = float(gains.mean(axis=1).var(ddof=1)) / seeds
    by_sample = float(gains.mean(axis=0).var(ddof=1)) / samples
    error = math.sqrt(by_seed + by_sample)
    if error == 0.0:
        return Effect(mean, (mean, mean), 1.0 if mean <= 0 else 0.0)
    freedom = (by_seed + by_sample) ** 2 / (by_seed**2 / (seeds - 1) + by_sample**2 / (samples - 1))
    p = float(stats.t.sf(mean / error, freedom))
    reach = float(stats.t.isf(ALPHA / 2 / tried, freedom)) * error
    return Effect(mean, (mean - reach, mean + reach), min(1.0, p * tried))


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
    reach = float(stats.t.isf(ALPHA / 2, n - 1)) * statistics.stdev(scores) * math.sqrt(1 + 1 / n)
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
    reach = 100 * ratio_error * float(stats.t.isf(ALPHA / 2, max(1, len(random) - 1)))
    return Improvement(percent, (percent - reach, percent + reach))
