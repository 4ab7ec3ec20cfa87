"""A forest on what can be known of a candidate for free: it learns steps and interactions.

Randomised trees (Geurts, Ernst and Wehenkel 2006, "Extremely randomized trees"), each grown on four
fifths of the results, drawn without replacement, and judged on the fifth that it has not seen. All
trees grow at once, level by level, in numpy: a forest on a hundred results takes milliseconds, and
nothing need be imported that takes a second.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from archwright.core import Array

TREES: Final = 32
SHARE: Final = 0.8
"""Of the results that each tree is grown on; it is judged on the others."""
SPLITS: Final = 24
"""Random splits that compete at a node."""
DEPTH: Final = 8
LEAST_SPREAD: Final = 0.03
"""Of the targets' standard deviation: trees that agree are not as sure as that."""


@dataclass(frozen=True, slots=True)
class _Level:
    """The nodes at one depth of all trees: mean target, and where `feature >= 0` a split, whose
    children are numbers `child` (at most `threshold`) and `child + 1` of the next level."""

    mean: Array
    feature: Array
    threshold: Array
    child: Array


class Forest:
    """Fit it, ask it for predictions and for what it says of results that it has not seen.

    Args:
        seed: of each tree's results and the random splits; the same data give the same forest.
    """

    def __init__(self, seed: int = 0) -> None:
        self._seed = seed
        self._levels: list[_Level] = []
        self._least = 0.0
        self._factor = 1.0

    def fit(self, features: Array, targets: Array) -> tuple[Array, Array]:
        """Learn from results.

        The spread of the trees is scaled by one factor, so that it is as large as their errors on
        what they have not seen.

        Args:
            features: `(n, d)` floats, n at least 1.
            targets: `(n,)`, higher is better.

        Returns:
            Mean and standard deviation, `(n,)` each, of the trees that were not grown on a result.
        """
        rng = np.random.default_rng((self._seed, len(features)))
        rows = _subsets(len(features), rng)
        self._levels = _grow(features, targets, rows, rng)
        unseen = np.ones((TREES, len(features)), bool)
        unseen[np.arange(TREES)[:, None], rows] = False
        votes = np.maximum(1, unseen.sum(axis=0))
        each = self._each(features)
        mean = (each * unseen).sum(axis=0) / votes
        spread = ((each - mean) ** 2 * unseen).sum(axis=0) / votes
        self._least = float((LEAST_SPREAD * targets.std()) ** 2)
        spread += self._least
        if self._least > 0:
            self._factor = float(((targets - mean) ** 2 / spread).mean())
        return mean, np.sqrt(self._factor * spread)

    def predict(self, features: Array) -> tuple[Array, Array]:
        """Mean and standard deviation over the trees, `(m,)` each, for features `(m, d)`."""
        each = self._each(features)
        return each.mean(axis=0), np.sqrt(self._factor * (each.var(axis=0) + self._least))

    def _each(self, features: Array) -> Array:
        """What each tree predicts, `(TREES, m)`."""
        count = len(features)
        row = np.tile(np.arange(count), TREES)
        node = np.repeat(np.arange(TREES), count)
        place = np.arange(TREES * count)
        values = np.zeros(TREES * count)
        for level in self._levels:
            values[place] = level.mean[node]
            going = level.feature[node] >= 0
            place, row, node = place[going], row[going], node[going]
            beyond = features[row, level.feature[node]] > level.threshold[node]
            node = level.child[node] + beyond
        return values.reshape(TREES, count)


def _subsets(count: int, rng: np.random.Generator) -> Array:
    """For each tree the results that it is grown on: `SHARE` of all, each at most once."""
    kept = max(1, min(count - 1, round(SHARE * count)))
    order: Array = rng.random((TREES, count)).argsort(axis=1)
    return order[:, :kept]


def _grow(features: Array, targets: Array, rows: Array, rng: np.random.Generator) -> list[_Level]:
    """The levels of a forest with one tree for each line of `rows`."""
    row, node, count = rows.ravel(), np.repeat(np.arange(len(rows)), rows.shape[1]), len(rows)
    levels: list[_Level] = []
    while count and len(levels) <= DEPTH:
        sizes = np.bincount(node, minlength=count)
        sums = np.bincount(node, targets[row], minlength=count)
        order = np.argsort(node, kind="stable")
        row, node = row[order], node[order]
        feature, threshold = _draw_splits(features, row, sizes, rng)
        left = features[row[:, None], feature[node]] <= threshold[node]
        best, gain = _pick_splits(left, node, targets[row], sizes, sums)
        splits = (gain > 1e-12) & (len(levels) < DEPTH)
        every = np.arange(count)
        child = 2 * np.cumsum(splits) - 2
        levels.append(
            _Level(
                sums / sizes,
                np.where(splits, feature[every, best], -1),
                threshold[every, best],
                child,
            )
        )
        kept = splits[node]
        below = child[node] + ~left[np.arange(len(row)), best[node]]
        row, node, count = row[kept], below[kept], 2 * int(splits.sum())
    return levels


def _draw_splits(
    features: Array, row: Array, sizes: Array, rng: np.random.Generator
) -> tuple[Array, Array]:
    """For each node `SPLITS` random features, each with a threshold between two of its rows.

    `row` is sorted by node, `sizes` says how many belong to each.
    """
    shape = (len(sizes), SPLITS)
    feature = rng.integers(0, features.shape[1], shape)
    start = (np.cumsum(sizes) - sizes)[:, None]
    one, other = (
        features[row[start + (rng.random(shape) * sizes[:, None]).astype(int)], feature]
        for _ in range(2)
    )
    return feature, np.minimum(one, other) + np.abs(one - other) * rng.uniform(0.05, 0.95, shape)


def _pick_splits(
    left: Array, node: Array, targets: Array, sizes: Array, sums: Array
) -> tuple[Array, Array]:
    """The split of each node that lowers the squared error most, and by how much."""
    shape = (len(sizes), SPLITS)
    key = (node[:, None] * SPLITS + np.arange(SPLITS))[left]
    weights = np.broadcast_to(targets[:, None], left.shape)[left]
    left_size = np.bincount(key, minlength=len(sizes) * SPLITS).reshape(shape)
    left_sum = np.bincount(key, weights, minlength=len(sizes) * SPLITS).reshape(shape)
    right_size, right_sum = sizes[:, None] - left_size, sums[:, None] - left_sum
    gain = (
        np.where(
            (left_size > 0) & (right_size > 0),
            left_sum**2 / np.maximum(left_size, 1) + right_sum**2 / np.maximum(right_size, 1),
            -np.inf,
        )
        - (sums**2 / sizes)[:, None]
    )
    best = gain.argmax(axis=1)
    return best, gain[np.arange(len(sizes)), best]
