"""What distinguishes a model's mistakes, in a line that the next proposal can be made from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import numpy as np

from archwright.core.arrays import Array
from archwright.core.objectives.chunks import Chunk
from archwright.core.objectives.elements import accuracy, squared_error
from archwright.core.objectives.measures import KEPT_ELEMENTS, Each
from archwright.core.objectives.metric import Metric

if TYPE_CHECKING:
    from archwright.core.task import Problem

LENGTH_LIMIT: Final = 200
"""Characters."""
_SHOWN: Final = 3
_QUARTERS: Final = 4


class Mistakes:
    """Where predictions went wrong; of a split with very many labels, in its first part.

    Of classes the most frequent confusions, `true→predicted ×count`, and the worst classes; of
    sequences of them the score by position as well; of numbers the error by quarter of the target,
    and its bias. Where the metric has no value for each label, accuracy or the squared error stands
    for it. Of all else there is nothing to say.
    """

    def __init__(self, metric: Metric, problem: Problem) -> None:
        self._metric, self._targets = metric, problem.targets
        self._parts: list[tuple[Array, Array, Array, Array]] = []
        self._elements = 0

    def add(self, chunk: Chunk) -> None:
        """Take the next samples."""
        if self._targets not in ("classes", "values") or self._elements > KEPT_ELEMENTS:
            return
        said = chunk.guesses if self._targets == "classes" else chunk.predictions
        if said.shape != chunk.labels.shape:  # several quantiles of a number
            return
        self._elements += chunk.labels.size
        self._parts.append((self._values(chunk), chunk.kept, said, chunk.labels))

    def _values(self, chunk: Chunk) -> Array:
        """What each label scores."""
        measure = self._metric.measure
        if isinstance(measure, Each):
            values = measure.function(chunk)[0]
            if values.shape == chunk.labels.shape:
                return values
        return (accuracy if self._targets == "classes" else squared_error)(chunk)[0]

    def in_words(self) -> str:
        """All that was found, in at most `LENGTH_LIMIT` characters."""
        if not self._parts:
            return ""
        values, kept, said, labels = map(np.concatenate, zip(*self._parts, strict=True))
        if not kept.any():
            return ""
        if self._targets == "values":
            words = self._of_numbers(values, said, labels)
        else:
            words = self._of_classes(values, kept, said, labels)
        return "; ".join(words)[:LENGTH_LIMIT]

    def _of_classes(
        self, values: Array, kept: Array, guesses: Array, labels: Array
    ) -> Iterator[str]:
        true, guess = labels[kept].astype(np.int64), guesses[kept].astype(np.int64)
        wrong = true != guess
        if not wrong.any():
            yield f"none of {true.size} is wrong"
            return
        pairs, counts = np.unique(np.stack([true, guess])[:, wrong], axis=1, return_counts=True)
        most = np.argsort(-counts, kind="stable")[:_SHOWN]
        yield ", ".join(f"{pairs[0, i]}→{pairs[1, i]} ×{counts[i]}" for i in most)
        if labels.ndim == 1:
            yield f"worst classes: {_worst_classes(true, wrong)}"
        else:
            yield f"{self._name('accuracy')} at positions {self._by_position(values, kept)}"

    def _by_position(self, values: Array, kept: Array) -> str:
        """The score in each quarter of the positions that are scored at all."""
        rows, mask = values.reshape(len(values), -1), kept.reshape(len(values), -1)
        quarters = np.array_split(np.flatnonzero(mask.any(axis=0)), _QUARTERS)
        return ", ".join(
            f"{_span(part)} {self._number(rows[:, part][mask[:, part]].mean())}"
            for part in quarters
            if part.size
        )

    def _of_numbers(self, values: Array, predictions: Array, labels: Array) -> Iterator[str]:
        order = np.argsort(labels, axis=None, kind="stable")
        quarters = (part for part in np.array_split(values.ravel()[order], _QUARTERS) if part.size)
        shown = ", ".join(self._number(part.mean()) for part in quarters)
        yield f"{self._name('squared error')} by quarter of the target, low to high: {shown}"
        yield f"bias {float(np.mean(predictions.astype(np.float64) - labels)):+.3g}"

    def _name(self, else_: str) -> str:
        return self._metric.name if isinstance(self._metric.measure, Each) else else_

    def _number(self, value: float) -> str:
        unit = self._metric.unit if isinstance(self._metric.measure, Each) else ""
        return f"{value:.3g} {unit}".rstrip()


def _worst_classes(true: Array, wrong: Array) -> str:
    """The classes with the largest share of mistakes, each with what of it was right."""
    totals, missed = np.bincount(true), np.bincount(true[wrong], minlength=true.max() + 1)
    share = missed / np.maximum(totals, 1)
    worst = [c for c in np.argsort(-share, kind="stable")[:_SHOWN] if missed[c]]
    return ", ".join(f"{c} {100 * (1 - share[c]):.0f} %" for c in worst)


def _span(positions: Array) -> str:
    first, last = positions[0], positions[-1]
    return f"{first}" if first == last else f"{first} to {last}"
