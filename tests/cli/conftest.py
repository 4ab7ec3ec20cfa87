"""Hand-made snapshots: a run's state as plain values, in any size and shape a test needs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from archwright.core import METRICS, Candidate, CandidateStatus, Measurement, Trial, Verdict
from archwright.runs.journal import Spend
from archwright.runs.results.snapshot import Baseline, Funnel, Snapshot

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
