"""What the report needs beside the snapshot: trials, learning curves, calls and origins.

All of it is read from the journal, in few queries that leave the large columns alone.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any, Final

from archwright.runs.journal.journal import Journal
from archwright.runs.results.snapshot import Snapshot
from archwright.runs.results.summary import ranked, verdicts_best_first

BASELINE: Final = "baseline"
"""The id that the baseline goes by in a journal."""
MOST_CURVES: Final = 6

Curve = tuple[tuple[int, float], ...]


@dataclass(frozen=True, slots=True)
class TrialFact:
    """A finished trial. `score` is None when it did not end well; times are in seconds."""

    candidate: str
    purpose: str
    steps: int
    steps_done: int
    status: str
    score: float | None
    seconds: float
    cpu_seconds: float
    finished: float


@dataclass(frozen=True, slots=True)
class CallFact:
    """What the calls of one role to one model came to."""

    role: str
    model: str
    count: int
    tokens: int
    usd: float


@dataclass(frozen=True, slots=True)
class Origin:
    """An architecture that candidates descend from and that is no candidate of the run: the
    baseline, or what an earlier run found."""

    id: str
    title: str
    source: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a run left in its journal, as plain data."""

    rungs: tuple[int, ...] = ()
    """Training budgets in steps."""
    trials: tuple[TrialFact, ...] = ()
    """In the order in which they finished."""
    curves: dict[str, tuple[Curve, ...]] = field(default_factory=dict)
    """Training loss of finalists and baseline at the top rung, one curve a seed."""
    calls: tuple[CallFact, ...] = ()
    origins: dict[str, Origin] = field(default_factory=dict)
    rationales: dict[str, str] = field(default_factory=dict)
    """By candidate."""
    looks: int = 0
    """How many times a sealed test split was opened for a finalist."""


def gather_evidence(journal: Journal, snapshot: Snapshot) -> Evidence:
    """Read a run's evidence; safe while the run goes on."""
    rungs = tuple(int(steps) for steps in journal.fact("rungs", []))
    return Evidence(
        rungs=rungs,
        trials=_read_trials(journal),
        curves=_read_curves(journal, snapshot, rungs[-1]) if rungs else {},
        calls=_read_calls(journal),
        origins=_read_origins(journal),
        rationales={
            row["id"]: row["rationale"]
            for row in journal.query("SELECT id, rationale FROM candidates WHERE rationale != ''")
        },
        looks=journal.query(
            "SELECT COUNT(*) FROM steps WHERE kind = 'look' AND state = 'finished'"
        )[0][0],
    )


def finalists(snapshot: Snapshot) -> list[str]:
    """The ids of those that were verified, else of the best so far."""
    verified = [verdict.candidate for verdict in verdicts_best_first(snapshot)]
    return (verified or [row.id for row in ranked(snapshot)[:3]])[:MOST_CURVES]


def mean_curve(curves: Sequence[Curve]) -> list[tuple[int, float, float, float]]:
    """(step, mean, least, largest) over seeds at the steps that all curves have."""
    shared = set.intersection(*({step for step, _ in curve} for curve in curves))
    losses = {step: [dict(curve)[step] for curve in curves] for step in sorted(shared)}
    return [(step, fmean(each), min(each), max(each)) for step, each in losses.items()]


_TRIALS: Final = """
    SELECT candidate, finished,
        json_extract(request, '$.purpose') AS purpose,
        json_extract(request, '$.steps') AS steps,
        json_extract(result, '$.status') AS status,
        json_extract(result, '$.score') AS score,
        json_extract(result, '$.resources.steps') AS steps_done,
        json_extract(result, '$.resources.seconds') AS seconds,
        json_extract(result, '$.resources.cpu_seconds') AS cpu_seconds
    FROM steps WHERE kind = 'trial' AND state = 'finished' ORDER BY finished, rowid
"""


def _read_trials(journal: Journal) -> tuple[TrialFact, ...]:
    return tuple(
        TrialFact(
            candidate=row["candidate"],
            purpose=row["purpose"],
            steps=row["steps"],
            steps_done=row["steps_done"] or 0,
            status=row["status"],
            score=row["score"],
            seconds=row["seconds"] or 0.0,
            cpu_seconds=row["cpu_seconds"] or 0.0,
            finished=row["finished"],
        )
        for row in journal.query(_TRIALS)
    )


def _read_curves(journal: Journal, snapshot: Snapshot, steps: int) -> dict[str, tuple[Curve, ...]]:
    """Of verification where there are any, else of the search."""
    purpose = "verification" if snapshot.verdicts else "search"
    wanted = [*finalists(snapshot), BASELINE]
    rows = journal.query(
        "SELECT candidate, json_extract(result, '$.curve') AS curve FROM steps "
        "WHERE kind = 'trial' AND state = 'finished' "
        "AND json_extract(result, '$.status') = 'ok' "
        "AND json_extract(request, '$.steps') = ? "
        "AND json_extract(request, '$.purpose') IN (?, ?) "
        f"AND candidate IN ({', '.join('?' * len(wanted))}) ORDER BY key",
        *(steps, purpose, purpose if snapshot.verdicts else BASELINE, *wanted),
    )
    curves: dict[str, list[Curve]] = {}
    for row in rows:
        points = tuple((int(step), float(loss)) for step, loss in json.loads(row["curve"]))
        if points:
            curves.setdefault(row["candidate"], []).append(points)
    return {candidate: tuple(found) for candidate, found in curves.items()}


def _read_calls(journal: Journal) -> tuple[CallFact, ...]:
    rows = journal.query(
        "SELECT json_extract(request, '$.role') AS role, "
        "COALESCE(json_extract(result, '$.model'), '') AS model, COUNT(*) AS count, "
        "COALESCE(SUM(json_extract(result, '$.tokens')), 0) AS tokens, "
        "COALESCE(SUM(json_extract(result, '$.usd')), 0) AS usd "
        "FROM steps WHERE kind = 'call' AND state = 'finished' GROUP BY role, model "
        "ORDER BY usd DESC, count DESC, role"
    )
    return tuple(CallFact(**dict(row)) for row in rows)


def _read_origins(journal: Journal) -> dict[str, Origin]:
    """The baseline, and the works of earlier runs that were retrieved from the knowledge base."""
    rows = journal.query("SELECT id, title, source FROM candidates WHERE sequence = 0")
    found = {row["id"]: Origin(**dict(row)) for row in rows}
    for row in journal.query(
        "SELECT result FROM steps WHERE kind = 'retrieve' AND state = 'finished'"
    ):
        for work in json.loads(row["result"]).get("examples", ()):
            found.setdefault(work["id"], _origin(work))
    return found


def _origin(work: dict[str, Any]) -> Origin:
    return Origin(work["id"], work["title"], work["source"])
