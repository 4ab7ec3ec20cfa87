"""Runs of several workspaces on one knowledge base: nothing is trained or looked at twice."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from carrying import start
from parts import Parts, enter, idea, put_together
from postgresql_server import Server
from whole_runs import Discover

from archwright.core import Candidate, CandidateStatus, Measurement
from archwright.core.settings import RunSettings
from archwright.knowledge.shared.directory import FILE, DirectoryStore
from archwright.knowledge.shared.mirror import SharedKnowledge
from archwright.knowledge.shared.opening import open_store
from archwright.runs.journal import Journal
from archwright.runs.screening import Screening
from archwright.runs.starting import begin
from archwright.runs.workspace.finding import find_run
from archwright.runs.workspace.knowing import knowledge_of
from archwright.runs.workspace.workspace import Workspace
from archwright.tasks.loading import load_task


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


def proposed(parts: Parts, screening: Screening, number: int = 1) -> Candidate:
    """A candidate as it comes to be trained."""
    desk = parts.desk(number, screening)
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


def let_fall(lab: Path) -> None:
    """As if no run had been heard of for long."""
    with closing(sqlite3.connect(lab / FILE)) as connection, connection:
        connection.execute("UPDATE archwright_runs SET seen = 0")


@pytest.mark.parametrize("in_turn", [True, False])
@pytest.mark.parametrize("how", ["it gave it back", "it was killed"])
def test_what_was_left_to_another_run_may_be_proposed_again(
    two: tuple[Parts, Parts], lab: Path, in_turn: bool, how: str
) -> None:
    one, other = two
    first, screening = proposed(one, one.screening()), other.screening()
    screening.in_turn = in_turn
    assert proposed(other, screening).status is CandidateStatus.DUPLICATE
    again = proposed(other, screening, 2)
    assert again.reason == f"same as {one.context.run}/1 (an idea), which trains it now"
    if how == "it was killed":
        let_fall(lab)
    else:
        one.memory().remember(first.ended(CandidateStatus.UNMEASURED, "lost"))
    assert proposed(other, screening, 3).status is CandidateStatus.OPEN
    same = proposed(other, screening, 4)
    assert same.status is CandidateStatus.DUPLICATE
    assert "as candidate 3 (an idea)" in same.reason


def test_a_killed_run_that_is_resumed_goes_on_with_what_it_had_taken_up(
    two: tuple[Parts, Parts], lab: Path
) -> None:
    one, other = two
    first = proposed(one, one.screening())
    let_fall(lab)
    with one.knowledge.attended(one.context.run, lambda _: None, threading.Event()):
        assert one.memory().claim(first) == ""
        assert proposed(other, other.screening()).status is CandidateStatus.DUPLICATE


# --- machines and rungs that differ -------------------------------------------------------------


def on(parts: Parts, machine: str) -> None:
    """As if the run had begun now, on this kind of machine."""
    parts.know_all()
    parts.context.facts = replace(parts.context.facts, machine=machine)


@pytest.mark.parametrize(
    ("machine", "rung"), [("torch 2 on a CPU", 1), ("torch 2 on a GPU", None), ("", 1)]
)
def test_gains_on_another_kind_of_machine_are_no_measurement_here(
    two: tuple[Parts, Parts], machine: str, rung: int | None
) -> None:
    one, other = two
    on(one, "torch 2 on a CPU")
    shown = {1: Measurement(76.0, 3.0, 2)}
    source = one.wider()
    one.memory().remember(
        enter(one, "1", 3.0, source=source, rungs=shown, status=CandidateStatus.TRAINED)
    )
    for knowledge in (one.knowledge, other.knowledge):
        assert isinstance(knowledge, SharedKnowledge)
        knowledge.exchange()
    on(other, machine)
    (inherited,) = other.memory().inherited()
    assert (inherited.source, inherited.rung) == (source, rung)
    # It stays what it was when the run goes on elsewhere.
    on(other, "another one")
    (inherited,) = other.memory().inherited()
    assert inherited.rung == rung


def test_what_was_measured_keeps_its_machine(two: tuple[Parts, Parts]) -> None:
    one, _ = two
    on(one, "torch 2 on a CPU")
    ended = enter(one, "1", 3.0, source=one.wider(), status=CandidateStatus.TRAINED)
    one.memory().remember(ended)
    on(one, "torch 2 on a GPU")
    one.memory().remember(replace(ended, lesson="resumed elsewhere"))
    known = one.knowledge.find(one.context.run, "1")
    assert known is not None
    assert (known.lesson, known.machine) == ("resumed elsewhere", "torch 2 on a CPU")


def test_another_kind_of_machine_trains_nothing_twice_and_takes_no_score(
    two: tuple[Parts, Parts],
) -> None:
    one, other = two
    on(one, "torch 2 on a CPU")
    on(other, "torch 2 on a GPU")
    first = proposed(one, one.screening())
    shown = {1: Measurement(76.0, 3.0, 2)}
    one.memory().remember(replace(first, rungs=shown).ended(CandidateStatus.TRAINED, "no gain"))
    second = proposed(other, other.screening())
    assert second.reason.endswith("which ended trained")
    assert (second.rungs, second.score, second.gain) == ({}, None, None)


def test_a_task_with_other_rungs_is_another_one(
    two: tuple[Parts, Parts],
    lab: Path,
    spirals: Path,
    tmp_path: Path,
    make_workspace: Callable[[Path], Path],
) -> None:
    one, _ = two
    assert proposed(one, one.screening()).status is CandidateStatus.OPEN
    longer = tmp_path / "longer" / spirals.name
    shutil.copytree(spirals, longer)
    text = (longer / "task.toml").read_text()
    rungs = next(line for line in text.splitlines() if line.startswith("rungs"))
    (longer / "task.toml").write_text(text.replace(rungs, "rungs = [15, 90]"))
    third = put_together(make_workspace(tmp_path / "third"), longer, knowledge=str(lab))
    with third.knowledge, third.journal:
        assert proposed(third, third.screening()).status is CandidateStatus.OPEN


def test_a_run_that_affords_the_top_rung_alone_shares_it(
    two: tuple[Parts, Parts],
    lab: Path,
    spirals: Path,
    tmp_path: Path,
    make_workspace: Callable[[Path], Path],
) -> None:
    """What fell behind at a lower rung, where it is cheap to see, is known to fall behind."""
    one, _ = two
    poor = put_together(
        make_workspace(tmp_path / "poor"), spirals, knowledge=str(lab), max_trials=12
    )
    with poor.knowledge, poor.journal:
        assert poor.context.facts.rungs == one.context.facts.rungs[-1:]
        assert proposed(poor, poor.screening()).status is CandidateStatus.OPEN
        assert proposed(one, one.screening()).status is CandidateStatus.DUPLICATE


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
    assert any("still out of reach" in line and "waits in" in line for line in notices)
    shutil.move(away, lab)
    before = len(DirectoryStore(lab).since(0, 1000))
    place = Workspace.open(workspace)
    knowledge_of(place, str(lab)).close()
    after = [entry for _, entry in DirectoryStore(lab).since(0, 1000) if entry is not None]
    assert len(after) > before
    assert {c.id for c in trained(workspace)} <= {entry.candidate for entry in after}
