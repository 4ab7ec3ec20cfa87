"""What the columns of a CSV file are taken for, and cells that do not fit their column."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from archwright.core import TaskError
from archwright.tasks.readers.cells import (
    NAMES,
    is_beyond,
    is_like_a_date,
    is_missing,
    is_written_out,
    no_date,
    no_number,
    number_of,
    reads,
    reads_all,
    seconds_since,
)

FEW: Final = 20
"""So many different whole numbers in a target are classes; more are values."""
ODD: Final = 5
"""So many different words among numbers are mistakes, or marks of a gap."""
RARE: Final = 0.05
"""So large a share of different words is mistakes, too; more are a column of words, such as codes
of which most have digits alone."""

Columns = Mapping[str, list[str]]


class Roles:
    """What each column that is no target is taken for.

    Raises:
        TaskError: a column of numbers or of dates has cells that are none.
    """

    def __init__(self, columns: Columns, used: Sequence[str]) -> None:
        self.numbers: list[str] = []
        self.categories: list[str] = []
        self.dates: list[str] = []
        self.left_out: dict[str, list[str]] = {}
        """Columns by the reason."""
        for name, values in columns.items():
            if name not in used:
                self._place(name, values)

    def leave_out(self, name: str, reason: str) -> None:
        """Use a column for nothing."""
        self.left_out.setdefault(reason, []).append(name)

    def _place(self, name: str, values: Sequence[str]) -> None:
        different = {value for value in values if not is_missing(value)}
        if len(different) < 2:
            self.leave_out(name, "one value alone")
        elif reads_all(number_of, values):
            named = re.fullmatch(r"(?i)(row|index|.*id|no|nr)?", name.strip())
            if named and len(different) == len(values):
                self.leave_out(name, "a number for each line")
            else:
                self.numbers.append(name)
        elif reads_all(seconds_since, values):
            self.dates.append(name)
        else:
            self._place_words(name, values, len(different))

    def _place_words(self, name: str, values: Sequence[str], levels: int) -> None:
        refuse_odd_numbers(name, values)
        refuse_odd_dates(name, values)
        if 2 * levels <= len(values):
            self.categories.append(name)
        elif are_like_dates(values):
            self.leave_out(name, "dates that are not written as 2024-01-31")
        else:
            self.leave_out(name, "words, most of them different")

    @property
    def options(self) -> dict[str, list[str]]:
        """As a reader takes them; nothing of what is empty."""
        made = {"numbers": self.numbers, "categories": self.categories, "dates": self.dates}
        return {name: columns for name, columns in made.items() if columns}

    @property
    def said(self) -> list[str]:
        """What was assumed, one line each."""
        lines = [f"{name}: {', '.join(columns)}" for name, columns in self.options.items()]
        left_out = self.left_out.items()
        return lines + [f"left out, {why}: {', '.join(columns)}" for why, columns in left_out]


def refuse_odd_numbers(name: str, values: Sequence[str]) -> None:
    """A column of numbers with a few cells of something else, or written for people.

    Few different numbers beside words, as 0, 1, 2 and 3+, are levels.

    Raises:
        TaskError: it is one; the first such cell is said.
    """
    cells = list(_cells(values))
    odd = [(line, value) for line, value in cells if not reads(number_of, value)]
    written = {value for _, value in odd if is_written_out(value)}
    numeric = {value for _, value in cells} - {value for _, value in odd}
    if 2 * sum(value in numeric or value in written for _, value in cells) < len(cells):
        return
    beyond = [cell for cell in odd if is_beyond(cell[1])]
    strange = [value for _, value in odd if value not in written]
    few = len(set(strange)) <= ODD or len(strange) <= RARE * len(cells)
    if beyond or (odd and few and len(numeric | written) > FEW):
        raise TaskError(no_number(name, *(beyond or odd)[0]))


def refuse_odd_dates(name: str, values: Sequence[str]) -> None:
    """A column of dates with a few cells of something else.

    Raises:
        TaskError: it is one; the first such cell is said.
    """
    cells = list(_cells(values))
    odd = [(line, value) for line, value in cells if not reads(seconds_since, value)]
    few = len({value for _, value in odd}) <= ODD or len(odd) <= RARE * len(cells)
    if odd and 2 * len(odd) <= len(cells) and few:
        raise TaskError(no_date(name, *odd[0]) + ", or leave the cell empty")


def are_like_dates(values: Sequence[str]) -> bool:
    """Whether most cells are dates, however they are written."""
    cells = [value for _, value in _cells(values)]
    return 2 * sum(map(is_like_a_date, cells)) > len(cells)


def refuse_gaps(name: str, values: Sequence[str], what: str) -> None:
    """A column of names, of classes or of groups, must have one in each line. "none" and "-" are
    names, unless all others are numbers.

    Raises:
        TaskError: some lines have none; the first is said.
    """
    numeric = all(is_missing(value) or reads(number_of, value) for value in values)
    names = frozenset() if numeric else NAMES
    gaps = [
        (line, value)
        for line, value in enumerate(values, start=2)
        if is_missing(value) and value.lower() not in names
    ]
    if gaps:
        line, value = gaps[0]
        shown = f" but {value!r}" if value else ""
        more = f", nor have {len(gaps) - 1} more" if len(gaps) > 1 else ""
        raise TaskError(
            f"column {name!r}, line {line} has no {what}{shown}{more}: fill it in, or remove the "
            f"line{'s' if more else ''}"
        )


def _cells(values: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Cells that are not missing, with their lines."""
    return ((line, v) for line, v in enumerate(values, start=2) if not is_missing(v))


def few(names: Sequence[str], most: int = 12) -> str:
    """The first of some names, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
