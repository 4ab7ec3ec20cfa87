"""A run at one moment, as plain values: what the live view, `status` and the report show.

A snapshot is computed from the journal alone (`archwright.runs.results.observing.observe`), so that
a run can be watched from any terminal, and a finished or dead one looked at the same way.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from archwright.core import Metric

State = Literal["running", "stopped", "interrupted", "finished", "failed"]
"""`interrupted`: the journal says running, but no process holds the run any more."""


@dataclass(frozen=True, slots=True)
class Funnel:
    """How many candidates reached each stage. Each candidate ends in exactly one of
    duplicate, invalid, crashed, trained (promoted ones are counted in trained, too)."""

    proposed: int = 0
    duplicate: int = 0
    invalid: int = 0
    crashed: int = 0
    trained: int = 0
    promoted: int = 0


@dataclass(frozen=True, slots=True)
class TrialRow:
    """A trial in flight. `started` is a Unix time in seconds."""

    candidate: str
    title: str
    purpose: str
    steps: int
    seed: int
    started: float


@dataclass(frozen=True, slots=True)
class CandidateRow:
    """A candidate with its end. `score` is the mean at its highest rung, in the metric's unit."""

    id: str
    title: str
    operator: str
    parents: tuple[str, ...]
    end: str
    reason: str
    rung: int | None
    score: float | None
    parameters: int
    flops: int = 0
    latency_ms: float | None = None
    """Of one sample, predicted from the graph; None where the machine was not measured."""
    measured_ms: float | None = None
    """Of one sample, timed when it was verified."""
    int8: float | None = None
    """Mean score with weights rounded to INT8, over the seeds that verified it."""
    proxies: Mapping[str, float] = field(default_factory=dict)
    """Training-free guesses at its quality, by name."""
    gain: float | None = None
    """Mean paired gain over the baseline in its noise standard deviations, at that rung."""
    seeds: int = 0
    arm: Literal["search", "control"] = "search"
    created: float = 0.0
    lesson: str = ""
    source: str = ""
    examples: tuple[str, ...] = ()
    """Ids of the knowledge entries that were retrieved as examples when it was proposed."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """A finalist against one control on the same fresh seeds: the baseline, or the baseline scaled
    to the finalist's size. `mean` is the control's score; `effect` the finalist's mean paired gain
    over it, positive is better; `test_gain` the same on the test split, None when not opened, with
    `test_p` for "no gain" on other seeds and samples."""

    control: str
    parameters: int
    mean: float
    effect: float
    interval: tuple[float, float]
    p: float
    test_gain: float | None = None
    test_p: float | None = None
    kind: str = "baseline"
    """baseline, size (the baseline scaled to the finalist's size) or recipe (trained with the
    finalist's recipe)."""


@dataclass(frozen=True, slots=True)
class SecondLook:
    """What a forced round of verification said of a finalist whose verdict was known."""

    round: int
    verdict: str
    effect: float
    interval: tuple[float, float]
    p: float
    seeds: int
    test_gain: float | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What verification said of a finalist. `effect`, `interval`, `p` and `test_gain` are those of
    the hardest control; `mean` is the finalist's own score on the fresh seeds."""

    candidate: str
    title: str
    verdict: Literal["discovery", "no gain", "undecided"]
    effect: float
    interval: tuple[float, float]
    p: float
    seeds: int
    reason: str
    branch: str | None = None
    decision: str | None = None
    test_gain: float | None = None
    mean: float | None = None
    own_scores: tuple[float, ...] = ()
    """One per fresh seed, on validation."""
    shrunk: float | None = None
    """The effect, shrunk for having been selected."""
    needs: str = ""
    """What it would take to decide, where the verdict is undecided."""
    suspicions: tuple[str, ...] = ()
    reproduce: Mapping[str, Any] = field(default_factory=dict)
    """The command that trains it again, and the interval that the score must land in."""
    comparisons: tuple[Comparison, ...] = ()
    review: Literal["open", "accepted", "rejected"] = "open"
    round: int = 0
    """How many times the run's test split had been opened before: above 0 it was forced."""
    again: tuple[SecondLook, ...] = ()
    """What forced rounds said after this verdict, which stands."""


def numbers_of(verdict: Verdict) -> dict[str, Any]:
    """The numbers of a verdict as plain data."""
    keys = (
        "verdict",
        "mean",
        "effect",
        "interval",
        "p",
        "seeds",
        "test_gain",
        "comparisons",
        "shrunk",
        "suspicions",
    )
    document = asdict(verdict)
    return {key: document[key] for key in keys}


@dataclass(frozen=True, slots=True)
class Baseline:
    """The baseline's noise floor at the top rung: `scores` are one per seed."""

    mean: float
    sd: float
    scores: tuple[float, ...]
    parameters: int
    flops: int = 0
    latency_ms: float | None = None
    measured_ms: float | None = None
    int8: float | None = None


@dataclass(frozen=True, slots=True)
class Control:
    """The control arm: random draws trained at the top rung with the task's recipe.

    `improvement` is that of the play-off's best finalist over them in per cent, with its 95 %
    interval; None before anything was verified.
    """

    count: int
    mean: float
    best: float
    improvement: float | None = None
    interval: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Spend:
    """What a run cost so far. `seconds` is the wall time it was alive, pauses left out."""

    usd: float = 0.0
    tokens: int = 0
    seconds: float = 0.0
    trials: int = 0
    training_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A run at one moment."""

    run: str
    task: str
    task_from: str
    """What `archwright run` was given: a built-in name, or the path of a folder."""
    metric: Metric
    state: State
    phase: str
    """What it is doing: baseline, search, verification, done."""
    created: float
    budget: Mapping[str, float]
    """The limits that were given: max_trials, hours, max_usd, max_tokens."""
    spend: Spend
    funnel: Funnel
    baseline: Baseline | None
    best: CandidateRow | None
    """The best candidate at the top rung so far."""
    running: tuple[TrialRow, ...]
    candidates: tuple[CandidateRow, ...]
    verdicts: tuple[Verdict, ...]
    control: Control | None
    notices: tuple[str, ...]
    """What is weaker than asked for, said at the start and in the report."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    error: str = ""
    confidence: Mapping[str, Any] | None = None
    """How far the policy believes its surrogate: `earned`, `correlation`, `parameters_alone`,
    `examples`; None where it has none."""

    @property
    def at_top(self) -> list[CandidateRow]:
        """Candidates with a score at the top rung, both arms, in the order they were proposed."""
        best = self.best
        if best is None:
            return []
        return [r for r in self.candidates if r.rung == best.rung and r.score is not None]
