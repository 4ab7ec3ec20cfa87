"""A task: how candidates are built and trained, and what else its folder says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Literal

from archwright.core.arrays import Json
from archwright.core.errors import SourceError
from archwright.core.objectives import LossOptions, Metric, Targets
from archwright.core.script import Script

EntryClass = Literal["Model", "Mixer"]
BY_SHAPES: Final = "input_shape, output_shape"
"""What a candidate's class is constructed with."""
BY_WIDTH: Final = "width, layer=0"
"""Likewise a mixer for sequences of any length."""
Must = Literal["onnx", "causal", "streaming"]
AtPlateau = Literal["broaden", "cost", "stop"]
"""What a search turns to when there is nothing to gain: drafts of unlike families, fewer parameters
at an equal score, or its end."""


@dataclass(frozen=True, slots=True)
class Backbone:
    """The fixed network around a mixer: embedding, `layers` x (mixer, MLP), head."""

    width: int
    layers: int
    mlp_ratio: float = 2.0
    positions: bool = True
    """Whether it learns positions, and so has one length; without, it runs at any."""
    convolution: int = 0
    """Width of a short causal convolution before each mixer; 0 is none."""


@dataclass(frozen=True, slots=True)
class Part:
    """One array of several that make up an input, or an output.

    An input with a `vocabulary` holds tokens; a `mask` says which positions of the parts beside it
    are there, where lengths vary.
    """

    name: str
    shape: tuple[int, ...]
    vocabulary: int | None = None
    mask: bool = False


Shapes = tuple[int, ...] | dict[str, tuple[int, ...]] | tuple[tuple[int, ...], ...]
"""What a candidate's class is constructed with: one shape, or one for each part."""


def shapes_of(parts: Sequence[Part]) -> Shapes:
    """The shapes of parts by name; those of a tuple, whose names are numbers, in their order."""
    if parts[0].name == "0":
        return tuple(part.shape for part in parts)
    return {part.name: part.shape for part in parts}


@dataclass(frozen=True, slots=True)
class Problem:
    """All that a candidate's code is built against, as plain data.

    Shapes are per sample, without the batch axis. `vocabulary` is set where inputs are integer
    tokens. With `entry == "Mixer"` the candidate defines `class Mixer`, which the harness puts into
    `backbone`: built as `Mixer(width, layer=0)` where that runs at any length, otherwise as
    `Mixer(input_shape, output_shape)` with both shapes `(length, backbone.width)`. Otherwise it
    defines `class Model` on the task's own shapes.
    """

    entry: EntryClass | Literal["Script"]
    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]
    loss: str
    """One of `LOSSES`."""
    max_params: int
    max_flops: int | None = None
    vocabulary: int | None = None
    causal: bool = False
    backbone: Backbone | None = None
    packages: tuple[str, ...] = ()
    """Installed packages that candidates may import, besides torch and numpy."""
    folders: tuple[str, ...] = ()
    """Absolute paths of data folders that candidates may read; never of labels that are scored."""
    must: tuple[str, ...] = ()
    """What it has to be able to do where it is used, each a `Must`; checked before training."""
    inputs: tuple[Part, ...] = ()
    """The arrays that make up an input, where it is a dictionary or a tuple of them; `input_shape`
    is then how many numbers they have together."""
    outputs: tuple[Part, ...] = ()
    """Likewise of an output."""
    loss_options: LossOptions = ()
    targets: Targets = "classes"
    """What the labels are."""
    code: str = ""
    """The part of the task's own code that runs in the jail."""
    script: Script | None = None
    """Where the task is a training script: how it is run. A candidate is then a bundle of files."""

    @property
    def input_names(self) -> tuple[str, ...]:
        """What the arrays of an input are called in files: `x`, or `x.NAME` of each part."""
        return tuple(f"x.{part.name}" for part in self.inputs) or ("x",)

    @property
    def any_length(self) -> bool:
        """Whether the candidate is a mixer for sequences of any length."""
        return self.backbone is not None and not self.backbone.positions

    @property
    def constructor(self) -> str:
        """What the candidate's class is constructed with, as its source writes it."""
        return BY_WIDTH if self.any_length else BY_SHAPES

    @property
    def module_shapes(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """The two shapes that the candidate's own class is constructed with, where each is one."""
        if self.backbone is None:
            return self.input_shape, self.output_shape
        shape = (self.input_shape[0], self.backbone.width)
        return shape, shape

    def to_json(self) -> dict[str, Any]:
        """Plain data, for the jail and the journal."""
        return asdict(self)


# --- recipe ----------------------------------------------------------------------------------

SCHEDULES: Final = ("constant", "linear", "cosine", "warmup_cosine")
OPTIMIZERS: Final = ("adamw", "adam", "sgd", "rmsprop")
RECIPE_BOUNDS: Final[Mapping[str, tuple[float, float]]] = {
    "learning_rate": (1e-5, 1.0),
    "weight_decay": (0.0, 1.0),
    "batch_size": (8, 256),
}
"""What a candidate may ask for; from the task's own value on, where that lies below."""
LEAST_BATCH: Final = 1
"""What a task may ask for, where a larger batch of its samples takes too much memory."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a candidate is trained, from a closed list; what it does not say, the task says."""

    optimizer: str = "adamw"
    learning_rate: float = 1e-3
    weight_decay: float = 0.01
    batch_size: int = 32
    schedule: str = "cosine"

    def updated(self, changes: Json, least_batch: int | None = None) -> Recipe:
        """This recipe with `changes`.

        Args:
            changes: values by key.
            least_batch: the smallest batch size; otherwise that of the bounds or this recipe's.

        Raises:
            SourceError: an unknown key, a value of the wrong type, or one out of bounds.
        """
        unknown = sorted(set(changes) - set(RECIPE_KEYS))
        if unknown:
            raise SourceError(
                f"RECIPE has no key {unknown[0]!r}; it takes {', '.join(RECIPE_KEYS)}"
            )
        changes = {key: _plain(value) for key, value in changes.items()}
        for key, value in changes.items():
            _check_recipe_value(key, value, least_batch or self.batch_size)
        return replace(self, **{k: type(getattr(self, k))(v) for k, v in changes.items()})

    def to_json(self) -> dict[str, Any]:
        """Plain data, keys in declaration order."""
        return asdict(self)


RECIPE_KEYS: Final = tuple(Recipe.__dataclass_fields__)


def _plain(value: object) -> object:
    """A name as it is listed, however it is written: AdamW, Warmup-Cosine."""
    return value.lower().replace("-", "_") if isinstance(value, str) else value


def _check_recipe_value(key: str, value: object, least_batch: int) -> None:
    choices = {"optimizer": OPTIMIZERS, "schedule": SCHEDULES}.get(key)
    if choices is not None:
        if value not in choices:
            raise SourceError(f"RECIPE[{key!r}] must be one of {', '.join(choices)}, not {value!r}")
        return
    low, high = RECIPE_BOUNDS[key]
    whole = key == "batch_size"
    low = min(low, least_batch) if whole else low
    if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)):
        raise SourceError(f"RECIPE[{key!r}] must be {'a whole number' if whole else 'a number'}")
    if not low <= value <= high:
        raise SourceError(f"RECIPE[{key!r}] must lie in [{low:g}, {high:g}], not {value!r}")


