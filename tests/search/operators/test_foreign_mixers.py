"""Operators on mixers that a model wrote: parts that are no blocks, heads, products of tensors."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
import torch

from archwright.search.operators import OPERATORS, NotApplicable, edit_of
from archwright.source.code import code_of
from archwright.source.scaling import scale_width
from archwright.source.widths import find_widths
from archwright.tasks.loading import load_task

PROBLEM = load_task("sequence-mixers").spec.problem

TURNS = '''
import torch
import torch.nn as nn
import torch.nn.functional as F


class Angles(nn.Module):
    """Not as wide as its input: four numbers a head."""

    def __init__(self, width, heads=4):
        super().__init__()
        self.heads = heads
        self.project = nn.Linear(width, 4 * heads, bias=False)

    def forward(self, x):
        return F.normalize(self.project(x).unflatten(-1, (self.heads, 4)), dim=-1).flatten(-2)


class Mixer(nn.Module):
    COMPLEXITY = "linear"

    def __init__(self, width, layer=0):
        super().__init__()
        self.heads = 4
        self.angles = Angles(width)
        self.sizes = [width, width, 16, self.heads]
        self.project = nn.Linear(width, sum(self.sizes))
        self.out = nn.Linear(width, width)

    def forward(self, x):
        v, gate, turn, size = self.project(x).split(self.sizes, dim=-1)
        strength = 2 * torch.sigmoid(size).repeat_interleave(v.shape[-1] // self.heads, dim=-1)
        turned = (turn * self.angles(x)).sum(-1, keepdim=True)
        near = 0.5 * v
        read = (strength * near).cumsum(1) / torch.arange(1, x.shape[1] + 1).unsqueeze(-1)
        return self.out(F.silu(gate) * read * (1 + turned))
'''

HEADS = """
import torch
from torch import nn


class Decay(nn.Module):
    def __init__(self, width, heads, rank=8):
        super().__init__()
        self.down = nn.Linear(width, rank)
        self.up = nn.Linear(rank, heads)

    def forward(self, x):
        return torch.sigmoid(self.up(self.down(x)))


class Mixer(nn.Module):
    COMPLEXITY = "linear"

    def __init__(self, width, layer=0):
        super().__init__()
        self.heads = width // 8
        inner = 10 * self.heads
        self.enter = nn.Linear(width, 2 * inner)
        self.decay = Decay(width, self.heads)
        self.leave = nn.Linear(inner, width)

    def forward(self, x):
        value, gate = self.enter(x).chunk(2, dim=-1)
        value = value.unflatten(-1, (self.heads, -1))
        value = (value * self.decay(x).unsqueeze(-1)).cumsum(1) / (1.0 + x.shape[1])
        return self.leave(value.flatten(-2) * gate.sigmoid())
"""

SOURCES = {"turns": TURNS, "heads": HEADS}


def run(source: str, width: int = 64) -> None:
    """Build it and read sequences of two lengths.

    Raises:
        Exception: whatever is wrong with it.
    """
    names: dict[str, Any] = {}
    exec(compile(source, "candidate", "exec"), names)
    mixer = names["Mixer"](width)
    for length in (5, 33):
        assert mixer(torch.randn(2, length, width)).shape == (2, length, width)


@pytest.mark.parametrize("operator", sorted(n for n, o in OPERATORS.items() if o.parents))
def test_what_an_operator_makes_of_it_runs(operator: str) -> None:
    chance, made = Random(7), 0
    for _ in range(12):
        parents = chance.sample(sorted(SOURCES), OPERATORS[operator].parents)
        try:
            edit = edit_of(
                *(operator, tuple(SOURCES[p] for p in parents), PROBLEM),
                *(chance.getrandbits(32), None),
            )
        except NotApplicable:
            continue
        run(edit.source)
        made += 1
    always = {"deepen", "add_branch", "change_recipe", "recombine"}
    assert made == 12 or operator not in always


@pytest.mark.parametrize("name", sorted(SOURCES))
@pytest.mark.parametrize("factor", [0.3, 0.55, 0.7, 0.9, 1.3])
def test_it_is_scaled_as_a_whole_number_of_heads(name: str, factor: float) -> None:
    run(scale_width(SOURCES[name], factor))


def test_what_multiplies_a_tensor_stays() -> None:
    made = scale_width(TURNS, 0.5)
    assert "strength = 2 * torch.sigmoid" in made
    assert "near = 0.5 * v" in made


def test_a_number_of_heads_is_no_width() -> None:
    assert 4 not in find_widths(code_of(TURNS)).values()
    assert find_widths(code_of(HEADS)).values() == [8]
