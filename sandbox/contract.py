"""What crosses the wall of a jail: the one file that both sides of it speak.

It imports the standard library alone. Archwright imports it as `archwright.sandbox.contract`; in a
jail, where the rest of Archwright is out of reach, the same file lies beside `inside/`. A class
whose name ends in `Projection` or `Request` holds what the jail needs of a type of the core, taken
by name (`project`); a `Reply` is what the jail sends back. Each travels as the JSON of its fields,
and `read` takes nothing that does not have their types and lie within their bounds. So a new field
is one line here, bounds included.
"""

from __future__ import annotations

import functools
import math
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from types import UnionType
from typing import Annotated, Any, Final, Literal, NamedTuple, TypeVar, cast, get_args, get_origin
from typing import get_type_hints as type_hints

T = TypeVar("T")


class Most(NamedTuple):
    """The largest number, or the longest text, list or table, that a field may hold."""

    limit: float


Count = Annotated[int, Most(1 << 53)]
Shape = tuple[int, ...]
LAYERS_LIMIT: Final = 40
LAYER_NAME_LIMIT: Final = 80
"""Characters."""
ReplyStatus = Literal["ok", "invalid", "crashed", "out_of_memory", "killed", "task_fault"]


# --- what a jail is told --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class BackboneProjection:
    """Of `core.Backbone`."""

    width: int
    layers: int
    mlp_ratio: float
    positions: bool = True
    convolution: int = 0


@dataclass(frozen=True, slots=True)
class PartProjection:
    """Of `core.Part`: one array of several that make up an input or an output."""

    name: str
    shape: Shape
    vocabulary: int | None = None
    mask: bool = False


@dataclass(frozen=True, slots=True)
class ProblemProjection:
    """Of `core.Problem`: what a candidate is built against."""

    entry: str
    input_shape: Shape
    output_shape: Shape
    loss: str
    max_params: int
    max_flops: int | None = None
    vocabulary: int | None = None
    causal: bool = False
    backbone: BackboneProjection | None = None
    must: tuple[str, ...] = ()
    inputs: tuple[PartProjection, ...] = ()
    outputs: tuple[PartProjection, ...] = ()
    loss_options: tuple[tuple[str, tuple[float, ...]], ...] = ()
    targets: str = "classes"
    code: str = ""
    """The task's own functions, trusted as the task is."""

    @property
    def input_names(self) -> tuple[str, ...]:
        """What the arrays of an input are called in files."""
        return tuple(f"x.{part.name}" for part in self.inputs) or ("x",)

    @property
    def any_length(self) -> bool:
        """Whether the candidate is a mixer for sequences of any length."""
        return self.backbone is not None and not self.backbone.positions


@dataclass(frozen=True, slots=True)
class TrainingProjection:
    """Of `core.Training`."""

    precision: str = "float32"
    accumulate: int = 1
    clip: float = 1.0
    restarts: int = 0
    average: float = 0.0
    hold_out: float = 0.0
    patience: int = 5
    device: str = "auto"
    compile: bool = False
    loaders: int = 0


@dataclass(frozen=True, slots=True)
class RecipeProjection:
    """Of `core.Recipe`."""

    optimizer: str
    learning_rate: float
    weight_decay: float
    batch_size: int
    schedule: str


@dataclass(frozen=True, slots=True)
class StageProjection:
    """Of `core.Stage`: what is trained before the candidate."""

    source: str
    recipe: RecipeProjection
    steps: int


@dataclass(frozen=True, slots=True)
class TrainRequest:
    """Of `core.TrialJob`; `data` is where the jail finds the arrays."""

    source: str
    problem: ProblemProjection
    recipe: RecipeProjection
    steps: int
    seed: int
    data: str
    splits: tuple[str, ...]
    ceiling: tuple[int, float] | None = None
    measures: bool = False
    before: StageProjection | None = None
    wrapper: str = ""
    training: TrainingProjection = TrainingProjection()
    first_step: int = 0
    total_steps: int = 0
    state_mb: int = 0
    start: str = ""
    """Where the jail finds the state to start from; empty where there is none."""


@dataclass(frozen=True, slots=True)
class CheckRequest:
    """A candidate to be checked, and whether training-free proxies are wanted as well."""

    source: str
    problem: ProblemProjection
    seed: int = 0
    proxies: bool = False
    outline: int | None = None
    """Count what it costs in place of the checks; the samples of a step that is timed if cheap."""


@dataclass(frozen=True, slots=True)
class ScriptOutput:
    """The predictions that a script must leave: float32 `shape`, or of any length where its first
    number is 0."""

    split: str
    file: str
    shape: Shape


@dataclass(frozen=True, slots=True)
class ScriptRequest:
    """A script to be run in a tree of its own. `check` wants to know whether it runs, no more."""

    command: tuple[str, ...]
    """The words behind `python`, budget and seed put in."""
    files: dict[str, str]
    """What is written into the tree, by path."""
    links: dict[str, str]
    """What the tree shows of this machine: an absolute path by path."""
    outputs: tuple[ScriptOutput, ...]
    budget: int
    seed: int
    check: bool = False


