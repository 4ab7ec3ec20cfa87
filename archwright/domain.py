"""The words of Archwright as types: task, candidate, trial, outcome.

This file stands at the bottom. Every other package may import it; it imports only the standard
library and numpy, so that it costs nothing to import.

    ArchwrightError
    ├── InputError            what the user gave is wrong; the message names the mend (exit code 2)
    │   ├── TaskError         a task folder that cannot be used
    │   ├── WorkspaceError    a workspace that is no git repository, or cannot be written
    │   ├── RunError          a run that does not exist, or cannot go on
    │   └── SourceError       architecture source that breaks the contract
    ├── SandboxError          the sandbox itself failed (not the candidate in it)
    ├── BackendError          a backend cannot answer any more; the run stops, resumable
    │   └── AnswerError       one question got no usable answer; its candidate ends as a failure
    └── Stopped               the run was asked to stop
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Json = Mapping[str, Any]


class ArchwrightError(Exception):
    """Base of every error that Archwright raises on purpose."""


class InputError(ArchwrightError):
    """What the user gave is wrong. The message is one line and names the mend."""


class TaskError(InputError):
    """A task folder that cannot be used."""


class WorkspaceError(InputError):
    """A workspace that is no git repository, or cannot be written."""


class RunError(InputError):
    """A run that does not exist, or cannot go on."""


class SourceError(InputError):
    """Architecture source that breaks the contract before anything is executed."""


class SandboxError(ArchwrightError):
    """The sandbox itself failed, not the candidate in it."""


class BackendError(ArchwrightError):
    """A backend cannot answer any more. The run stops with everything kept."""


class AnswerError(BackendError):
    """One question got no usable answer. What was asked for ends as a failure, the run goes on."""


class Stopped(ArchwrightError):  # noqa: N818 - not a fault
    """The run was asked to stop."""


# --- task ---------------------------------------------------------------------------------------

Direction = Literal["maximize", "minimize"]
Loss = Literal["cross_entropy", "mse", "mae"]
Entry = Literal["Model", "Mixer"]


@dataclass(frozen=True, slots=True)
class Metric:
    """How predictions are scored. The harness owns the list; a task picks from it."""

    name: str
    direction: Direction
    unit: str
    loss: Loss
    highest: float = math.inf
    """The largest score there is; the smallest is 0."""

    def clamp(self, interval: tuple[float, float]) -> tuple[float, float]:
        """An interval of scores, within what a score can be."""
        return max(0.0, interval[0]), min(self.highest, interval[1])

    def better(self, a: float, b: float) -> bool:
        """Whether score `a` is better than score `b`."""
        return a > b if self.direction == "maximize" else a < b

    def gain(self, score: float, over: float) -> float:
        """`score - over` with the sign turned so that positive is an improvement."""
        return score - over if self.direction == "maximize" else over - score


METRICS: Final[Mapping[str, Metric]] = {
    m.name: m
    for m in (
        Metric("accuracy", "maximize", "%", "cross_entropy", 100.0),
        Metric("bits_per_character", "minimize", "bits", "cross_entropy"),
        Metric("cross_entropy", "minimize", "nats", "cross_entropy"),
        Metric("mean_squared_error", "minimize", "", "mse"),
        Metric("mean_absolute_error", "minimize", "", "mae"),
    )
}


@dataclass(frozen=True, slots=True)
class Backbone:
    """The fixed network around a mixer: embedding, `layers` x (mixer, MLP), head."""

    width: int
    layers: int
    mlp_ratio: float = 2.0


@dataclass(frozen=True, slots=True)
class Problem:
    """All that a candidate's code is built against, as plain data.

    Shapes are per sample, without the batch axis. `vocabulary` is set where inputs are integer
    tokens. With `entry == "Mixer"` the candidate defines `class Mixer` built as
    `Mixer(input_shape, output_shape)` with both shapes `(length, backbone.width)`, and the harness
    puts it into `backbone`; otherwise it defines `class Model` on the task's own shapes.
    """

    entry: Entry
    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]
    loss: Loss
    max_params: int
    max_flops: int | None = None
    vocabulary: int | None = None
    causal: bool = False
    backbone: Backbone | None = None
    packages: tuple[str, ...] = ()
    """Installed packages that candidates may import, beside torch and numpy."""
    folders: tuple[str, ...] = ()
    """Absolute paths of data folders that candidates may read; never of labels that are scored."""

    @property
    def module_shapes(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """The two shapes that the candidate's own class is constructed with."""
        if self.backbone is None:
            return self.input_shape, self.output_shape
        shape = (self.input_shape[0], self.backbone.width)
        return shape, shape

    def to_json(self) -> dict[str, Any]:
        """Plain data, for the jail and the journal."""
        return asdict(self)


