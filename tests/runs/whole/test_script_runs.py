"""Runs over a training script: searched, verified, landed as a tree, and trained again from it."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from script_task import TRAIN_PY, make_script_task
from whole_runs import Git

import archwright
from archwright.core import Candidate, InputError, TaskError, read_bundle, write_bundle
from archwright.core.settings import RunSettings
from archwright.runs.context import baseline_of
from archwright.runs.journal import Journal
from archwright.runs.results.branches.branches import Landing, LineageCommit, files_of, land
from archwright.runs.shipping.winner import find_winner
from archwright.runs.starting import begin
from archwright.runs.workspace.finding import find_run
from archwright.runs.workspace.workspace import Workspace
from archwright.tasks.loading import load_task

SLOW = TRAIN_PY.replace("LEARNING_RATE = 0.01", "LEARNING_RATE = 0.0004")
"""A rate that leaves a lot to gain."""


@pytest.fixture
def moons(tmp_path: Path) -> Path:
    folder = make_script_task(tmp_path / "moons")
    (folder / "repo" / "train.py").write_text(SLOW)
    return folder


@pytest.mark.slow
def test_a_script_is_searched_verified_and_landed_as_a_tree(
    moons: Path, workspace: Path, tmp_path: Path, git: Git
) -> None:
    result = archwright.discover(moons, workspace=workspace, max_trials=60, workers=2, seed=1)
    assert result["discoveries"], "the rate is far too low"
    found = result["discoveries"][0]
    with Journal.open(find_run(Workspace.open(workspace), result["run"])) as journal:
        candidate = journal.candidate(str(found["candidate"]))
        (verdict,) = (v for v in journal.verdicts() if v.candidate == found["candidate"])
        notices = "\n".join(journal.notices())
    assert candidate is not None
    assert [c.kind for c in verdict.comparisons] == ["baseline"]
    assert "size, recipe and wrapper of a script are unknown" in notices
    branch, folder = str(found["branch"]), "discoveries/moons/files"
    for path, text in read_bundle(candidate.source).items():
        assert git(workspace, "show", f"{branch}:{folder}/{path}") == text
    root = git(workspace, "rev-list", "--max-parents=0", branch).strip()
    changed = git(workspace, "diff", "--name-only", root, branch, "--", folder)
    assert changed.split() == [f"{folder}/train.py"]
    for words in ([branch], [result["run"], str(found["candidate"])]):
        with pytest.raises(InputError, match="is a training script, which trains itself"):
            find_winner(words, Workspace.open(workspace))
    checkout = tmp_path / "checkout"
    git(workspace, "worktree", "add", "-q", "--detach", str(checkout), branch)
    _reproduce(checkout)


def _reproduce(checkout: Path) -> None:
    """Run the command that the branch carries; the score must land where the branch says."""
    results = json.loads((checkout / "discoveries/moons/results.json").read_text())
    words = shlex.split(results["reproduce"]["command"])
    done = subprocess.run(
        [sys.executable, "-m", "archwright", *words[1:], "--json"],
        capture_output=True,
        text=True,
        cwd=checkout,
        check=True,
    )
    low, high = results["reproduce"]["interval"]
    assert low <= json.loads(done.stdout)["score"] <= high


@pytest.mark.parametrize(
    ("settings", "option"),
    [
        ({"max_params": 100}, "--max-params"),
        ({"objective": ["parameters"]}, "--objective"),
        ({"max_flops": 100}, "--max-flops"),
    ],
)
def test_costs_that_nobody_counts_are_refused(
    moons: Path, workspace: Path, settings: dict[str, object], option: str
) -> None:
    place, given = Workspace.open(workspace), RunSettings.model_validate(settings)
    with pytest.raises(InputError, match=f"leave out {option}"):
        begin(place, load_task(moons), given, moons)


def test_without_a_model_there_must_be_a_number_to_vary(moons: Path, workspace: Path) -> None:
    (moons / "repo" / "train.py").write_text("print('x')\n")
    with pytest.raises(
        InputError, match=r"train\.py, settings\.json has no named number to vary: name a model"
    ):
        begin(Workspace.open(workspace), load_task(moons), RunSettings(), moons)


def test_a_broken_baseline_is_the_tasks_own_fault(moons: Path) -> None:
    (moons / "repo" / "train.py").write_text("def f(:\n")
    spec = load_task(moons).spec
    with pytest.raises(TaskError, match=r"line 1: .*: fix train.py, settings.json in"):
        baseline_of(spec)


def test_a_candidate_lands_file_by_file(workspace: Path, git: Git) -> None:
    bundle = write_bundle({"src/train.py": "x = 1\n", "conf.yaml": "a: 1\n"})
    assert files_of("class Model: ...\n") == {"architecture.py": "class Model: ...\n"}
    assert files_of(bundle) == {"files/src/train.py": "x = 1\n", "files/conf.yaml": "a: 1\n"}
    first = Candidate("1", "one", bundle, created=1.8e9)
    second = Candidate("2", "two", bundle.replace("x = 1", "x = 2"), parents=("1",), created=1.8e9)
    landing = Landing("run", "moons", None, (LineageCommit(first), LineageCommit(second)))
    branch = land(Workspace.open(workspace), landing)
    idea = git(workspace, "diff", f"{branch}~1", branch, "--", "discoveries/moons/files")
    assert "-x = 1\n+x = 2" in idea
    assert "conf.yaml" not in idea
