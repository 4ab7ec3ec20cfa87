"""What is optimised: the metrics, and how predictions are scored by them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from archwright.core.arrays import Array
from archwright.core.errors import InputError

Direction = Literal["maximize", "minimize"]
Loss = Literal["cross_entropy", "mse", "mae"]


@dataclass(frozen=True, slots=True)
class Metric:
    """How predictions are scored. The harness owns the list; a task picks from it."""

    name: str
    direction: Direction
    unit: str
    loss: Loss
    highest: float = math.inf
    """The largest possible score; the smallest is 0."""

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
    values, kept = score_elements(metric, predictions, labels)
    return float(np.mean(values[kept]))


def validation_loss(metric: Metric, predictions: Array, labels: Array) -> float | None:
    """What was trained on, measured where the score is; None where the score is that loss itself.

    Shapes are those of `score`, and it raises as that does.
    """
    if metric.name != "accuracy":
        return None
    return score(METRICS["cross_entropy"], predictions, labels)


def score_samples(metric: Metric, predictions: Array, labels: Array) -> Array:
    """As `score`, but one score per sample: float64 `(N,)`.

    A sample without any label to score gets the mean of the others. Raises as `score` does.
    """
    values, kept = score_elements(metric, predictions, labels)
    rows, mask = values.reshape(len(values), -1), kept.reshape(len(values), -1)
    counts = mask.sum(axis=1)
    means = np.where(mask, rows, 0.0).sum(axis=1) / np.maximum(1, counts)
    samples: Array = np.where(counts > 0, means, means[counts > 0].mean())
    return samples


def scored_elements(metric: Metric, labels: Array) -> int:
    """How many elements of the labels are scored: a class of -1 is not."""
    return int(np.count_nonzero(labels >= 0)) if metric.loss == "cross_entropy" else labels.size


def score_elements(metric: Metric, predictions: Array, labels: Array) -> tuple[Array, Array]:
    """The score of each element, and which elements are scored. Raises as `score` does."""
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


# --- several at once -----------------------------------------------------------------------------

QUALITY: Final = "quality"
COSTS: Final = ("parameters", "flops", "latency", "int8")
OBJECTIVES: Final = (QUALITY, *COSTS)


def read_objectives(names: Sequence[str]) -> tuple[str, ...]:
    """The objectives that `names` ask for: quality first, then costs, each once.

    Raises:
        InputError: a name that is not in `OBJECTIVES`.
    """
    return (QUALITY, *(name for name in known_objectives(names) if name != QUALITY))


def known_objectives(names: Sequence[str]) -> tuple[str, ...]:
    """As `read_objectives`, but with quality only where it is named, or nothing is."""
    for name in names:
        if name not in OBJECTIVES:
            raise InputError(f"no objective {name!r}: choose from {', '.join(OBJECTIVES)}")
    return tuple(name for name in OBJECTIVES if name in names) or (QUALITY,)
