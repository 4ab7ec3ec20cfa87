"""A CSV file: one sample a line."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np

from archwright.core import Array, Arrays, TaskError
from archwright.tasks.readers.cells import is_missing
from archwright.tasks.readers.columns import (
    Features,
    column_of,
    read_columns,
    standardised,
    whole_numbers_of,
)
from archwright.tasks.readers.splitting import by_content, digest

TargetKind = Literal["classes", "labels", "values"]


class CsvTable:
    """A CSV file with one sample a line.

    Args:
        file: with the names of its columns in its first line.
        target: the columns to predict.
        kind: what they hold: one of several classes, several labels of 0 and 1, or values.
        classes: the names of the classes, in their order.
        numbers: columns that are standardised by train; what is missing is marked.
        categories: columns of words; up to 8 levels become 0 and 1, more become tokens.
        dates: columns of dates in ISO 8601.
    """

    def __init__(
        self,
        file: str | Path,
        *,
        target: Sequence[str],
        kind: TargetKind,
        classes: Sequence[str] = (),
        numbers: Sequence[str] = (),
        categories: Sequence[str] = (),
        dates: Sequence[str] = (),
    ) -> None:
        self._file, self._target, self._kind = Path(file), list(target), kind
        self._classes, self._used = list(classes), (numbers, categories, dates)

    @cached_property
    def _columns(self) -> dict[str, list[str]]:
        return read_columns(self._file)

    def _rows(self, split: str) -> Array:
        inputs = [column_of(self._columns, name) for used in self._used for name in used]
        keys = [digest("\0".join(row).encode()) for row in zip(*inputs, strict=True)]
        classes = self._columns[self._target[0]] if self._kind == "classes" else None
        return by_content(keys, split, classes)

    @cached_property
    def features(self) -> Features:
        """The inputs of all lines."""
        return Features(self._columns, *self._used, self._rows("train"))

    @cached_property
    def _labels(self) -> Array:
        if self._kind == "classes":
            return class_numbers(self._target[0], self._columns, self._classes)
        columns = [whole_numbers_of(n, column_of(self._columns, n)) for n in self._target]
        values = np.stack(columns, axis=1)
        if self._kind == "labels":
            if not np.isin(values, (0, 1)).all():
                raise TaskError(f"the labels {', '.join(self._target)} must be 0 or 1")
            return values.astype(np.int64)
        train = self._rows("train")
        made = [standardised(n, own, train) for n, own in zip(self._target, columns, strict=True)]
        return np.stack(made, axis=1).astype(np.float32)

    def load(self, split: str) -> tuple[Arrays, Array]:
        """Inputs: float32 `(N, numbers)`, int64 tokens `(N, categories)`, or where there are both
        a dictionary of the two. Targets: classes int64 `(N,)`, labels int64 `(N, targets)`, or
        values float32 `(N, targets)`, standardised by train.
        """
        rows, made = self._rows(split), self.features
        parts = {"numbers": made.numbers[rows], "categories": made.tokens[rows]}
        there = {name: array for name, array in parts.items() if array.shape[1]}
        if not there:
            raise TaskError(f"{self._file} has no column to predict {self._target[0]!r} from")
        return there if len(there) > 1 else next(iter(there.values())), self._labels[rows]


def class_numbers(name: str, columns: dict[str, list[str]], classes: Sequence[str]) -> Array:
    """int64: the place in `classes` of each value of a column.

    Raises:
        TaskError: a value is missing, or is none of them.
    """
    places = {value: place for place, value in enumerate(classes)}
    found = []
    for line, value in enumerate(column_of(columns, name), start=2):
        if is_missing(value) and value not in places:
            raise TaskError(
                f"column {name!r}, line {line} has no class: fill it or remove the line"
            )
        if value not in places:
            raise TaskError(f"column {name!r}, line {line}: {value!r} is not one of the classes")
        found.append(places[value])
    return np.array(found, dtype=np.int64)
