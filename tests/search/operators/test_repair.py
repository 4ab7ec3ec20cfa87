"""Repairs: each fault is really found by the checks, and gone after at most three repairs."""

from __future__ import annotations

from random import Random

import pytest
from search_problems import BY_WIDTH, PROBLEMS, check

from archwright.core import CheckReport, Problem, Status
from archwright.search.operators.repair import repair

HEAD = "import torch\nimport torch.nn.functional as F\nfrom torch import nn\n\n\n"


def model(init: str, forward: str, entry: str = "Model", head: str = HEAD) -> str:
    inside = "\n        ".join(["super().__init__()", *init.strip().split("\n")])
    body = "\n        ".join(forward.strip().split("\n"))
    return (
        f"{head}class {entry}(nn.Module):\n"
        f"    def __init__(self, input_shape, output_shape):\n        {inside}\n\n"
        f"    def forward(self, x):\n        {body}\n"
    )


CONV = "self.conv = nn.Conv2d(1, 16, 3, padding=1)"
POOLED = "return self.fc(F.relu(self.conv(x)).mean(dim=(2, 3)))"
GOOD = model(f"{CONV}\nself.fc = nn.Linear(16, 10)", POOLED)

FAULTS = {
    "linear misfit": GOOD.replace("nn.Linear(16, 10)", "nn.Linear(32, 10)"),
    "wrong number of classes": GOOD.replace("nn.Linear(16, 10)", "nn.Linear(16, 12)"),
    "wrong number of outputs, by no linear layer": GOOD.replace(
        POOLED,
        "y = self.fc(F.relu(self.conv(x)).mean(dim=(2, 3)))\n        "
        "return torch.cat([y, y], dim=1)",
    ),
    "too large": GOOD.replace("16", "9000"),
    "unused submodule": GOOD.replace(
        "self.fc =", "self.spare = nn.Linear(4, 4)\n        self.fc ="
    ),
    "unused parameter": GOOD.replace(
        "self.fc =", "self.spare = nn.Parameter(torch.zeros(3))\n        self.fc ="
    ),
}

MIXER_FAULTS = {
    "wrong width": model(
        "self.mix = nn.Linear(32, 48)",
        "return self.mix(x)",
        "Mixer",
    ),
}


AT_ANY_LENGTH = {
    "claim": BY_WIDTH.replace("nn.Module):\n", 'nn.Module):\n    COMPLEXITY = "cheap"\n', 1),
    "steps": BY_WIDTH.replace("state + self", "state - self"),
    "width": BY_WIDTH.replace("(width, width)", "(width, 48)").split("    def start")[0],
}


def repaired(source: str, problem: Problem) -> tuple[str, CheckReport]:
    """At most three repairs, each from the report of the last."""
    report = check(source, problem)
    assert report.status is Status.INVALID, "the fault is not found by the checks"
    for _ in range(3):
        made = repair(source, problem, report, Random(0))
        assert made is not None, report.error
        assert made.title.startswith("repair")
        source = made.source
        report = check(source, problem)
        if report.status is Status.OK:
            break
    return source, report


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_in_a_model_is_repaired(fault: str) -> None:
    source, report = repaired(FAULTS[fault], PROBLEMS["digits"])
    assert report.status is Status.OK, f"{report.error}\n{source}"


@pytest.mark.parametrize("fault", MIXER_FAULTS)
def test_a_fault_in_a_mixer_is_repaired(fault: str) -> None:
    source, report = repaired(MIXER_FAULTS[fault], PROBLEMS["recall"])
    assert report.status is Status.OK, f"{report.error}\n{source}"


@pytest.mark.parametrize("fault", AT_ANY_LENGTH)
def test_a_fault_in_a_mixer_at_any_length_is_repaired(fault: str) -> None:
    source, report = repaired(AT_ANY_LENGTH[fault], PROBLEMS["any length"])
    assert report.status is Status.OK, f"{report.error}\n{source}"


def test_a_cost_over_the_limit_is_scaled_down() -> None:
    problem = Problem("Model", (1, 8, 8), (10,), "cross_entropy", 60_000, max_flops=5_000)
    source, report = repaired(GOOD, problem)
    assert report.status is Status.OK, f"{report.error}\n{source}"


def test_what_no_rule_knows_gives_none() -> None:
    problem = PROBLEMS["digits"]
    broken = CheckReport(Status.INVALID, error="builds: the source does not run")
    assert repair("class (", problem, broken, Random(0)) is None
    odd = CheckReport(Status.CRASHED, error="signal 11")
    assert repair(GOOD, problem, odd, Random(0)) is None