@dataclass(frozen=True, slots=True)
class ProbeRequest:
    """Try to read `canary`, a file of the host's, to reach TCP `port` there, and so on."""

    canary: str
    port: int
    memory_mb: int


@dataclass(frozen=True, slots=True)
class JobRequest:
    """A job for a worker: one of train, check, script and probe, and the measures of its jail.

    `seconds_limit` is of CPU time, and of time that all of the job's processes sleep.
    """

    seconds_limit: float
    memory_mb: int
    train: TrainRequest | None = None
    check: CheckRequest | None = None
    script: ScriptRequest | None = None
    probe: ProbeRequest | None = None
    device: str = "cpu"
    """cpu or cuda: with cuda the jail lets the GPU's driver work."""
    gpu_share: float = 1.0
    """The part of the GPU's memory that torch may take."""
    readable: tuple[str, ...] = ()
    """What the jail may read beside torch: files and folders."""
    clock_factor: float = 20.0
    """Times its limit that it may take on the clock: only a machine that is far too busy does."""
    reply_bytes: int = 1 << 26
    """The most that its process may send out."""

    @property
    def clock_limit(self) -> float:
        """Seconds on the clock after which it ends, whatever it has used."""
        return self.seconds_limit * self.clock_factor

    @property
    def compiles(self) -> bool:
        """Whether it needs a compiler."""
        return self.train is not None and self.train.training.compile


@dataclass(frozen=True, slots=True)
class ShippingRequest:
    """Convert a trained network for use elsewhere, or load again what was made of it; `length` says
    whether that takes sequences of any length, `auto` which class of transformers loads it."""

    action: Literal["convert", "reload"]
    format: Literal["transformers", "onnx", "pt2"]
    source: str
    problem: ProblemProjection
    seed: int
    seconds_limit: float
    memory_mb: int
    file_bytes: int
    readable: tuple[str, ...] = ()
    length: bool = False
    auto: str = "AutoModel"


# --- what comes back from a jail, not to be trusted -----------------------------------------------


@dataclass(slots=True)
class CheckFinding:
    """What one check found: `core.Check`."""

    name: str
    ok: bool
    detail: str = ""


@dataclass(slots=True)
class CheckReply:
    """What the checks before training found: `core.CheckReport`."""

    status: ReplyStatus
    checks: Annotated[list[CheckFinding], Most(32)] = field(default_factory=list)
    parameters: Count = 0
    flops: Annotated[int, Most(1 << 62)] = 0
    graph: Annotated[str, Most(2_000_000)] = ""
    proxies: Annotated[dict[Annotated[str, Most(40)], float], Most(16)] = field(
        default_factory=dict
    )
    error: str = ""
    wrapper: Annotated[str, Most(200)] = ""
    layers: Annotated[
        list[tuple[Annotated[str, Most(LAYER_NAME_LIMIT)], Count]], Most(LAYERS_LIMIT)
    ] = field(default_factory=list)
    int8_bytes: Annotated[int, Most(1 << 62)] = 0
    operations: Count = 0
    saved_bytes: Annotated[int, Most(1 << 62)] = 0
    state_numbers: tuple[Count, Count] = (0, 0)
    step_seconds: Annotated[float, Most(1e9)] = 0.0


@dataclass(slots=True)
class TrainReply:
    """What came of a training, beside its predictions: `core.Outcome`."""

    status: ReplyStatus
    curve: Annotated[list[tuple[Count, float]], Most(64)] = field(default_factory=list)
    parameters: Count = 0
    steps: Count = 0
    first_step_at: float | None = None
    """On the monotonic clock of the machine."""
    latency_ms: Annotated[float, Most(math.inf)] = 0.0
    error: str = ""


@dataclass(slots=True)
class ProbeReply:
    """Ways out that were open, and layers of the jail that could not be had."""

    open: tuple[str, ...]
    missing: tuple[str, ...] = ()


@dataclass(slots=True)
class ShippingReply:
    """Whether the length of sequences may vary, why not where the network allows it, and why a
    network could not be converted or loaded."""

    length: bool = False
    streams: bool = False
    """Whether the network also reads one position at a time."""
    note: Annotated[str, Most(1000)] = ""
    error: str = ""


# --- what the worker around the jail says ---------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Greeting:
    """A worker that is warm: its process id, the layers that hold, and why it cannot use the GPU
    that it is given."""

    pid: int
    layers: dict[str, bool]
    gpu_fault: str = ""


@dataclass(frozen=True, slots=True)
class JobStart:
    """The process id, as the worker sees it, of a job that has begun."""

    pid: int


@dataclass(frozen=True, slots=True)
class JobPiece:
    """Some of what a job's process has sent out, as it came; the bytes follow."""

    piece: int
    """How many bytes."""


