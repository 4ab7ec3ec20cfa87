"""What the knowledge base holds, as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from archwright.core import CandidateStatus, Fingerprint

Kind = Literal["result", "lesson", "note", "example", "paper", "decision"]
"""`example` is an architecture that the user brought in, `note` the user's own words."""

ReviewStatus = Literal["open", "accepted", "rejected"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One thing that is known. `(run, candidate)` names it; `id` is one version of it.

    `score` and `baseline` are in the metric's unit; `gain` is the improvement over the baseline in
    standard deviations of the baseline's noise (positive is better). `created` is a Unix time in
    seconds. `id` and `created` are set by the store.
    """

    run: str
    candidate: str
    task: str = ""
    title: str = ""
    kind: Kind = "result"
    source: str = ""
    recipe: Mapping[str, Any] = field(default_factory=dict)
    fingerprint: Fingerprint = field(default_factory=lambda: Fingerprint("", ""))
    family: str = ""
    metric: str = ""
    score: float | None = None
    baseline: float | None = None
    gain: float | None = None
    parameters: int = 0
    end: CandidateStatus = CandidateStatus.OPEN
    reason: str = ""
    lesson: str = ""
    status: ReviewStatus = "open"
    id: int = 0
    created: float = 0.0


Example = Entry
"""An entry that was chosen to be shown; it has a source."""


@dataclass(frozen=True, slots=True)
class Match:
    """Something known that is the same as, or like, what was asked about."""

    level: Literal["text", "tree", "graph", "similar"]
    id: int
    run: str
    candidate: str
    title: str
    end: CandidateStatus
    reason: str
    score: float | None
    similarity: float = 1.0


@dataclass(frozen=True, slots=True)
class Hit:
    """One answer to a search; `rank` is the fused score, larger is better."""

    entry: Entry
    rank: float
