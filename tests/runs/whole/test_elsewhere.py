"""A run whose trials are on other machines: what its journal says of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from archwright.core import InputError
from archwright.core.settings import RunSettings
from archwright.runs.journal import Journal
from archwright.runs.session import Session, carry_out
from archwright.runs.starting import begin
from archwright.runs.workspace.paths import RunPaths
from archwright.runs.workspace.workspace import Workspace
from archwright.sandbox import Sandbox
from archwright.sandbox.executors.opening import open_executor
from archwright.sandbox.in_process import InProcessSandbox
from archwright.sandbox.machine import machine_kind
from archwright.tasks.loading import load_task


class Elsewhere(InProcessSandbox):
    """A sandbox of another machine, which something happens to."""

    kind = "torch 1 on another"

    def news(self) -> list[str]:
        """A node is lost."""
        return ["node 7 is lost"]


def look_in(session: Session) -> None:
    """Start, and do nothing."""
    with session.open() as journal:
        while not journal.facts.machine:
            pass


def made(workspace: Path, task: Path, **given: object) -> tuple[Workspace, RunPaths]:
    place = Workspace.open(workspace)
    settings = RunSettings.load(place.paths.settings, {"max_trials": 12, "workers": 2, **given})
    return place, begin(place, load_task(task), settings, task)


def test_a_run_that_goes_on_elsewhere_says_so(spirals: Path, workspace: Path) -> None:
    place, paths = made(workspace, spirals)
    sandboxes: list[Sandbox] = [InProcessSandbox(), Elsewhere()]
    for sandbox in sandboxes:
        carry_out(place, load_task(spirals), paths, look_in, sandbox=sandbox)
        with Journal.open(paths) as journal:
            assert journal.facts.machine == sandbox.kind
            notices = journal.notices()
    assert any(machine_kind() in line and "torch 1 on another" in line for line in notices)


def test_where_trials_run_is_checked_before_anything_is_spent(workspace: Path) -> None:
    with pytest.raises(InputError, match="on must be local, ray, ray://HOST:PORT or slurm, not"):
        RunSettings(on="mars")
    with pytest.raises(InputError, match="not 'ray://head'"):
        RunSettings(on="ray://head")
    assert open_executor(RunSettings(sandbox="process"), workspace).name == "process"
