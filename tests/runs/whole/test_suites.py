"""A run about a suite: each candidate is trained on every problem, and one number decides."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from statistics import fmean

import pytest
from model_runs import finished_run, proposals, scripted
from rich.console import Console
from suite_task import make_suite

from archwright.agents.proposers.campaign import LedgerRow
from archwright.agents.questions import Brief, CodeQuestion, Idea
from archwright.agents.roles import Prompts, table
from archwright.core import Candidate, Status, TrialSpec
from archwright.runs.results.dossier import candidate_of, dossier_of
from archwright.runs.results.ledger import ledger_of
from archwright.runs.results.observing import observe
from archwright.runs.results.report import render_report
from archwright.runs.training.checking import check_all
from archwright.runs.training.course import TEST, VALIDATION, Course
from archwright.sandbox.in_process import InProcessSandbox
from archwright.tasks.loading import load_task

PROBLEMS = ["plane", "space"]
RUN = {
    "finalists": 1,
    "screen_seeds": 2,
    "deciding_seeds": 6,
    "max_trials": 60,
    "max_candidates": 1,
}


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
        rows = ledger_of(journal)
    assert len(trials) <= 60
    for trial in trials:
        assert list(trial.problems) == PROBLEMS
        assert trial.score == pytest.approx(fmean(p.gain for p in trial.problems.values()))
        assert trial.steps == trial.resources.steps == trial.curve[-1][0]
        assert trial.steps in (25, 85)
    assert all("training loss" not in c.lesson for c in snapshot.candidates), "there are two"
    assert verdict.verdict == "discovery", verdict.reason
    assert verdict.validation_gain == pytest.approx(fmean(verdict.problems.values()))
    assert verdict.test_gain is not None
    assert verdict.test_gain > 0
    assert list(verdict.problems) == PROBLEMS
    assert shown["trials"][0]["problems"]["space"]["unit"] == "nats"
    assert all(list(row.problems) == PROBLEMS for row in rows)
    asked = [trial for trial in trials if trial.candidate == "1" and trial.steps == 85]
    best = next(row for row in rows if row.candidate == "1")
    assert best.problems["space"] == pytest.approx(fmean(t.problems["space"].gain for t in asked))
    console = Console(width=200)
    with console.capture() as said:
        console.print(render_report(snapshot))
    assert "by problem" in said.get()


FAILS_IN_SPACE = """
from torch import nn


class Model(nn.Module):
    def __init__(self, input_shape, output_shape):
        super().__init__()
        self.layer = nn.Linear(input_shape[0], output_shape[0])
        self.space = input_shape[0] == 3
        self.seen = 0

    def forward(self, x):
        self.seen += self.space and self.training
        if self.seen > 15:
            raise RuntimeError("enough of space")
        return self.layer(x)
"""


def test_a_model_is_told_of_each_problem_of_a_suite(suite: Path) -> None:
    spec = load_task(str(suite)).spec
    idea = Idea(operator="swap", title="swap a block", rationale="because")
    said = Prompts().render("coder", CodeQuestion(brief=Brief.of(spec), idea=idea, works=()))
    for problem in PROBLEMS:
        assert f"Problem {problem}: " in said
    assert "batch_size as each problem has it" in said
    row = LedgerRow.of(Candidate("7"), (25, 85), (), {"plane": 1.25, "space": -0.5})
    assert "plane +1.2, space -0.5" in table([row.model_copy(update={"gains": {"85": 0.4}})], 85)


def test_what_fails_in_one_problem_fails_as_a_whole(suite: Path, tmp_path: Path) -> None:
    task = load_task(suite)
    course = Course(task, InProcessSandbox(), tmp_path / "data")
    candidate = Candidate("1", source=FAILS_IN_SPACE, recipe=task.spec.recipe)
    ended = course.train(TrialSpec(candidate, 1, 0), (VALIDATION, TEST))
    assert ended.status is Status.CRASHED
    assert ended.error.startswith("on space: ")
    assert (ended.score, ended.sealed, dict(ended.problems)) == (None, None, {})
    assert ended.outcome.resources.steps >= 45


def test_the_checks_look_at_every_problem(suite: Path) -> None:
    spec = load_task(suite).spec
    flat = spec.baseline.replace("input_shape[0], 16", "2, 16")
    report = check_all(InProcessSandbox(), flat, spec)
    assert report.status is not Status.OK
    assert report.error.startswith("on space: ")
    assert check_all(InProcessSandbox(), spec.baseline, spec).parameters == 82
