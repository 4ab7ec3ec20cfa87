"""How good a candidate will be, and how sure that is: a Gaussian process from the first handful of
results on, and a forest as far as that predicts better.

Each says what it expects of results that it has not seen. The weight of the forest is the one under
which these together are most likely, held towards the process while there are few (stacking of
predictive distributions, Yao, Vehtari, Simpson and Gelman 2018).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import erfc, sqrt
from typing import Final, Literal

import numpy as np

from archwright.core import Array
from archwright.search.predict.forest import Forest
from archwright.search.predict.gaussian import GaussianProcess
from archwright.search.predict.ranks import rank_correlation

LEAST_EXAMPLES: Final = 4
"""Results before anything is predicted."""
GROWTH: Final = 0.05
"""The forest is grown again once so large a share of all results is new."""
FOREST_EXAMPLES: Final = 8
PRIOR: Final = 40.0
"""Results that count for the process before any is known: a forest expects nothing better than it
has seen, which is what early on has to be found."""
DOUBT: Final = 0.25
"""The share of a standard deviation that counts in a proposal's favour: with few results most of
what is uncertain is far from all that is good."""
_ROUNDS: Final = 30


@dataclass(frozen=True, slots=True)
class Confidence:
    """How well a surrogate predicts.

    Both correlations with the targets are Spearman's, over `examples` results: of what it expects
    of a result from the others (as of the last forest, where there is one), and of the parameter
    count alone. `forest` is the forest's share.
    """

    correlation: float = 0.0
    parameters_alone: float = 0.0
    examples: int = 0
    forest: float = 0.0


Only = Literal["process", "forest"]


class Surrogate:
    """Fit it, then ask it which proposals may be improvements.

    Args:
        seed: of the forest.
        only: one of the two parts alone, to see what the other adds.
    """

    def __init__(self, seed: int = 0, only: Only | None = None) -> None:
        self._only = only
        self._process, self._forest = GaussianProcess(), Forest(seed)
        self._grown = 0
        self._best = 0.0
        self._confidence = Confidence()

    @property
    def ready(self) -> bool:
        """Whether it has been fitted to enough results."""
        return self._confidence.examples >= LEAST_EXAMPLES

    def fit(self, features: Array, targets: Array, parameters: Array, known: int = 0) -> None:
        """Learn from results.

        Args:
            features: `(n, d)` floats, n at least 1.
            targets: `(n,)`, higher is better.
            parameters: `(n,)` parameter counts, whose correlation is measured beside.
            known: how many results there are in all, where these are some of them.
        """
        count = len(targets)
        known = max(known, count)
        self._best = float(targets.max())
        self._process.fit(features, targets)
        mean, sd = self._process.held_out()
        weight, correlation = self._confidence.forest, self._confidence.correlation
        if self._only == "process" or count < FOREST_EXAMPLES:
            correlation = rank_correlation(mean, targets) if count >= LEAST_EXAMPLES else 0.0
        elif known - self._grown >= max(GROWTH * known, 1):
            self._grown = known
            grown = self._forest.fit(features, targets)
            weight = 1.0 if self._only == "forest" else _weigh(targets, (mean, sd), grown)
            mean = (1 - weight) * mean + weight * grown[0]
            correlation = rank_correlation(mean, targets)
        self._confidence = Confidence(
            correlation=correlation,
            parameters_alone=rank_correlation(parameters, targets),
            examples=count,
            forest=weight,
        )

    def improvement(self, features: Array) -> Array:
        """The logarithm of how much better than the best result proposals are expected to be,
        `(m,)` for features `(m, d)`; what is no better counts as nothing. Of what is uncertain the
        share `DOUBT` counts.

        Expected improvement (Mockus 1975; Jones, Schonlau and Welch 1998).
        """
        weight = self._confidence.forest
        parts = []
        if weight < 1:
            parts.append(
                np.log1p(-weight) + self._log_improvement(*self._process.predict(features))
            )
        if weight > 0:
            parts.append(np.log(weight) + self._log_improvement(*self._forest.predict(features)))
        expected: Array = np.logaddexp.reduce(parts, axis=0)
        return expected

    def _log_improvement(self, mean: Array, sd: Array) -> Array:
        sd = np.maximum(DOUBT * sd, 1e-9)
        z = (mean - self._best) / sd
        near = np.maximum(z, -5)
        improvement = np.exp(-near * near / 2) / np.sqrt(2 * np.pi) + near * _normal_below(near)
        # Far below the best the formula cancels; there it is the density over the square of z.
        far = -z * z / 2 - 0.5 * np.log(2 * np.pi) - 2 * np.log(np.maximum(-z, 5))
        found: Array = np.log(sd) + np.where(z < -5, far, np.log(improvement))
        return found

    def predict(self, features: Array) -> Array:
        """The mean of what is expected, `(m,)` for features `(m, d)`."""
        weight = self._confidence.forest
        mean: Array = (1 - weight) * self._process.predict(features)[0]
        return mean + weight * self._forest.predict(features)[0] if weight else mean

    def confidence(self) -> Confidence:
        """How well it predicts, by what it was fitted on last."""
        return self._confidence


def _normal_below(z: Array) -> Array:
    """The share of a normal distribution below `z`; loading scipy for it takes a decision's time
    ten times over."""
    return np.array([0.5 * erfc(-one / sqrt(2)) for one in z.tolist()])


def _weigh(targets: Array, process: tuple[Array, Array], forest: tuple[Array, Array]) -> float:
    """The share of the forest under which the results are most likely, by expectation and
    maximisation."""
    gain = np.clip(_log_density(targets, *forest) - _log_density(targets, *process), -50, 50)
    ratio, weight = np.exp(gain), 0.5
    for _ in range(_ROUNDS):
        share = weight * ratio / (weight * ratio + 1 - weight)
        weight = float(share.sum() / (len(targets) + PRIOR))
    return weight


def _log_density(targets: Array, mean: Array, sd: Array) -> Array:
    """Of normal distributions, but for a constant."""
    sd = np.maximum(sd, 1e-9)
    density: Array = -(((targets - mean) / sd) ** 2) / 2 - np.log(sd)
    return density
