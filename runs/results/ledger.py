"""The ledger of a run: its candidates, a line each, as proposers and people are shown them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import chain
from statistics import fmean

from archwright.agents.proposers.campaign import LedgerRow
from archwright.core import BASELINE, CONTROL, Candidate, Measurement, Trial
from archwright.runs.journal import Facts, Journal


def ledger_of(journal: Journal) -> list[LedgerRow]:
    """The baseline, then every candidate of the run in the order of their proposal; safe while the
    run goes on."""
    facts = journal.facts
    sds = [floor.sd for floor in facts.noise]
    baseline = journal.candidate(BASELINE) or Candidate(BASELINE, "the baseline")
    rows = chain([with_noise(baseline, facts)], journal.each_candidate())
    problems = problem_gains(journal.each_trial())
    return [LedgerRow.of(row, facts.rungs, sds, problems.get(row.id)) for row in rows]


def problem_gains(trials: Iterable[Trial]) -> dict[str, dict[str, float]]:
    """On a suite: by candidate its gain on each problem, in the problem's noise, as the mean of its
    longest trainings."""
    longest: dict[str, list[Trial]] = {}
    for trial in trials:
        if trial.problems:
            before = longest.setdefault(trial.candidate, [])
            if before and trial.steps > before[0].steps:
                before.clear()
            if not before or trial.steps == before[0].steps:
                before.append(trial)
    return {
        candidate: {
            name: fmean(t.problems[name].gain for t in found if name in t.problems)
            for name in found[0].problems
        }
        for candidate, found in longest.items()
    }


def with_noise(baseline: Candidate, facts: Facts) -> Candidate:
    """The baseline with what the noise floor says of it."""
    if not facts.noise:
        return baseline
    rungs = {
        rung: Measurement(floor.mean, 0.0, len(floor.scores))
        for rung, floor in enumerate(facts.noise)
    }
    return replace(baseline, rungs=rungs, parameters=facts.noise[0].parameters)


def best_of(rows: list[LedgerRow]) -> str:
    """The id of the candidate with the largest gain at the highest rung that any has a gain at, the
    control arm left out; empty where none has."""
    apart = (BASELINE, CONTROL)
    known = [r for r in rows if r.gain is not None and not {r.candidate, r.operator} & {*apart}]
    top = max((_steps(row) for row in known), default=0)
    at_top = [row for row in known if _steps(row) == top]
    return max(at_top, key=lambda row: row.gain or 0.0).candidate if at_top else ""


def _steps(row: LedgerRow) -> int:
    return max(map(int, row.scores), default=0)
