"""Whether a relaxed supernet finds better architectures of digits than random samples do.

    python benchmarks/studies/supernet.py [--seeds 6] [--samples 30] [--judges 2]
                                            [--steps 300] [--training 150] [--ablate]

Each block of the supernet is a mixture of all operations of `space.py`, weighted by the softmax of
its architecture weights (DARTS, Liu et al. 2019, "DARTS: Differentiable Architecture Search"). It
is trained on the training split alone. The likeliest architecture within the limit is written out
as plain source and trained like any other. Random samples of the same space are, too: their mean
is compared, and the best of as many as the supernet's training would have paid for, chosen on one
seed. All are judged on fresh seeds.

Equal batches: a supernet of two networks takes two a step. Equal operations: each block of it also
executes every operation of the space, in place of one.
"""

from __future__ import annotations

import argparse
import copy
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from random import Random
from statistics import fmean, stdev
from typing import Final

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - as it is called everywhere
from torch import Tensor, nn

from archwright.benchmarks.studies.comparing import expected_best, picked, with_error
from archwright.benchmarks.studies.space import (
    BLOCKS,
    HALVED_AFTER,
    OPERATIONS,
    OPTIONS,
    WIDTH,
    build,
    draw_samples,
    likeliest,
    name,
    sizes,
    write,
)
from archwright.benchmarks.studies.training import DigitsBench
from archwright.core import Array, Recipe

ARCHITECTURE_RATE: Final = 0.02
"""Adam's learning rate for the architecture weights."""
COUPLING: Final = 0.1
"""How strongly the weights of the two networks are pulled together."""
HOT, COLD, POWER = 1.0, 0.1, 10.0
"""The temperature at the first and at the last step, and the power of its annealing."""


@dataclass(frozen=True, slots=True)
class Relaxation:
    """How a supernet is trained.

    Args:
        words: what is other about it.
        share: of the channels, one in so many passes through the mixture; the rest goes by it, as
            in Xu et al. 2020, "PC-DARTS: Partial Channel Connections for Memory-Efficient
            Architecture Search".
        split: two networks share the architecture weights, each trained on its half of the data
            and pulled towards the other: Xue et al. 2022, "RARTS: An Efficient First-Order Relaxed
            Architecture Search Method". All variables take a step at once here, in place of one
            after the other. Otherwise one network on all data.
        anneal: whether the temperature falls from `HOT` to `COLD`, or stays at `HOT`.
    """

    words: str
    share: int = 4
    split: bool = True
    anneal: bool = True

    @property
    def batches(self) -> int:
        """Batches of a step."""
        return 2 if self.split else 1


RELAXATIONS: Final = (
    Relaxation("supernet"),
    Relaxation("with all channels", share=1),
    Relaxation("with one network", split=False),
    Relaxation("without annealing", anneal=False),
)


def power_cosine(progress: float, first: float, last: float, power: float = POWER) -> float:
    """A value that falls from `first` to `last` while progress goes from 0 to 1.

    Power cosine annealing (Hundt et al. 2019, "sharpDARTS: Faster and More Accurate Differentiable
    Architecture Search"): faster at the beginning than a cosine, slower at the end.
    """
    cosine = 0.5 * (1 + math.cos(math.pi * progress))
    return last + (first - last) * (math.pow(power, cosine + 1) - power) / (power**2 - power)


# --- the network ----------------------------------------------------------------------------------


