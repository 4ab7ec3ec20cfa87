"""How a metric is measured: of each element, of a sample among all others, or of the whole."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np

from archwright.core.arrays import Array
from archwright.core.errors import TaskError
from archwright.core.objectives.chunks import Chunk, Labels, joined, rows_of, unpacked

if TYPE_CHECKING:
    from archwright.core.task import Problem

KEPT_BYTES: Final = 64 << 20
"""The most that is kept of predictions on a split, where a score needs all of them at once."""
KEPT_ELEMENTS: Final = 1 << 24
"""So many elements are averaged in one go; of more, the sums of each sample."""

Values = tuple[Array, Array]
"""Scores, and which of them count: two arrays of one shape, samples first."""


@dataclass(frozen=True, slots=True, eq=False)
class KeptSplit:
    """What was kept of the predictions on a split, `(N, ...)`, with its labels."""

    problem: Problem
    kept: Array
    labels: Labels


OfRows = Callable[[Array | None], float]
"""The score of the samples at some rows, which may occur several times; None takes all as they are.
NaN where they have none."""


class SplitTally(Protocol):
    """Takes a split chunk by chunk; what it holds of it is bounded."""

    def add(self, chunk: Chunk) -> None:
        """Take the next samples."""
        ...

    def score(self) -> float:
        """The score of all that was added."""
        ...

    def kept(self) -> Array:
        """What a test needs: `(N,)`, a score of each sample, or for a score of the whole what that
        is made of, `(N, ...)` with at least two axes."""
        ...


# --- of each element ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Each:
    """A score of each element of the labels, or of each sample; the whole's is their mean."""

    function: Callable[[Chunk], Values]

    def tally(self, metric: str, problem: Problem) -> SplitTally:  # noqa: ARG002
        """Something to add a split to; `metric` is the metric's name, for messages."""
        return Mean(metric, self.function)


class Mean:
    """The mean over all elements that count, and that of each sample."""

    def __init__(self, name: str, function: Callable[[Chunk], Values]) -> None:
        self._name, self._function = name, function
        self._elements: list[Array] | None = []
        self._sums: list[Array] = []
        self._counts: list[Array] = []

    def add(self, chunk: Chunk) -> None:
        """See `SplitTally`."""
        values, kept = self._function(chunk)
        rows, mask = values.reshape(len(values), -1), kept.reshape(len(values), -1)
        self._counts.append(mask.sum(axis=1))
        self._sums.append(np.where(mask, rows, 0.0).sum(axis=1))
        if self._elements is not None:
            self._elements.append(values[kept])
            if sum(part.size for part in self._elements) > KEPT_ELEMENTS:
                self._elements = None

    def score(self) -> float:
        """See `SplitTally`."""
        sums, counts = self._scored()
        if self._elements is not None:
            return float(np.mean(np.concatenate(self._elements)))
        return float(sums.sum() / counts.sum())

    def kept(self) -> Array:
        """A score of each sample: one without any label to score gets the mean of the others."""
        sums, counts = self._scored()
        means = sums / np.maximum(1, counts)
        samples: Array = np.where(counts > 0, means, means[counts > 0].mean())
        return samples

    def _scored(self) -> Values:
        sums, counts = self.sums()
        if not counts.any():
            raise TaskError(f"{self._name} has nothing to score: no label of the split counts")
        return sums, counts

    def sums(self) -> Values:
        """The sum of each sample, and how many elements of it count."""
        return np.concatenate(self._sums), np.concatenate(self._counts)


# --- of a sample among all others -----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Joint:
    """A score of each sample that needs all the others."""

    function: Callable[[Chunk], Values]

    def tally(self, metric: str, problem: Problem) -> SplitTally:
        """See `Each.tally`."""
        return _JointTally(metric, problem, self.function)


class _JointTally:
    def __init__(self, name: str, problem: Problem, function: Callable[[Chunk], Values]) -> None:
        self._name, self._problem, self._function = name, problem, function
        self._rows = KeptRows(name)
        self._mean: Mean | None = None

    def add(self, chunk: Chunk) -> None:
        self._rows.add(chunk.predictions, chunk.labels)

    def score(self) -> float:
        return self._measured().score()

    def kept(self) -> Array:
        return self._measured().kept()

    def _measured(self) -> Mean:
        if self._mean is None:
            self._mean = Mean(self._name, self._function)
            self._mean.add(Chunk(self._problem, *self._rows.joined()))
        return self._mean


