"""A trial: the job that the jail gets, and what comes out of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, Self

from archwright.core.arrays import Array
from archwright.core.candidate import Candidate, Curve
from archwright.core.task import Problem, Recipe, Training

Receive = Callable[[str, int, Array], None]
"""Takes some of the predictions on a split, `(rows, *output_shape)`, from a row on."""


class Status(StrEnum):
    """How a check or a trial ended."""

    OK = "ok"
    INVALID = "invalid"
    CRASHED = "crashed"
    TIMEOUT = "timeout"
    OUT_OF_MEMORY = "out_of_memory"
    KILLED = "killed"
    TASK_FAULT = "task_fault"
    """The task's own code failed, or its labels do not suit it: no fault of the candidate."""
    NOT_BEGUN = "not_begun"
    """The time of the run would not have sufficed: nothing was spent or measured."""


_UNMEASURED: Final[Mapping[Status, str]] = {
    Status.TIMEOUT: "timed out",
    Status.OUT_OF_MEMORY: "was killed by the system",
    Status.KILLED: "was lost with its worker",
    Status.TASK_FAULT: "was ended by a fault of the task",
    Status.NOT_BEGUN: "had no time left",
}


def unmeasured_by(status: Status | None, lost: bool) -> str:
    """Why what ended so measured nothing, as `timed out`; empty where it is measured, or failed
    through its own fault.

    A loss that is hopeless is an end of our own choice (`killed`, and not lost): it is measured.
    """
    ours = (Status.TIMEOUT, Status.TASK_FAULT, Status.NOT_BEGUN)
    return _UNMEASURED.get(status, "") if status and (lost or status in ours) else ""


@dataclass(frozen=True, slots=True)
class Check:
    """One executed check of a candidate."""

    name: str
    ok: bool
    detail: str = ""


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What the checks before training found.

    `graph` is the canonical text of the computation graph (one operation a line, with shapes),
    empty when the model could not be run. `proxies`, where they were asked for, are training-free
    guesses at its quality by name, larger is better; one that does not fit the network is missing.
    `wrapper` is a sentence on what it does to its input beside its architecture, empty if nothing.
    """

    status: Status
    checks: tuple[Check, ...] = ()
    parameters: int = 0
    flops: int = 0
    graph: str = ""
    error: str = ""
    seconds: float = 0.0
    proxies: Mapping[str, float] = field(default_factory=dict)
    lost: bool = False
    """Whether it ended through the machine, not through the candidate: see `Outcome`."""
    wrapper: str = ""
    layers: tuple[tuple[str, int], ...] = ()
    """Parameters of each module that owns some, by its dotted name, also where they are too many;
    the smallest are put together as `others`, the harness's own network as `backbone`."""
    int8_bytes: int = 0
    """What the network takes with weights rounded to INT8; 0 where nobody counted."""
    operations: int = 0
    """Of an outline: how many operations a forward pass runs, whatever each costs; 0 where that is
    not known, as of those below."""
    saved_bytes: int = 0
    """What a training in float32 keeps for the gradients of a sample."""
    state_numbers: tuple[int, int] = (0, 0)
    """Numbers kept of a sequence after its first position, and how many more with each further."""
    step_seconds: float = 0.0
    """Of a processor, for a training step on the batch that was asked for."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A network that is trained first in the same job; the candidate starts from its weights."""

    source: str
    recipe: Recipe
    steps: int


@dataclass(frozen=True, slots=True)
class TrialJob:
    """One training: everything that the jail gets. It holds no label that is scored.

    `data` is a folder with `train_x.npy`, `train_y.npy` and `<split>_x.npy` for each of `splits`,
    whose predictions are wanted after the last step.
    """

    source: str
    problem: Problem
    recipe: Recipe
    steps: int
    seed: int
    data: Path
    splits: tuple[str, ...] = ("validation",)
    """What is predicted after the last step; nothing, where a long training goes on."""
    seconds_limit: float = 120.0
    """CPU seconds of all its processes, and seconds in which all of them sleep."""
    memory_mb: int = 2048
    ceiling: tuple[int, float] | None = None
    """(step, training loss): a loss that lies above it then ends the trial as `killed`."""
    measures: bool = False
    """Also time a forward pass, and predict the first split with weights rounded to INT8."""
    before: Stage | None = None
    """What is trained before the candidate, which then inherits its weights."""
    wrapper: str = ""
    """Source of the candidate whose views of the input the trained network is shown."""
    first_step: int = 0
    """Where it begins: a long training is done in several jobs, each up to its `steps`."""
    total_steps: int = 0
    """What the schedule runs over; 0 where that is `steps`."""
    start: Path | None = None
    """A file `.npz` with the state that the job before left at `first_step`."""
    training: Training = field(default_factory=Training)
    state_mb: int = 0
    """The most that the trained state may take, where it is wanted; 0 where it is not."""


