"""The rubric of a reproduction: a tree of weighted checks, each passed, failed or open.

After Starace et al. 2025, "PaperBench: Evaluating AI's Ability to Replicate AI Research": code,
runs, result. Every leaf is decided by what was executed and measured.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from archwright.papers.experiment import Arm, Experiment
from archwright.papers.verdict import ClaimResult

RubricState = Literal["passed", "failed", "open"]

WEIGHTS: Final[Mapping[str, float]] = {"code": 0.25, "runs": 0.25, "result": 0.5}
_STATES: Final[Mapping[str, RubricState]] = {
    "reproduced": "passed",
    "not reproduced": "failed",
    "undecided": "open",
}


@dataclass(frozen=True, slots=True)
class Item:
    """A node of the rubric. Weights among siblings add up to their share of the parent."""

    name: str
    weight: float
    state: RubricState = "open"
    detail: str = ""
    items: tuple[Item, ...] = ()

    @property
    def score(self) -> float:
        """The share of the weight that was earned, from 0 to 1."""
        if not self.items:
            return float(self.state == "passed")
        total = sum(item.weight for item in self.items)
        return sum(item.weight * item.score for item in self.items) / total

    def to_json(self) -> dict[str, Any]:
        """Plain data, scores included."""
        return {
            "name": self.name,
            "weight": self.weight,
            "score": self.score,
            "state": self.state,
            "detail": self.detail,
            "items": [item.to_json() for item in self.items],
        }


@dataclass(frozen=True, slots=True)
class ArmReport:
    """How an arm fared: `faults` of its code by check (empty: sound), and of its trainings."""

    checks: tuple[tuple[str, str], ...] = ()
    """Name and fault of each executed check; an empty fault is a pass."""
    scores: tuple[float | None, ...] = ()
    """One per seed; None where it did not train."""
    error: str = ""

    @property
    def sound(self) -> bool:
        """Whether its code passed every check."""
        return bool(self.checks) and not any(fault for _, fault in self.checks)


def fill_rubric(
    experiment: Experiment, reports: Mapping[str, ArmReport], findings: Sequence[ClaimResult]
) -> Item:
    """The rubric as far as it is known."""
    arms = experiment.arms
    none = ArmReport()
    code = tuple(_code(arm, reports.get(arm.id, none)) for arm in arms)
    runs = tuple(_runs(arm, reports.get(arm.id, none)) for arm in arms)
    found = {finding.claim: finding for finding in findings}
    result = tuple(
        Item(claim.words, 1.0, *_state_of(found.get(claim.id))) for claim in experiment.claims
    )
    groups = {"code": code, "runs": runs, "result": result}
    items = tuple(
        Item(name, WEIGHTS[name], _joint(parts), "", parts) for name, parts in groups.items()
    )
    return Item("reproduction", 1.0, _joint(items), "", items)


def _code(arm: Arm, report: ArmReport) -> Item:
    checks = tuple(
        Item(name, 1.0, "failed" if fault else "passed", fault) for name, fault in report.checks
    )
    return Item(f"{arm.title}: its code", 1.0, _joint(checks), "", checks)


def _runs(arm: Arm, report: ArmReport) -> Item:
    name = f"{arm.title}: trains on every seed"
    if not report.scores:
        return Item(name, 1.0)
    failed = sum(score is None for score in report.scores)
    detail = f"{len(report.scores) - failed} of {len(report.scores)} seeds"
    state: RubricState = "failed" if failed else "passed"
    return Item(name, 1.0, state, f"{detail}; {report.error}" if report.error else detail)


def _state_of(finding: ClaimResult | None) -> tuple[RubricState, str]:
    return (_STATES[finding.ruling], finding.reason) if finding else ("open", "")


def _joint(items: Sequence[Item]) -> RubricState:
    states = {item.state for item in items}
    if "failed" in states:
        return "failed"
    return "passed" if states == {"passed"} else "open"
