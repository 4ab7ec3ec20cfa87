"""Figures that the studies print: means, ranks and bests of samples, with standard errors."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from random import Random
from statistics import fmean, stdev
from typing import Final

import numpy as np

from archwright.search.predict import ranks

RESAMPLES: Final = 1000


def with_error(values: Sequence[float], sign: str = "") -> str:
    """The mean and its standard error, as `95.31 ± 0.12`; with `sign` "+" the mean has one."""
    return f"{fmean(values):{sign}.2f} ± {stdev(values) / math.sqrt(len(values)):.2f}"


def resampled(statistic: Callable[[Sequence[int]], float], count: int) -> str:
    """A statistic of `count` samples and its standard error, as `+0.62 ± 0.08`.

    The samples are drawn again with repetition (Efron 1979, "Bootstrap Methods: Another Look at the
    Jackknife").

    Args:
        statistic: of samples that are given by their numbers.
        count: of samples, at least two.
    """
    rng = Random(0)
    again = [statistic(rng.choices(range(count), k=count)) for _ in range(RESAMPLES)]
    return f"{statistic(range(count)):+.2f} ± {stdev(again):.2f}"


def picked(values: Sequence[float], places: Sequence[int]) -> list[float]:
    """The values at these places."""
    return [values[place] for place in places]


def rank_correlation(one: Sequence[float], other: Sequence[float]) -> float:
    """Spearman's, from -1 to 1."""
    return ranks.rank_correlation(np.asarray(one, float), np.asarray(other, float))


def correlation_with_error(one: Sequence[float], other: Sequence[float]) -> str:
    """The rank correlation and its standard error, as `+0.62 ± 0.08`."""
    return resampled(
        lambda places: rank_correlation(picked(one, places), picked(other, places)), len(one)
    )


def expected_best(chosen: Sequence[float], judged: Sequence[float], count: int) -> float:
    """The fresh score of the best of `count` samples, on average over all ways to draw them.

    Args:
        chosen: scores that the best is chosen by.
        judged: fresh scores, in the same order.
        count: samples drawn, without repetition.
    """
    ranked = sorted(range(len(chosen)), key=chosen.__getitem__)
    ways = math.comb(len(ranked), count)
    return sum(judged[p] * math.comb(i, count - 1) / ways for i, p in enumerate(ranked))
