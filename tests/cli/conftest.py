"""Hand-made snapshots: a run's state as plain values, in any size and shape a test needs."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from archwright.agents.backends import Reply, Request, Turn
from archwright.agents.roles import record_by
from archwright.core import METRICS, Candidate, CandidateStatus, Floor, Measurement, Trial, Verdict
from archwright.runs.journal import Journal, Spend
from archwright.runs.results.snapshot import Baseline, Funnel, Snapshot
from archwright.runs.workspace.paths import RunPaths, WorkspacePaths

NOW = 1_800_000_000.0
HOSTILE = (
    "[bold]x[/bold] [/] \x1b[31m\x1b]0;title\x07 \x9b2J \u202eabc שלום \r\n\t" + "e\u0301" * 300
)
CYCLE = (
    CandidateStatus.TRAINED,
    CandidateStatus.DUPLICATE,
    CandidateStatus.INVALID,
    CandidateStatus.PROMOTED,
    CandidateStatus.CRASHED,
)


def candidate(number: int, title: str) -> Candidate:
    end = CYCLE[number % len(CYCLE)]
    scored = end in (CandidateStatus.TRAINED, CandidateStatus.PROMOTED)
    score = 90.0 + number % 7
    return Candidate(
        id=f"c{number:04d}",
        title=title,
        operator="widen",
        parents=(),
        status=end,
        reason="" if scored else f"expected (16, 10), got (16, {number}): {title}",
        rungs={int(end is CandidateStatus.PROMOTED): Measurement(score)} if scored else {},
        parameters=12_000 + number,
        examples=("known:7", "known:9") if number % 2 else ("known:7",),
    )


def build_snapshot(count: int = 5, title: str = "widen block 2", **changes: Any) -> Snapshot:
    rows = tuple(candidate(number, title) for number in range(count))
    ends = [row.status for row in rows]
    top = [row for row in rows if row.rung == 1]
    values: dict[str, Any] = {
        "run": "digits-20261124-ab12",
        "task": "digits",
        "task_from": "digits",
        "control": None,
        "metric": METRICS["accuracy"],
        "state": "running",
        "phase": "search",
        "created": NOW - 4000,
        "budget": {"max_trials": 40, "hours": 8.0},
        "spend": Spend(0.0, 0, 4000.0, 31, 3000.0),
        "funnel": Funnel(
            len(ends),
            ends.count(CandidateStatus.DUPLICATE),
            ends.count(CandidateStatus.INVALID),
            ends.count(CandidateStatus.CRASHED),
            ends.count(CandidateStatus.UNMEASURED),
            ends.count(CandidateStatus.TRAINED) + ends.count(CandidateStatus.PROMOTED),
            ends.count(CandidateStatus.PROMOTED),
        ),
        "baseline": Baseline(92.31, 0.74, (92.0, 93.0, 91.93), 30_000),
        "best": max(top, key=lambda row: row.score or 0.0, default=None),
        "running": (Trial("c0099", "search", 0, 300, 0, title, started=NOW - 5),),
        "candidates": rows,
        "verdicts": (),
        "rungs": (100, 300),
        "notices": ("process sandbox: reads are not confined",),
    }
    return Snapshot(**{**values, **changes})


def build_verdict(title: str = "widen block 2", **changes: Any) -> Verdict:
    values: dict[str, Any] = {
        "candidate": "c0003",
        "title": title,
        "verdict": "discovery",
        "effect": 2.31,
        "interval": (1.1, 3.52),
        "p": 0.004,
        "seeds": 5,
        "reason": "",
        "branch": "archwright/digits-20261124-ab12/widen-block-2",
        "test_gain": 1.9,
        "mean": 95.0,
    }
    return Verdict(**{**values, **changes})


@pytest.fixture
def make_snapshot() -> Callable[..., Snapshot]:
    return build_snapshot


@pytest.fixture
def make_verdict() -> Callable[..., Verdict]:
    return build_verdict


@pytest.fixture
def hostile() -> str:
    """A title made to break a terminal, a table or a parser of markup."""
    return HOSTILE


@pytest.fixture
def now() -> float:
    """The Unix time at which the hand-made snapshots are looked at."""
    return NOW


# --- a run with a journal -------------------------------------------------------------------------

SOURCE = "class Model:\n    width = 8\n"


@pytest.fixture
def made_run(tmp_path: Path, hostile: str) -> RunPaths:
    """The run `digits-one` in the workspace `tmp_path`: a baseline, candidate 1 that was trained
    and verified, its child 2 that failed its checks and was repaired as 2b, a random draw 3."""
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    paths = WorkspacePaths(tmp_path).run("digits-one")
    floors = [Floor(steps, 92.0, 0.5, (91.5, 92.5), 9_000) for steps in (100, 300)]
    facts = {"settings": {}, "task": "digits", "metric": "accuracy", "rungs": [100, 300],
             "created": NOW, "noise": floors}  # fmt: skip
    rungs = {0: Measurement(93.0, 2.0, 1), 1: Measurement(94.0, 4.0, 3, errors="3 read as 8")}
    made = [
        Candidate("baseline", "plain", SOURCE),
        Candidate("1", "wider", SOURCE.replace("8", "16"), sequence=1000, operator="widen",
                  parents=("baseline",), rationale="more room", proposer="one-call",
                  hypothesis="it rises", expected=1.5, call="1/researcher"),
        Candidate("2", hostile, "class Model(:\n", sequence=2000, operator="widen",
                  parents=("1",)),
        Candidate("2b", "deeper", SOURCE, sequence=2001, operator="deepen", parents=("known:7",)),
        Candidate("3", "a draw", SOURCE, sequence=3000, operator="control"),
    ]  # fmt: skip
    with Journal.create(paths, facts) as journal:
        for one in made:
            journal.propose(one)
        _, first, broken, _, draw = made
        measured = replace(first, rungs=rungs, parameters=12_000)
        journal.update(measured.ended(CandidateStatus.PROMOTED))
        journal.update(broken.ended(CandidateStatus.INVALID, f"line 1: {hostile}"))
        journal.update(replace(draw, rungs={1: Measurement(99.0, 14.0, 1)}))
        journal.judge("1", asdict(build_verdict(candidate="1")))
        _fill(journal, hostile)
    return paths


def _fill(journal: Journal, hostile: str) -> None:
    """What was done for candidate 1."""
    check = {"status": "ok", "checks": [{"name": "builds", "ok": True, "detail": "yes"}]}
    journal.once("check", "1", "1", {}, lambda: check)
    for seed, status in ((0, "ok"), (1, "timeout")):
        asked = {"candidate": "1", "purpose": "search", "rung": 1, "steps": 300, "seed": seed}
        came = {"status": status, "score": 94.0 if status == "ok" else None,
                "curve": [[10, 2.0], [300, 0.5]], "error": hostile}  # fmt: skip
        journal.once("trial", f"1/{seed}", "1", asked, partial(dict, came))
    record = record_by(journal.once)
    question = Request("researcher", "What next?", {}, 0)
    answer = Reply(text=f"Widen it. {hostile}", model="toy", tokens=12)
    record("1/researcher", question, lambda: answer)
    again = replace(question, turns=(Turn("Widen it.", "That is not JSON."),))
    record("1/researcher/2", again, lambda: answer)
    old = {"role": "evaluator", "seed": 0, "prompt": "5f", "request": "6a"}
    journal.once("call", "1/evaluator", "1", old, lambda: {"text": "It rose.", "model": "toy"})
