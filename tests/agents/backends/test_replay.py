"""A replay gives the recorded run's candidates and decisions to the byte, without a model."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from protocol_server import ProtocolServer
from scripts import with_faults

from archwright.core import BackendError, Candidate, RunError
from archwright.core.settings import RunSettings
from archwright.runs.journal import Journal
from archwright.runs.phases import discover as conduct
from archwright.runs.session import carry_out
from archwright.runs.starting import begin
from archwright.runs.workspace.paths import RunPaths
from archwright.runs.workspace.workspace import Workspace
from archwright.sandbox.in_process import InProcessSandbox
from archwright.tasks.loading import load_task

Runs = Any


def candidates(paths: RunPaths) -> list[Candidate]:
    with Journal.open(paths) as journal:
        found = journal.candidates(first=0)
    # When it was proposed is another moment.
    return [replace(candidate, created=0.0) for candidate in found]


def decisions(paths: RunPaths) -> list[dict[str, Any]]:
    with Journal.open(paths) as journal:
        verdicts = sorted(journal.verdicts(), key=lambda verdict: verdict.candidate)
    documents = [asdict(verdict) for verdict in verdicts]
    # The names of a branch and of a record's file hold the name of the run.
    return [{k: v for k, v in d.items() if k not in ("branch", "decision")} for d in documents]


def replay(task: Path, name: str, workspace: Path) -> RunPaths:
    place, loaded = Workspace.open(workspace), load_task(task)
    settings = RunSettings(backend=f"replay:{name}", workers=1)
    paths = begin(place, loaded, settings, task)
    carry_out(place, loaded, paths, conduct, sandbox=InProcessSandbox())
    return paths


def test_a_replay_repeats_candidates_and_decisions(
    runs: Runs, spirals: Path, workspace: Path
) -> None:
    changes: dict[str, Any] = {
        "max_candidates": 12,
        "finalists": 1,
        "screen_seeds": 2,
        "deciding_seeds": 4,
    }
    changes |= {"control": 0.1, "max_trials": 40}
    with ProtocolServer(with_faults(0.3)) as server:
        runs.run(server.url, **changes, examples=2).close()
        first = runs.find()
        runs.run(server.url, max_candidates=4, seed=5).close()
        asked = len(server.served)
        # The knowledge base has grown since; the replay sees what the recorded run saw.
        again = replay(spirals, first.name, workspace)
        assert candidates(again) == candidates(first)
        assert decisions(again) == decisions(first)
        assert decisions(first)
        assert len(server.served) == asked, "a replay asks nobody"
    with Journal.open(again) as journal:
        assert journal.spend().usd == 0


def test_a_symbolic_run_can_be_replayed(runs: Runs, spirals: Path, workspace: Path) -> None:
    runs.run("http://127.0.0.1:9/v1", models=(), backend="symbolic", max_candidates=6).close()
    recorded = runs.find()
    assert candidates(replay(spirals, "latest", workspace)) == candidates(recorded)


def test_a_replay_of_other_prompts_is_one_line(runs: Runs, spirals: Path, workspace: Path) -> None:
    with ProtocolServer(with_faults(0.0)) as server:
        runs.run(server.url, max_candidates=3).close()
    (workspace / "prompts").mkdir()
    (workspace / "prompts" / "researcher.md").write_text("You are the researcher. {{ number }}")
    with pytest.raises(BackendError, match="holds no answer of the researcher for candidate"):
        replay(spirals, runs.find().name, workspace)


def test_a_replay_of_a_run_that_is_not_there_is_one_line(spirals: Path, workspace: Path) -> None:
    with pytest.raises(RunError, match="no run"):
        replay(spirals, "nothing", workspace)
