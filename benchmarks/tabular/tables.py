"""A table of measured architectures as a space to search: rows of integers, what each scored."""

from __future__ import annotations

import csv
import gzip
import math
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from random import Random
from typing import Final

import numpy as np

from archwright.core import Array, Candidate, InputError
from archwright.search.policies import Choice, Preview

Row = tuple[int, ...]
"""A value for each of the table's columns of choices."""

AGAIN: Final = "/"
"""Between the name of a row and what tells its repetitions apart."""
TRIES: Final = 20
"""Draws of a child before a table with holes is taken to have none there."""
LONGEST: Final = 18
"""Digits of an integer of 64 bits."""
RANDOM_DRAWS: Final = 10
"""The mean best of so many random rows is where the gap to the best begins."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What a row scored: a search sees `validation`, `tests` judge it. Larger is better.

    `features` is `(d,)`: what is known of the row before it is measured. Rows of one `key` are
    one architecture.
    """

    validation: float
    tests: tuple[float, ...]
    features: Array
    parameters: int = 0
    key: str = ""
    family: str = ""


@dataclass(frozen=True)
class SearchTable:
    """All rows that there are."""

    rows: Mapping[Row, Measured]

    @cached_property
    def order(self) -> Sequence[Row]:
        """The rows, to draw from."""
        return list(self.rows)

    @cached_property
    def values(self) -> tuple[tuple[int, ...], ...]:
        """The values that each column has."""
        return tuple(tuple(sorted(set(column))) for column in zip(*self.rows, strict=True))

    @cached_property
    def architectures(self) -> int:
        """How many there are; rows of one key are one."""
        return len({measured.key for measured in self.rows.values()})

    @cached_property
    def best(self) -> float:
        """The highest validation score."""
        return max(m.validation for m in self.rows.values())

    @cached_property
    def start(self) -> float:
        """The mean highest validation score of `RANDOM_DRAWS` rows drawn at random."""
        scores = np.sort([m.validation for m in self.rows.values()])
        below = np.arange(len(scores) + 1) / len(scores)
        return float(scores @ np.diff(below**RANDOM_DRAWS))

    def gap_closed(self, validation: Array) -> Array:
        """The share of the way from random draws to the best row, for scores of any shape; 1 is
        the best."""
        gap = self.best - self.start
        return (validation - self.start) / gap if gap > 0 else np.ones_like(validation)

    def neighbours(self, row: Row) -> list[Row]:
        """Rows that there are with another value in one column."""
        return [
            near
            for i, values in enumerate(self.values)
            for value in values
            if value != row[i] and (near := (*row[:i], value, *row[i + 1 :])) in self.rows
        ]


def read_csv(file: Path) -> tuple[list[str], list[list[str]]]:
    """The header and the lines of a CSV file that may be gzipped.

    Raises:
        InputError: no such file, or none that is a CSV table.
    """
    try:
        opened = gzip.open if file.suffix == ".gz" else open
        with opened(file, "rt", encoding="utf-8-sig", newline="") as stream:
            lines = list(csv.reader(stream))
    except OSError as error:
        raise InputError(f"cannot read the table {file}: {error.strerror or error}") from None
    except (UnicodeDecodeError, EOFError, zlib.error, csv.Error) as error:
        raise InputError(f"{file} is not a CSV table: {error}") from None
    if not lines:
        raise InputError(f"{file} is empty; a table has a header and a line for each architecture")
    return lines[0], lines[1:]


