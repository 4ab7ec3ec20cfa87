"""How often a score of the whole makes a discovery where there is none, and finds one there is.

Two arms predict the same test split with several seeds each. On every sample an arm is right or
wrong by its own nature, and a little otherwise with each seed; without a gain both natures are
drawn alike. The test is that of verification: seeds, and a paired bootstrap over samples.

    python benchmarks/search/wholes.py
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Final

import numpy as np

from archwright.benchmarks.search.calibration import wilson
from archwright.core import METRICS, Array, Problem, SplitScores, split_scores
from archwright.runs.verification.statistics import compare_on_test, gains_on_test

LEVEL: Final = 0.05
SEEDS: Final = 6
NATURE: Final = 1.0
"""Standard deviation over samples of what an arm says of them, whatever its seed."""
BY_SEED: Final = 0.6
SIGNAL: Final = 1.0
CLASSES: Final = {"auroc": 2, "macro_f1": 5}


def arm(metric: str, labels: Array, signal: float, draw: np.random.Generator) -> list[SplitScores]:
    """One arm's test scores, a seed each."""
    shape = (len(labels), CLASSES[metric])
    problem = Problem("Model", (1,), shape[1:], "cross_entropy", 1)
    nature = signal * np.eye(shape[1])[labels] + NATURE * draw.normal(size=shape)
    found = []
    for _ in range(SEEDS):
        scorer = METRICS[metric].scorer(problem)
        said = (nature + BY_SEED * draw.normal(size=shape)).astype(np.float32)
        scorer.add(said, labels)
        found.append(split_scores(METRICS[metric], problem, scorer.kept(), labels))
    return found


def p_values(metric: str, samples: int, gain: float, campaigns: int) -> Iterator[float]:
    """The p of each campaign; `gain` is what the signal of one arm has more."""
    for campaign in range(campaigns):
        draw = np.random.default_rng([campaign, samples])
        shares = 0.5 ** np.arange(CLASSES[metric])  # some classes are rare
        labels = draw.choice(CLASSES[metric], samples, p=shares / shares.sum())
        own, other = (arm(metric, labels, SIGNAL + more, draw) for more in (gain, 0.0))
        yield compare_on_test(gains_on_test(own, other, 1.0)).p


def main() -> None:
    """Play and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--campaigns", type=int, default=200, help="of each metric and gain")
    parser.add_argument("--samples", type=int, default=200, help="of the test split")
    args = parser.parse_args()
    print(f"decided at {100 * LEVEL:g} %, {args.samples} samples, {SEEDS} seeds an arm")
    for metric in CLASSES:
        for gain in (0.0, 0.3):
            ps = list(p_values(metric, args.samples, gain, args.campaigns))
            found = [p < LEVEL for p in ps]
            low, high = wilson(found)
            print(
                f"{metric:18} gain {gain:3.1f}: {100 * sum(found) / len(found):5.1f} % discoveries "
                f"({100 * low:.1f} to {100 * high:.1f})",
                flush=True,
            )


if __name__ == "__main__":
    main()
