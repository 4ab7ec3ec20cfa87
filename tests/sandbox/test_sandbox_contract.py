"""What every sandbox does with good and bad candidates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sandbox_candidates import GOOD, MIXER

from archwright.core import (
    Problem,
    Recipe,
    SandboxError,
    Status,
    Stopped,
    TrialJob,
)
from archwright.sandbox import Sandbox
from archwright.sandbox.in_process import InProcessSandbox

Jobs = Callable[..., TrialJob]


def failed(sandbox: Sandbox, source: str, problem: Problem) -> dict[str, str]:
    """The checks that a source fails, with their details."""
    report = sandbox.check(source, problem)
    assert report.status is Status.INVALID
    assert report.error
    return {check.name: check.detail for check in report.checks if not check.ok}


def test_a_trial_gives_curve_predictions_and_resources(sandbox: Sandbox, make_job: Jobs) -> None:
    outcome = sandbox.train(make_job(steps=200, splits=("validation", "test")))
    assert outcome.status is Status.OK
    assert outcome.error == ""
    assert {k: v.shape for k, v in outcome.predictions.items()} == {
        "validation": (90, 3),
        "test": (33, 3),
    }
    assert all(v.dtype == np.float32 for v in outcome.predictions.values())
    assert [step for step, _ in outcome.curve] == list(range(10, 201, 10))
    assert outcome.curve[-1][1] < outcome.curve[0][1]
    assert outcome.resources.steps == 200
    assert outcome.resources.parameters == 8 * 16 + 16 + 16 * 3 + 3
    assert 0 < outcome.resources.start_seconds < outcome.resources.seconds


def test_it_learns(sandbox: Sandbox, make_job: Jobs, data: Path) -> None:
    outcome = sandbox.train(make_job(steps=300, recipe=Recipe(learning_rate=0.01)))
    labels = np.load(data / "validation_x.npy")[:, :3].argmax(1)
    assert (outcome.predictions["validation"].argmax(1) == labels).mean() > 0.8


def test_the_same_seed_gives_the_same_numbers(sandbox: Sandbox, make_job: Jobs) -> None:
    first, second, other = (sandbox.train(make_job(seed=seed)) for seed in (1, 1, 2))
    assert np.array_equal(first.predictions["validation"], second.predictions["validation"])
    assert first.curve == second.curve
    assert not np.array_equal(first.predictions["validation"], other.predictions["validation"])


def test_all_sandboxes_compute_the_same(jail: Sandbox, make_job: Jobs) -> None:
    jailed, free = jail.train(make_job()), InProcessSandbox().train(make_job())
    assert np.array_equal(jailed.predictions["validation"], free.predictions["validation"])


WATCHING = """
import torch
from torch import nn

class Model(nn.Module):
    def __init__(self, i, o):
        super().__init__()
        {noise}
        self.head = nn.Linear(i[0], o[0])
        self.register_buffer("seen", torch.zeros(3))

    def forward(self, x):
        if self.training:
            {noise}
            self.seen = self.seen * 0.9 + x[0, :3]
            return self.head(x)
        return self.seen.expand(len(x), 3) + 0 * self.head(x)
