"""A CSV file whose lines follow each other in time: windows of the past, and what comes next."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np

from archwright.core import Array, TaskError
from archwright.tasks.readers.cells import is_missing, no_date, number_of, reads, seconds_since
from archwright.tasks.readers.columns import (
    column_of,
    numbers_of,
    read_columns,
    whole_numbers_of,
)
from archwright.tasks.readers.splitting import span


class Windows:
    """Windows of a series, and the values that follow each.

    The first 70 % of the time are train, then come validation and test; a window lies within one of
    them with all that it predicts, so that no line is in two splits. Each column is divided by
    its mean absolute value in train, which leaves percentages as they are.

    Args:
        file: a CSV file.
        target: columns to predict.
        inputs: columns of numbers that are seen, the targets first.
        window: how many lines are seen.
        horizon: how many lines are predicted.
        time: column that the lines are put in order by; None where they are.
    """

    def __init__(
        self,
        file: str | Path,
        *,
        target: Sequence[str],
        inputs: Sequence[str],
        window: int,
        horizon: int,
        time: str | None = None,
    ) -> None:
        self._file, self._target, self._inputs = Path(file), list(target), list(inputs)
        self._window, self._horizon, self._time = window, horizon, time

    @cached_property
    def values(self) -> Array:
        """float32 `(lines, inputs)` in the order of time, scaled; gaps hold the value before."""
        columns = read_columns(self._file)
        for name in self._target:
            whole_numbers_of(name, column_of(columns, name))
        values = np.stack([numbers_of(column_of(columns, name)) for name in self._inputs], axis=1)
        if self._time is not None:
            values = values[
                np.argsort(moments(self._time, column_of(columns, self._time)), kind="stable")
            ]
        for row in range(1, len(values)):
            values[row] = np.where(np.isnan(values[row]), values[row - 1], values[row])
        values = np.nan_to_num(values)
        scale = np.abs(values[span(len(values), "train")]).mean(axis=0)
        scaled: Array = (values / np.where(scale > 0, scale, 1.0)).astype(np.float32)
        return scaled

    def load(self, split: str) -> tuple[Array, Array]:
        """float32 `(N, window, inputs)` and `(N, horizon)`, or `(N, horizon, targets)` of several.

        Raises:
            TaskError: the series is too short.
        """
        part = self.values[span(len(self.values), split)]
        count = len(part) - self._window - self._horizon + 1
        if count < 1:
            need = round((self._window + self._horizon) / 0.15) + 1
            raise TaskError(
                f"{self._file} has {len(self.values)} lines, and windows of {self._window} with a "
                f"horizon of {self._horizon} need {need}: take a shorter --window or --forecast"
            )
        starts = np.arange(count)[:, None]
        x = part[starts + np.arange(self._window)]
        y = part[starts + self._window + np.arange(self._horizon)][..., : len(self._target)]
        return x, y[..., 0] if len(self._target) == 1 else y


def moments(name: str, values: Sequence[str]) -> Array:
    """When each line was: numbers, or dates in ISO 8601.

    Raises:
        TaskError: one is neither; its line is said.
    """
    read = number_of if all(reads(number_of, value) for value in values) else seconds_since
    for line, value in enumerate(values, start=2):
        if is_missing(value) or not reads(read, value):
            raise TaskError(no_date(name, line, value))
    return np.array([read(value) for value in values])
