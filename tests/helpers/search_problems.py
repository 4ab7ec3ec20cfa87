"""Problems of every shape, and the sandbox's own checks run on a source."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from archwright.core import Backbone, CheckReport, Problem
from archwright.sandbox.contract import CheckRequest, ProblemProjection, project
from archwright.sandbox.wall import report_of

PROBLEMS = {
    "digits": Problem("Model", (1, 8, 8), (10,), "cross_entropy", 60_000),
    "colour": Problem("Model", (3, 28, 20), (10,), "cross_entropy", 30_000),
    "tiny": Problem("Model", (1, 2, 2), (2,), "cross_entropy", 2_000),
    "vector": Problem("Model", (13,), (3,), "cross_entropy", 20_000),
    "regression": Problem("Model", (40,), (1,), "mse", 20_000, targets="values"),
    "series": Problem("Model", (24, 5), (4,), "cross_entropy", 40_000),
    "steps": Problem("Model", (24, 5), (24, 2), "mae", 40_000, causal=True, targets="values"),
    "tokens": Problem("Model", (20,), (20, 30), "cross_entropy", 50_000, None, 30, True),
    "volume": Problem("Model", (2, 3, 4, 5), (2, 3), "mse", 30_000, targets="values"),
    "recall": Problem(
        "Mixer", (32,), (32, 64), "cross_entropy", 60_000, None, 64, True, Backbone(32, 2)
    ),
    "both ways": Problem(
        "Mixer", (16,), (5,), "cross_entropy", 60_000, None, 30, False, Backbone(24, 1)
    ),
    "any length": Problem(
        "Mixer",
        (32,),
        (32, 64),
        "cross_entropy",
        60_000,
        None,
        64,
        True,
        Backbone(32, 2, positions=False, convolution=4),
    ),
}


BY_WIDTH = """
from torch import nn


class Mixer(nn.Module):
    def __init__(self, width, layer=0):
        super().__init__()
        self.value = nn.Linear(width, width)

    def forward(self, x):
        return self.value(x).cumsum(1)

    def start(self, batch):
        return self.value.weight.new_zeros(batch, self.value.out_features)

    def step(self, x, state):
        state = state + self.value(x)
        return state, state
"""
"""A mixer for sequences of any length."""


def build(source: str, problem: Problem) -> Any:
    """The network that a source describes, as the sandbox builds it."""
    from archwright.sandbox.inside.model.building import build as build_inside

    return build_inside(source, project(ProblemProjection, problem))


def check(source: str, problem: Problem) -> CheckReport:
    """The sandbox's checks, run in this process."""
    import torch

    from archwright.sandbox.inside.model.checks import examine

    torch.set_num_threads(1)
    found = examine(CheckRequest(source, project(ProblemProjection, problem)))
    return report_of(json.loads(json.dumps(asdict(found))), 0.0)