class MixedBlock(nn.Module):
    """A choice among all operations, relaxed: the sum of what they give, by their probabilities.

    Kernel sizes of one operation are entangled, as in Sukthanker et al. 2024, "Weight-Entanglement
    Meets Gradient-Based Neural Architecture Search": a small kernel is the middle of the large one,
    and the operation runs once, with the mean kernel.
    """

    def __init__(self, width: int, share: int) -> None:
        super().__init__()
        self.taken = width // share
        self.share = share
        largest = [operation.term(max(operation.kernels, default=0)) for operation in OPERATIONS]
        self.operations = nn.ModuleList(build(largest, self.taken))

    def forward(self, x: Tensor, chances: Tensor) -> Tensor:
        """Images (batch, width, height, wide) to as many; chances (options,)."""
        part, rest = x[:, : self.taken], x[:, self.taken :]
        mixed, place = torch.zeros_like(part), 0
        for operation, module in zip(OPERATIONS, self.operations, strict=True):
            own = chances[place : place + max(1, len(operation.kernels))]
            place += len(own)
            mixed = mixed + own.sum() * _apply(module, part, operation.kernels, own / own.sum())
        joined = torch.cat([mixed, rest], dim=1).reshape(len(x), self.share, -1, *x.shape[2:])
        # Neighbours change places, so that the next block's mixture sees other channels.
        return joined.transpose(1, 2).flatten(1, 2)


def _apply(module: nn.Module, x: Tensor, kernels: tuple[int, ...], chances: Tensor) -> Tensor:
    """What an operation gives, with the mean of its kernels."""
    if not kernels:
        given: Tensor = module(x)
        return given
    largest = max(kernels)
    name = next(n for n, w in module.named_parameters() if w.shape[-1] == largest)
    middles = torch.zeros(len(kernels), largest, largest)
    for middle, kernel in zip(middles, kernels, strict=True):
        edge = (largest - kernel) // 2
        middle[edge : largest - edge, edge : largest - edge] = 1
    weight = module.get_parameter(name) * torch.einsum("k,kij->ij", chances, middles)
    mixed: Tensor = torch.func.functional_call(module, {name: weight}, (x,))
    return mixed


class Supernet(nn.Module):
    """Stem, mixed blocks and head: what `space.write` writes, with every block left open."""

    def __init__(self, channels: int, classes: int, share: int) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(channels, WIDTH, 3, padding=1, bias=False), nn.BatchNorm2d(WIDTH), nn.GELU()
        )
        self.blocks = nn.ModuleList([MixedBlock(WIDTH, share) for _ in range(BLOCKS)])
        self.head = nn.Linear(WIDTH, classes)

    def forward(self, x: Tensor, chances: Tensor) -> Tensor:
        """Logits (batch, classes) of images; chances (BLOCKS, options)."""
        x = self.stem(x)
        for number, block in enumerate(self.blocks):
            x = F.max_pool2d(x, 2) if number == HALVED_AFTER else x
            x = block(x, chances[number])
        logits: Tensor = self.head(x.mean(dim=(2, 3)))
        return logits


# --- its training ---------------------------------------------------------------------------------


def search(x: Array, y: Array, recipe: Recipe, how: Relaxation, steps: int, seed: int) -> Array:
    """Train a supernet by the recipe.

    Args:
        x: images, float32 (samples, channels, height, wide).
        y: classes, int64 (samples,).
        recipe: of the networks' weights: AdamW with a cosine.
        how: it is relaxed.
        steps: of the optimizer, each of `how.batches` batches.
        seed: of weights, halves and batches.

    Returns:
        The logarithms of the options' probabilities, float (BLOCKS, options).
    """
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    halves = np.array_split(rng.permutation(len(x)), how.batches)
    first = Supernet(x.shape[1], int(y.max()) + 1, how.share)
    networks = [first, copy.deepcopy(first)][: how.batches]
    logits = nn.Parameter(1e-3 * torch.randn(BLOCKS, len(OPTIONS)))
    weights = list(chain.from_iterable(network.parameters() for network in networks))
    fit = torch.optim.AdamW(
        weights, recipe.learning_rate, weight_decay=recipe.weight_decay, fused=True
    )
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(fit, steps)
    choose = torch.optim.Adam([logits], ARCHITECTURE_RATE, betas=(0.5, 0.999))
    for step in range(steps):
        temperature = power_cosine(step / steps, HOT, COLD) if how.anneal else HOT
        chances = F.softmax(logits / temperature, dim=-1)
        loss = torch.zeros(())
        for network, half in zip(networks, halves, strict=True):
            picked = rng.choice(half, recipe.batch_size, replace=False)
            out = network(torch.from_numpy(x[picked]), chances)
            loss = loss + F.cross_entropy(out, torch.from_numpy(y[picked]))
        fit.zero_grad()
        choose.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        if how.split:
            _couple(*networks)
        nn.utils.clip_grad_norm_(weights, 1.0)
        fit.step()
        choose.step()
        schedule.step()
    found: Array = F.log_softmax(logits.detach(), dim=-1).numpy()
    return found


