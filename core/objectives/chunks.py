"""Some of the predictions on a split with their labels, and what all scores are made of."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from archwright.core.arrays import Array
from archwright.core.objectives.losses import option

if TYPE_CHECKING:
    from archwright.core.task import Problem

_AT_ONCE: Final = 1 << 20
"""About how many predictions are worked on at once."""

Labels = Any
"""An array with the samples first; for the task's own code a dictionary of them as well."""


def rows_of(labels: Labels, rows: Array | slice) -> Labels:
    """The labels of some samples."""
    if isinstance(labels, Mapping):
        return {name: part[rows] for name, part in labels.items()}
    return labels[rows]


def joined(parts: Sequence[Labels]) -> Labels:
    """The labels of all samples, from those of consecutive ones."""
    if isinstance(parts[0], Mapping):
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return np.concatenate(parts)


def unpacked(problem: Problem, predictions: Array) -> Any:
    """Predictions of several parts as the task's own code is given them: by name, or a tuple."""
    parts, start = [], 0
    for part in problem.outputs:
        end = start + math.prod(part.shape)
        parts.append(predictions[:, start:end].reshape(-1, *part.shape))
        start = end
    if not parts:
        return predictions
    names = [part.name for part in problem.outputs]
    return tuple(parts) if names[0] == "0" else dict(zip(names, parts, strict=True))


class Chunk:
    """Predictions on consecutive samples, with their labels.

    Args:
        problem: says what the labels are.
        predictions: `(n, *output_shape)`; of classes and labels logits, of groups embeddings.
        labels: as the problem's targets have them: see `label_shape`.

    Raises:
        ValueError: shapes that do not fit, or predictions that are not finite.
    """

    def __init__(self, problem: Problem, predictions: Array, labels: Labels) -> None:
        if not np.all(np.isfinite(predictions)):
            raise ValueError("predictions are not finite")
        shape = label_shape(problem, predictions.shape[1:])
        if shape is not None and labels.shape != (len(predictions), *shape):
            raise ValueError(f"predictions {predictions.shape} do not fit labels {labels.shape}")
        self.problem, self.predictions, self.labels = problem, predictions, labels

    @cached_property
    def kept(self) -> Array:
        """Which elements are scored: a class, label or group of -1 is not."""
        if self.problem.targets in ("classes", "labels", "groups"):
            kept: Array = self.labels >= 0
            return kept
        every: Array = np.ones(self.labels.shape, bool)
        return every

    @cached_property
    def guesses(self) -> Array:
        """The likeliest class of each element; of a label 1 where that is likelier than 0."""
        if self.problem.targets == "labels":
            return np.asarray(self.predictions > 0, dtype=np.int32)
        return np.asarray(np.argmax(self.predictions, axis=-1), dtype=np.int32)

    @cached_property
    def nats(self) -> Array:
        """The cross entropy of each element, of classes or of labels, in nats: float64."""
        if self.problem.targets == "labels":
            logits = self.predictions.astype(np.float64)
            spread = np.log1p(np.exp(-np.abs(logits)))
            found: Array = np.maximum(logits, 0.0) - logits * self.labels + spread
            return found
        nats: Array = np.empty(self.predictions.shape[:-1])
        rows, out = self.predictions.reshape(-1, self.predictions.shape[-1]), nats.reshape(-1)
        true = self._true.reshape(-1, 1)
        pace = max(1, _AT_ONCE // rows.shape[-1])  # in float64 all of them may be too much
        for part in (slice(start, start + pace) for start in range(0, len(rows), pace)):
            logits = rows[part].astype(np.float64)
            logits -= logits.max(axis=-1, keepdims=True)
            picked = np.take_along_axis(logits, true[part], axis=-1)[:, 0]
            out[part] = np.log(np.exp(logits, out=logits).sum(axis=-1)) - picked
        return nats

    @property
    def _true(self) -> Array:
        """The class of each element; 0 where none is scored."""
        return np.where(self.kept, self.labels, 0)

    def picked(self, logits: Array) -> Array:
        """What `logits` hold for the class of each element; of class 0 where none is scored."""
        found: Array = np.take_along_axis(logits, self._true[..., None], axis=-1)[..., 0]
        return found


def label_shape(problem: Problem, output_shape: tuple[int, ...]) -> tuple[int, ...] | None:
    """The shape of one sample's labels; None where the task's own code takes any.

    Classes and groups have one label for what is on the last axis of the output, numbers that are
    predicted by several quantiles likewise; all else one for each number of the output.
    """
    if problem.targets == "own":
        return None
    several = problem.targets == "values" and len(option(problem.loss_options, "quantiles")) > 1
    if problem.targets in ("classes", "groups") or several:
        return output_shape[:-1]
    return output_shape


def scored_elements(problem: Problem, labels: Labels) -> int:
    """How many elements of the labels are scored: a class, label or group of -1 is not."""
    if problem.targets in ("classes", "labels", "groups"):
        return int(np.count_nonzero(labels >= 0))
    if problem.targets == "own":
        return len(next(iter(labels.values())) if isinstance(labels, Mapping) else labels)
    return int(labels.size)
