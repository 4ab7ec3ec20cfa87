"""A task: the problem that candidates are built against, and what else its folder says."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from archwright.core.objective import Loss, Metric
from archwright.core.recipe import Recipe

Entry = Literal["Model", "Mixer"]


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
