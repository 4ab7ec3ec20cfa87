"""The shelf: every paper is whole, its code passes the checks, and its claims come out as known."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from archwright.core import Status
from archwright.knowledge.papers.markdown import read_markdown
from archwright.knowledge.papers.paper import Paper
from archwright.papers.experiment import Experiment, read_experiment, written_for
from archwright.papers.library import shelf_names, shelf_paper, shelf_task
from archwright.sandbox.in_process import InProcessSandbox
from archwright.tasks.loading import Task, built_in_names, load_task

KNOWN = {
    "delta-rule": "reproduced",
    "dynamic-sparse-learning": "reproduced",
    "ensemble-of-families": "undecided",
    "gated-delta-rule": "not reproduced",
    "hidden-covariance": "reproduced",
    "instance-wise-width": "not reproduced",
    "late-fusion": "not reproduced",
    "linear-attention": "reproduced",
    "net2net": "reproduced",
    "partial-channels": "undecided",
    "rethinking-pruning": "reproduced",
    "squeeze-and-excitation": "not reproduced",
}
"""What each paper comes to at this scale."""

QUICK = ("net2net",)


def task_of(paper: Paper) -> Task:
    """The task that a paper is written for: a built-in one, or one of the shelf's own."""
    name = written_for(paper)
    assert name is not None
    return load_task(name if name in built_in_names() else shelf_task(name) or name)


def experiment_of(name: str) -> Experiment:
    paper = read_markdown(shelf_paper(name).read_text(encoding="utf-8"))
    experiment = read_experiment(paper, task_of(paper).spec)
    assert experiment is not None
    return experiment


def test_every_paper_of_the_shelf_is_known() -> None:
    assert shelf_names() == tuple(KNOWN)


@pytest.mark.parametrize("name", KNOWN)
def test_a_paper_is_whole(name: str) -> None:
    paper = read_markdown(shelf_paper(name).read_text(encoding="utf-8"))
    titles = {section.title for section in paper.sections}
    assert {"Abstract", "Method", "Code", "References"} <= titles
    assert paper.references
    assert any(section.equations for section in paper.sections)
    assert not paper.instructions
    assert experiment_of(name).scale, "the paper's own sizes are what is shrunk"


@pytest.mark.parametrize("name", KNOWN)
def test_its_code_passes_the_executed_checks(name: str) -> None:
    paper = read_markdown(shelf_paper(name).read_text(encoding="utf-8"))
    problem = task_of(paper).spec.problem
    sources = [file.text for file in paper.code if file.path.endswith(".py")]
    assert len(sources) >= 2
    with InProcessSandbox() as sandbox:
        for source in sources:
            report = sandbox.check(source, problem)
            assert report.status is Status.OK, report.error


def reproduce(name: str, workspace: Path) -> dict[str, Any]:
    words = ["paper", "reproduce", name, "--workspace", str(workspace), "--json"]
    done = subprocess.run(
        [sys.executable, "-m", "archwright", *words, "--sandbox", "process", "--workers", "2"],
        check=True,
        capture_output=True,
        text=True,
    )
    result: dict[str, Any] = json.loads(done.stdout)
    return result


@pytest.mark.parametrize(
    "name",
    [n if n in QUICK else pytest.param(n, marks=pytest.mark.nightly) for n in KNOWN],
)
@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_its_claims_come_out_as_known(name: str, workspace: Path) -> None:
    result = reproduce(name, workspace)
    assert result["verdict"] == KNOWN[name]
    assert Path(result["page"]).is_file()
