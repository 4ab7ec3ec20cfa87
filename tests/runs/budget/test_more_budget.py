"""A run uses what it was given, and goes on when it is given more."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from whole_runs import Discover

from archwright.core import InputError, KnowledgeError, Stopped, TaskError
from archwright.core.settings import RunSettings
from archwright.knowledge.shared.directory import DirectoryStore
from archwright.runs.amending import amend
from archwright.runs.budget.legs import next_round, read_legs
from archwright.runs.journal import Facts, Journal, Phase
from archwright.runs.phases import discover as conduct
from archwright.runs.phases import verify
from archwright.runs.results.observing import observe
from archwright.runs.results.snapshot import Snapshot
from archwright.runs.session import Session, carry_out
from archwright.runs.starting import begin, task_of
from archwright.runs.workspace.finding import find_run
from archwright.runs.workspace.paths import RunPaths
from archwright.runs.workspace.workspace import Workspace
from archwright.sandbox.in_process import InProcessSandbox
from archwright.tasks.loading import load_task


def _paths(workspace: Path) -> RunPaths:
    return find_run(Workspace.open(workspace))


def _facts(workspace: Path) -> Facts:
    with Journal.open(_paths(workspace)) as journal:
        return journal.facts


def _go_on(workspace: Path, work: Callable[[Session], None] = conduct) -> Snapshot:
    place, paths = Workspace.open(workspace), _paths(workspace)
    carry_out(place, task_of(paths), paths, work, sandbox=InProcessSandbox(2))
    with Journal.open(paths) as journal:
        return observe(journal)


@pytest.mark.parametrize("trials", [7, 21])
def test_all_trials_are_used_and_none_more(
    trials: int, spirals: Path, workspace: Path, discover: Discover
) -> None:
    """With few trials nothing can be verified, and with more of them not all that is kept for
    verification is needed."""
    assert discover(spirals, workspace, max_trials=trials, seed=3)["trials"] == trials


def test_a_run_that_is_given_more_goes_on_and_verifies_what_is_new(
    spirals: Path, workspace: Path, discover: Discover
) -> None:
    first = discover(spirals, workspace, max_trials=40, seed=2)
    before = _go_on(workspace)
    assert before.state == "finished", "nothing is left to do, and nothing is done"
    assert before.spend.trials == first["trials"] == 40
    with Journal.open(_paths(workspace)) as journal:
        legs, rounds = read_legs(journal), next_round(journal)

    amend(_paths(workspace), {"max_trials": 46})
    facts = _facts(workspace)
    assert (facts.phase, facts.extended_at) == (Phase.SEARCH, len(legs))
    after = _go_on(workspace)

    assert (after.state, after.phase) == ("finished", "done")
    assert after.spend.trials == 46
    assert dict(after.budget) == {"max_trials": 46}
    assert len(after.candidates) > len(before.candidates)
    kept = [(c.id, c.source, c.trials) for c in before.candidates]
    assert [(c.id, c.source, c.trials) for c in after.candidates][: len(kept)] == kept
    with Journal.open(_paths(workspace)) as journal:
        assert read_legs(journal)[: len(legs)] == legs
        new = [leg.round for leg in read_legs(journal)[len(legs) :] if leg.round is not None]
        assert all(round_ >= rounds for round_ in new), "seeds of its own"
        assert journal.spend().trials == 46


def test_a_run_that_was_stopped_is_given_more(spirals: Path, workspace: Path) -> None:
    place = Workspace.open(workspace)
    paths = begin(place, load_task(spirals), RunSettings(max_trials=9, workers=2), spirals)
    amend(paths, {"max_trials": 12})
    assert _go_on(workspace).spend.trials == 12


def test_a_limit_is_on_all_of_a_run_and_one_that_is_used_up_makes_way(
    spirals: Path, workspace: Path, discover: Discover
) -> None:
    discover(spirals, workspace, max_trials=7, seed=1)
    with pytest.raises(InputError, match="has used 7 already: give it more"):
        amend(_paths(workspace), {"max_trials": 7})
    assert _facts(workspace).phase is Phase.DONE
    amend(_paths(workspace), {"hours": 1.0})
    assert dict(_facts(workspace).budget) == {"hours": 1.0}


def test_limits_that_are_not_used_up_stay(spirals: Path, workspace: Path) -> None:
    place = Workspace.open(workspace)
    settings = RunSettings(max_trials=50, workers=2)
    paths = begin(place, load_task(spirals), settings, spirals)
    amend(paths, {"hours": 1.0})
    assert dict(_facts(workspace).budget) == {"hours": 1.0, "max_trials": 50}


def test_a_run_goes_on_with_other_workers(
    spirals: Path, workspace: Path, discover: Discover
) -> None:
    discover(spirals, workspace, max_trials=12, workers=1, seed=1)
    paths = _paths(workspace)
    with Journal.open(paths) as journal:
        before = journal.candidates()
    amend(paths, {"max_trials": 20, "workers": 3})
    assert _facts(workspace).settings["workers"] == 3
    assert _go_on(workspace).spend.trials == 20
    with Journal.open(paths) as journal:
        assert journal.candidates()[: len(before)] == before


# --- where it is ----------------------------------------------------------------------------------


def test_a_task_that_moved_is_found_again_when_it_is_named(
    spirals: Path, workspace: Path, discover: Discover, tmp_path: Path
) -> None:
    discover(spirals, workspace, max_trials=9, seed=1)
    paths, moved = _paths(workspace), tmp_path / "elsewhere"
    spirals.rename(moved)
    with pytest.raises(TaskError, match=r"is no longer at .*--task DIR"):
        task_of(paths)
    other = shutil.copytree(moved, tmp_path / "other")
    (other / "baseline.py").write_text((other / "baseline.py").read_text() + "# changed\n")
    with pytest.raises(TaskError, match="is not the one that"):
        amend(paths, {}, other)
    amend(paths, {"max_trials": 12}, moved)
    assert task_of(paths).spec.folder == moved
    assert _go_on(workspace).spend.trials == 12


@pytest.mark.parametrize("changed", ["task.py", "baseline.py"])
def test_more_for_a_task_that_changed_is_refused_and_leaves_the_run_as_it_was(
    changed: str, spirals: Path, workspace: Path, discover: Discover
) -> None:
    discover(spirals, workspace, max_trials=9, seed=1)
    before = _facts(workspace)
    with (spirals / changed).open("a") as file:
        file.write("# another\n")
    with pytest.raises(TaskError, match="has changed since"):
        amend(_paths(workspace), {"max_trials": 12})
    assert _facts(workspace) == before
    (spirals / changed).unlink()
    with pytest.raises(TaskError):
        amend(_paths(workspace), {"hours": 2.0})
    assert _facts(workspace) == before


def test_a_workspace_with_its_task_goes_on_wherever_it_is_copied(
    spirals: Path, workspace: Path, discover: Discover, tmp_path: Path
) -> None:
    inside = Path(shutil.move(spirals, workspace / "spirals"))
    discover(inside, workspace, max_trials=9, seed=1)
    copied = shutil.copytree(workspace, tmp_path / "far" / "copied", symlinks=True)
    shutil.rmtree(workspace)
    amend(_paths(copied), {"max_trials": 12})
    assert task_of(_paths(copied)).spec.folder == (copied / "spirals").resolve()
    assert _go_on(copied).spend.trials == 12


# --- an end that was cut short --------------------------------------------------------------------


def test_a_verification_that_was_stopped_before_it_began_is_finished(
    spirals: Path, workspace: Path, discover: Discover
) -> None:
    few = {"finalists": 1, "screen_seeds": 2, "deciding_seeds": 4}
    discover(spirals, workspace, max_trials=9, seed=2, **few)
    place, paths = Workspace.open(workspace), _paths(workspace)

    class Stopping(InProcessSandbox):
        def __enter__(self) -> Any:
            raise Stopped("the run was asked to stop")

    with Journal.open(paths) as journal:
        rounds = next_round(journal)
    carry_out(place, task_of(paths), paths, lambda s: verify(s, True), sandbox=Stopping(2))
    with Journal.open(paths) as journal:
        facts = journal.facts
        assert (facts.state, facts.phase) == ("stopped", Phase.VERIFICATION)
        assert facts.round is not None
    after = _go_on(workspace)
    assert (after.state, after.phase) == ("finished", "done")
    with Journal.open(paths) as journal:
        assert next_round(journal) == max(rounds, 1)
        assert journal.facts.round is None


def test_a_shared_place_that_moved_is_found_again_when_it_is_named(
    spirals: Path, workspace: Path, discover: Discover, tmp_path: Path, lab: Path
) -> None:
    discover(spirals, workspace, max_trials=9, seed=1, knowledge=str(lab))
    paths, before = _paths(workspace), _facts(workspace)
    moved = lab.rename(tmp_path / "moved")
    with pytest.raises(KnowledgeError, match=r"no folder .*lab"):
        _stop_and_go_on(workspace)
    amend(paths, {"knowledge": str(moved), "max_trials": 12})
    after = _facts(workspace)
    assert after.settings == {**before.settings, "knowledge": str(moved), "max_trials": 12}
    assert after.place == before.place == DirectoryStore(moved).id
    assert _go_on(workspace).spend.trials == 12
    assert not lab.exists()
    known = [entry for _, entry in DirectoryStore(moved).since(0, 1000) if entry is not None]
    with Journal.open(paths) as journal:
        trained = {c.id for c in journal.candidates() if c.rungs and c.id != "0"}
    assert trained <= {entry.candidate for entry in known}


def _stop_and_go_on(workspace: Path) -> None:
    with Journal.open(_paths(workspace)) as journal:
        journal.note(phase=Phase.SEARCH, state="stopped")
    _go_on(workspace)


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("{tmp}/other", r"other is not the shared one that .* began with.*--knowledge PLACE"),
        ("{tmp}/missing", r"no folder .*missing"),
        ("postgresql://me@/db?host={tmp}", r"start the server"),
        ("", r"began with a shared knowledge base.*say where that is now"),
    ],
)
def test_a_shared_place_that_is_another_or_does_not_answer(
    spirals: Path, workspace: Path, tmp_path: Path, lab: Path, address: str, said: str
) -> None:
    if "postgresql" in address:
        pytest.importorskip("psycopg", reason="psycopg is not installed")
    (tmp_path / "other").mkdir()
    settings = RunSettings(max_trials=50, workers=2, knowledge=str(lab))
    paths = begin(Workspace.open(workspace), load_task(spirals), settings, spirals)
    before = _facts(workspace)
    with pytest.raises(InputError, match=said) as caught:
        amend(paths, {"knowledge": address.format(tmp=tmp_path), "hours": 1.0})
    assert "\n" not in str(caught.value)
    assert _facts(workspace) == before


def test_a_shared_place_that_was_made_anew_is_another(
    spirals: Path, workspace: Path, lab: Path
) -> None:
    settings = RunSettings(max_trials=50, workers=2, knowledge=str(lab))
    begin(Workspace.open(workspace), load_task(spirals), settings, spirals)
    for file in lab.iterdir():
        file.unlink()
    before = _facts(workspace)
    with pytest.raises(InputError, match="is not the shared one that"):
        _go_on(workspace)
    assert _facts(workspace) == before


def test_a_run_with_its_workspaces_own_knowledge_keeps_that(
    spirals: Path, workspace: Path, lab: Path
) -> None:
    settings = RunSettings(max_trials=50, workers=2)
    paths = begin(Workspace.open(workspace), load_task(spirals), settings, spirals)
    with pytest.raises(InputError, match=f"`archwright knowledge copy own {lab}`"):
        amend(paths, {"knowledge": str(lab)})
    assert not list(lab.iterdir())