"""


def test_the_order_of_the_data_does_not_depend_on_the_candidate(
    sandbox: Sandbox, make_job: Jobs
) -> None:
    quiet = WATCHING.format(noise="pass")
    noisy = WATCHING.format(
        noise="torch.rand(5); __import__('numpy').random.rand(3); __import__('random').random()"
    )
    first, second = (sandbox.train(make_job(s)).predictions["validation"] for s in (quiet, noisy))
    assert np.array_equal(first, second)


def test_a_good_candidate_passes_every_check(sandbox: Sandbox, problem: Problem) -> None:
    report = sandbox.check(GOOD, problem)
    assert report.status is Status.OK
    assert all(check.ok for check in report.checks)
    assert report.parameters == 195
    assert report.flops == 2 * (8 * 16 + 16 * 3) + 16  # two products and a ReLU
    assert "addmm" in report.graph


def test_checking_twice_gives_the_same_graph(sandbox: Sandbox, problem: Problem) -> None:
    assert sandbox.check(GOOD, problem).graph == sandbox.check(GOOD, problem).graph


@pytest.mark.parametrize(
    ("source", "name", "words"),
    [
        ("class Model(:", "builds", "line 1"),
        ("x = 1", "builds", "class Model(nn.Module)"),
        ("raise ValueError('on import')", "builds", "ValueError: on import"),
        (GOOD.replace("input_shape[0], 16", "input_shape[9], 16"), "builds", "line 9"),
        (GOOD.replace("16, output_shape[0]", "16, 7"), "shapes", "(3, 7)"),
        (GOOD.replace("return self.net(x)", "return self.net(x)[:1]"), "shapes", "(1, 3)"),
        (GOOD.replace("return self.net(x)", "return (self.net(x), x)"), "shapes", "tuple"),
        (GOOD.replace("return self.net(x)", "return self.net(x) / 0"), "finite", "not finite"),
        (GOOD.replace("16", "2048"), "parameters", "limit is 10,000"),
        (GOOD.replace("return self.net(x)", "return x[:, :3]"), "gradients", "any parameter"),
        (
            GOOD.replace("return self", "x = x - x.mean(0)\n        return self"),
            "batch_independence",
            "neighbours",
        ),
        (
            GOOD.replace("return self.net(x)", "return self.net(x) + torch.rand(len(x), 1)"),
            "batch_independence",
            "two identical calls",
        ),
        (
            GOOD.replace(
                "return self", "x = x + torch.arange(len(x)).view(-1, 1)\n        return self"
            ),
            "batch_independence",
            "place in the batch",
        ),
    ],
)
def test_a_broken_contract_is_named(
    sandbox: Sandbox, problem: Problem, source: str, name: str, words: str
) -> None:
    details = failed(sandbox, source, problem)
    assert name in details
    assert words in details[name]


def test_a_dead_parameter_is_named(sandbox: Sandbox, problem: Problem) -> None:
    source = GOOD.replace("self.net = ", "self.spare = nn.Linear(2, 2)\n        self.net = ")
    assert failed(sandbox, source, problem) == {
        "gradients": "no gradient reaches spare.weight, spare.bias"
    }


def test_a_weight_that_is_not_registered_is_caught(sandbox: Sandbox, problem: Problem) -> None:
    source = GOOD.replace(
        "self.net = ", "self.hidden = [torch.ones(8, requires_grad=True)]\n        self.net = "
    ).replace("self.net(x)", "self.net(x * self.hidden[0])")
    assert "not registered" in failed(sandbox, source, problem)["gradients"]


def test_a_gate_that_starts_at_zero_is_no_fault(sandbox: Sandbox, problem: Problem) -> None:
    source = GOOD.replace(
        "self.net = ", "self.gate = nn.Parameter(torch.zeros(1))\n        self.net = "
    )
    source = source.replace("return self.net(x)", "return x[:, :3] + self.gate * self.net(x)")
    assert sandbox.check(source, problem).status is Status.OK


def test_a_leak_behind_a_closed_gate_is_caught(sandbox: Sandbox, problem: Problem) -> None:
    source = GOOD.replace(
        "self.net = ", "self.gate = nn.Parameter(torch.zeros(1))\n        self.net = "
    )
    source = source.replace("(x)\n", "(x) + self.gate * x.mean()\n").replace(
        "self.net(x)", "self.net(x)"
    )
    assert "batch_independence" in failed(sandbox, source, problem)


def test_the_limit_on_flops_is_checked(sandbox: Sandbox, problem: Problem) -> None:
    assert "limit is 100" in failed(sandbox, GOOD, replace(problem, max_flops=100))["flops"]


def test_lazy_layers_are_built_and_counted(
    sandbox: Sandbox, problem: Problem, make_job: Jobs
) -> None:
    source = GOOD.replace("nn.Linear(input_shape[0], 16)", "nn.LazyLinear(16)")
    assert sandbox.check(source, problem).parameters == 195
    assert sandbox.train(make_job(source)).status is Status.OK


def test_a_mixer_in_the_backbone(
    sandbox: Sandbox, sequences: Problem, token_data: Path, make_job: Jobs
) -> None:
    report = sandbox.check(MIXER, sequences)
    assert report.status is Status.OK
    growth = next(check for check in report.checks if check.name == "cost_growth")
    assert "1, 2.00, 4.00 (about N^1.00)" in growth.detail
    outcome = sandbox.train(make_job(MIXER, problem=sequences, data=token_data))
    assert outcome.status is Status.OK
    assert outcome.predictions["validation"].shape == (10, 12, 5)


def test_quadratic_cost_shows(sandbox: Sandbox, sequences: Problem) -> None:
    source = MIXER.replace(
        "return self.value(x).cumsum(1) / steps",
        "v = self.value(x)\n        return torch.tril(v @ v.transpose(1, 2)) @ x / x.shape[1]",
    ).replace("nn.Linear(width, width)", "nn.Linear(width, 64)")
    growth = next(c for c in sandbox.check(source, sequences).checks if c.name == "cost_growth")
    assert float(growth.detail.partition("N^")[2].rstrip(")")) > 1.3


@pytest.mark.parametrize(
    "leak",
    [
        "self.value(x).mean(1, keepdim=True).expand_as(x)",
        "self.value(x).roll(-1, dims=1)",
        "self.value(x).flip(1).cumsum(1).flip(1)",
        "self.value(torch.cat([x[:, :-1], x[:, -1:] + x[:, -1:]], 1)) * x.std()",
    ],
)
def test_a_look_into_the_future_is_caught(sandbox: Sandbox, sequences: Problem, leak: str) -> None:
    source = MIXER.replace("self.value(x).cumsum(1) / steps", leak)
    assert "causality" in failed(sandbox, source, sequences)


def test_a_mixer_of_the_wrong_shape_is_named(sandbox: Sandbox, sequences: Problem) -> None:
    source = MIXER.replace("/ steps", "[:, :-1]").replace("/ steps", "")
    assert "Mixer.forward must keep the shape" in failed(sandbox, source, sequences)["shapes"]


def test_an_exception_while_training_is_a_crash_with_its_line(
    sandbox: Sandbox, make_job: Jobs
) -> None:
    source = GOOD.replace(
        "return self", "assert not self.training, 'no \\x1b[31mtraining'\n        return self"
    )
    outcome = sandbox.train(make_job(source))
    assert outcome.status is Status.CRASHED
    assert "line 13, in forward" in outcome.error
    assert "\x1b" not in outcome.error
    assert not outcome.predictions


def test_a_loss_that_is_not_finite_ends_the_trial(sandbox: Sandbox, make_job: Jobs) -> None:
    source = GOOD.replace(
        "return self.net(x)", "return self.net(x) * (float('nan') if self.training else 1)"
    )
    outcome = sandbox.train(make_job(source))
    assert outcome.status is Status.INVALID
    assert "loss is nan at step 1" in outcome.error


def test_predictions_that_are_not_finite_are_refused(sandbox: Sandbox, make_job: Jobs) -> None:
    source = GOOD.replace(
        "return self.net(x)", "return self.net(x) * (1 if self.training else float('inf'))"
    )
    outcome = sandbox.train(make_job(source))
    assert outcome.status is Status.INVALID
    assert "not finite" in outcome.error


def test_a_trial_of_a_candidate_that_does_not_build_is_invalid(
    sandbox: Sandbox, make_job: Jobs
) -> None:
    assert sandbox.train(make_job("x = 1")).status is Status.INVALID
    assert (
        sandbox.train(make_job(GOOD.replace("16, output", "16, 1 + output"))).status
        is Status.INVALID
    )


@pytest.mark.parametrize("schedule", ["constant", "linear", "cosine", "warmup_cosine"])
def test_every_schedule_trains(sandbox: Sandbox, make_job: Jobs, schedule: str) -> None:
    outcome = sandbox.train(make_job(recipe=Recipe(schedule=schedule, learning_rate=0.01)))
    assert outcome.curve[-1][1] < outcome.curve[0][1]


@pytest.mark.parametrize("optimizer", ["adamw", "adam", "sgd", "rmsprop"])
def test_every_optimizer_trains(sandbox: Sandbox, make_job: Jobs, optimizer: str) -> None:
    outcome = sandbox.train(make_job(recipe=Recipe(optimizer=optimizer, learning_rate=0.01)))
    assert outcome.curve[-1][1] < outcome.curve[0][1]


def test_a_batch_larger_than_the_data_trains(sandbox: Sandbox, make_job: Jobs) -> None:
    outcome = sandbox.train(make_job(recipe=Recipe(batch_size=256), steps=3))
    assert outcome.status is Status.OK
    assert outcome.resources.steps == 3


def test_missing_data_is_the_sandboxes_error(
    sandbox: Sandbox, make_job: Jobs, tmp_path: Path
) -> None:
    with pytest.raises(SandboxError, match="train_x"):
        sandbox.train(make_job(data=tmp_path))


def test_a_stopped_sandbox_takes_no_work(make_job: Jobs, problem: Problem) -> None:
    sandbox = InProcessSandbox()
    sandbox.stop()
    with pytest.raises(Stopped):
        sandbox.train(make_job())
    with pytest.raises(Stopped):
        sandbox.check(GOOD, problem)
