"""A run at one moment, as plain values: what the live view, `status` and the report show.

A snapshot is computed from the journal alone (`archwright.runs.results.observing.observe`), so that
a run can be watched from any terminal, and a finished or dead one is shown in the same way.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from archwright.agents.proposers.campaign import Steer
from archwright.core import Aim, Candidate, Metric, Trial, Verdict
from archwright.runs.journal import Spend

State = Literal["running", "stopped", "interrupted", "finished", "failed"]
"""`interrupted`: the journal says running, but no process holds the run any more."""


@dataclass(frozen=True, slots=True)
class Funnel:
    """How many candidates reached each stage. Each candidate ends in exactly one of duplicate,
    invalid, crashed, unmeasured, dropped, trained (promoted ones are counted in trained, too)."""

    proposed: int = 0
    duplicate: int = 0
    invalid: int = 0
    crashed: int = 0
    unmeasured: int = 0
    trained: int = 0
    promoted: int = 0
    dropped: int = 0


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
    int8_bytes: int = 0


@dataclass(frozen=True, slots=True)
class AimStanding:
    """Where a run stands whose aim is a cost."""

    aim: Aim
    smallest: Candidate | None
    """The smallest that was verified to be at the floor; as long as there is none, the smallest
    at the top rung whose mean is."""
    verified: bool
    baseline: float | None
    """The baseline's cost; None before it is known."""
    baseline_margin: float | None
    """How far the baseline's mean lies above the floor, in the metric's unit."""
    baseline_sd: float
    """The noise of the baseline over seeds; 0 before it is known."""

    @property
    def cost(self) -> float | None:
        """What the smallest costs."""
        return None if self.smallest is None else self.aim.cost(self.smallest)


LEAST_DRAWS: Final = 5
"""With fewer random draws nothing is said of what the search is worth over them."""


@dataclass(frozen=True, slots=True)
class Control:
    """The control arm: random draws trained at the top rung with the task's recipe.

    `improvement` is that of the play-off's best finalist over them in per cent, with its 95 %
    interval; None before anything was verified, and with too few draws.
    """

    count: int
    mean: float
    best: float
    improvement: float | None = None
    interval: tuple[float, float] | None = None


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
    best: Candidate | None
    """The best candidate at the top rung so far; where the aim is a cost, the smallest at its
    floor, or the one nearest to it."""
    running: tuple[Trial, ...]
    candidates: tuple[Candidate, ...]
    """Without their sources, fingerprints and curves, which the journal has: a long run has many
    of them."""
    verdicts: tuple[Verdict, ...]
    control: Control | None
    notices: tuple[str, ...]
    """What is weaker than asked for; shown at the start and in the report."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    rungs: tuple[int, ...] = ()
    """Training budgets in steps, rising."""
    examples: Mapping[str, str] = field(default_factory=dict)
    """Titles of the knowledge entries that were shown as examples, by id."""
    memo: str = ""
    """What the search has shown, as it was written down last."""
    steer: Steer = field(default_factory=Steer)
    """A person's words."""
    seeds: tuple[str, ...] = ()
    """Names of the architectures that a person brought."""
    error: str = ""
    aim: AimStanding | None = None
    """Where the aim is a cost; None where it is quality."""
    confidence: Mapping[str, Any] | None = None
    """How well the policy's surrogate predicts: `correlation`, `parameters_alone`, `examples`,
    `forest`; None where it has none."""

    @property
    def at_top(self) -> list[Candidate]:
        """Candidates with a score at the top rung, both arms, in the order they were proposed."""
        top = self.top
        return [r for r in self.candidates if r.rung == top and r.score is not None]

    @property
    def top(self) -> int:
        """The highest rung, from 0."""
        return len(self.rungs) - 1
