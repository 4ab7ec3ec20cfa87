"""`kill -9` at many moments of a run, each followed by a resume: nothing lost, nothing twice.

In a process that starts in no time, and as the program itself with its sandbox; at night at twenty
moments each.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import psutil
import pytest
from carrying import start

from archwright.core import Candidate, CandidateStatus, Json, RunError, Trial
from archwright.core.settings import RunSettings
from archwright.runs.journal import Journal
from archwright.runs.starting import begin
from archwright.runs.workspace.finding import find_run
from archwright.runs.workspace.workspace import Workspace
from archwright.tasks.loading import load_task

TRIALS = 32
SEED = 4


def _journal(workspace: Path) -> Journal:
    return Journal.open(find_run(Workspace.open(workspace)))


def _finished_trials(workspace: Path) -> dict[str, float | None]:
    with _journal(workspace) as journal:
        return {step.key: step.result["score"] for step in journal.steps("trial")}


def _candidates(workspace: Path) -> list[Candidate]:
    with _journal(workspace) as journal:
        return [replace(candidate, created=0.0) for candidate in journal.candidates(first=0)]


def _choices(workspace: Path) -> dict[str, Json]:
    with _journal(workspace) as journal:
        return {step.key: step.result for step in journal.steps("choice")}


def _in_flight(workspace: Path) -> tuple[Trial, ...]:
    with _journal(workspace) as journal:
        return journal.running()


def _count(workspace: Path) -> int:
    try:
        return len(_finished_trials(workspace))
    except RunError:
        return 0  # the journal is not made yet


def _wait_for(workspace: Path, finished: int, end: Callable[[], int | None]) -> None:
    """Until so many trials are finished; `end` gives the exit code of a process that is over."""
    while _count(workspace) < finished:
        assert end() is None, "the run ended before it was killed"
        time.sleep(0.05)


pytestmark = pytest.mark.xdist_group("kills")
"""They share a run."""


@pytest.fixture(scope="module")
def whole(
    tmp_path_factory: pytest.TempPathFactory,
    make_task: Callable[[Path], Path],
    make_workspace: Callable[[Path], Path],
) -> Path:
    """A run that nobody disturbs."""
    root = tmp_path_factory.mktemp("kills")
    workspace = _begun(make_task(root / "spirals"), make_workspace(root / "whole"))
    _finish(start(workspace))
    return workspace


def _begun(spirals: Path, workspace: Path, workers: int = 2) -> Path:
    settings = RunSettings(max_trials=TRIALS, workers=workers, seed=SEED)
    begin(Workspace.open(workspace), load_task(spirals), settings, spirals)
    return workspace


def _finish(process: ForkServerProcess) -> None:
    process.join()
    assert process.exitcode == 0


def _moments(whole: Path, kills: int) -> list[int]:
    return sorted(random.Random(0).sample(range(_count(whole)), kills))


def _assert_the_same(torn: Path, whole: Path) -> None:
    assert _finished_trials(torn) == _finished_trials(whole)
    assert _candidates(torn) == _candidates(whole)
    assert _in_flight(torn) == ()


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("kills", [8, pytest.param(20, marks=pytest.mark.nightly)])
def test_kill_minus_nine_changes_nothing(
    kills: int,
    whole: Path,
    spirals: Path,
    tmp_path: Path,
    make_workspace: Callable[[Path], Path],
) -> None:
    torn, chance = _begun(spirals, make_workspace(tmp_path / "torn")), random.Random(1)
    for moment in _moments(whole, kills):
        process = start(torn)
        _wait_for(torn, moment, lambda p=process: p.exitcode)
        time.sleep(chance.uniform(0.0, 0.1))
        before = _finished_trials(torn)
        process.kill()
        process.join()
        assert before.items() <= _finished_trials(torn).items(), "a finished trial was lost"
    _finish(start(torn))
    _assert_the_same(torn, whole)


def test_with_many_workers_nothing_is_lost_either_and_the_budget_holds(
    spirals: Path, tmp_path: Path, make_workspace: Callable[[Path], Path]
) -> None:
    """There candidates see what has ended, in whatever order: what was chosen stays chosen."""
    torn = _begun(spirals, make_workspace(tmp_path / "torn"), workers=12)
    for moment in (9, 17):
        process = start(torn)
        _wait_for(torn, moment, lambda p=process: p.exitcode)
        process.kill()
        process.join()
        trials, choices = _finished_trials(torn), _choices(torn)
    _finish(start(torn))
    assert trials.items() <= _finished_trials(torn).items()
    assert choices == {key: _choices(torn)[key] for key in choices}
    assert len(_finished_trials(torn)) <= TRIALS
    assert _in_flight(torn) == ()
    assert all(c.status is not CandidateStatus.OPEN for c in _candidates(torn))


# --- the program itself ---------------------------------------------------------------------------


def _command(*words: str) -> list[str]:
    return [sys.executable, "-m", "archwright", *words, "--plain"]


def _kill_tree(process: subprocess.Popen[bytes]) -> None:
    """SIGKILL to the orchestrator first: what it leaves must die by itself or be killed here."""
    family = psutil.Process(process.pid).children(recursive=True)
    os.kill(process.pid, signal.SIGKILL)
    for child in family:
        try:
            child.kill()
        except psutil.NoSuchProcess:
            continue
    process.wait()
    psutil.wait_procs(family, timeout=30)


def _kill_at(moments: Sequence[int], spirals: Path, torn: Path) -> list[str]:
    """Begin the run, and kill and resume it at each moment; the command that goes on with it."""
    options = ["--max-trials", str(TRIALS), "--workers", "2", "--seed", str(SEED)]
    command = _command("run", str(spirals), *options, "--workspace", str(torn))
    chance = random.Random(1)
    for moment in moments:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _wait_for(torn, moment, process.poll)
        time.sleep(chance.uniform(0.0, 0.2))
        before = _finished_trials(torn) if _count(torn) else {}
        _kill_tree(process)
        if list((torn / ".archwright" / "runs").iterdir()):
            kept = _finished_trials(torn)
            assert before.items() <= kept.items(), "a finished trial was lost"
            command = _command("resume", "--workspace", str(torn))
    return command


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("kills", [2, pytest.param(20, marks=pytest.mark.nightly)])
def test_the_program_that_is_killed_goes_on_as_if_nothing_had_been(
    kills: int,
    whole: Path,
    spirals: Path,
    tmp_path: Path,
    make_workspace: Callable[[Path], Path],
) -> None:
    torn = make_workspace(tmp_path / "torn")
    command = _kill_at(_moments(whole, kills), spirals, torn)
    subprocess.run(command, check=True, capture_output=True)
    _assert_the_same(torn, whole)
