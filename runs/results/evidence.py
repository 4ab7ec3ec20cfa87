"""What the report needs besides the snapshot: trials, learning curves, calls and origins.

All of it is read from the journal.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Final

from archwright.core import BASELINE, Candidate, Curve, Status, Trial
from archwright.runs.journal import Call, Journal
from archwright.runs.results.snapshot import Snapshot
from archwright.runs.results.summary import ranked, verdicts_best_first

MOST_CURVES: Final = 6


@dataclass(frozen=True, slots=True)
class CallTotal:
    """The calls of one role to one model, added up."""

    role: str
    model: str
    count: int
    tokens: int
    usd: float


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a run left in its journal, as plain data."""

    rungs: tuple[int, ...] = ()
    """Training budgets in steps."""
    trials: tuple[Trial, ...] = ()
    """In the order in which they finished."""
    curves: dict[str, tuple[Curve, ...]] = field(default_factory=dict)
    """Training loss of finalists and baseline at the top rung, one curve a seed."""
    calls: tuple[CallTotal, ...] = ()
    origins: dict[str, Candidate] = field(default_factory=dict)
    """Ancestors that are not candidates of this run: the baseline, or what an earlier run found."""
    test_evaluations: int = 0
    """How many times the sealed test split was opened for a finalist."""


def gather_evidence(journal: Journal, snapshot: Snapshot) -> Evidence:
    """Read a run's evidence; safe while the run goes on."""
    rungs, trials = journal.facts.rungs, tuple(journal.trials())
    return Evidence(
        rungs=rungs,
        trials=trials,
        curves=_curves(trials, snapshot, rungs[-1]) if rungs else {},
        calls=_add_up(journal.calls()),
        origins=_origins(journal),
        test_evaluations=len(journal.steps("test")),
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


def _curves(
    trials: Sequence[Trial], snapshot: Snapshot, steps: int
) -> dict[str, tuple[Curve, ...]]:
    """Of verification where there are any, else of the search; seeds in order."""
    purposes = ("verification",) if snapshot.verdicts else ("search", BASELINE)
    wanted = {*finalists(snapshot), BASELINE}
    curves: dict[str, list[Curve]] = {}
    for trial in sorted(trials, key=lambda t: t.seed):
        asked = trial.candidate in wanted and trial.steps == steps and trial.purpose in purposes
        if asked and trial.status is Status.OK and trial.curve:
            curves.setdefault(trial.candidate, []).append(trial.curve)
    return {candidate: tuple(found) for candidate, found in curves.items()}


def _add_up(calls: Sequence[Call]) -> tuple[CallTotal, ...]:
    """By role and model, the most expensive first."""
    groups: dict[tuple[str, str], list[Call]] = {}
    for call in calls:
        groups.setdefault((call.role, call.model), []).append(call)
    totals = (
        CallTotal(role, model, len(own), sum(c.tokens for c in own), float(sum(c.usd for c in own)))
        for (role, model), own in groups.items()
    )
    return tuple(sorted(totals, key=lambda t: (-t.usd, -t.count, t.role)))


def _origins(journal: Journal) -> dict[str, Candidate]:
    """The baseline, and the works of earlier runs that were retrieved from the knowledge base."""
    baseline = journal.candidate(BASELINE)
    found = {baseline.id: baseline} if baseline else {}
    for step in journal.steps("retrieve"):
        for work in step.result.get("examples", ()):
            known = Candidate(work["id"], work["title"], work["source"])
            found.setdefault(known.id, known)
    return found
