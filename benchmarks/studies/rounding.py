"""Whether architectures rank otherwise once their weights are rounded to INT8, on digits.

    python benchmarks/studies/rounding.py [--samples 24] [--judges 2] [--training 150]

Random architectures of `space.py` are trained, and each trained network predicts with its weights
as they are and rounded to eight bits, as a run's `int8` does. SimQ-NAS (Sridhar et al. 2023,
"SimQ-NAS: Simultaneous Quantization Policy and Neural Architecture Search") searches both together;
here the precision is one for the whole network, so that the question is whether a search has to
measure INT8 in its trainings, or may choose by float and round the winner.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from typing import Final

from archwright.benchmarks.studies.comparing import (
    correlation_with_error,
    expected_best,
    picked,
    resampled,
    with_error,
)
from archwright.benchmarks.studies.space import draw_samples, write
from archwright.benchmarks.studies.training import DigitsBench

CHOOSING: Final = 0
"""The seed that the best is chosen on."""
DRAWN: Final = 10
"""Samples that the best is chosen from, on average over all ways to draw them."""


def compare(bench: DigitsBench, samples: int, judges: int) -> Iterator[str]:
    """Lines of the table: `judges` fresh seeds for each architecture."""
    sources = [write(each) for each in draw_samples(bench.spec.problem, samples, 0)]
    plain, rounded = ([bench.score(s, CHOOSING, rounded=r) for s in sources] for r in (False, True))
    truth, judged = ([bench.judge(s, judges, rounded=r) for s in sources] for r in (False, True))
    lost = [mine - other for mine, other in zip(judged, truth, strict=True)]
    yield f"{samples} networks: {with_error(truth)} %, rounded {with_error(judged)} %"
    yield f"    by rounding {with_error(lost, '+')}, from {min(lost):+.2f} to {max(lost):+.2f}"
    yield "rank correlation"
    for words, ranking in (
        ("with float, of the same trainings", truth),
        ("on fresh seeds with float of one training", plain),
        ("on fresh seeds with rounded of one", rounded),
    ):
        yield f"    rounded {words}: {correlation_with_error(ranking, judged)}"

    def best(chosen: Sequence[float], places: Sequence[int]) -> float:
        return expected_best(picked(chosen, places), picked(judged, places), DRAWN)

    regret = resampled(lambda places: best(rounded, places) - best(plain, places), samples)
    yield f"regret of choosing the best of {DRAWN} by float: {regret}"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=int, default=24, help=f"architectures, at least {DRAWN}")
    parser.add_argument("--judges", type=int, default=2, help="fresh seeds for each architecture")
    parser.add_argument("--training", type=int, default=150, help="steps of a candidate")
    args = parser.parse_args()
    with DigitsBench(args.training, rounded=True) as bench:
        for line in compare(bench, args.samples, args.judges):
            print(line, flush=True)


if __name__ == "__main__":
    main()
