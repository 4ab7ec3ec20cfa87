"""Paired comparison on a few seeds, corrected for how many finalists were tried."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

ALPHA = 0.05


@dataclass(frozen=True, slots=True)
class Effect:
    """A mean paired gain with its confidence interval and one-sided p value, both corrected.

    `interval` is simultaneous over all finalists (Bonferroni), in the metric's unit; `p` is for
    "no gain" against "a gain".
    """

    mean: float
    interval: tuple[float, float]
    p: float
    seeds: int


def compare(gains: Sequence[float], tried: int) -> Effect:
    """Student's paired t test of per-seed gains (candidate minus baseline at the same seed).

    Args:
        gains: one paired difference per seed, positive is better; at least two.
        tried: how many finalists were verified; p is multiplied and the interval widened by it
            (Bonferroni: Dunn 1961, "Multiple Comparisons among Means").
    """
    from scipy import stats

    n = len(gains)
    mean = statistics.fmean(gains)
    error = statistics.stdev(gains) / math.sqrt(n)
    if error == 0.0:
        p = 1.0 if mean <= 0 else 0.0
        return Effect(mean, (mean, mean), p, n)
    p = float(stats.t.sf(mean / error, n - 1))
    reach = float(stats.t.isf(ALPHA / 2 / tried, n - 1)) * error
    return Effect(mean, (mean - reach, mean + reach), min(1.0, p * tried), n)
