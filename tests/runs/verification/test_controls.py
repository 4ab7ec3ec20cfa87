"""The controls of a finalist."""

from __future__ import annotations

from dataclasses import replace

import pytest
from parts import Parts

from archwright.core import Candidate, Recipe, Status, TrialSpec
from archwright.runs.verification.controls import make_controls

HIDDEN = """\
import torch
from torch import nn

class Model(nn.Module):
    def __init__(self, input_shape, output_shape):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 2))

    def forward(self, x):
        return self.layers(x)
"""
NOISY = HIDDEN.replace(
    "return self",
    "if self.training:\n            x = x + 0.05 * torch.randn_like(x)\n        return self",
)
SAID = "in training its input is changed at random"


def finalist(source: str, **changes: object) -> Candidate:
    """A candidate of the baseline's size."""
    given = {"title": "an idea", "source": source, "parameters": 82, **changes}
    return Candidate("3", sequence=3000, **given)  # type: ignore[arg-type]


def test_a_wrapper_makes_one_more_control(parts: Parts) -> None:
    baseline = parts.context.baseline
    controls = make_controls(parts.context, finalist(NOISY, recipe=baseline.recipe))
    assert list(controls) == ["baseline", "wrapper"]
    control = controls["wrapper"]
    assert control.title == f"{baseline.title} in its wrapper"
    assert (control.source, control.wrapper) == (baseline.source, NOISY)
    assert control.recipe == baseline.recipe
    trial = parts.context.trainer.train_sealed(TrialSpec(control, 1, 0, purpose="verification"))
    bare = parts.context.trainer.train_sealed(TrialSpec(baseline, 1, 0, purpose="verification"))
    assert (trial.status, bare.status) == (Status.OK, Status.OK)
    assert trial.resources.parameters == bare.resources.parameters
    assert trial.curve != bare.curve


def test_it_has_the_size_and_the_recipe_of_the_finalist(parts: Parts) -> None:
    own = Recipe(learning_rate=0.02, batch_size=16)
    controls = make_controls(parts.context, finalist(NOISY, parameters=400, recipe=own))
    assert list(controls) == ["baseline", "size", "recipe", "wrapper"]
    size, wrapper = controls["size"], controls["wrapper"]
    assert (wrapper.source, wrapper.parameters) == (size.source, size.parameters)
    assert wrapper.recipe == own
    assert wrapper.title.endswith("with its recipe in its wrapper")


def test_an_architecture_alone_makes_none(parts: Parts) -> None:
    assert "wrapper" not in make_controls(parts.context, finalist(HIDDEN))


def test_a_wrapper_of_the_baseline_is_nobodys_gain(parts: Parts) -> None:
    context = parts.context
    context.baseline = replace(context.baseline, source=NOISY.replace("0.05", "0.1"))
    own = finalist(NOISY, recipe=context.baseline.recipe)
    assert list(make_controls(context, own)) == ["baseline"]


def test_the_candidate_is_looked_at_once(parts: Parts) -> None:
    first = make_controls(parts.context, finalist(NOISY))
    assert [s.result for s in parts.journal.steps("wrapper") if s.key == "3"] == [{"wrapper": SAID}]
    assert make_controls(parts.context, finalist(NOISY)) == first
    assert len(list(parts.journal.steps("wrapper"))) == 2  # the finalist and the baseline


@pytest.mark.parametrize("source", [NOISY, HIDDEN])
def test_a_journal_keeps_whose_wrapper_a_control_has(source: str) -> None:
    control = finalist(HIDDEN, wrapper=source)
    assert Candidate.from_json(control.to_json()) == control
