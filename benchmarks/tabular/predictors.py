"""The two parts of the surrogate, and scikit-learn's extra trees: what each knows and costs.

    python benchmarks/tabular/predictors.py TABLE [--known 10,25,100] [--draws 20]

TABLE is that of NAS-Bench-201 (see `archwright bench nas201`). All are fitted to the validation
accuracy of so many random cells, as the search does it, and asked for a thousand others: the rank
correlation with their accuracy, the accuracy of the one that they favour (mean and one standard
deviation), and milliseconds of the processor for a fit with its held-out predictions and for a
hundred predictions with their spread.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from sklearn.ensemble import ExtraTreesRegressor

from archwright.benchmarks.tabular.cells import read_cells
from archwright.core import Array
from archwright.search.policies.shortlist import targets
from archwright.search.predict.forest import DEPTH, SPLITS, TREES, Forest
from archwright.search.predict.gaussian import GaussianProcess
from archwright.search.predict.ranks import rank_correlation

Predict = Callable[[Array], tuple[Array, Array]]
OTHERS = 1000
ASKED = 100


def fit_process(features: Array, wanted: Array, seed: int) -> Predict:
    """The surrogate's Gaussian process."""
    del seed
    process = GaussianProcess()
    process.fit(features, wanted)
    process.held_out()
    return process.predict


def fit_forest(features: Array, wanted: Array, seed: int) -> Predict:
    """The surrogate's own forest."""
    forest = Forest(seed)
    forest.fit(features, wanted)
    return forest.predict


def fit_sklearn(features: Array, wanted: Array, seed: int) -> Predict:
    """As many trees of the same depth that try as many splits, on bootstrap samples: others it
    has not, and without samples it has no held-out predictions."""
    trees = ExtraTreesRegressor(
        TREES,
        max_depth=DEPTH,
        max_features=min(SPLITS, features.shape[1]),
        bootstrap=True,
        oob_score=True,
        random_state=seed,
    ).fit(features, wanted)
    return partial(_spread, trees)


def _spread(trees: ExtraTreesRegressor, features: Array) -> tuple[Array, Array]:
    each = np.array([tree.predict(features) for tree in trees.estimators_])
    return each.mean(axis=0), each.std(axis=0)


PREDICTORS = {"process": fit_process, "forest": fit_forest, "scikit-learn": fit_sklearn}


def measure(
    fit: Callable[[Array, Array, int], Predict], cells: Array, scores: Array, known: int, draws: int
) -> tuple[float, float, float, float]:
    """Means over the draws: correlation, accuracy of the favourite, ms to fit, ms to predict."""
    found = []
    for seed in range(draws):
        order = np.random.default_rng(seed).permutation(len(cells))
        rows, others = order[:known], order[known : known + OTHERS]
        rows = rows[np.argsort(-scores[rows])]
        started = time.process_time()
        predict = fit(cells[rows], targets(known), seed)
        fitted = time.process_time()
        predict(cells[others[:ASKED]])
        asked = time.process_time()
        mean, sd = predict(cells[others])
        favourite = scores[others[int(np.argmax(mean + sd))]]
        correlation = rank_correlation(mean, scores[others])
        found.append((correlation, favourite, 1e3 * (fitted - started), 1e3 * (asked - fitted)))
    return tuple(np.mean(found, axis=0).tolist())


def main() -> None:
    parser = argparse.ArgumentParser(description="parts of the surrogate")
    parser.add_argument("table", type=Path)
    parser.add_argument("--known", default="10,25,100", help="sizes, by comma")
    parser.add_argument("--draws", type=int, default=20)
    args = parser.parse_args()
    table = list(read_cells(args.table).rows.values())
    cells = np.array([measured.features for measured in table])
    scores = np.array([measured.validation for measured in table])
    for known in map(int, args.known.split(",")):
        for name, fit in PREDICTORS.items():
            found = measure(fit, cells, scores, known, args.draws)
            print(
                f"{known:>4} known, {name:<12}: correlation {found[0]:.3f}, the favourite has"
                f" {found[1]:.2f} %, fit {found[2]:.1f} ms, 100 predictions {found[3]:.1f} ms"
            )


if __name__ == "__main__":
    main()
