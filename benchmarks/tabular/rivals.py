"""Searches by others, for a policy to be compared with: each proposes rows and is told scores.

Regularised evolution and random draws are policies of ours already (`evolution`, `random`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from random import Random
from typing import Any, Final, Protocol

import numpy as np

from archwright.benchmarks.tabular.tables import Row, SearchTable
from archwright.core import Array, InputError


class Searcher(Protocol):
    """Proposes rows of a table, and is told what each scored on validation."""

    def next(self) -> Row | None:
        """A row that the table has; None where it has no other to propose."""
        ...

    def tell(self, row: Row, validation: float, again: bool) -> None:
        """What the row scored that `next` gave last. `again` says that its architecture had been
        measured before, which costs nothing."""
        ...

    def best(self) -> Row | None:
        """What it holds to be the best; None before anything was told."""
        ...


class Greediest:
    """The best of what was told, for all whose choice that is."""

    def __init__(self) -> None:
        self.scores: dict[Row, float] = {}

    def tell(self, row: Row, validation: float, again: bool) -> None:
        """See `Searcher.tell`."""
        del again
        self.scores[row] = validation

    def best(self) -> Row | None:
        """See `Searcher.best`; of equals the first."""
        return max(self.scores, key=lambda row: self.scores[row], default=None)


class LocalSearch(Greediest):
    """From a random row to the best of its neighbours, until none is better; then from another.

    White, Nolen and Savani 2021, "Exploring the Loss Landscape in Neural Architecture Search".
    """

    def __init__(self, table: SearchTable, seed: int) -> None:
        super().__init__()
        self._table, self._rng = table, Random(seed)
        self._walk = self._rows()

    def next(self) -> Row | None:
        """See `Searcher.next`."""
        return next(self._walk)

    def _rows(self) -> Iterator[Row]:
        while True:
            here = self._rng.choice(self._table.order)
            yield here
            while True:
                around = self._table.neighbours(here)
                self._rng.shuffle(around)
                yield from around
                highest = max(around, key=lambda row: self.scores[row], default=here)
                if self.scores[highest] <= self.scores[here]:
                    break
                here = highest


class TreeParzen(Greediest):
    """Optuna's tree-structured Parzen estimator, multivariate, with its defaults.

    Bergstra et al. 2011, "Algorithms for Hyper-Parameter Optimization".
    """

    def __init__(self, table: SearchTable, seed: int) -> None:
        super().__init__()
        try:
            import optuna
        except ImportError:
            raise InputError(
                "the rival tpe needs Optuna; install it with: pip install 'archwright[bench]'"
            ) from None
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        sampler = optuna.samplers.TPESampler(seed=seed, multivariate=True)
        self._study = optuna.create_study(direction="maximize", sampler=sampler)
        self._table, self._trial = table, -1
        self._failed = optuna.trial.TrialState.FAIL

    def next(self) -> Row:
        """See `Searcher.next`."""
        while True:
            trial = self._study.ask()
            self._trial = trial.number
            each = enumerate(self._table.values)
            row = tuple(trial.suggest_categorical(f"x{i}", list(values)) for i, values in each)
            if row in self._table.rows:
                return row
            self._study.tell(trial, state=self._failed)

    def tell(self, row: Row, validation: float, again: bool) -> None:
        """See `Searcher.tell`."""
        super().tell(row, validation, again)
        self._study.tell(self._trial, validation)


class ExpectedImprovement(Greediest):
    """scikit-learn's Gaussian process with expected improvement over rows drawn at random and the
    neighbours of the best; one setting for all tables.

    Jones, Schonlau and Welch 1998, "Efficient Global Optimization of Expensive Black-Box
    Functions".
    """

    FIRST: Final = 5
    """Rows that are drawn at random."""
    POOL: Final = 500
    """Random rows that compete with the neighbours of the best."""

    def __init__(self, table: SearchTable, seed: int) -> None:
        super().__init__()
        self._table, self._rng = table, Random(seed)
        self._seen: dict[str, Row] = {}

    def tell(self, row: Row, validation: float, again: bool) -> None:
        """See `Searcher.tell`."""
        super().tell(row, validation, again)
        self._seen.setdefault(self._table.rows[row].key, row)

    def next(self) -> Row | None:
        """See `Searcher.next`."""
        best = self.best()
        pool = self._rng.sample(self._table.order, min(self.POOL, len(self._table.order)))
        pool += self._table.neighbours(best) if best is not None else []
        new = {self._table.rows[r].key: r for r in pool}
        rows = [row for key, row in new.items() if key not in self._seen]
        if not rows:
            left = [r for r in self._table.order if self._table.rows[r].key not in self._seen]
            return self._rng.choice(left) if left else None
        if len(self._seen) < self.FIRST:
            return rows[0]
        return rows[int(np.argmax(self._improvement(rows)))]

    def _improvement(self, rows: list[Row]) -> Array:
        from scipy.stats import norm
        from sklearn.gaussian_process import GaussianProcessRegressor
        from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

        known = list(self._seen.values())
        scores = np.array([self.scores[row] for row in known])
        features = np.array([self._table.rows[row].features for row in [*known, *rows]])
        spread = features[: len(known)].std(axis=0)
        features = (features - features[: len(known)].mean(axis=0)) / np.where(
            spread > 0, spread, 1
        )
        scores = (scores - scores.mean()) / (scores.std() or 1.0)
        length = np.sqrt(features.shape[1])
        kernel = ConstantKernel() * Matern(length, "fixed", nu=2.5) + WhiteKernel(0.05, "fixed")
        process = GaussianProcessRegressor(kernel, optimizer=None)
        process.fit(features[: len(known)], scores)
        mean, sd = process.predict(features[len(known) :], return_std=True)
        z = (mean - scores.max()) / np.maximum(sd, 1e-9)
        expected: Array = sd * (z * norm.cdf(z) + norm.pdf(z))
        return expected


RIVALS: Final[Mapping[str, Callable[[SearchTable, int], Any]]] = {
    "local-search": LocalSearch,
    "tpe": TreeParzen,
    "gp-ei": ExpectedImprovement,
}
