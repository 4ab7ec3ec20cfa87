"""Whole runs for tests to look at: one that was made for all of them, and quick ones."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from parts import Parts, put_together
from whole_runs import Discover, Finished, Git

import archwright
from archwright.core.settings import RunSettings
from archwright.runs.phases import discover as conduct
from archwright.runs.results.result import result_of
from archwright.runs.session import carry_out
from archwright.runs.starting import begin
from archwright.runs.workspace.workspace import Workspace
from archwright.sandbox.in_process import InProcessSandbox
from archwright.tasks.loading import load_task


@pytest.fixture
def no_git_user(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Git as on a machine where nobody has configured anything."""
    config = tmp_path / "gitconfig"
    config.write_text("")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")


@pytest.fixture(scope="session")
def discover() -> Discover:
    """As `archwright.discover`, with any setting, and trainings in this process: no sandbox has to
    be started."""

    def run(task: Path, workspace: Path, **given: Any) -> Any:
        place = Workspace.open(workspace)
        settings = RunSettings.load(place.paths.settings, {"workers": 2, **given})
        paths = begin(place, load_task(task), settings, task)
        sandbox = InProcessSandbox(settings.workers)
        return result_of(carry_out(place, load_task(task), paths, conduct, sandbox=sandbox))

    return run


@pytest.fixture(scope="session")
def finished(
    tmp_path_factory: pytest.TempPathFactory,
    make_task: Callable[[Path], Path],
    make_workspace: Callable[[Path], Path],
    git: Git,
) -> Finished:
    """A run with a discovery, made once: tests that read it belong to the group `finished`."""
    root = tmp_path_factory.mktemp("finished")
    task, workspace = make_task(root / "spirals"), make_workspace(root / "workspace")
    before = git(workspace, "status", "--porcelain")
    result = archwright.discover(task, workspace=workspace, max_trials=80, workers=2, seed=1)
    return Finished(task, workspace, result, (before, git(workspace, "status", "--porcelain")))


@pytest.fixture(scope="session")
def git() -> Git:
    """Runs git in a workspace; gives what it prints."""

    def run(workspace: Path, *words: str) -> str:
        command = ["git", "-C", str(workspace), *words]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    return run


@pytest.fixture
def parts(spirals: Path, workspace: Path) -> Iterator[Parts]:
    """The parts of a run on spirals."""
    made = put_together(workspace, spirals)
    with made.knowledge, made.journal:
        yield made
