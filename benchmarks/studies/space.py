"""The space that the studies search: four blocks, each one of nine operations of the grammar.

Architectures are tuples of numbers, one a block, into `OPTIONS`. They differ in nothing else, so
that a supernet covers all of them, and each is written out as plain source.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from random import Random
from typing import Any, Final

import numpy as np
from torch import nn

from archwright.core import Array, Problem
from archwright.search.blocks import assemble
from archwright.search.grammar.library import Term, needed, sequential
from archwright.source.counting import count_parameters

WIDTH: Final = 16
BLOCKS: Final = 4
HALVED_AFTER: Final = 2
"""Blocks before the one pooling, from 8x8 to 4x4."""
Architecture = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class BlockOperation:
    """A block's operation, `width` features to as many, and the kernels that it comes with."""

    callee: str
    arguments: tuple[str, ...] = ()
    kernels: tuple[int, ...] = ()

    def term(self, kernel: int = 0) -> Term:
        """Its call, with a kernel where it has a choice of them."""
        chosen = (f"kernel={kernel}",) if kernel else ()
        return Term(self.callee, (*self.arguments, *chosen))


OPERATIONS: Final = (
    BlockOperation("nn.Identity"),
    BlockOperation("nn.AvgPool2d", ("3", "stride=1", "padding=1")),
    BlockOperation("ConvLayer", ("width",)),
    BlockOperation("SeparableConv", ("width",), (3, 5)),
    BlockOperation("ConvNeXt", ("width", "hidden=width"), (3, 5)),
    BlockOperation("PixelMLP", ("width", "hidden=width")),
    BlockOperation("SqueezeExcite", ("width",)),
)
OPTIONS: Final = tuple(
    (operation, kernel) for operation in OPERATIONS for kernel in operation.kernels or (0,)
)


def write(architecture: Architecture) -> str:
    """The source of an architecture, by the task's contract for a candidate."""
    blocks = [
        operation.term(kernel) for operation, kernel in map(OPTIONS.__getitem__, architecture)
    ]
    body = [*blocks[:HALVED_AFTER], Term("nn.MaxPool2d", ("2",)), *blocks[HALVED_AFTER:]]
    entry = (
        "class Model(nn.Module):\n"
        "    def __init__(self, input_shape, output_shape):\n"
        "        super().__init__()\n"
        f"        width = {WIDTH}\n"
        f"        self.layers = {sequential([*STEM, *body, *HEAD])}\n\n"
        "    def forward(self, x):\n"
        "        return self.layers(x)"
    )
    said = ", ".join(map(name, architecture))
    return assemble(f"A convolution, then {said}.", needed(blocks), entry)


STEM: Final = (
    Term("nn.Conv2d", ("input_shape[0]", "width", "3", "padding=1", "bias=False")),
    Term("nn.BatchNorm2d", ("width",)),
    Term("nn.GELU"),
)
HEAD: Final = (
    Term("nn.AdaptiveAvgPool2d", ("1",)),
    Term("nn.Flatten"),
    Term("nn.Linear", ("width", "output_shape[0]")),
)


def name(option: int) -> str:
    """An option in a word, as `ConvNeXt5`."""
    operation, kernel = OPTIONS[option]
    return f"{operation.callee.removeprefix('nn.')}{kernel or ''}"


def build(terms: Sequence[Term], width: int) -> list[nn.Module]:
    """Modules of operations at a width, from the grammar's own source."""
    names: dict[str, Any] = {}
    exec(assemble("Blocks.", needed(terms), "nn.Identity"), names)
    names["width"] = width
    return [eval(str(term), names) for term in terms]


@cache
def sizes(problem: Problem) -> dict[Architecture, int]:
    """Parameters of each architecture that keeps the problem's limit."""
    plain = (0,) * BLOCKS
    counts = [
        count_parameters(write((option, *plain[1:])), problem) for option in range(len(OPTIONS))
    ]
    base = counts[0] or 0
    added = [(count or 0) - base for count in counts]
    every = product(range(len(OPTIONS)), repeat=BLOCKS)
    found = {each: base + sum(added[option] for option in each) for each in every}
    return {each: size for each, size in found.items() if size <= problem.max_params}


def draw_samples(problem: Problem, count: int, seed: int) -> list[Architecture]:
    """Architectures drawn uniformly, without repetition, from those within the limit."""
    return Random(seed).sample(sorted(sizes(problem)), count)


def likeliest(weights: Array, problem: Problem) -> Architecture:
    """The architecture within the limit whose weights, float (BLOCKS, options), have the largest
    sum: the argmax where the weights are logarithms of probabilities."""
    places = np.arange(BLOCKS)
    return max(sizes(problem), key=lambda each: float(weights[places, each].sum()))
