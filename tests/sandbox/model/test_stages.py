"""A network that starts from the weights of one that was trained before it, in the same job."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from archwright.core import Problem
from archwright.sandbox.contract import ProblemProjection, project
from archwright.sandbox.inside.chance.seeding import seed_everything
from archwright.sandbox.inside.faults import ContractError
from archwright.sandbox.inside.model.building import (
    build,
    take_over,
    weights_of,
)
from archwright.tasks.loading import load_task

MIXER = """\
from torch import nn


class Mixer(nn.Module):
    def __init__(self, input_shape, output_shape):
        super().__init__()
        self.mix = nn.Linear(input_shape[1], output_shape[1])

    def forward(self, x):
        return self.mix(x)
"""

TAKES = (
    MIXER
    + """
    def inherit(self, weights):
        assert sorted(weights) == ["mix.bias", "mix.weight"], sorted(weights)
        self.mix.weight.copy_(2 * weights["mix.weight"])
"""
)


@pytest.fixture
def problem() -> Problem:
    return load_task("recall").spec.problem


def make(source: str, problem: Problem, seed: int) -> torch.nn.Module:
    seed_everything(seed)
    return build(source, project(ProblemProjection, problem))


def test_the_same_network_is_taken_over_whole(problem: Problem) -> None:
    parent, child = make(MIXER, problem, 0), make(MIXER, problem, 1)
    take_over(child, weights_of(parent))
    for name, tensor in parent.state_dict().items():
        assert torch.equal(child.state_dict()[name], tensor), name


def test_a_mixer_is_given_its_own_part_and_the_backbone_is_copied(problem: Problem) -> None:
    parent, child = make(MIXER, problem, 0), make(TAKES, problem, 1)
    before = weights_of(child)
    take_over(child, weights_of(parent))
    own, theirs = child.state_dict(), parent.state_dict()
    assert torch.equal(own["embed.weight"], theirs["embed.weight"])
    for layer in (0, 1):
        name = f"mixers.{layer}.mix"
        assert torch.equal(own[f"{name}.weight"], 2 * theirs[f"{name}.weight"])
        assert torch.equal(own[f"{name}.bias"], before[f"{name}.bias"]), "it did not ask for it"


def test_what_does_not_fit_stays_as_it_is(problem: Problem) -> None:
    assert problem.backbone is not None
    wide = replace(problem, backbone=replace(problem.backbone, width=48))
    parent, child = make(MIXER, problem, 0), make(MIXER, wide, 1)
    before = weights_of(child)
    take_over(child, weights_of(parent))
    changed = {n for n, t in child.state_dict().items() if not torch.equal(t, before[n])}
    assert changed == {"head.bias"}


def test_weights_are_copies(problem: Problem) -> None:
    parent, child = make(MIXER, problem, 0), make(MIXER, problem, 1)
    weights = weights_of(parent)
    take_over(child, weights)
    with torch.no_grad():
        next(child.parameters()).zero_()
    assert all(torch.equal(weights[n], t) for n, t in parent.state_dict().items())


def test_a_fault_in_inherit_is_the_candidates(problem: Problem) -> None:
    child = make(TAKES.replace("mix.bias", "gone"), problem, 1)
    with pytest.raises(ContractError, match="inherit fails"):
        take_over(child, weights_of(make(MIXER, problem, 0)))
