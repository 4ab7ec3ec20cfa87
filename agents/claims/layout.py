"""How a table is laid out: its header rows, its columns of names, its group headings.

Rows are rectangular: the text of a cell that spans several columns or rows stands in each of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from archwright.agents.claims.cells import is_empty, is_numeric, read_cell
from archwright.agents.claims.words import is_quantity, metric_in, plain
from archwright.agents.plans import Grid

METHOD_HEAD: Final = re.compile(
    r"\b(?:models?|methods?|systems?|architectures?|networks?|approach(?:es)?|algorithms?|names?|"
    r"backbones?|encoders?|variants?|settings?|configurations?|mixers?|blocks?)\b",
    re.IGNORECASE,
)
_DATA_HEAD: Final = re.compile(
    r"\b(?:data ?sets?|tasks?|corp(?:us|ora)|benchmarks?|domains?|language pairs?)\b", re.IGNORECASE
)
_METRIC_HEAD: Final = re.compile(r"\b(?:metrics?|measures?|criteri(?:on|a))\b", re.IGNORECASE)
_CITED: Final = re.compile(r"\[[^\]]+\]|\((?:[^()]*\D)?(?:19|20)\d\d[a-z]?\)|\bet al\b")


@dataclass(frozen=True, slots=True)
class BodyRow:
    """A row of the body: its cells, the headings above it, and its place in the table."""

    cells: tuple[str, ...]
    group: str
    place: int


@dataclass(frozen=True, slots=True)
class TableLayout:
    """A table taken apart. `heads[c]` are the headings over column `c`, from the top."""

    heads: tuple[tuple[str, ...], ...]
    lines: tuple[BodyRow, ...]
    names: tuple[int, ...]
    """Columns that name what a row is about."""
    data_sets: tuple[int, ...]
    metrics: tuple[int, ...]
    """Columns that hold data sets and metrics of their rows."""
    title: str = ""
    """What stands over the whole table."""
    ragged: tuple[str, ...] = ()
    """Rows with fewer or more cells than the header: which column a cell is in, nobody can tell."""

    @property
    def values(self) -> tuple[int, ...]:
        """Columns with numbers."""
        others = {*self.names, *self.data_sets, *self.metrics}
        return tuple(
            c
            for c in range(len(self.heads))
            if c not in others and any(is_numeric(line.cells[c]) for line in self.lines)
        )

    def head(self, column: int) -> str:
        """The headings over a column, as they are shown."""
        return " / ".join(plain(part) for part in self.heads[column])


def lay_out(table: Grid) -> TableLayout | None:
    """The table's parts; None where it has no header and body whose columns can be told apart."""
    filled = [(n, row) for n, row in enumerate(table.rows) if any(cell.strip() for cell in row)]
    title = ""
    while filled and _is_heading(filled[0][1]):
        title = f"{title} {filled.pop(0)[1][0]}".strip()
    count = _header_rows([row for _, row in filled])
    header, body = [row for _, row in filled[:count]], filled[count:]
    width = len(header[0]) if header else 0
    if width < 2 or any(len(row) != width for row in header):
        return None
    whole = [(n, row) for n, row in body if len(row) == width or _is_heading(row)]
    ragged = tuple(row[0] for n, row in body if (n, row) not in whole)
    heads = tuple(_path(row[c] for row in header) for c in range(width))
    lines = tuple(_lines(whole))
    return TableLayout(heads, lines, *_columns(heads, lines), title, ragged) if lines else None


def _path(parts: Iterator[str]) -> tuple[str, ...]:
    """The headings over a column, each once."""
    return tuple(dict.fromkeys(part.strip() for part in parts if part.strip()))


def _is_heading(row: Sequence[str]) -> bool:
    """Whether a row is a heading over those that follow: its cells are alike, or one is filled."""
    filled = {cell.strip() for cell in row if cell.strip()}
    spans = len(filled) == 1 and bool(row[0].strip())
    counts = re.search(r"\d\.\d", row[0]) and not METHOD_HEAD.search(row[0]) and len(row) == 1
    return spans and not (counts or is_numeric(row[0]) or is_empty(row[0]))


def _header_rows(rows: Sequence[Sequence[str]]) -> int:
    """How many rows the header has: those under the first that name no row of their own."""
    first = rows[0][0].strip() if rows else ""
    count = 1
    if len(rows) > 2 and not first and _is_second_head(rows[1]):
        first, count = rows[1][0].strip(), 2
    while count < len(rows):
        row = rows[count]
        label = row[0].strip()
        own_name = label != first and (
            re.search(r"[^\W\d_]", label) or (label and any(map(is_numeric, row[1:])))
        )
        decimals = any(re.search(r"\d[.,]\d", cell) and is_numeric(cell) for cell in row)
        if own_name or decimals or _is_heading(row):
            break
        count += 1
    return count


def _is_second_head(row: Sequence[str]) -> bool:
    """Whether a row under one without a name of its own says what stands in each column."""
    return all(cell.strip() for cell in row) and not (
        any(map(is_numeric, row)) or any(map(is_empty, row)) or _is_heading(row)
    )


def _lines(rows: Iterable[tuple[int, tuple[str, ...]]]) -> Iterator[BodyRow]:
    group, fresh = "", False
    for place, row in rows:
        if _is_heading(row):
            # A heading right under another says more of the same group.
            group = f"{group} / {row[0].strip()}" if fresh else row[0].strip()
            fresh = True
        else:
            yield BodyRow(row, group, place)
            fresh = False


def _columns(
    heads: Sequence[tuple[str, ...]], lines: Sequence[BodyRow]
) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    """Columns of names, of data sets and of metrics."""
    wordy = [c for c in range(len(heads)) if _is_wordy(c, lines)]
    said = {c: " ".join(map(plain, heads[c])) for c in range(len(heads))}
    metrics = [c for c in wordy if _METRIC_HEAD.search(said[c])]
    data_sets = [c for c in wordy if _DATA_HEAD.search(said[c]) and c not in metrics]
    free = [c for c in wordy if c not in (*metrics, *data_sets)]
    first = next(
        (c for c in range(len(heads)) if c not in wordy and _measures(heads[c])), len(heads)
    )
    early = [c for c in free if c < first]
    headed = [c for c in early if METHOD_HEAD.search(said[c])]
    unnamed = [c for c in early if not said[c]]
    names = headed or early[:1] or ([] if metrics or data_sets else [0])
    return tuple(sorted({*names, *unnamed})), tuple(data_sets), tuple(metrics)


def _measures(path: Sequence[str]) -> bool:
    return any(metric_in(plain(part)) for part in path) and not is_quantity(path[-1])


def _is_wordy(column: int, lines: Sequence[BodyRow]) -> bool:
    """Whether most filled cells of a column are words."""
    filled = [line.cells[column] for line in lines if not is_empty(line.cells[column])]
    words = sum(read_cell(cell).kind == "words" for cell in filled)
    return bool(filled) and 2 * words > len(filled)


def is_cited(text: str) -> bool:
    """Whether a name comes with a citation: what it names is others' work."""
    return _CITED.search(text) is not None


def without_citation(text: str) -> str:
    """A name without its citation."""
    return plain(re.sub(r"\s*(?:\[[^\]]+\]|\([^()]*(?:19|20)\d\d[a-z]?\))", "", text)).strip(" ,;:")
