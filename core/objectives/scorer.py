"""Scores the predictions on one split, chunk by chunk, outside the jail."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from archwright.core.arrays import Array
from archwright.core.errors import TaskError
from archwright.core.objectives.chunks import Chunk, Labels
from archwright.core.objectives.elements import cross_entropy
from archwright.core.objectives.measures import Mean
from archwright.core.objectives.metric import Metric
from archwright.core.objectives.mistakes import Mistakes

if TYPE_CHECKING:
    from archwright.core.task import Problem

_ENTROPIES: Final = ("cross_entropy", "binary_cross_entropy")
_SAME: Final = (
    "bits_per_character", "bits_per_byte", "cross_entropy", "log_loss", "perplexity",
)  # fmt: skip
"""Metrics that are the cross entropy in other words."""


class Scorer:
    """The score of one training on one split. It holds no more of it than the score needs.

    Args:
        metric: how it is scored.
        problem: what the labels are, and what was trained on.
    """

    def __init__(self, metric: Metric, problem: Problem) -> None:
        assert metric.measure is not None
        self._metric, self._problem = metric, problem
        self._tally = metric.measure.tally(metric.name, problem)
        measured = problem.loss in _ENTROPIES and metric.name not in _SAME
        self._loss = Mean("loss", cross_entropy) if measured else None
        self._mistakes = Mistakes(metric, problem)

    def add(self, predictions: Array, labels: Labels) -> None:
        """Take the next consecutive samples.

        Args:
            predictions: `(n, *output_shape)`.
            labels: theirs.

        Raises:
            ValueError: shapes that do not fit, or predictions that are not finite.
            TaskError: a fault of the task: its own code, or labels that the metric does not take.
        """
        chunk = Chunk(self._problem, predictions, labels)
        self._tally.add(chunk)
        if self._loss is not None:
            self._loss.add(chunk)
        self._mistakes.add(chunk)

    def score(self) -> float:
        """The score of all that was added.

        Raises:
            TaskError: a fault of the task, as in `add`.
        """
        return self._tally.score()

    def samples(self) -> Array:
        """A score per sample, `(N,)`; one without any label to score gets the mean of the others.

        Raises:
            TaskError: the score is of the whole.
        """
        kept = self.kept()
        if kept.ndim > 1:
            raise TaskError(f"{self._metric.name} is of the whole split: it has no value a sample")
        return kept

    def kept(self) -> Array:
        """What `split_scores` makes a test of: a score per sample, `(N,)`, or for a score of the
        whole what that is made of, `(N, ...)` with more axes."""
        return self._tally.kept()

    def errors(self) -> str:
        """Where predictions went wrong, in a line; empty where there is nothing to say."""
        return self._mistakes.in_words()

    def loss(self) -> float | None:
        """The cross entropy on the split, where that was trained on and the score is another."""
        return None if self._loss is None else self._loss.score()
