"""Whether blocks that are scored one by one rank whole networks of digits.

    python benchmarks/studies/blockwise.py [--samples 24] [--judges 2] [--steps 40]
                                             [--training 150]

A teacher with a plain convolution in every block is trained. Then each operation of `space.py` is
scored in each block by itself, and an architecture's score is the sum of its blocks', after Li et
al. 2021, "BossNAS: Exploring Hybrid CNN-transformers with Block-wisely Self-supervised Neural
Architecture Search". Two ways to score one: `distilled`, how well it learns to give what the
teacher's block gives (Li et al. 2020, "Block-wisely Supervised Neural Architecture Search with
Knowledge Distillation"); `exchanged`, the loss of the teacher with it in the block's place, when it
alone is trained. Both are on training images that the block was not trained on. The rival is a
short training of each architecture, all of them together as long as scoring all blocks.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any, Final

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - as it is called everywhere
from torch import Tensor, nn

from archwright.benchmarks.studies.comparing import (
    correlation_with_error,
    picked,
    rank_correlation,
    resampled,
    with_error,
)
from archwright.benchmarks.studies.space import (
    BLOCKS,
    HALVED_AFTER,
    OPTIONS,
    STEM,
    WIDTH,
    Architecture,
    build,
    draw_samples,
    sizes,
    write,
)
from archwright.benchmarks.studies.training import DigitsBench
from archwright.core import Array, Recipe

TEACHER: Final[Architecture] = (2,) * BLOCKS
HELD_OUT: Final = 30
"""Training images that a block is scored on."""
WAYS: Final = {"distilled": 1 / BLOCKS, "exchanged": 1.0}
"""What a step of one block costs, in steps of a network."""


def layers_of(architecture: Architecture) -> nn.Sequential:
    """The layers of what `write` writes."""
    names: dict[str, Any] = {}
    exec(write(architecture), names)
    layers: nn.Sequential = names["Model"]((1, 8, 8), (10,)).layers
    return layers


def place_of(block: int) -> int:
    """Where a block is among the layers."""
    return len(STEM) + block + (block >= HALVED_AFTER)


class Blockwise:
    """Scores blocks against a trained teacher.

    Args:
        x: images of the training split, float32 (samples, 1, 8, 8).
        y: their classes, int64 (samples,).
        recipe: of all trainings: AdamW with a cosine.
        steps: of the teacher.
    """

    def __init__(self, x: Array, y: Array, recipe: Recipe, steps: int) -> None:
        torch.manual_seed(0)
        self._recipe, self._rng = recipe, np.random.default_rng(0)
        order = self._rng.permutation(len(x))
        self._x, self._y = torch.from_numpy(x[order]), torch.from_numpy(y[order])
        self.teacher = layers_of(TEACHER)
        self._fit(self.teacher, self.teacher, self._x, self._y, steps)
        self.teacher.requires_grad_(False)

    def _fit(self, whole: nn.Module, part: nn.Module, x: Tensor, goal: Tensor, steps: int) -> None:
        """Train a part so that the whole gives classes, or features where the goal is those."""
        weights = list(part.parameters())
        if not weights:
            return
        fit = torch.optim.AdamW(
            weights, self._recipe.learning_rate, weight_decay=self._recipe.weight_decay
        )
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(fit, steps)
        whole.eval()
        part.train()
        for _ in range(steps):
            batch = torch.from_numpy(self._rng.choice(len(x), self._recipe.batch_size, False))
            fit.zero_grad()
            _loss(whole(x[batch]), goal[batch]).backward()  # type: ignore[no-untyped-call]
            fit.step()
            schedule.step()
        whole.eval()

    def score(self, way: str, block: int, option: int, steps: int) -> float:
        """The loss on held-out images of an operation in a block, after so many steps."""
        place, (operation, kernel) = place_of(block), OPTIONS[option]
        with torch.no_grad():
            before = self.teacher[:place](self._x)
            after = self.teacher[place](before)
        (student,) = build([operation.term(kernel)], WIDTH)
        alone = way == "distilled"
        whole = nn.Sequential(student, nn.Identity() if alone else self.teacher[place + 1 :])
        goal = after if alone else self._y
        self._fit(whole, student, before[HELD_OUT:], goal[HELD_OUT:], steps)
        with torch.no_grad():
            loss = float(_loss(whole(before[:HELD_OUT]), goal[:HELD_OUT]))
        return loss / float(after.var()) if alone else loss

    def table(self, way: str, steps: int) -> Array:
        """Losses of all operations in all blocks, float (BLOCKS, options)."""
        every = product(range(BLOCKS), range(len(OPTIONS)))
        found = [self.score(way, block, option, steps) for block, option in every]
        return np.reshape(found, (BLOCKS, len(OPTIONS)))


def _loss(given: Tensor, goal: Tensor) -> Tensor:
    return F.mse_loss(given, goal) if goal.is_floating_point() else F.cross_entropy(given, goal)


def compare(bench: DigitsBench, samples: int, judges: int, steps: int) -> Iterator[str]:
    """Lines of the table, while they are measured: `judges` fresh seeds for each architecture."""
    problem = bench.spec.problem
    drawn = draw_samples(problem, samples, 0)
    judged = [bench.judge(write(each), judges) for each in drawn]
    yield f"{samples} random samples: {with_error(judged)} %"

    def lead(scores: Sequence[float], rival: Sequence[float]) -> str:
        """By how much scores rank the judged ones better than a rival's do."""

        def statistic(places: Sequence[int]) -> float:
            truth = picked(judged, places)
            mine, other = picked(scores, places), picked(rival, places)
            return rank_correlation(mine, truth) - rank_correlation(other, truth)

        return resampled(statistic, samples)

    parameters = [sizes(problem)[each] for each in drawn]
    yield f"rank correlation of the parameters: {correlation_with_error(parameters, judged)}"
    x, y = bench.train_split()
    scorer = Blockwise(x, y, bench.spec.recipe, bench.steps)
    for way, share in WAYS.items():
        losses = scorer.table(way, steps)
        cost = bench.steps + share * steps * losses.size
        scores = [-float(losses[range(BLOCKS), each].sum()) for each in drawn]
        with DigitsBench(round(cost / samples)) as short:
            rival = [short.score(write(each), 0) for each in drawn]
            yield f"{way}, {cost:,.0f} steps of a network: {correlation_with_error(scores, judged)}"
            yield (f"    trainings of {short.steps} steps: {correlation_with_error(rival, judged)}")
        yield f"    better by {lead(scores, rival)}"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=int, default=24, help="random architectures")
    parser.add_argument("--judges", type=int, default=2, help="fresh seeds for each architecture")
    parser.add_argument("--steps", type=int, default=40, help="of a block")
    parser.add_argument("--training", type=int, default=150, help="steps of a candidate")
    args = parser.parse_args()
    torch.set_num_threads(1)
    with DigitsBench(args.training) as bench:
        for line in compare(bench, args.samples, args.judges, args.steps):
            print(line, flush=True)


if __name__ == "__main__":
    main()