def read_table(file: Path) -> SearchTable:
    """A table with columns `x0` to `xk` of integers, `validation`, `test`, and where it has them
    `parameters` and `key`.

    Raises:
        InputError: it cannot be read, lacks a column, or a line does not parse.
    """
    header, lines = read_csv(file)
    choices = [name for name in header if name[:1] == "x" and name[1:].isdigit()]
    if sorted(choices, key=lambda name: int(name[1:])) != [f"x{i}" for i in range(len(choices))]:
        raise InputError(f"{file}: the choices must be columns x0, x1, … without a gap")
    missing = [n for n in ("x0", "validation", "test") if n not in header]
    if missing:
        raise InputError(f"{file} lacks the column {missing[0]}; it has {', '.join(header)[:200]}")
    if len(set(header)) < len(header):
        raise InputError(f"{file} names a column twice")
    at = {name: i for i, name in enumerate(header)}
    columns = [at[f"x{i}"] for i in range(len(choices))]
    parsed: dict[Row, tuple[float, float, int, str]] = {}
    for number, line in enumerate(lines, 2):
        try:
            if len(line) != len(header):
                raise ValueError(f"it has {len(line)} values, the header has {len(header)}")
            row = tuple(_whole(line[c]) for c in columns)
            scores = float(line[at["validation"]]), float(line[at["test"]])
            size = float(line[at["parameters"]]) if "parameters" in at else 0.0
            if not all(map(math.isfinite, (*scores, size))):
                raise ValueError("a score or the parameters are not finite")
            parameters = int(size)
        except ValueError as error:
            raise InputError(f"{file}, line {number}: {error}") from None
        if row in parsed:
            raise InputError(f"{file}, line {number} has the choices of an earlier line")
        key = line[at["key"]] if "key" in at else name_of(row)
        parsed[row] = (*scores, parameters, key)
    if len(parsed) < RANDOM_DRAWS:
        raise InputError(f"{file} has {len(parsed)} architectures; a search needs more")
    features = describe(list(parsed), [parameters for *_, parameters, _ in parsed.values()])
    return SearchTable(
        {
            row: Measured(validation, (test,), known, parameters, key)
            for (row, (validation, test, parameters, key)), known in zip(
                parsed.items(), features, strict=True
            )
        }
    )


def _whole(cell: str) -> int:
    """An integer of a column of choices."""
    if len(cell) > LONGEST:
        raise ValueError(f"a choice has {len(cell)} digits; it may have {LONGEST}")
    return int(cell)


def describe(rows: Sequence[Row], parameters: Sequence[int]) -> Array:
    """Features of rows: which value each column has, and the logarithm of the parameters where
    they differ. Shape `(n, d)`."""
    table = np.array(rows)
    columns = [table[:, i : i + 1] == np.unique(table[:, i]) for i in range(table.shape[1])]
    sizes = np.log1p(np.maximum(0, np.array(parameters, float)))
    sized = [sizes[:, None]] if np.ptp(sizes) > 0 else []
    return np.hstack([*columns, *sized]).astype(float)


# --- the space ------------------------------------------------------------------------------------


def name_of(row: Row) -> str:
    """A row's id: its values."""
    return ",".join(map(str, row))


def row_of(name: str) -> Row:
    """The row of an id."""
    return tuple(map(int, name.partition(AGAIN)[0].split(",")))


class TableSpace:
    """All rows of a table, as something to propose from: the ids of parents are `name_of` theirs.

    Args:
        table: what there is; a child that it does not have is drawn again.
    """

    operators: Mapping[str, int] = {"draft": 0, "mutate": 1, "mutate_twice": 1, "recombine": 2}
    previews = 100

    def __init__(self, table: SearchTable) -> None:
        self._table = table

    def make(self, choice: Choice) -> Row:
        """A random row, one with another value in one column or two, or columns from either
        parent."""
        rng = Random(choice.seed)
        parents = [row_of(p) for p in choice.parents]
        for _ in range(TRIES if parents else 0):
            row = self._child(choice.operator, parents, rng)
            if row in self._table.rows:
                return row
        return rng.choice(self._table.order)

    def _child(self, operator: str, parents: Sequence[Row], rng: Random) -> Row:
        if operator == "recombine":
            return tuple(rng.choice(pair) for pair in zip(*parents, strict=True))
        row = list(parents[0])
        free = [i for i, values in enumerate(self._table.values) if len(values) > 1]
        for i in rng.sample(free, min(len(free), 1 + (operator == "mutate_twice"))):
            row[i] = rng.choice([v for v in self._table.values[i] if v != row[i]])
        return tuple(row)

    def show(self, candidate: Candidate) -> Preview:
        """What is known of a row for free; rows of one key are one proposal."""
        return self._describe(row_of(candidate.id))

    def preview(self, choice: Choice) -> Preview:
        """See `show`, of the row that a choice leads to."""
        return self._describe(self.make(choice))

    def _describe(self, row: Row) -> Preview:
        known = self._table.rows[row]
        return Preview(known.key, known.features, known.parameters, known.family)
