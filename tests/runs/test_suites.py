"""A run about a suite: each candidate is trained on every problem, and one number decides."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import pytest
from model_runs import finished_run, proposals, scripted
from rich.console import Console
from suite_task import make_suite

from archwright.cli import main
from archwright.core import Candidate, Outcome, Receive, Recipe, Resources, Status, TrialJob
from archwright.core import TrialSpec as Asked
from archwright.runs.results.dossier import candidate_of, dossier_of
from archwright.runs.results.observing import observe
from archwright.runs.results.report import render_report
from archwright.runs.training.checking import check_all
from archwright.runs.training.course import TEST, VALIDATION, Course
from archwright.sandbox.in_process import InProcessSandbox
from archwright.tasks.loading import Task, load_task

PROBLEMS = ["plane", "space"]
RUN = {"finalists": 1, "screen_seeds": 2, "deciding_seeds": 6, "max_trials": 60, "max_candidates": 1}


TURNED = """\
        radius = 6.0 * x[:, :2].norm(dim=1, keepdim=True)
        side = x[:, :1] * radius.cos() + x[:, 1:2] * radius.sin()
        return self.layers(torch.cat([side, x[:, 1:]], dim=1))
"""
"""What unwinds the spirals, with not one parameter more."""


def unwound(baseline: str, number: int) -> str:
    """The baseline behind a turn that makes a linear problem of it."""
    del number
    return "import torch\n" + baseline.replace("        return self.layers(x)\n", TURNED)


@pytest.fixture
def suite(tmp_path: Path, make_task: Callable[[Path], Path]) -> Path:
    """A suite of two problems."""
    return make_suite(tmp_path / "suite", make_task)


def test_a_run_about_a_suite_ends_with_a_verdict_on_all_problems(
    suite: Path, workspace: Path
) -> None:
    model = scripted(researcher=proposals(unwound))
    with finished_run(suite, workspace, model, **RUN) as journal:
        trials, snapshot = list(journal.trials()), observe(journal)
        verdict = snapshot.verdicts[0]
        shown = dossier_of(journal, candidate_of(journal, verdict.candidate))
    assert len(trials) <= 60
    for trial in trials:
        assert list(trial.problems) == PROBLEMS
        assert trial.score == pytest.approx(fmean(p.gain for p in trial.problems.values()))
        assert trial.steps == trial.resources.steps == trial.curve[-1][0]
        assert trial.steps in (25, 85)
    assert verdict.verdict == "discovery", verdict.reason
    assert verdict.validation_gain == pytest.approx(fmean(verdict.problems.values()))
    assert verdict.test_gain is not None
    assert verdict.test_gain > 0
    assert list(verdict.problems) == PROBLEMS
    assert shown["trials"][0]["problems"]["space"]["unit"] == "nats"
    console = Console(width=200, record=True, file=None, quiet=False)
    with console.capture() as said:
        console.print(render_report(snapshot))
    assert "by problem" in said.get()
