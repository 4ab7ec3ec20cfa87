"""Training-free proxies combined into one guess, with weights learned from results.

Source: He et al. 2024, "Robustifying and Boosting Training-Free Neural Architecture Search"
(RoBoT): proxies are normalised by rank, their weights are refitted to what was measured, and the
search then goes greedily down the combined order. There each fit is a step of Bayesian
optimisation; here results come from a search that goes on anyway, so all of them are used at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from archwright.core import Array
from archwright.search.predict.ranks import rank, rank_correlation

PROXIES: Final = ("synflow", "jacov", "snip", "naswot", "hidden_covariance")
LEAST_RESULTS: Final = 8
"""With fewer results than this, proxies weigh the same."""
_DRAWS: Final = 128
_STEPS: Final = (0.5, 0.25, 0.1)


@dataclass(frozen=True, slots=True)
class Combination:
    """A weighted sum of ranks.

    `weights` sum to 1 in absolute value; a negative one says that less is better. `agreement` is
    the rank correlation with the results it was fitted to, so it flatters: judge by others.
    """

    weights: tuple[float, ...]
    agreement: float

    def score(self, values: Array) -> Array:
        """Combined guesses, larger is better; they compare within one call alone.

        Args:
            values: float `(n, proxies)`; NaN where a proxy is missing, which counts as the worst.

        Returns:
            float64 `(n,)`.
        """
        scores: Array = rank_columns(values) @ np.array(self.weights)
        return scores


def table_of(candidates: Sequence[Mapping[str, float]], names: Sequence[str] = PROXIES) -> Array:
    """Proxies of candidates as float64 `(n, names)`, NaN where one is missing."""
    rows = [[found.get(name, np.nan) for name in names] for found in candidates]
    return np.array(rows, dtype=np.float64).reshape(len(candidates), len(names))


def rank_columns(values: Array) -> Array:
    """Each column of float `(n, k)` by rank, from 0 to 1; missing values are 0."""
    return np.stack([rank(column) for column in values.T], axis=1)


def fit_combination(values: Array, results: Array, seed: int = 0) -> Combination:
    """Weights under which the combined order agrees best with what was measured.

    Random draws, then moves of one weight at a time from the best of them; equal weights stay
    unless something agrees better.

    Args:
        values: float `(n, proxies)`, NaN where one is missing.
        results: float `(n,)`, larger is better.
        seed: of the draws.
    """
    ranks = rank_columns(values)
    count = ranks.shape[1]
    equal = np.full(count, 1.0 / count)
    best = equal, rank_correlation(ranks @ equal, results)
    if len(results) < LEAST_RESULTS:
        return Combination(tuple(equal.tolist()), best[1])
    for weights in _draw_weights(count, seed):
        best = _better(best, weights, ranks, results)
    for step in _STEPS:
        for place in range(count):
            for sign in (step, -step):
                moved = best[0].copy()
                moved[place] += sign
                best = _better(best, moved, ranks, results)
    return Combination(tuple(best[0].tolist()), best[1])


def _draw_weights(count: int, seed: int) -> Iterator[Array]:
    """Each proxy alone, either way round, and random mixtures."""
    for place in range(count):
        for sign in (1.0, -1.0):
            alone = np.zeros(count)
            alone[place] = sign
            yield alone
    generator = np.random.default_rng(seed)
    yield from generator.normal(size=(_DRAWS, count))


def _better(
    best: tuple[Array, float], weights: Array, ranks: Array, results: Array
) -> tuple[Array, float]:
    size = float(np.abs(weights).sum())
    if size == 0.0:
        return best
    weights = weights / size
    agreement = rank_correlation(ranks @ weights, results)
    return (weights, agreement) if agreement > best[1] else best
