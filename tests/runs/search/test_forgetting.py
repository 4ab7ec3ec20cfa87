"""A search that is longer than what its choices may know goes on with the best and the latest."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from parts import Parts, enter

from archwright.core import Candidate, Measurement
from archwright.core.settings import RunSettings
from archwright.runs.journal import Journal
from archwright.runs.phases import discover
from archwright.runs.results.snapshot import Snapshot
from archwright.runs.session import Session, carry_out
from archwright.runs.starting import begin
from archwright.runs.workspace.paths import RunPaths
from archwright.runs.workspace.workspace import Workspace
from archwright.sandbox.in_process import InProcessSandbox
from archwright.tasks.loading import load_task

MOST = 6


def _begun(root: Path, spirals: Path, policy: str) -> tuple[Workspace, RunPaths]:
    """A run whose choices know no more than `MOST` candidates at once."""
    place = Workspace.open(root)
    settings = RunSettings(
        max_trials=28, finalists=0, workers=1, lag=3, policy=policy, seed=5, baseline_seeds=2
    )
    return place, begin(place, load_task(spirals), settings, spirals, {"most_known": MOST})


def _carry_out(place: Workspace, paths: RunPaths, spirals: Path, most: int | None) -> Snapshot:
    """Carry a run out, or stop it once so many candidates have been proposed."""

    def work(session: Session) -> None:
        if most is not None:
            watching = threading.Thread(target=stop, args=(session.stop,))
            watching.start()
        discover(session)

    def stop(stopped: threading.Event) -> None:
        with Journal.open(paths) as journal:
            while journal.last_number() < (most or 0):
                threading.Event().wait(0.02)
        stopped.set()

    sandbox = InProcessSandbox(1)
    return carry_out(place, load_task(spirals), paths, work, sandbox=sandbox)


def test_a_policy_starts_from_what_is_still_known(parts: Parts) -> None:
    parts.change(policy="greedy", control=0.0)
    made = [
        enter(parts, str(n), source=parts.wider(20 + n), rungs={1: Measurement(70.0 + n, n / 10)})
        for n in range(1, 10)
    ]
    steering = parts.steering()

    def parents(first: int, *known: Candidate, forgotten: int) -> set[str]:
        campaign = replace(parts.campaign(*known), forgotten=forgotten)
        moves = [steering.choose(n, campaign) for n in range(first, first + 20)]
        return {parent for move in moves for parent in move.choice.parents[:1]}

    assert parents(20, *made, forgotten=0) == {"9"}
    assert parents(40, *made[:5], forgotten=1) == {"5"}, "what was the best is not known any more"
    assert parents(60, *made[:5], made[6], forgotten=1) == {"7"}


@pytest.mark.parametrize("policy", ["guided", "mcts", "evolution"])
def test_a_run_that_forgets_finds_the_same_however_often_it_is_stopped(
    spirals: Path, make_workspace: Callable[[Path], Path], tmp_path: Path, policy: str
) -> None:
    found: list[list[tuple[object, ...]]] = []
    for name, stops in (("whole", ()), ("parts", (8,))):
        place, paths = _begun(make_workspace(tmp_path / name), spirals, policy)
        for most in stops:
            assert _carry_out(place, paths, spirals, most).state == "stopped"
        assert _carry_out(place, paths, spirals, None).state == "finished"
        with Journal.open(paths) as journal:
            made = journal.candidates()
        found.append([(c.id, c.operator, c.parents, c.source, c.score, c.status) for c in made])
    assert len(found[0]) > 2 * MOST
    assert found[0] == found[1]
