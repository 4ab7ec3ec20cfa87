"""Where a row of a table stands in the text of its section."""

from __future__ import annotations

import re
from collections.abc import Sequence

from archwright.agents.plans import Grid


def squash(text: str) -> str:
    """A text without white space, bars between cells and marks of emphasis."""
    return re.sub(r"[\s|*_`\\]+", "", text)


def quote_rows(table: Grid, text: str) -> dict[int, str]:
    """The line of the text that each row is, by the row's place; rows that have none are left out.

    Cells that repeat the one to their left or above, as spans do, may be absent from the line.
    """
    lines = [(squash(line), line.strip()) for line in text.replace("\f", "\n").splitlines()]
    lines = [pair for pair in lines if pair[0]]
    found: dict[int, str] = {}
    after = 0
    for place, row in enumerate(table.rows):
        above = table.rows[place - 1] if place else ()
        for offset in (*range(after, len(lines)), *range(after)):
            if is_row(lines[offset][0], row, above):
                found[place] = lines[offset][1]
                after = offset + 1
                break
    return found


def is_row(squashed: str, row: Sequence[str], above: Sequence[str]) -> bool:
    """Whether a line says the cells of a row, in order and nothing else."""
    at = 0
    for column, cell in enumerate(row):
        words = squash(cell)
        if squashed.startswith(words, at):
            at += len(words)
        elif not (
            (column and words == squash(row[column - 1]))
            or (column < len(above) and words == squash(above[column]))
        ):
            return False
    return at == len(squashed) and at > 0
