"""The predictions of one training, scored while they arrive."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from archwright.core import Array, TaskError, TaskSpec
from archwright.core.objectives import Scorer, rows_of

ROUNDED = "_int8"
"""Behind the name of a split: predicted with weights that were rounded."""


class Scores:
    """Takes blocks of predictions, and holds no more of them than the scores need.

    Args:
        spec: of the task.
        labels: gives those of a split, which never leave this process.
    """

    def __init__(self, spec: TaskSpec, labels: Callable[[str], Any]) -> None:
        self._spec, self._labels = spec, labels
        self.splits: dict[str, Scorer] = {}
        """By the name that predictions arrived under."""
        self.fault: TaskError | None = None
        """What of the task's own went wrong meanwhile: no fault of the candidate's."""

    def receive(self, name: str, start: int, rows: Array) -> None:
        """Score predictions on a split from a sample on.

        Raises:
            ValueError: they cannot be scored.
        """
        if self.fault is not None:
            return
        scorer = self.splits.setdefault(name, self._spec.metric.scorer(self._spec.problem))
        try:
            labels = self._labels(name.removesuffix(ROUNDED))
            scorer.add(rows, rows_of(labels, slice(start, start + len(rows))))
        except TaskError as error:
            self.fault = error
