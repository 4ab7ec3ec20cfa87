"""Columns of a CSV file as numbers: what is learned about them is learned from train alone."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from archwright.core import Array, TaskError
from archwright.core.words import nearest
from archwright.tasks.readers.cells import (
    LARGEST,
    is_missing,
    no_number,
    number_of,
    reads,
    seconds_since,
)
from archwright.tasks.readers.splitting import scale_of

ONE_HOT: Final = 8
"""A category of at most so many levels becomes as many numbers of 0 and 1; of more, a token."""
_DAY: Final = 86_400.0


def read_columns(file: str | Path) -> dict[str, list[str]]:
    """The columns of a CSV file, by name; what separates them is found.

    Raises:
        TaskError: it cannot be read, or a line is longer or shorter than the first.
    """
    path = Path(file)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise TaskError(
            f"{path} cannot be read as UTF-8 text: {error}; save it as CSV in UTF-8"
        ) from error
    head = text.partition("\n")[0]
    separator = max(",;\t|", key=head.count)
    try:
        rows = [row for row in csv.reader(io.StringIO(text), delimiter=separator) if row]
    except csv.Error as error:
        raise TaskError(
            f"{path} is not a CSV file: {error}; look for a quote that is open"
        ) from error
    if len(rows) < 2:
        raise TaskError(f"{path} needs a line with the names of its columns, and lines of data")
    names = [name.strip() for name in rows[0]]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise TaskError(f"{path} has two columns called {twice!r}: rename one")
    for number, row in enumerate(rows, start=1):
        if len(row) != len(names):
            raise TaskError(
                f"{path} line {number} has {len(row)} columns, the first has {len(names)}"
            )
    return {name: [row[place].strip() for row in rows[1:]] for place, name in enumerate(names)}


def column_of(columns: Mapping[str, list[str]], name: str) -> list[str]:
    """A column.

    Raises:
        TaskError: it is not there; the nearest name is said.
    """
    if name not in columns:
        hint = nearest(name, columns, "{!r}", "there are", cutoff=0.4)
        raise TaskError(f"there is no column {name!r}: {hint}")
    return columns[name]


def numbers_of(values: Sequence[str]) -> Array:
    """float64, NaN where a cell is missing or infinite.

    Raises:
        ValueError: a cell is neither missing nor a number.
    """
    numbers = np.array([math.nan if is_missing(v) else number_of(v) for v in values])
    return np.where(np.isinf(numbers), math.nan, numbers)


def whole_numbers_of(name: str, values: Sequence[str]) -> Array:
    """float64 of a column that must have a number everywhere, such as a target.

    Raises:
        TaskError: a cell is not a finite number; its line is said.
    """
    for line, value in enumerate(values, start=2):
        if reads(float, value) and not reads(number_of, value):
            raise TaskError(no_number(name, line, value))
        if not reads(number_of, value) or not math.isfinite(number_of(value)):
            raise TaskError(
                f"column {name!r}, line {line}: {value!r} is not a number, and a target must have "
                "one in each line: fill it in, or remove the line"
            )
    return np.array(list(map(float, values)))


def seconds_of(values: Sequence[str]) -> Array:
    """float64 seconds since 1970 of dates in ISO 8601, NaN where a cell is missing.

    Raises:
        ValueError: a cell is neither missing nor a date.
    """
    return np.array([math.nan if is_missing(v) else seconds_since(v) for v in values])


def standardised(name: str, values: Array, train: Array) -> Array:
    """Numbers by the mean and the spread of their rows of train; NaN stays.

    Raises:
        TaskError: one is so far from train that float32 does not hold it; its line is said.
    """
    mean, spread = scale_of(values[train], 0)
    made: Array = (values - mean) / spread
    far = np.flatnonzero(np.abs(made) > LARGEST)
    if far.size:
        raise TaskError(
            f"column {name!r}, line {far[0] + 2}: {values[far[0]]:g} is too far from the others "
            "for float32: correct it, or leave it empty"
        )
    return made


class Features:
    """How some columns become numbers and tokens.

    Args:
        columns: of the file.
        numbers: are standardised; what is missing becomes the mean, and is marked in one more.
        categories: become numbers of 0 and 1 up to 8 levels, else one token each.
        dates: become five numbers each: when, and where in the year and in the week.
        train: rows that all of this is learned from.
    """

    def __init__(
        self,
        columns: Mapping[str, list[str]],
        numbers: Sequence[str],
        categories: Sequence[str],
        dates: Sequence[str],
        train: Array,
    ) -> None:
        count = len(next(iter(columns.values())))
        made: list[Array] = []
        tokens: list[Array] = []
        self.names: list[str] = []
        """What each number is."""
        self.vocabulary = 0
        for name in numbers:
            made += self._number(name, numbers_of(column_of(columns, name)), train)
        for name in dates:
            made += self._date(name, seconds_of(column_of(columns, name)), train)
        for name in categories:
            values = column_of(columns, name)
            levels = sorted({values[row] for row in train})
            if len(levels) <= ONE_HOT:
                made += [np.array([v == level for v in values], float) for level in levels]
                self.names += [f"{name} = {level or 'missing'}" for level in levels]
            else:  # the first token of a column is for what train does not have
                places = {level: place for place, level in enumerate(levels, start=1)}
                found = np.array([places.get(value, 0) for value in values])
                tokens.append(found + self.vocabulary)
                self.vocabulary += len(levels) + 1
        self.numbers = np.stack(made, 1).astype(np.float32) if made else np.zeros((count, 0), "f4")
        """float32 `(rows, numbers)`"""
        self.tokens = np.stack(tokens, 1).astype(np.int64) if tokens else np.zeros((count, 0), "i8")
        """int64 `(rows, categories of more than 8 levels)`, each with tokens of its own"""

    def _number(self, name: str, values: Array, train: Array) -> list[Array]:
        missing = np.isnan(values)
        made = [np.where(missing, 0.0, standardised(name, values, train))]
        self.names.append(name)
        if missing.any():
            made.append(missing.astype(float))
            self.names.append(f"{name} is missing")
        return made

    def _date(self, name: str, seconds: Array, train: Array) -> list[Array]:
        when = self._number(name, seconds, train)
        filled = np.nan_to_num(seconds)
        turns = {"year": filled / (365.25 * _DAY), "week": filled / (7 * _DAY)}
        for cycle, turn in turns.items():
            when += [np.sin(2 * np.pi * turn), np.cos(2 * np.pi * turn)]
            self.names += [f"{name}: sine of the {cycle}", f"{name}: cosine of the {cycle}"]
        return when
