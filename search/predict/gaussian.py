"""A Gaussian process on what can be known of a candidate for free: it learns from a handful."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from archwright.core import Array

LENGTHS: Final = (0.25, 0.5, 1.0, 2.0, 4.0)
"""Length scales that compete, in the median distance between two results."""
NOISES: Final = (0.001, 0.01, 0.05, 0.2, 0.5)
"""Variances of the noise that compete, in that of the signal."""
LEAST_WEIGHT: Final = 0.05
"""Settings that are so much less likely than the best are left out."""
_TINY: Final = 1e-12


@dataclass(frozen=True, slots=True)
class _Setting:
    """One length scale and noise: its share, and the process that it gives.

    `vectors` `(n, n)` and `values` `(n,)` are those of the kernel with its noise, `residuals`
    `(n,)` the targets less their mean along the vectors.
    """

    share: float
    length: float
    mean: float
    variance: float
    vectors: Array
    values: Array
    residuals: Array


class GaussianProcess:
    """Regression with a Matern kernel (5/2) on standardised features.

    Rasmussen and Williams 2006, "Gaussian Processes for Machine Learning", chapters 2 and 5. Mean
    and signal variance are those of the highest likelihood; over length scales and noise the
    predictions are averaged by likelihood, for a handful of results does not single one out.
    """

    def __init__(self) -> None:
        self._settings: list[_Setting] = []
        self._known = np.zeros((0, 0))
        self._middle = self._spread = np.zeros(0)
        self._distance = 1.0
        self._offset, self._unit = 0.0, 1.0
        self._targets = np.zeros(0)

    def fit(self, features: Array, targets: Array) -> None:
        """Learn from results.

        Args:
            features: `(n, d)` floats, n at least 1.
            targets: `(n,)`, higher is better.
        """
        count = len(targets)
        self._middle, spread = features.mean(axis=0), features.std(axis=0)
        # What does not vary among the results tells nothing of a proposal in which it does.
        self._spread = np.where(spread > _TINY, spread, np.inf)
        self._known = self._standardise(features)
        self._offset, self._unit = float(targets.mean()), float(targets.std()) or 1.0
        self._targets = (targets - self._offset) / self._unit
        squares = _squares(self._known, self._known)
        apart = squares[np.triu_indices(count, 1)]
        self._distance = float(np.median(apart) if count > 1 else 0.0) or 1.0
        self._settings = self._weigh(squares / self._distance)

    def _weigh(self, squares: Array) -> list[_Setting]:
        """All settings that are likely enough, given the squared distances `(n, n)`."""
        count = len(squares)
        noises = np.array(NOISES)[:, None]
        found: list[tuple[float, _Setting]] = []
        for length in LENGTHS:
            eigenvalues, vectors = np.linalg.eigh(_kernel(squares / length**2))
            targets, ones = vectors.T @ self._targets, vectors.sum(axis=0)
            values = np.maximum(eigenvalues, 0) + noises
            means = (ones * targets / values).sum(axis=1) / (ones * ones / values).sum(axis=1)
            residuals = targets - means[:, None] * ones
            variances = np.maximum((residuals**2 / values).mean(axis=1), _TINY)
            likely = -0.5 * (count * np.log(variances) + np.log(values).sum(axis=1))
            each = zip(likely, means, variances, values, residuals, strict=True)
            found += [
                (float(likelihood), _Setting(1.0, length, mean, variance, vectors, own, left))
                for likelihood, mean, variance, own, left in each
            ]
        best = max(likelihood for likelihood, _ in found)
        weighed = [(float(np.exp(likelihood - best)), setting) for likelihood, setting in found]
        kept = [(weight, setting) for weight, setting in weighed if weight >= LEAST_WEIGHT]
        total = sum(weight for weight, _ in kept)
        return [replace(setting, share=weight / total) for weight, setting in kept]

    def predict(self, features: Array) -> tuple[Array, Array]:
        """Mean and standard deviation, `(m,)` each, of what features `(m, d)` would score but for
        noise."""
        squares = _squares(self._standardise(features), self._known) / self._distance
        each = []
        for s in self._settings:
            along = _kernel(squares / s.length**2) @ s.vectors
            mean = s.mean + along @ (s.residuals / s.values)
            left = np.maximum(1 - (along * along / s.values).sum(axis=1), _TINY)
            each.append((s.share, mean, s.variance * left))
        return self._mix(each)

    def held_out(self) -> tuple[Array, Array]:
        """For each result `(n,)` the mean and standard deviation that the others lead to expect of
        it, noise included (Rasmussen and Williams, section 5.4.2)."""
        each = []
        for s in self._settings:
            precision = (s.vectors**2 / s.values).sum(axis=1)
            residual = s.vectors @ (s.residuals / s.values) / precision
            each.append((s.share, self._targets - residual, s.variance / precision))
        return self._mix(each)

    def _mix(self, each: list[tuple[float, Array, Array]]) -> tuple[Array, Array]:
        """Mean and standard deviation of a mixture of normals: shares, means and variances."""
        mean = np.sum([share * m for share, m, _ in each], axis=0)
        second = np.sum([share * (v + m * m) for share, m, v in each], axis=0)
        sd = np.sqrt(np.maximum(second - mean**2, _TINY))
        return self._offset + self._unit * mean, self._unit * sd

    def _standardise(self, features: Array) -> Array:
        scaled: Array = (features - self._middle) / self._spread
        return scaled


def _squares(a: Array, b: Array) -> Array:
    """Squared distances of lines `(n, d)` from lines `(m, d)`, `(n, m)`."""
    squares = (a * a).sum(axis=1)[:, None] + (b * b).sum(axis=1) - 2 * a @ b.T
    positive: Array = np.maximum(squares, 0)
    return positive


def _kernel(squares: Array) -> Array:
    """Matern 5/2 of squared distances."""
    distance = np.sqrt(5 * squares)
    kernel: Array = (1 + distance + distance**2 / 3) * np.exp(-distance)
    return kernel