@torch.no_grad()
def _couple(first: nn.Module, second: nn.Module) -> None:
    """Add the gradient of `COUPLING / 2` times the squared distance of two networks' weights."""
    for one, other in zip(first.parameters(), second.parameters(), strict=True):
        assert one.grad is not None
        assert other.grad is not None
        pull = COUPLING * (one - other)
        one.grad += pull
        other.grad -= pull


# --- the comparison -------------------------------------------------------------------------------


def gain_with_error(
    found: Sequence[float], chosen: Sequence[float], judged: Sequence[float], count: int
) -> str:
    """By how much what was found is better than the best of `count` random samples.

    Its standard error is of both: supernets and samples are drawn again (Efron 1979, "Bootstrap
    Methods: Another Look at the Jackknife").
    """
    rng, gains = Random(0), []
    for _ in range(1000):
        places = rng.choices(range(len(chosen)), k=len(chosen))
        best = expected_best(picked(chosen, places), picked(judged, places), count)
        gains.append(fmean(rng.choices(found, k=len(found))) - best)
    gain = fmean(found) - expected_best(chosen, judged, count)
    return f"{gain:+.2f} ± {stdev(gains):.2f}"


def compare(
    bench: DigitsBench,
    kinds: Sequence[Relaxation],
    seeds: int,
    samples: int,
    judges: int,
    steps: int,
) -> Iterator[str]:
    """Lines of the table, while they are measured: `judges` fresh seeds for each architecture."""
    problem = bench.spec.problem
    drawn = [write(each) for each in draw_samples(problem, samples, 0)]
    chosen = [bench.score(source, 0) for source in drawn]
    judged = [bench.judge(source, judges) for source in drawn]
    yield f"{samples} random samples: {with_error(judged)} %"
    uniform = [each for each in sizes(problem) if len(set(each)) == 1]
    best = max(uniform, key=lambda each: bench.score(write(each), 0))
    yield (
        f"the best of {len(uniform)} with one operation everywhere ({name(best[0])}): "
        f"{bench.judge(write(best), judges):.2f} %"
    )
    x, y = bench.train_split()
    for how in kinds:
        weights = (search(x, y, bench.spec.recipe, how, steps, seed) for seed in range(seeds))
        found = [likeliest(each, problem) for each in weights]
        scores = [bench.judge(write(each), judges) for each in found]
        yield f"{how.words}: {with_error(scores)} %, {len(set(found))} different architectures"
        yield f"    the first: {', '.join(map(name, found[0]))}"
        paid = max(1, round(steps * how.batches / bench.steps))
        for words, count in (
            ("the mean", 1),
            (f"the best of {paid}, equal batches", paid),
            (f"the best of {paid * len(OPERATIONS)}, equal operations", paid * len(OPERATIONS)),
        ):
            yield f"    over {words}: {gain_with_error(scores, chosen, judged, count)}"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=6, help="supernets of each kind")
    parser.add_argument("--samples", type=int, default=30, help="random architectures")
    parser.add_argument("--judges", type=int, default=2, help="fresh seeds for each architecture")
    parser.add_argument("--steps", type=int, default=300, help="of a supernet")
    parser.add_argument("--training", type=int, default=150, help="steps of a candidate")
    parser.add_argument("--ablate", action="store_true", help="also train supernets without parts")
    args = parser.parse_args()
    kinds = RELAXATIONS if args.ablate else RELAXATIONS[:1]
    torch.set_num_threads(1)
    with DigitsBench(args.training) as bench:
        for line in compare(bench, kinds, args.seeds, args.samples, args.judges, args.steps):
            print(line, flush=True)


if __name__ == "__main__":
    main()