@dataclass(frozen=True, slots=True)
class JobEnd:
    """How a job's process ended, measured by the worker."""

    cause: str
    """Why the worker killed it: timeout, starved (it was given no processor), stopped, scratch,
    flood (it sent out more than it may), memory (where the kernel does not limit it); or why it
    ended itself: gpu (its driver did not begin); else empty."""
    code: int
    signal: int
    cpu_seconds: float
    peak_memory_mb: float
    left: int = 0
    """How many of its processes could not be killed."""
    seconds: float = 0.0
    clean: bool = True
    """Whether its scratch folder is gone."""
    output: str = ""
    """The last that it printed."""


# --- reading --------------------------------------------------------------------------------------


class ContractBreach(ValueError):  # noqa: N818 - says what happened
    """Data that is not what the contract says; the message names the field."""


def project(kind: type[T], source: object) -> T:
    """The projection of a core object: the fields of `kind`, by name, and of what it holds."""
    hints = _hints(cast(Any, kind))
    return kind(**{name: _projected(hint, getattr(source, name)) for name, hint in hints.items()})


def _projected(hint: Any, value: Any) -> Any:
    if value is None:
        return None
    hint = _bare(hint)
    if is_dataclass(hint):
        return project(cast("type[Any]", hint), value)
    if get_origin(hint) is tuple:
        parts = get_args(hint)
        each = parts[:1] * len(value) if parts[1:] == (...,) else parts
        return tuple(_projected(part, item) for part, item in zip(each, value, strict=True))
    return hint(value)


def read(kind: type[T], raw: object) -> T:
    """An object of the contract from its JSON, hostile or not; unknown keys are passed over.

    Raises:
        ContractBreach: a field is missing, of another type or out of its bounds.
    """
    if not isinstance(raw, dict):
        raise ContractBreach(f"it is not the JSON of a {kind.__name__}")
    values, hints = {}, _hints(cast(Any, kind))
    for item in fields(cast(Any, kind)):
        if item.name in raw:
            values[item.name] = _read(hints[item.name], raw[item.name], item.name)
        elif item.default is MISSING and item.default_factory is MISSING:
            raise ContractBreach(f"it has no valid {item.name}")
    return kind(**values)


@functools.cache
def _hints(kind: Any) -> dict[str, Any]:
    return type_hints(kind, include_extras=True)


def _bare(hint: Any) -> Any:
    """A type without its bounds and without None."""
    if get_origin(hint) is Annotated:
        return _bare(get_args(hint)[0])
    if get_origin(hint) is UnionType:
        return _bare(next(part for part in get_args(hint) if part is not type(None)))
    return hint


def _read(hint: Any, raw: Any, name: str) -> Any:
    origin, parts = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _read_bounded(parts[0], parts[1].limit, raw, name)
    if origin is UnionType:
        return None if raw is None else _read(_bare(hint), raw, name)
    if origin is Literal:
        if not isinstance(raw, str) or raw not in parts:
            raise ContractBreach(f"it has no valid {name}")
        return raw
    if is_dataclass(hint):
        return read(cast("type[Any]", hint), raw)
    if origin in (list, tuple):
        return _read_list(origin, parts, raw, name)
    if origin is dict and isinstance(raw, dict):
        return {_read(parts[0], k, name): _read(parts[1], v, name) for k, v in raw.items()}
    if type(raw) is not hint:  # a bool is not a number, nor a whole number a measured one
        raise ContractBreach(f"its {name} is malformed")
    if hint is float and not math.isfinite(raw):
        raise ContractBreach(f"its {name} is not finite")
    return raw


def _read_list(kind: Any, parts: tuple[Any, ...], raw: object, name: str) -> Any:
    if not isinstance(raw, list):
        raise ContractBreach(f"its {name} is malformed")
    endless = kind is list or parts[1:] == (...,)
    each = parts[:1] * len(raw) if endless else parts
    if len(each) != len(raw):
        raise ContractBreach(f"its {name} is malformed")
    return kind(_read(part, item, name) for part, item in zip(each, raw, strict=True))


def _read_bounded(hint: Any, limit: float, raw: Any, name: str) -> Any:
    if isinstance(raw, (str, list, dict)) and len(raw) > limit:
        raise ContractBreach(f"its {name} is too long")
    value = _read(hint, raw, name)
    if isinstance(value, (int, float)) and not 0 <= value <= limit:
        raise ContractBreach(f"its {name} is out of range")
    return value


ERROR_LIMIT: Final = 2000
"""Characters of an error that leave the jail."""


def clean(text: str, limit: int = ERROR_LIMIT) -> str:
    """`text` without control characters (line breaks stay), cut in the middle to `limit`."""
    if len(text) > 4 * limit:  # whatever its length, it takes no time
        text = text[: 2 * limit] + text[-2 * limit :]
    text = "".join(c if c.isprintable() or c == "\n" else " " for c in text).strip()
    if len(text) <= limit:
        return text
    half = limit // 2 - 3
    return f"{text[:half]} ... {text[-half:]}"
