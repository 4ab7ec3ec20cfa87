"""The network around a mixer, with learned positions and without."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from sandbox_candidates import MIXER
from search_problems import BY_WIDTH, PROBLEMS, build, check

from archwright.core import Backbone, Problem, Recipe, TrialJob
from archwright.sandbox.inside.model.mixing.backbone import BackboneNetwork
from archwright.sandbox.process import ProcessSandbox
from archwright.source import count_parameters

ANY_LENGTH = PROBLEMS["any length"]
BACKBONES = {
    "positions": Backbone(32, 2),
    "positions and a convolution": Backbone(32, 2, convolution=3),
    "any length": Backbone(32, 2, positions=False),
    "any length and a convolution": Backbone(32, 2, positions=False, convolution=4),
}


def test_without_positions_it_runs_at_any_length() -> None:
    model = build(BY_WIDTH, ANY_LENGTH)
    tokens = torch.randint(64, (2, 70))
    with torch.no_grad():
        whole = model(tokens)
        for length in (1, 5, 32):
            assert torch.allclose(model(tokens[:, :length]), whole[:, :length], atol=1e-5)


def test_the_short_convolution_looks_back_a_few_positions_alone() -> None:
    source = BY_WIDTH.replace(".cumsum(1)", "")
    model = build(source, replace(ANY_LENGTH, backbone=Backbone(32, 1, 2.0, False, 4)))
    tokens = torch.randint(64, (1, 12))
    changed = tokens.clone()
    changed[:, 5] = (changed[:, 5] + 1) % 64
    with torch.no_grad():
        moved = (model(tokens) - model(changed)).abs().amax(-1)[0] > 1e-6
    assert moved.nonzero().flatten().tolist() == [5, 6, 7, 8]


@pytest.mark.parametrize("backbone", BACKBONES.values(), ids=list(BACKBONES))
@pytest.mark.parametrize("source", [BY_WIDTH, MIXER], ids=["width", "shapes"])
def test_either_form_runs_in_either_network(source: str, backbone: Backbone) -> None:
    problem = replace(ANY_LENGTH, backbone=backbone)
    model = build(source, problem)
    assert isinstance(model, BackboneNetwork)
    assert model(torch.randint(64, (3, 32))).shape == (3, 32, 64)
    assert count_parameters(source, problem) == sum(p.numel() for p in model.parameters())


def test_each_mixer_is_told_its_layer() -> None:
    source = BY_WIDTH.replace(
        "super().__init__()", "super().__init__()\n        self.place = layer"
    )
    assert [mixer.place for mixer in build(source, ANY_LENGTH).mixers] == [0, 1]
    alone = BY_WIDTH.replace("width, layer=0", "width")
    assert len(build(alone, ANY_LENGTH).mixers) == 2


def test_the_old_form_is_told_what_is_new() -> None:
    report = check(MIXER.replace(" / steps", ""), ANY_LENGTH)
    said = {finding.name: finding.detail for finding in report.checks}
    assert "class Mixer now has __init__(self, width, layer=0)" in said["builds"]
    assert not {c.name: c.detail for c in check(BY_WIDTH, ANY_LENGTH).checks}["builds"]


def test_it_is_trained_in_the_jail(
    process_sandbox: ProcessSandbox, sequences: Problem, token_data: Path
) -> None:
    backbone = Backbone(8, 2, positions=False, convolution=4)
    problem = replace(sequences, backbone=backbone)
    job = TrialJob(
        source=BY_WIDTH, problem=problem, recipe=Recipe(), steps=20, seed=0, data=token_data,
        seconds_limit=60.0,
    )  # fmt: skip
    outcome = process_sandbox.train(job)
    assert outcome.status == "ok", outcome.error
    assert outcome.predictions["validation"].shape == (10, 12, 5)


def test_steps_begin_from_what_start_gives() -> None:
    report = check(BY_WIDTH, replace(ANY_LENGTH, must=("streaming",)))
    assert report.status == "ok", report.error