@dataclass(frozen=True, slots=True)
class Resources:
    """What a trial used. Seconds are of the clock; `start_seconds` runs from job to first step."""

    seconds: float = 0.0
    start_seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_memory_mb: float = 0.0
    parameters: int = 0
    steps: int = 0
    latency_ms: float = 0.0
    """One sample's forward pass, the median of several, timed where the candidate's code runs."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came out of one trial: plain data, parsed as hostile input.

    `curve` holds (step, mean training loss since the last point). `predictions` maps a split to a
    float32 array `(samples, *output_shape)`; they are scored outside. A job that `measures` has
    those of its first split with rounded weights, too, under its name with `_int8`. Where the
    caller received them block by block, none are kept here.
    """

    status: Status
    curve: tuple[tuple[int, float], ...] = ()
    predictions: Mapping[str, Array] = field(default_factory=dict)
    state: Mapping[str, Array] = field(default_factory=dict)
    """The trained network by name (`model.…`), and what its training needs to go on from there."""
    resources: Resources = field(default_factory=Resources)
    error: str = ""
    lost: bool = False
    """Whether it ended through the machine and not through the candidate: no time on a processor,
    a worker that died, a system without memory. Another time it may end well."""

    @property
    def unmeasured(self) -> str:
        """Why it measured nothing, as `unmeasured_by` says it."""
        return unmeasured_by(self.status, self.lost)


@dataclass(frozen=True, slots=True)
class Limitation:
    """Something that a sandbox does not prevent on this machine, and the fix where there is one."""

    name: str
    detail: str
    fix: str = ""


@dataclass(frozen=True, slots=True)
class TrialSpec:
    """One training of a candidate: at which rung, with which seed, and why (`purpose`)."""

    candidate: Candidate
    rung: int
    seed: int
    purpose: str = "search"
    priority: int = 0
    """The lowest goes first where slots are short."""
    ceiling: tuple[int, float] | None = None
    """(step, training loss) above which the trial ends as hopeless."""
    before: Stage | None = None
    """What is trained first, in the same job; the candidate starts from its weights."""


@dataclass(frozen=True, slots=True)
class ProblemScore:
    """What a training on a suite scored on one of its problems."""

    score: float
    """On the validation split, in the unit of the problem's own metric."""
    unit: str
    gain: float
    """Over the reference of the suite, in noise standard deviations: positive is better."""
    seconds: float


@dataclass(frozen=True, slots=True)
class Trial:
    """A training as the journal knows it: what was asked, and the outcome once it ended.

    `score` is on the validation split, in the metric's unit; None when it did not end well.
    """

    candidate: str
    purpose: str
    rung: int
    steps: int
    seed: int
    title: str = ""
    status: Status | None = None
    """None while it runs."""
    score: float | None = None
    int8: float | None = None
    """The score with weights rounded to INT8, where that was measured."""
    loss: float | None = None
    """On the validation split, where the score is something else than the loss."""
    curve: Curve = ()
    resources: Resources = field(default_factory=Resources)
    problems: Mapping[str, ProblemScore] = field(default_factory=dict)
    """Of a suite: what it scored on each of its problems."""
    errors: str = ""
    """Where its predictions on the validation split went wrong, in a line."""
    error: str = ""
    lost: bool = False
    """Whether it ended through the machine, as `Outcome` has it, the last time as well."""
    attempts: int = 1
    """How many times it was begun; all before the last were lost."""
    started: float = 0.0
    """Unix time in seconds."""
    finished: float = 0.0

    @property
    def unmeasured(self) -> str:
        """Why it measured nothing, as `timed out`: it says nothing about its candidate. Empty
        where it is measured, runs, or failed through the candidate's own fault."""
        return unmeasured_by(self.status, self.lost)

    @property
    def failed(self) -> bool:
        """Whether it failed through the candidate's own fault; one that is ended as hopeless did
        not."""
        faults = (Status.INVALID, Status.CRASHED, Status.OUT_OF_MEMORY)
        return self.status in faults and not self.lost

    @classmethod
    def from_json(
        cls,
        request: Mapping[str, Any],
        result: Mapping[str, Any],
        started: float = 0.0,
        finished: float = 0.0,
    ) -> Self:
        """A trial that ended, from what was asked and its outcome as plain data."""
        fields = dict(result)
        made: dict[str, Any] = {
            "status": Status(fields.pop("status", Status.OK)),
            "curve": tuple((int(s), float(v)) for s, v in fields.pop("curve", ())),
            "resources": Resources(**fields.pop("resources", {})),
            "problems": {n: ProblemScore(**p) for n, p in fields.pop("problems", {}).items()},
        }
        return cls(**request, **made, **fields, started=started, finished=finished)
