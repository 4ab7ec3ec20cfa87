"""Repairs: each fault is really found by the checks, and gone after at most three repairs."""

from __future__ import annotations

from random import Random

import pytest
from search_problems import PROBLEMS, check

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
MIX = "self.mix = nn.Linear(input_shape[1], output_shape[1])"

FAULTS = {
    "linear misfit": GOOD.replace("nn.Linear(16, 10)", "nn.Linear(32, 10)"),
    "conv misfit": model(
        f"{CONV}\nself.second = nn.Conv2d(24, 32, 3)\nself.fc = nn.Linear(32, 10)",
        "return self.fc(self.second(self.conv(x)).mean(dim=(2, 3)))",
    ),
    "norm misfit": model(
        f"{CONV}\nself.norm = nn.BatchNorm2d(8)\nself.fc = nn.Linear(16, 10)",
        "return self.fc(self.norm(self.conv(x)).mean(dim=(2, 3)))",
    ),
    "layer norm misfit": model(
        f"{CONV}\nself.norm = nn.LayerNorm(8)\nself.fc = nn.Linear(16, 10)",
        "return self.fc(self.norm(self.conv(x).mean(dim=(2, 3))))",
    ),
    "wrong number of classes": GOOD.replace("nn.Linear(16, 10)", "nn.Linear(16, 12)"),
    "missing head": model(CONV, "return F.relu(self.conv(x))"),
    "tuple returned": GOOD.replace("return self.fc", "return x, self.fc").replace(
        "return x, self.fc(F.relu(self.conv(x)).mean(dim=(2, 3)))",
        "y = self.fc(F.relu(self.conv(x)).mean(dim=(2, 3)))\n        return y, x",
    ),
    "too large": GOOD.replace("16", "9000"),
    "unused submodule": GOOD.replace(
        "self.fc =", "self.spare = nn.Linear(4, 4)\n        self.fc ="
    ),
    "unused parameter": GOOD.replace(
        "self.fc =", "self.spare = nn.Parameter(torch.zeros(3))\n        self.fc ="
    ),
    "batch statistics": model(
        f"{CONV}\nself.norm = nn.BatchNorm2d(16, track_running_stats=False)\n"
        "self.fc = nn.Linear(16, 10)",
        "return self.fc(self.norm(self.conv(x)).mean(dim=(2, 3)))",
    ),
    "recurrence over the batch": model(
        "self.cell = nn.GRU(8, 16)\nself.fc = nn.Linear(16, 10)",
        "return self.fc(self.cell(x[:, 0])[0][:, -1])",
    ),
    "dropout left on": GOOD.replace("F.relu(self.conv(x))", "F.dropout(self.conv(x), 0.5)"),
    "softmax over the batch": GOOD.replace(
        "F.relu(self.conv(x))", "(self.conv(x) * torch.softmax(self.conv(x), dim=0))"
    ),
    "missing import": GOOD.replace("import torch.nn.functional as F\n", ""),
    "missing block": model(
        "self.layers = nn.Sequential(nn.Conv2d(1, 16, 3), InvertedBottleneck(16))\n"
        "self.fc = nn.Linear(16, 10)",
        "return self.fc(self.layers(x).mean(dim=(2, 3)))",
    ),
    "another class name": GOOD.replace("class Model", "class DigitNet"),
    "slip in a name": GOOD.replace("nn.Linear(16, 10)", "nn.Linear(16, output_shap[0])"),
    "slip in an attribute": GOOD.replace("self.fc(", "self.fcc("),
    "layer that does not exist": GOOD.replace("F.relu(self.conv(x))", "nn.Swish()(self.conv(x))"),
    "no call of super": GOOD.replace("        super().__init__()\n", ""),
    "constructor without shapes": GOOD.replace("self, input_shape, output_shape", "self"),
    "constructor with other defaults": GOOD.replace(
        "self, input_shape, output_shape", "self, classes=10"
    ).replace("nn.Linear(16, 10)", "nn.Linear(16, classes)"),
    "constructor with one size": GOOD.replace(
        "self, input_shape, output_shape", "self, num_classes"
    ).replace("nn.Linear(16, 10)", "nn.Linear(16, num_classes)"),
    "heads do not divide": model(
        "self.enter = nn.Linear(8, 30)\n"
        "self.attend = nn.MultiheadAttention(30, 4, batch_first=True)\n"
        "self.fc = nn.Linear(30, 10)",
        "y = self.enter(x[:, 0])\nreturn self.fc(self.attend(y, y, y)[0].mean(dim=1))",
    ),
}

MIXER_FAULTS = {
    "attention without mask": model(
        "self.qkv = nn.Linear(32, 96)",
        "q, k, v = self.qkv(x).chunk(3, dim=-1)\nreturn F.scaled_dot_product_attention(q, k, v)",
        "Mixer",
    ),
    "softmax without mask": model(
        "self.qkv = nn.Linear(32, 96)",
        "q, k, v = self.qkv(x).chunk(3, dim=-1)\n"
        "return F.softmax(q @ k.transpose(1, 2) / 5.6, dim=-1) @ v",
        "Mixer",
    ),
    "convolution padded on both sides": model(
        "self.conv = nn.Conv1d(32, 32, 3, padding=1)",
        "return self.conv(x.transpose(1, 2)).transpose(1, 2)",
        "Mixer",
    ),
    "recurrence both ways": model(
        f"self.cell = nn.GRU(32, 16, batch_first=True, bidirectional=True)\n{MIX}",
        "return self.mix(self.cell(x)[0])",
        "Mixer",
    ),
    "wrong width": model(
        "self.mix = nn.Linear(32, 48)",
        "return self.mix(x)",
        "Mixer",
    ),
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


def test_a_recipe_is_brought_within_its_bounds() -> None:
    recipe = 'RECIPE = {"learning_rate": 30, "batch_size": 4, "momentum": 1, "schedule": "x"}'
    source = GOOD.replace("\n\n\nclass", f"\n\n{recipe}\n\n\nclass", 1)
    report = CheckReport(Status.INVALID, error="RECIPE has no key 'momentum'; it takes optimizer")
    made = repair(source, PROBLEMS["digits"], report, Random(0))
    assert made is not None
    assert 'RECIPE = {"learning_rate": 1.0, "batch_size": 8}' in made.source


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
