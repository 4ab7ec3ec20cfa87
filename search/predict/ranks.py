"""Ranks and rank correlation."""

from __future__ import annotations

import numpy as np

from archwright.core import Array


def rank(values: Array) -> Array:
    """Ranks from 0 to 1, equal values sharing their mean rank; what is missing (NaN) is 0.

    Args:
        values: float `(n,)`.

    Returns:
        float64 `(n,)`; all 0.5 where nothing differs.
    """
    known = np.flatnonzero(~np.isnan(values))
    result = np.zeros(len(values))
    if len(known) == 0:
        return result
    _, where, counts = np.unique(values[known], return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    means = (ends - 1 + ends - counts) / 2
    result[known] = means[where] / max(1, len(known) - 1) if len(known) > 1 else 0.5
    return result


def rank_correlation(a: Array, b: Array) -> float:
    """Spearman's rank correlation of two float `(n,)`; 0 where either does not vary."""
    x, y = rank(a), rank(b)
    x, y = x - x.mean(), y - y.mean()
    norm = float(np.sqrt((x @ x) * (y @ y)))
    return float(x @ y) / norm if norm > 0 else 0.0
