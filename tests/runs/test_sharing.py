"""Runs of several workspaces on one knowledge base: nothing is trained or looked at twice."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from carrying import start
from parts import Parts, idea, put_together
from postgresql_server import Server
from whole_runs import Discover

from archwright.core import Candidate, CandidateStatus
from archwright.core.settings import RunSettings
from archwright.knowledge.shared.directory import DirectoryStore
from archwright.knowledge.shared.opening import open_store
from archwright.runs.journal import Journal
from archwright.runs.screening import Screening
from archwright.runs.starting import begin
from archwright.runs.workspace.finding import find_run
from archwright.runs.workspace.knowing import knowledge_of
from archwright.runs.workspace.workspace import Workspace
from archwright.tasks.loading import load_task


@pytest.fixture
def lab(tmp_path: Path) -> Path:
    """A folder that workspaces share."""
    folder = tmp_path / "lab"
    folder.mkdir()
    return folder


@pytest.fixture
def two(
    lab: Path, spirals: Path, tmp_path: Path, make_workspace: Callable[[Path], Path]
) -> Iterator[tuple[Parts, Parts]]:
    """The parts of two runs, each in a workspace of its own."""
    one, other = (
        put_together(make_workspace(tmp_path / name), spirals, knowledge=str(lab))
        for name in ("one", "other")
    )
    with one.knowledge, one.journal, other.knowledge, other.journal:
        yield one, other


def proposed(parts: Parts, screening: Screening) -> Candidate:
    """A candidate as it comes to be trained."""
    desk = parts.desk(1, screening)
    desk.screen(idea(parts.wider()))
    assert desk.candidate is not None
    return screening.admit(desk.candidate)


def test_what_one_trains_the_other_does_not(two: tuple[Parts, Parts]) -> None:
    one, other = two
    assert one.context.run != other.context.run
    first = proposed(one, one.screening())
    second = proposed(other, other.screening())
    assert first.status is CandidateStatus.OPEN
    assert second.status is CandidateStatus.DUPLICATE
    name = f"same as {one.context.run}/1 (an idea)"
    assert second.reason == f"{name}, which trains it now"
    one.memory().remember(first.ended(CandidateStatus.TRAINED, "no gain"))
    # What was said stays said, or a run that is resumed would be another one.
    assert other.memory().claim(second) == f"{name}, which trains it now"
    task, run = other.context.facts.task_key, other.context.run
    held = other.knowledge.claim(task, second.fingerprint, run, "2", "")
    assert held is not None
    assert held.status == "trained"


def test_what_is_not_trained_after_all_is_free_again(two: tuple[Parts, Parts]) -> None:
    one, other = two
    first = proposed(one, one.screening())
    one.memory().remember(first.ended(CandidateStatus.DROPPED, "no time"))
    assert proposed(other, other.screening()).status is CandidateStatus.OPEN


def test_a_replay_takes_nothing_up(two: tuple[Parts, Parts]) -> None:
    one, other = two
    proposed(one, one.screening())
    other.change(backend=f"replay:{one.context.run}")
    assert proposed(other, other.screening()).status is CandidateStatus.OPEN


def test_without_a_shared_place_nothing_is_asked(parts: Parts) -> None:
    assert proposed(parts, parts.screening()).status is CandidateStatus.OPEN
    assert parts.journal.steps("claim") == []


# --- whole runs ---------------------------------------------------------------------------------


def trained(workspace: Path) -> list[Candidate]:
    with Journal.open(find_run(Workspace.open(workspace))) as journal:
        return [c for c in journal.candidates() if c.rungs and c.id != "0"]


def wait_for_trials(workspace: Path, count: int) -> None:
    until = time.monotonic() + 120
    paths = find_run(Workspace.open(workspace))
    while True:
        with Journal.open(paths) as journal:
            if len(journal.steps("trial")) >= count:
                return
        assert time.monotonic() < until
        time.sleep(0.05)


@pytest.mark.slow
def test_two_runs_at_once_of_one_seed_and_one_is_killed(
    lab: Path, spirals: Path, tmp_path: Path, make_workspace: Callable[[Path], Path]
) -> None:
    workspaces = [make_workspace(tmp_path / name) for name in ("one", "other")]
    for workspace in workspaces:
        settings = RunSettings(max_trials=32, workers=1, seed=4, knowledge=str(lab))
        begin(Workspace.open(workspace), load_task(spirals), settings, spirals)
    processes = [start(workspace) for workspace in workspaces]
    wait_for_trials(workspaces[0], 8)
    victim = processes[0]
    assert victim.pid is not None
    os.kill(victim.pid, signal.SIGKILL)
    victim.join()
    resumed = start(workspaces[0])
    for process in (resumed, processes[1]):
        process.join()
        assert process.exitcode == 0
    one, other = map(trained, workspaces)
    assert one
    assert other
    prints = [c.fingerprint.graph for c in (*one, *other)]
    assert len(set(prints)) == len(prints)
    # What a run dropped or left unmeasured is not there; what it trained is there once.
    entries = [entry for _, entry in DirectoryStore(lab).since(0, 1000) if entry is not None]
    ours = {(entry.run, entry.candidate) for entry in entries if entry.kind == "result"}
    assert len({run for run, _ in ours}) == 2
    looks = DirectoryStore(lab).change_looks(list)
    assert [look["number"] for look in looks] == list(range(1, len(looks) + 1))
    assert len({(look["run"], look["round"]) for look in looks}) == len(looks)


@pytest.mark.slow
@pytest.mark.xdist_group("pg")
def test_a_run_on_a_server_and_one_whose_folder_goes_away(
    postgresql: Server,
    lab: Path,
    spirals: Path,
    tmp_path: Path,
    make_workspace: Callable[[Path], Path],
    discover: Discover,
) -> None:
    address = postgresql.fresh()
    workspace = make_workspace(tmp_path / "server")
    discover(spirals, workspace, max_trials=24, knowledge=address)
    store = open_store(address)
    sent = [entry for _, entry in store.since(0, 1000) if entry is not None]
    store.close()
    assert {c.id for c in trained(workspace)} <= {entry.candidate for entry in sent}

    workspace = make_workspace(tmp_path / "unmounted")
    settings = RunSettings(max_trials=24, workers=1, knowledge=str(lab), finalists=0)
    begin(Workspace.open(workspace), load_task(spirals), settings, spirals)
    process = start(workspace)
    wait_for_trials(workspace, 1)
    away = lab.rename(tmp_path / "away")
    process.join()
    assert process.exitcode == 0
    with Journal.open(find_run(Workspace.open(workspace))) as journal:
        notices = journal.notices()
    assert any("still away" in line and "waits in" in line for line in notices)
    shutil.move(away, lab)
    before = len(DirectoryStore(lab).since(0, 1000))
    place = Workspace.open(workspace)
    knowledge_of(place, str(lab)).close()
    after = [entry for _, entry in DirectoryStore(lab).since(0, 1000) if entry is not None]
    assert len(after) > before
    assert {c.id for c in trained(workspace)} <= {entry.candidate for entry in after}
