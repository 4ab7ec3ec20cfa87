"""What a task says that its architectures must be able to do, executed before training."""

from __future__ import annotations

from dataclasses import replace

import pytest

from archwright.core import Problem
from archwright.sandbox.contract import CheckReply, CheckRequest, ProblemProjection, project
from archwright.sandbox.inside.faults import ContractError
from archwright.sandbox.inside.model.checks import examine
from archwright.sandbox.inside.model.examination import Examination
from archwright.sandbox.inside.shipping.musts import (
    check_mixers_causality,
    check_onnx,
    check_streaming,
)
from archwright.sandbox.process import ProcessSandbox

HEAD = """\
import torch
from torch import nn


class Mixer(nn.Module):
    def __init__(self, input_shape, output_shape):
        super().__init__()
        self.mix = nn.Linear(input_shape[1], output_shape[1])
"""

SUMS = (
    HEAD
    + """
    def forward(self, x):
        return self.mix(x.cumsum(1))

    def step(self, x, state):
        state = x if state is None else state + x
        return self.mix(state), state
"""
)

CACHES = SUMS.replace(
    "        state = x if state is None else state + x\n        return self.mix(state), state\n",
    "        state = [*(state or []), x]\n        return self.mix(sum(state)), state\n",
)

TEXT = SUMS.replace("state + x", "x").replace("(state), state", "(state), 'x'")

INVERSE = (
    HEAD
    + """
    def forward(self, x):
        square = x.transpose(1, 2) @ x + 9 * torch.eye(x.shape[-1])
        return self.mix(x @ torch.linalg.inv(square))
"""
)


def exam(source: str, problem: Problem) -> Examination:
    return Examination(source, project(ProblemProjection, problem), 0)


def check(source: str, problem: Problem) -> CheckReply:
    return examine(CheckRequest(source, project(ProblemProjection, problem)))


def test_a_running_sum_streams(sequences: Problem) -> None:
    said = check_streaming(exam(SUMS, sequences))
    assert said == "state of 16 numbers a sample", "of two mixers of width 8"


def test_a_network_whose_loss_is_at_each_position_streams_as_a_whole() -> None:
    source = SUMS.replace("Mixer", "Model")
    problem = Problem("Model", (12, 8), (12, 5), "cross_entropy", 10_000, causal=True)
    assert check_streaming(exam(source, problem)) == "state of 8 numbers a sample"


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (SUMS.replace("def step", "def other"), r"class Mixer has no step\(self, x, state\)"),
        (CACHES, "the state of step grows with the length"),
        (SUMS.replace("state + x", "state"), "the outputs are not those of forward"),
        (SUMS.replace("), state\n", ")\n"), r"step must return \(output, state\)"),
        (SUMS.replace("(state), state", "(state)[:1], state"), "step must give the shape"),
        (
            SUMS.replace("(state), state", "(x), 'x'").replace("state + x", "x"),
            "the state of step must be tensors",
        ),
    ],
    ids=["no step", "cache", "wrong", "no pair", "shape", "text"],
)
def test_what_does_not_stream_says_why(sequences: Problem, source: str, words: str) -> None:
    with pytest.raises(ContractError, match=words):
        check_streaming(exam(source, sequences))


def test_a_mixer_is_causal_even_where_the_network_has_one_output(sequences: Problem) -> None:
    pooled = replace(sequences, output_shape=(5,), must=("causal",))
    assert check_mixers_causality(exam(SUMS, pooled)) == "2 mixers, cut in the middle"
    reply = check(SUMS.replace("cumsum(1)", "flip(1).cumsum(1)"), pooled)
    assert reply.status == "invalid"
    assert "causal: outputs before position 6 change" in reply.error


def test_a_plain_network_exports_and_an_inverse_does_not(sequences: Problem) -> None:
    assert "kinds of operation" in check_onnx(exam(SUMS, sequences))
    with pytest.raises(ContractError, match="linalg"):
        check_onnx(exam(INVERSE, sequences))


def test_control_flow_on_values_does_not_export(problem: Problem) -> None:
    source = HEAD.replace("Mixer", "Model").replace("shape[1]", "shape[0]") + (
        "\n    def forward(self, x):\n        return self.mix(x) if x.sum() > 0 else self.mix(-x)\n"
    )
    with pytest.raises(ContractError, match="export cannot take it"):
        check_onnx(exam(source, problem))


def test_the_jail_says_what_a_candidate_cannot_do(
    process_sandbox: ProcessSandbox, sequences: Problem
) -> None:
    """The reason is what its repair is shown."""
    asked = replace(sequences, must=("onnx", "causal", "streaming"))
    report = process_sandbox.check(SUMS, asked)
    assert report.status == "ok", report.error
    assert {"onnx", "streaming", "causality"} <= {c.name for c in report.checks}
    report = process_sandbox.check(SUMS.replace("def step", "def other"), asked)
    assert report.status == "invalid"
    assert report.error.startswith("streaming: class Mixer has no step(self, x, state)")
