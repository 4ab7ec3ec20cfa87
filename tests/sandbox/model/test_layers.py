"""Parameters by layer: of whatever network, over the wall, also where the limit is passed."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import Any

import pytest
from sandbox_candidates import GOOD, MIXER

from archwright.agents.questions import report_to_json
from archwright.core import Problem, Status
from archwright.sandbox import Sandbox
from archwright.sandbox.contract import LAYERS_LIMIT, CheckReply, ContractBreach, read
from archwright.sandbox.in_process import InProcessSandbox

DEEP = """
import torch
from torch import nn

class Model(nn.Module):
    def __init__(self, input_shape, output_shape):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))
        self.steps = nn.ModuleList(nn.Linear(8, 8, bias=i == 0) for i in range(50))
        self.head = nn.Linear(8, output_shape[0])
        self.tied = self.head

    def forward(self, x):
        for step in self.steps:
            x = x + 0.1 * step(x).tanh()
        return self.tied(self.scale * x)
"""


def test_each_layer_crosses_the_wall(sandbox: Sandbox, problem: Problem) -> None:
    report = sandbox.check(GOOD, problem)
    assert report.layers == (("net.0", 8 * 16 + 16), ("net.2", 16 * 3 + 3))
    assert report_to_json(report)["layers"] == [["net.0", 144], ["net.2", 51]]


def test_they_are_told_where_the_limit_is_passed(sandbox: Sandbox, problem: Problem) -> None:
    report = sandbox.check(GOOD, replace(problem, max_params=100))
    assert report.status is Status.INVALID
    assert report.layers == (("net.0", 144), ("net.2", 51))


def test_the_harness_has_one_row(sequences: Problem) -> None:
    report = InProcessSandbox().check(MIXER, sequences)
    assert [name for name, _ in report.layers] == ["backbone", "mixers.0.value", "mixers.1.value"]
    assert dict(report.layers)["mixers.1.value"] == 72
    assert sum(count for _, count in report.layers) == report.parameters


def test_the_smallest_of_many_are_put_together(problem: Problem) -> None:
    report = InProcessSandbox().check(DEEP, problem)
    assert report.status is Status.OK
    assert len(report.layers) == LAYERS_LIMIT
    assert report.layers[0] == ("steps.0", 72)
    assert [name for name, _ in report.layers if name.startswith("tied")] == []
    assert report.layers[-1] == ("others", 11 * 64 + 27 + 1)
    assert sum(count for _, count in report.layers) == report.parameters


@pytest.mark.parametrize(
    "layers",
    [[["a", 1]] * 41, [["a" * 81, 1]], [["a", -1]], [["a", 1.0]], [["a"]], [[1, 1]], {"a": 1}],
)
def test_what_is_no_list_of_layers_is_refused(layers: Any) -> None:
    good = json.loads(json.dumps(asdict(CheckReply("ok", layers=[("a", 1)]))))
    assert read(CheckReply, {**good, "layers": [["a", 1]]}).layers == [("a", 1)]
    with pytest.raises(ContractBreach, match="layers"):
        read(CheckReply, {**good, "layers": layers})


@pytest.mark.parametrize("keep", ["self.table = {}", "self.register_buffer('table', {})"])
def test_fixed_weights_are_said_wherever_they_are_kept(keep: str, problem: Problem) -> None:
    fixed = keep.format("torch.randn(300, 16)") + "\n\n    def forward"
    source = GOOD.replace("\n    def forward", f"        {fixed}", 1)
    report = InProcessSandbox().check(source, problem)
    said = next(check.detail for check in report.checks if check.name == "parameters")
    assert "195 parameters and 4,800 numbers in weight-like buffers" in said


def test_a_complex_weight_counts_as_two(problem: Problem) -> None:
    source = GOOD.replace(
        "\n    def forward",
        "        self.turn = nn.Parameter(torch.randn(10, dtype=torch.cfloat))\n\n    def forward",
    )
    report = InProcessSandbox().check(source, problem)
    assert report.parameters == 195 + 20
    assert ("Model", 20) in report.layers
