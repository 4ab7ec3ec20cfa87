"""What the report needs besides the snapshot: trainings, learning curves, calls and sources.

All of it is read from the journal.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean, median
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


@dataclass(slots=True)
class Trainings:
    """The trainings of a run, added up."""

    count: int = 0
    failed: int = 0
    unmeasured: int = 0
    repeated: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    search_steps: int = 0
    """Optimizer steps of the search."""
    seeds: Counter[tuple[str, int]] = field(default_factory=Counter)
    """Trainings of the search by candidate and number of steps."""

    def add(self, trial: Trial) -> None:
        """One more."""
        self.count += 1
        self.failed += trial.failed
        self.unmeasured += bool(trial.unmeasured)
        self.repeated += trial.attempts > 1
        self.seconds += trial.resources.seconds
        self.cpu_seconds += trial.resources.cpu_seconds
        if trial.purpose == "search":
            self.seeds[trial.candidate, trial.steps] += 1
            self.search_steps += trial.resources.steps


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a run left in its journal, as plain data."""

    rungs: tuple[int, ...] = ()
    """Training budgets in steps."""
    trainings: Trainings = field(default_factory=Trainings)
    reached: Mapping[str, float] = field(default_factory=dict)
    """Of each finalist the training time of the run, in seconds, when the search had first trained
    it in full."""
    spent: Mapping[str, float] = field(default_factory=dict)
    """Of each candidate that the search trained in full the training time of its arm by then, in
    seconds."""
    curves: Mapping[str, tuple[Curve, ...]] = field(default_factory=dict)
    """Training loss of finalists and baseline at the top rung, one curve a seed."""
    calls: tuple[CallTotal, ...] = ()
    origins: Mapping[str, Candidate] = field(default_factory=dict)
    """Ancestors that are not candidates of this run: the baseline, or what an earlier run found."""
    sources: Mapping[str, str] = field(default_factory=dict)
    """Of finalists and of all that they descend from in this run."""
    lines: float = 0.0
    """The median of lines of source, of candidates that the search trained."""
    test_evaluations: int = 0
    """How many times the sealed test split was opened for a finalist."""


def gather_evidence(journal: Journal, snapshot: Snapshot) -> Evidence:
    """Read a run's evidence; safe while the run goes on."""
    rungs, trainings = journal.facts.rungs, Trainings()
    chosen, verified = finalists(snapshot), {v.candidate for v in snapshot.verdicts}
    control = {row.id for row in snapshot.candidates if row.is_control}
    reached: dict[str, float] = {}
    spent: dict[str, float] = {}
    arms = {True: 0.0, False: 0.0}
    curves: list[Trial] = []
    for trial in journal.each_trial():
        trainings.add(trial)
        is_search, is_control = trial.purpose == "search", trial.candidate in control
        arms[is_control] += trial.resources.seconds * is_search
        if not rungs or trial.steps != rungs[-1]:
            continue
        if trial.candidate in (*chosen, BASELINE):
            curves.append(trial)
        if is_search:
            spent[trial.candidate] = arms[is_control]
            if trial.candidate in verified:
                reached.setdefault(trial.candidate, trainings.seconds)
    return Evidence(
        rungs=rungs,
        trainings=trainings,
        reached=reached,
        spent=spent,
        curves=_curves(curves, is_verified=bool(snapshot.verdicts)),
        calls=_add_up(journal.calls()),
        origins=_origins(journal),
        sources=_sources(journal, snapshot, chosen),
        lines=_median_lines(journal),
        test_evaluations=journal.count_steps("test"),
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


def ancestry(ids: Sequence[str], rows: Mapping[str, Candidate]) -> list[str]:
    """`ids` and all their ancestors."""
    found: dict[str, None] = {}
    open_ = list(ids)
    while open_:
        node = open_.pop()
        if node not in found:
            found[node] = None
            open_ += rows[node].parents if node in rows else ()
    return list(found)


def _curves(trials: Sequence[Trial], is_verified: bool) -> dict[str, tuple[Curve, ...]]:
    """Of verification where there is any, else of the search; seeds in order."""
    purposes = ("verification",) if is_verified else ("search", BASELINE)
    curves: dict[str, list[Curve]] = {}
    for trial in sorted(trials, key=lambda t: t.seed):
        if trial.purpose in purposes and trial.status is Status.OK and trial.curve:
            curves.setdefault(trial.candidate, []).append(trial.curve)
    return {candidate: tuple(found) for candidate, found in curves.items()}


def _sources(journal: Journal, snapshot: Snapshot, chosen: Sequence[str]) -> dict[str, str]:
    rows = {row.id: row for row in snapshot.candidates}
    known = (journal.candidate(id_) for id_ in ancestry(chosen, rows) if id_ in rows)
    return {found.id: found.source for found in known if found is not None}


def _median_lines(journal: Journal) -> float:
    lines = [
        len(c.source.splitlines())
        for c in journal.each_candidate()
        if c.rung is not None and not c.is_control
    ]
    return median(lines) if lines else 0.0


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
    for step in journal.each_step("retrieve"):
        for work in step.result.get("examples", ()):
            known = Candidate(work["id"], work["title"], work["source"])
            found.setdefault(known.id, known)
    return found
