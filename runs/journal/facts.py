"""What holds for a run as a whole: the facts of its journal as one model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, is_dataclass
from enum import StrEnum
from typing import Any, Final, Self

from archwright.core import Floor, Metric, find_metric

UNKNOWN: Final = Metric("", "maximize", "")
"""The metric of a journal that does not say it, and of none."""


class Phase(StrEnum):
    """What a run is doing."""

    READING = "reading"
    """A paper is read, for a reproduction without a plan."""
    CODING = "coding"
    """What a paper describes is written as code."""
    BASELINE = "baseline"
    METHOD = "method"
    """What a paper proposes is trained."""
    SEARCH = "search"
    VERIFICATION = "verification"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Facts:
    """The facts of a run; those that change are written by `Journal.note`."""

    settings: Mapping[str, Any] = field(default_factory=dict)
    """`RunSettings` as plain data."""
    task: str = ""
    task_from: str = ""
    """What `archwright run` was given: a built-in name, or the path of a folder."""
    task_digest: str = ""
    task_key: str = ""
    """What results on this task go by in the knowledge base."""
    metric: Metric = UNKNOWN
    rungs: tuple[int, ...] = ()
    """Training budgets in steps, rising."""
    budget: Mapping[str, float] = field(default_factory=dict)
    """The limits that were given: max_trials, hours, max_usd, max_tokens."""
    created: float = 0.0
    """Unix time in seconds."""
    head: str | None = None
    """The commit that was checked out when the run began."""
    known_until: int = 0
    """The last entry of the knowledge base that the run may know."""
    most_known: int | None = None
    """Candidates that choices know at once; None for all, as in runs of earlier versions."""
    place: str = ""
    """The name of the shared knowledge base, whatever its address; "" where the workspace has its
    own."""
    device: Mapping[str, Any] | None = None
    """The machine that latency is predicted for, where it was measured."""
    baseline_source: str | None = None
    """The architecture to beat, where it is not the task's own."""
    state: str = "running"
    phase: Phase = Phase.BASELINE
    error: str = ""
    starting: str = ""
    """The sandbox that is being started."""
    noise: tuple[Floor, ...] = ()
    """The noise floor by rung; empty before it was measured."""
    unverified: tuple[str, ...] = ()
    """Finalists for whom the budget had no trials left."""
    round: int | None = None
    """The round of verification that was asked for and is not over, None where there is none."""
    looks_before: int = 0
    """How often the test split had been opened when the run was last given more."""
    extended_at: int = 0
    """The leg from which on the run has what it was last given; 0 where it was given no more."""
    machine: str = ""
    """The kind of machine that trained last: `archwright.sandbox.machine.machine_kind`."""
    workspace: str = ""
    """The folder of the workspace that the run began in."""
    paper: Mapping[str, Any] | None = None
    """Of a reproduction: the paper that it is about."""
    experiment: Mapping[str, Any] | None = None
    """Of a reproduction: what is trained and compared."""
    reproduction: Mapping[str, Any] | None = None
    """What a reproduction found: there, but empty, as long as it goes on."""
    improves: Mapping[str, Any] | None = None
    """The reproduction whose architecture a run starts from."""

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> Self:
        """The facts behind their stored values; what this version does not know is left out."""
        fields = {k: v for k, v in values.items() if k in cls.__dataclass_fields__}
        for name in ("rungs", "unverified"):
            fields[name] = tuple(fields.get(name) or ())
        fields["noise"] = tuple(map(Floor.from_json, fields.get("noise") or ()))
        fields["metric"] = _metric(fields.get("metric"))
        fields["phase"] = Phase(fields.get("phase", Phase.BASELINE))
        return cls(**fields)


def _metric(stored: Any) -> Metric:
    """A metric as a journal has it: by its name alone where that is old."""
    if isinstance(stored, Mapping):
        return Metric.from_json(stored)
    return find_metric(stored or "") or UNKNOWN


def check_names(names: Mapping[str, Any]) -> None:
    """Raises:
    TypeError: a fact that the model does not have.
    """
    if unknown := sorted(set(names) - set(Facts.__dataclass_fields__)):
        raise TypeError(f"a run has no fact {unknown[0]!r}")


def storable(value: Any) -> Any:
    """A fact as JSON has it."""
    if isinstance(value, (list, tuple)):
        return [storable(item) for item in value]
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else value