class KeptRows:
    """Arrays of consecutive samples, up to `KEPT_BYTES` of the first."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._parts: list[tuple[Array, Array]] = []
        self.bytes = 0

    def add(self, kept: Array, labels: Array) -> None:
        """Take the next samples.

        Raises:
            TaskError: they are too many to be kept.
        """
        self._parts.append((kept, labels))
        self.bytes += kept.nbytes
        if self.bytes > KEPT_BYTES:
            raise TaskError(
                f"{self._name} is measured on all predictions of a split at once, and they take "
                f"more than {KEPT_BYTES >> 20} MB: use fewer samples, or a metric that is a mean "
                "over samples"
            )

    def joined(self) -> tuple[Array, Array]:
        """All of them."""
        kept, labels = zip(*self._parts, strict=True)
        return np.concatenate(kept), np.concatenate(labels)


# --- of the whole ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Whole:
    """A score of all samples together.

    `keep` gives what is kept of a chunk, `(n, ...)`; `of_rows` the score as a function of rows.
    """

    keep: Callable[[Chunk], Array]
    of_rows: Callable[[KeptSplit], OfRows]
    light: bool = False
    """Whether the score of some rows costs little, however many numbers are kept of each."""

    def tally(self, metric: str, problem: Problem) -> SplitTally:
        """See `Each.tally`."""
        return _WholeTally(metric, problem, self)


class _WholeTally:
    def __init__(self, name: str, problem: Problem, measure: Whole) -> None:
        self._name, self._problem, self._measure = name, problem, measure
        self._rows = KeptRows(name)

    def add(self, chunk: Chunk) -> None:
        kept = self._measure.keep(chunk)
        self._rows.add(kept[:, None] if kept.ndim == 1 else kept, chunk.labels)

    def score(self) -> float:
        kept, labels = self._rows.joined()
        found = self._measure.of_rows(KeptSplit(self._problem, kept, labels))(None)
        if not np.isfinite(found):
            raise TaskError(
                f"{self._name} is not defined on this split: its labels are too few, or all alike"
            )
        return found

    def kept(self) -> Array:
        return self._rows.joined()[0]


# --- by the task's own code -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Own:
    """The task's own `score(predictions, y)`: one value a sample, or one in all.

    `function` raises TaskError where the task's code does.
    """

    function: Callable[[Any, Labels], object]
    light = False

    def tally(self, metric: str, problem: Problem) -> SplitTally:  # noqa: ARG002
        """See `Each.tally`."""
        return _OwnTally(self, problem)

    def of_rows(self, split: KeptSplit) -> OfRows:
        """The score as a function of which samples count."""
        problem, kept, labels = split.problem, split.kept, split.labels

        def score(rows: Array | None) -> float:
            if rows is None:
                return float(self.call(problem, kept, labels))
            return float(self.call(problem, kept[rows], rows_of(labels, rows)))

        return score

    def call(self, problem: Problem, predictions: Array, labels: Labels) -> Array:
        """`(n,)`, or one number.

        Raises:
            TaskError: the task's code raised, or gave something else.
        """
        # The task may sort in place, or worse: it gets labels of its own.
        own = rows_of(labels, np.arange(len(predictions)))
        found = self.function(unpacked(problem, predictions), own)
        try:
            values = np.asarray([] if found is None else found, dtype=np.float64)
        except (TypeError, ValueError):
            raise TaskError(
                f"task.py: score must return numbers, not {type(found).__name__}: one value for "
                "each sample, or one in all"
            ) from None
        if values.shape not in ((), (len(predictions),)):
            raise TaskError(
                f"task.py: score returned {_shown(found, values)} for {len(predictions)} "
                f"samples; it must be ({len(predictions)},), one value for each, or one number"
            )
        if not np.isfinite(values).all():
            count = np.sum(~np.isfinite(values))
            wrong = "it is" if values.ndim == 0 else f"{count} of its values are"
            raise TaskError(
                f"task.py: score returned numbers, but {wrong} not finite; give such predictions a "
                "poor score"
            )
        return values


def _shown(found: object, values: Array) -> str:
    return "nothing" if found is None else f"the shape {values.shape}"


class _OwnTally:
    """Calls the task's code with all samples at once, or with so many at a time as may be kept,
    where it gives each a value."""

    def __init__(self, own: Own, problem: Problem) -> None:
        self._own, self._problem = own, problem
        self._held: list[Chunk] = []
        self._values: list[Array] = []
        self._whole: float | None = None

    def add(self, chunk: Chunk) -> None:
        held = sum(each.predictions.nbytes for each in self._held)
        if self._held and held + chunk.predictions.nbytes > KEPT_BYTES:
            self._call()
            if self._whole is not None:
                raise TaskError(
                    f"task.py: score returned one number for many samples, and predictions over "
                    f"{KEPT_BYTES >> 20} MB come in parts: return one value for each sample, or "
                    "use fewer samples"
                )
        self._held.append(chunk)

    def score(self) -> float:
        self._finish()
        return float(np.mean(np.concatenate(self._values))) if self._whole is None else self._whole

    def kept(self) -> Array:
        self._finish()
        return np.concatenate(self._values) if self._whole is None else self._predictions()

    def _finish(self) -> None:
        if self._held and self._whole is None:
            self._call()

    def _call(self) -> None:
        labels = joined([held.labels for held in self._held])
        values = self._own.call(self._problem, self._predictions(), labels)
        if values.ndim:
            self._values.append(values)
            self._held.clear()
        else:
            self._whole = float(values)

    def _predictions(self) -> Array:
        return np.concatenate([held.predictions for held in self._held])


Measure = Each | Joint | Whole | Own
"""How one metric is measured."""
