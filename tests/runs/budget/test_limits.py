"""The limits of a run beside its task's, and what models earn by what they reach."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import pytest
from parts import Parts, enter
from whole_runs import Discover

from archwright.core import Measurement
from archwright.runs.backends import source_of
from archwright.runs.context import over_limits
from archwright.runs.journal import Journal
from archwright.runs.workspace.finding import find_run
from archwright.runs.workspace.workspace import Workspace


@pytest.mark.parametrize(
    ("parameters", "flops", "said"),
    [
        (100, 500, []),
        (101, 500, ["101 parameters, over this run's limit of 100"]),
        (1000, 501, ["1,000 parameters", "501 FLOPs a sample, over this run's limit of 500"]),
    ],
)
def test_what_follows_from_a_baseline_over_the_limits(
    parts: Parts, parameters: int, flops: int, said: list[str]
) -> None:
    problem = replace(parts.context.spec.problem, max_params=100, max_flops=500)
    baseline = replace(parts.context.baseline, parameters=parameters, flops=flops)
    lines = list(over_limits(baseline, problem))
    assert len(lines) == len(said)
    assert all(words in line for words, line in zip(said, lines, strict=True))
    assert all("a gain is one over a larger network" in line for line in lines)


def test_a_run_says_so_at_its_start(spirals: Path, workspace: Path, discover: Discover) -> None:
    discover(spirals, workspace, max_trials=5, max_params=70)
    with Journal.open(find_run(Workspace.open(workspace))) as journal:
        candidates, notices = journal.candidates(), journal.notices()
    assert any("82 parameters, over this run's limit of 70" in line for line in notices)
    assert any("44 trials verify one" in line for line in notices)
    assert all(c.parameters <= 70 for c in candidates if c.rungs)


def test_models_earn_gains_at_the_top_and_below_it_the_rungs_that_were_reached(
    parts: Parts,
) -> None:
    for number, rung in ((1, 0), (2, 1)):
        enter(parts, str(number), rungs={rung: Measurement(70.0, 5.0, 1)})
        parts.journal.once(
            *("call", f"{number}/coder", str(number), {"role": "coder"}),
            lambda: {"model": "m", "usd": 0.5, "tokens": 1},
        )
    parts.change(lag=1)
    source = source_of(parts.context.settings, parts.journal, threading.Event())
    assert [(p.model, p.gain) for p in source.pulls(3)] == [("m", 1.0), ("m", 5.0)]