# --- training ------------------------------------------------------------------------------------

Precision = Literal["float32", "bf16", "fp16"]
DeviceName = Literal["auto", "cpu", "cuda"]


@dataclass(frozen=True, slots=True)
class Training:
    """How the harness trains every candidate of a task alike."""

    precision: Precision = "float32"
    """Of the forward pass; weights stay in float32. fp16 scales its loss."""
    accumulate: int = 1
    """Batches whose gradients make one step."""
    clip: float = 1.0
    """The largest norm of the gradient; 0 is none."""
    restarts: int = 0
    """How often the schedule begins anew (SGDR: Loshchilov and Hutter 2017)."""
    average: float = 0.0
    """Decay of the moving average of the weights, which is what predicts; 0 is none."""
    hold_out: float = 0.0
    """Share of the training data that is held out to say when to stop; 0 is none."""
    patience: int = 5
    """Points of the curve without a lower loss on what is held out, after which it ends."""
    device: DeviceName = "auto"
    """cpu or cuda; auto is what the sandbox has."""
    compile: bool = False
    """By TorchInductor, in containers whose image has a compiler."""
    loaders: int = 0
    """Threads that read and augment batches ahead; 0 is one for an accelerator, else none."""

    def to_json(self) -> dict[str, Any]:
        """Plain data, keys in declaration order."""
        return asdict(self)


# --- task ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TaskSpec:
    """What a task folder says of itself (`task.toml`, and `baseline.py` or a script's files)."""

    name: str
    summary: str
    metric: Metric
    problem: Problem
    rungs: tuple[int, ...]
    """Training budgets in optimizer steps, rising."""
    recipe: Recipe
    """The training recipe of a candidate that brings none."""
    contract: str
    """Instructions for the author of a candidate: what it must do, what it is given."""
    baseline: str
    """Source of the architecture to beat."""
    folder: Path
    trial_seconds: float = 120.0
    """Kill switch of one trial, in CPU seconds; time asleep counts, the budget is in steps."""
    memory_mb: int = 2048
    data_license: str = ""
    """The licence of the data, in the task's own words; empty where it does not say."""
    plateau: AtPlateau = "broaden"
    """What a search does at the metric's ceiling, and where it has gained nothing for long."""
    training: Training = field(default_factory=Training)
    """How every candidate is trained."""
    input_types: Mapping[str, str] = field(default_factory=dict)
    """The type in which an input's parts are stored, by name (`""` where it is one array), where
    that is not float32, or int64 for tokens."""
    lengths_vary: bool = False
    """Whether samples are sequences of unequal lengths, which are padded and come with a mask."""
    members: tuple[SuiteProblem, ...] = ()
    """Of a suite: its problems. `problem` and `recipe` are then those of the first, `rungs` the
    steps of all together, and `metric` is the mean of their gains."""

    def member_rung(self, rung: int) -> int:
        """The rung of a suite's problems that goes with one of its own: a run may have left out
        some of them."""
        totals = [sum(steps) for steps in zip(*(m.spec.rungs for m in self.members), strict=True)]
        return totals.index(self.rungs[rung])

    @property
    def baseline_files(self) -> str:
        """Where the baseline is, in words."""
        script = self.problem.script
        return "baseline.py" if script is None else ", ".join(script.files)


@dataclass(frozen=True, slots=True)
class SuiteProblem:
    """A problem of a suite, and the scale that makes its scores comparable with the others'.

    `reference` and `sd` are constants of the suite, one for each rung: what the baseline scores
    there, and how much that moves with the seed.
    """

    name: str
    spec: TaskSpec
    reference: tuple[float, ...] = ()
    sd: tuple[float, ...] = ()

    def gain(self, score: float, rung: int) -> float:
        """How far a score lies above the reference at a rung of the problem, in noise sd."""
        return self.spec.metric.gain(score, self.reference[rung]) / self.sd[rung]

    def recipe(self, asked: Recipe, usual: Recipe) -> Recipe:
        """The recipe of a candidate on this problem: the problem's own, and of what was asked what
        differs from the usual recipe of the suite."""
        usually = usual.to_json()
        changes = {k: v for k, v in asked.to_json().items() if v != usually[k]}
        return replace(self.spec.recipe, **changes)
