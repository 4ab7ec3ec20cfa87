"""A CSV file of items that are to be ranked within their groups: one query a sample."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np

from archwright.core import Array
from archwright.tasks.readers.columns import Features, column_of, read_columns, whole_numbers_of
from archwright.tasks.readers.splitting import by_content, digest

ABSENT = -1


class RankedItems:
    """A CSV file with one item a line; the items of one group are one sample.

    Args:
        file: with the names of its columns in its first line.
        group: column that says which items belong together.
        target: column that says how relevant an item is: 0 is not.
        most: items of a group; of a larger one the first are taken.
        numbers, categories, dates: columns that items are ranked by; see `CsvTable`.
    """

    def __init__(
        self,
        file: str | Path,
        *,
        group: str,
        target: str,
        most: int,
        numbers: Sequence[str] = (),
        categories: Sequence[str] = (),
        dates: Sequence[str] = (),
    ) -> None:
        self._file, self._group, self._target, self._most = Path(file), group, target, most
        self._used = (numbers, categories, dates)

    @cached_property
    def _columns(self) -> dict[str, list[str]]:
        return read_columns(self._file)

    @cached_property
    def groups(self) -> list[list[int]]:
        """The lines of each group."""
        found: dict[str, list[int]] = defaultdict(list)
        for row, name in enumerate(column_of(self._columns, self._group)):
            found[name].append(row)
        return list(found.values())

    @cached_property
    def _keys(self) -> list[bytes]:
        names = column_of(self._columns, self._group)
        return [digest(names[rows[0]].encode()) for rows in self.groups]

    @cached_property
    def features(self) -> Features:
        """What is known of each line."""
        train = [row for place in by_content(self._keys, "train") for row in self.groups[place]]
        return Features(self._columns, *self._used, np.array(train))

    @cached_property
    def relevance(self) -> Array:
        """How relevant each line is."""
        return whole_numbers_of(self._target, column_of(self._columns, self._target))

    def load(self, split: str) -> tuple[list[Array], Array]:
        """One float32 `(items, numbers)` for each group; and `(N, most)` how relevant items are,
        -1 where there is none: int64 where all are 0 or 1, else float32.
        """
        places = by_content(self._keys, split)
        chosen = [self.groups[place][: self._most] for place in places]
        plain = np.isin(self.relevance, (0, 1)).all()
        y = np.full((len(chosen), self._most), ABSENT, dtype=np.int64 if plain else np.float32)
        for place, rows in enumerate(chosen):
            y[place, : len(rows)] = self.relevance[rows]
        return [self.features.numbers[rows] for rows in chosen], y
