"""The surrogate's forest beside scikit-learn's extra trees: what each knows, and what it costs.

    python benchmarks/search/forests.py TABLE [--known 25,100,256] [--draws 20]

TABLE is that of NAS-Bench-201 (see `archwright bench nas201`). Both are fitted to the validation
accuracy of so many random cells, as the search does it, and asked for a thousand others: the rank
correlation with their accuracy, the accuracy of the one that they favour, and milliseconds of the
processor for a fit with its held-out predictions and for a hundred predictions with their spread.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from sklearn.ensemble import ExtraTreesRegressor

from archwright.benchmarks.search.cells import describe, read_table
from archwright.core import Array
from archwright.search.policies.shortlist import OPTIMISM, targets
from archwright.search.predict.ranks import rank_correlation
from archwright.search.predict.surrogate import DEPTH, SPLITS, TREES, Surrogate

Predict = Callable[[Array], tuple[Array, Array]]
OTHERS = 1000
ASKED = 100


def fit_ours(features: Array, wanted: Array, seed: int) -> Predict:
    """The surrogate's own forest."""
    surrogate = Surrogate(seed)
    surrogate.fit(features, wanted, features[:, 0])
    return surrogate.predict


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


FORESTS = {"ours": fit_ours, "scikit-learn": fit_sklearn}


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
        favourite = scores[others[int(np.argmax(mean + OPTIMISM * sd))]]
        correlation = rank_correlation(mean, scores[others])
        found.append((correlation, favourite, 1e3 * (fitted - started), 1e3 * (asked - fitted)))
    return tuple(np.mean(found, axis=0).tolist())


def main() -> None:
    parser = argparse.ArgumentParser(description="our forest beside scikit-learn's")
    parser.add_argument("table", type=Path)
    parser.add_argument("--known", default="25,100,256", help="sizes, by comma")
    parser.add_argument("--draws", type=int, default=20)
    args = parser.parse_args()
    table = read_table(args.table)
    cells = np.array([describe(cell) for cell in table], float)
    scores = np.array([line.validation for line in table.values()])
    for known in map(int, args.known.split(",")):
        for name, fit in FORESTS.items():
            found = measure(fit, cells, scores, known, args.draws)
            print(
                f"{known:>4} known, {name:<12}: correlation {found[0]:.3f}, the favourite has"
                f" {found[1]:.2f} %, fit {found[2]:.1f} ms, 100 predictions {found[3]:.1f} ms"
            )


if __name__ == "__main__":
    main()