SCHEDULES: Final = ("constant", "linear", "cosine", "warmup_cosine")
OPTIMIZERS: Final = ("adamw", "adam", "sgd", "rmsprop")
RECIPE_BOUNDS: Final[Mapping[str, tuple[float, float]]] = {
    "learning_rate": (1e-5, 1.0),
    "weight_decay": (0.0, 1.0),
    "batch_size": (8, 256),
}


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a candidate is trained, from a closed list; what it does not say, the task says."""

    optimizer: str = "adamw"
    learning_rate: float = 1e-3
    weight_decay: float = 0.01
    batch_size: int = 32
    schedule: str = "cosine"

    def updated(self, changes: Json) -> Recipe:
        """This recipe with `changes`.

        Raises:
            SourceError: an unknown key, a value of the wrong type, or one out of bounds.
        """
        unknown = sorted(set(changes) - set(RECIPE_KEYS))
        if unknown:
            raise SourceError(
                f"RECIPE has no key {unknown[0]!r}; it takes {', '.join(RECIPE_KEYS)}"
            )
        for key, value in changes.items():
            _check_recipe_value(key, value)
        return replace(self, **{k: type(getattr(self, k))(v) for k, v in changes.items()})

    def to_json(self) -> dict[str, Any]:
        """Plain data, keys in declaration order."""
        return asdict(self)


RECIPE_KEYS: Final = tuple(Recipe.__dataclass_fields__)


def _check_recipe_value(key: str, value: object) -> None:
    choices = {"optimizer": OPTIMIZERS, "schedule": SCHEDULES}.get(key)
    if choices is not None:
        if value not in choices:
            raise SourceError(f"RECIPE[{key!r}] must be one of {', '.join(choices)}, not {value!r}")
        return
    low, high = RECIPE_BOUNDS[key]
    whole = key == "batch_size"
    if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)):
        raise SourceError(f"RECIPE[{key!r}] must be {'a whole number' if whole else 'a number'}")
    if not low <= value <= high:
        raise SourceError(f"RECIPE[{key!r}] must lie in [{low:g}, {high:g}], not {value!r}")


@dataclass(frozen=True, slots=True)
class TaskSpec:
    """What a task folder says of itself (`task.toml` and `baseline.py`)."""

    name: str
    summary: str
    metric: Metric
    problem: Problem
    rungs: tuple[int, ...]
    """Training budgets in optimizer steps, rising."""
    recipe: Recipe
    """The training recipe of a candidate that brings none."""
    contract: str
    """Words for whoever writes a candidate: what it must do, what is given to it."""
    baseline: str
    """Source of the architecture to beat."""
    folder: Path
    trial_seconds: float = 120.0
    """Wall-clock kill switch of one trial; the budget is in steps."""
    memory_mb: int = 2048


# --- candidate ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Three levels of sameness, each a hash string; `graph` is empty until the code was built."""

    text: str
    tree: str
    graph: str = ""


class End(StrEnum):
    """How a candidate ended. Every candidate has one; failures are data."""

    OPEN = "open"
    DUPLICATE = "duplicate"
    INVALID = "invalid"
    CRASHED = "crashed"
    TRAINED = "trained"
    PROMOTED = "promoted"


class Status(StrEnum):
    """How a check or a trial ended."""

    OK = "ok"
    INVALID = "invalid"
    CRASHED = "crashed"
    TIMEOUT = "timeout"
    OUT_OF_MEMORY = "out_of_memory"
    KILLED = "killed"


