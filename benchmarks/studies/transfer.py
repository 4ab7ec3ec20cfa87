"""Whether the elites of one task are a better start of another than random draws, near digits.

    python benchmarks/studies/transfer.py [--samples 20] [--judges 2] [--training 150]

After Wu et al. 2021, "FBNetV5: Neural Architecture Search for Multiple Tasks in One Run", without
its supernet. Architectures of `space.py` are trained on digits, and those that are best on one
training begin the other task: as many random ones are the rival, at equal trainings of that task.
The best of either is chosen there on one training and judged on fresh seeds. One other task is
near, images turned by quarters at random, and one is far, pixels in another order.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
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
from archwright.tasks.loading import load_task

ELITES: Final = 4
"""Architectures that the other task begins with."""
CHANGES: Final = {
    "turned": "np.stack([np.rot90(image, rng.randint(4), (1, 2)) for image in x])",
    "shuffled": "x.reshape(len(x), -1)[:, rng.permutation(64)].reshape(x.shape)",
}
"""Images of another task from those of digits, `x`; the numbers are those of each split again."""
CHANGED: Final = """

load_digits_split = load


def load(split, seed):
    x, y = load_digits_split(split, seed)
    rng = np.random.RandomState(1)
    return np.ascontiguousarray({images}), y
"""


def write_task(change: str, folder: Path) -> str:
    """Write digits with changed images into a folder of that name; gives its path."""
    shutil.copytree(load_task("digits").spec.folder, folder / change)
    with (folder / change / "task.py").open("a") as file:
        file.write(CHANGED.format(images=CHANGES[change]))
    return str(folder / change)


def lead(
    places: Sequence[int],
    *,
    first: Sequence[float],
    chosen: Sequence[float],
    judged: Sequence[float],
) -> float:
    """By how much the best of the elites is better than the best of as many random samples.

    Args:
        places: of the samples that count.
        first: scores on the task that the elites come from.
        chosen: scores on the other, which the best is chosen by.
        judged: fresh scores on the other.
    """
    elites = sorted(places, key=first.__getitem__)[-ELITES:]
    found = judged[max(elites, key=chosen.__getitem__)]
    return found - expected_best(picked(chosen, places), picked(judged, places), ELITES)


def compare(samples: int, judges: int, training: int) -> Iterator[str]:
    """Lines of the table, while they are measured: `judges` fresh seeds for each architecture."""
    with DigitsBench(training) as bench:
        sources = [write(each) for each in draw_samples(bench.spec.problem, samples, 0)]
        first = [bench.score(source, 0) for source in sources]
    yield f"{samples} architectures: {with_error(first)} % on digits"
    for change in CHANGES:
        with (
            tempfile.TemporaryDirectory() as folder,
            DigitsBench(training, write_task(change, Path(folder))) as bench,
        ):
            chosen = [bench.score(source, 0) for source in sources]
            judged = [bench.judge(source, judges) for source in sources]
        measured = partial(lead, first=first, chosen=chosen, judged=judged)
        best = expected_best(chosen, judged, ELITES)
        yield f"{change}: {with_error(judged)} %, the best of {ELITES} random draws {best:.2f} %"
        yield f"    rank correlation with digits: {correlation_with_error(first, judged)}"
        yield f"    the best of digits' {ELITES} elites over it: {resampled(measured, samples)}"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=int, default=20, help=f"architectures, over {ELITES}")
    parser.add_argument("--judges", type=int, default=2, help="fresh seeds for each architecture")
    parser.add_argument("--training", type=int, default=150, help="steps of a candidate")
    args = parser.parse_args()
    for line in compare(args.samples, args.judges, args.training):
        print(line, flush=True)


if __name__ == "__main__":
    main()