# --- sandbox ------------------------------------------------------------------------------------


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
    empty when the model could not be run. `proxies` are training-free guesses at its quality by
    name, larger is better; one that does not fit the network is missing.
    """

    status: Status
    checks: tuple[Check, ...] = ()
    parameters: int = 0
    flops: int = 0
    graph: str = ""
    error: str = ""
    seconds: float = 0.0
    proxies: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Stage:
    """A network that is trained first in the same job; the candidate starts from its weights."""

    source: str
    recipe: Recipe
    steps: int


@dataclass(frozen=True, slots=True)
class TrialJob:
    """One training: everything the jail is told. It holds no label that is scored.

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
    seconds_limit: float = 120.0
    memory_mb: int = 2048
    ceiling: tuple[int, float] | None = None
    """(step, training loss): a loss that lies above it then ends the trial as `killed`."""
    measures: bool = False
    """Also time a forward pass, and predict the first split with weights rounded to INT8."""
    before: Stage | None = None
    """What is trained before the candidate, which then inherits its weights."""


@dataclass(frozen=True, slots=True)
class Resources:
    """What a trial used. Wall-clock seconds; `start_seconds` runs from job to first step."""

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
    those of its first split with rounded weights, too, under its name with `_int8`.
    """

    status: Status
    curve: tuple[tuple[int, float], ...] = ()
    predictions: Mapping[str, Array] = field(default_factory=dict)
    resources: Resources = field(default_factory=Resources)
    error: str = ""


@dataclass(frozen=True, slots=True)
class Gap:
    """Something that a sandbox does not hold on this machine, and the mend where there is one."""

    name: str
    detail: str
    mend: str = ""


def score(metric: Metric, predictions: Array, labels: Array) -> float:
    """Score raw predictions against labels.

    Args:
        metric: one of `METRICS`.
        predictions: `(N, *output_shape)`; for cross entropy metrics the last axis holds logits.
        labels: integer classes `(N, *output_shape[:-1])`, where -1 is not scored, or for the
            regression metrics floats of the predictions' shape.

    Raises:
        ValueError: shapes that do not fit, or predictions that are not finite.
    """
    values, kept = _score_elements(metric, predictions, labels)
    return float(np.mean(values[kept]))


def score_samples(metric: Metric, predictions: Array, labels: Array) -> Array:
    """As `score`, but one score per sample: float64 `(N,)`.

    A sample without any label to score gets the mean of the others. Raises as `score` does.
    """
    values, kept = _score_elements(metric, predictions, labels)
    rows, mask = values.reshape(len(values), -1), kept.reshape(len(values), -1)
    counts = mask.sum(axis=1)
    means = np.where(mask, rows, 0.0).sum(axis=1) / np.maximum(1, counts)
    samples: Array = np.where(counts > 0, means, means[counts > 0].mean())
    return samples


def _score_elements(metric: Metric, predictions: Array, labels: Array) -> tuple[Array, Array]:
    """The score of each element, and which elements are scored."""
    if not np.all(np.isfinite(predictions)):
        raise ValueError("predictions are not finite")
    wanted = predictions.shape if metric.loss != "cross_entropy" else predictions.shape[:-1]
    if labels.shape != wanted:
        raise ValueError(f"predictions {predictions.shape} do not fit labels {labels.shape}")
    if metric.loss != "cross_entropy":
        off = predictions.astype(np.float64) - labels
        return (off**2 if metric.loss == "mse" else np.abs(off)), np.ones(labels.shape, bool)
    kept = labels >= 0
    if metric.name == "accuracy":
        return 100.0 * (np.argmax(predictions, axis=-1) == labels), kept
    logits = predictions.astype(np.float64)
    logits = logits - logits.max(axis=-1, keepdims=True)
    picked = np.take_along_axis(logits, np.where(kept, labels, 0)[..., None], axis=-1)[..., 0]
    nats = np.log(np.exp(logits).sum(axis=-1)) - picked
    return (nats / np.log(2.0) if metric.name == "bits_per_character" else nats), kept
