"""The order in which a page is read: rows of words, columns, and what goes over both of them.

Recursive cutting of a page by its white bands (Nagy and Seth, 1984, "Hierarchical representation of
optically scanned documents"), kept to one vertical cut, the gutter, between rows that cross it.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from archwright.knowledge.papers.pdf.pages import PdfPage, Piece, Word

_MIDDLE: Final = (0.3, 0.7)
"""Where on a page's width a gutter may lie."""
_FILLED: Final = 0.6
"""Of a column's width that a line of running text fills."""
_PAIRS: Final = 3
"""Lines of text side by side, at least, that make two columns of a page."""
CAPTION = re.compile(r"(?:Table|TABLE|Figure|FIGURE|Fig\.|FIG\.)\s+(?:\d+|[A-Z]?\d*|[IVX]+)\b")
_SAME_LINE: Final = 0.45
"""Of the type size by which the heights of one line differ at most."""


@dataclass(frozen=True)
class Row:
    """The pieces of a line in reading order, inside their column.

    `left` and `right` are the ends of that column in points.
    """

    pieces: tuple[Piece, ...]
    left: float
    right: float

    @property
    def page(self) -> int:
        return self.pieces[0].page

    @property
    def bottom(self) -> float:
        return self.pieces[0].bottom

    @property
    def size(self) -> float:
        return min(piece.size for piece in self.pieces)

    @property
    def heavy(self) -> bool:
        return all(piece.heavy for piece in self.pieces)

    @property
    def words(self) -> tuple[Word, ...]:
        return tuple(word for piece in self.pieces for word in piece.words)

    @cached_property
    def text(self) -> str:
        return " ".join(piece.text for piece in self.pieces)

    @property
    def width(self) -> float:
        return max(p.right for p in self.pieces) - min(p.left for p in self.pieces)

    @property
    def fills(self) -> bool:
        """Whether it is as wide as a line of running text, without a wide gap in it."""
        return len(self.pieces) == 1 and self.width > _FILLED * (self.right - self.left)


def rows_of(pages: Sequence[PdfPage], kept: Sequence[Sequence[Piece]]) -> list[list[Row]]:
    """The rows of each page in reading order.

    Args:
        kept: the pieces of each page that are read.
    """
    own = [_gutter(page, pieces) for page, pieces in zip(pages, kept, strict=True)]
    found = [gutter for gutter in own if gutter is not None]
    # A page with little in its second column is set as the others are.
    common = _middle(found) if 2 * len(found) > len(pages) else None
    return [
        _ordered(pieces, gutter if gutter is not None else common)
        for pieces, gutter in zip(kept, own, strict=True)
    ]


def _middle(values: Sequence[float]) -> float:
    """Their median: a process is started for each paper, and importing `statistics` takes time."""
    ordered, half = sorted(values), len(values) // 2
    return (ordered[half] + ordered[-1 - half]) / 2


def _gutter(page: PdfPage, pieces: Sequence[Piece]) -> float | None:
    """Where the white between two columns lies; None where there are none."""
    if len(pieces) < 2 * _PAIRS:
        return None
    low, high = (share * page.width for share in _MIDDLE)
    edges = Counter(round(p.left) - 1 for p in pieces) + Counter(round(p.right) + 1 for p in pieces)
    likely = [x for x, count in edges.most_common(12) if low < x < high and count >= _PAIRS]
    best, gutter = _PAIRS - 1, None
    for x in likely:
        one, other = _columns(pieces, x)
        pairs = sum(any(abs(a.bottom - b.bottom) < a.size for b in other) for a in one)
        if pairs > best:
            best = pairs
            gutter = (max(p.right for p in one) + min(p.left for p in other)) / 2
    return gutter


def _columns(pieces: Sequence[Piece], x: float) -> tuple[list[Piece], list[Piece]]:
    """The lines of running text left and right of `x`."""
    left, right = x - min(p.left for p in pieces), max(p.right for p in pieces) - x
    one = [p for p in pieces if p.right <= x + 1 and p.width > _FILLED * left]
    return one, [p for p in pieces if p.left >= x - 1 and p.width > _FILLED * right]


def _ordered(pieces: Sequence[Piece], gutter: float | None) -> list[Row]:
    if not pieces:
        return []
    left, right = min(p.left for p in pieces), max(p.right for p in pieces)
    if gutter is None:
        return _flow(pieces, left, right)
    spanning = _spanning(pieces, gutter)
    columns = [
        [p for p in pieces if p not in spanning and (p.left + p.right < 2 * gutter) is first]
        for first in (True, False)
    ]
    ends = [(left, gutter), (gutter, right)]
    if _is_right_to_left("".join(p.text for p in pieces)):
        columns, ends = columns[::-1], ends[::-1]
    rows: list[Row] = []
    over = _flow([p for p in pieces if p in spanning], left, right)
    for row in [*over, None]:
        height = row.bottom if row else float("-inf")
        for place, (column, (start, end)) in enumerate(zip(columns, ends, strict=True)):
            rows += _flow([p for p in column if p.bottom > height], start, end)
            columns[place] = [p for p in column if p.bottom <= height]
        rows += [row] if row else []
    return rows


def _spanning(pieces: Sequence[Piece], gutter: float) -> set[Piece]:
    """What goes over both columns: what crosses the gutter, all beside it on its line, and all of a
    table or a figure whose caption does."""
    filled = {p for side in _columns(pieces, gutter) for p in side}
    lines = _lines(_by_height(pieces))
    over: set[int] = set()
    for place, line in enumerate(lines):
        caption = any(CAPTION.match(p.text) for p in line)
        reach = 1.0 if caption else 2.0
        if not any(_crosses(p, gutter, reach * p.size) for p in line):
            continue
        over.add(place)
        if caption:
            over |= {p for step in (-1, 1) for p in _beside(lines, place, step, filled)}
    return {p for place in over for p in lines[place]}


def _crosses(piece: Piece, gutter: float, reach: float) -> bool:
    return piece.left < gutter - reach and piece.right > gutter + reach


def _beside(
    lines: Sequence[Sequence[Piece]], place: int, step: int, filled: set[Piece]
) -> Iterator[int]:
    """The lines over or under a caption, as far as no running text stands in a column."""
    last = lines[place][0]
    while 0 <= (place := place + step) < len(lines):
        line = lines[place]
        if any(p in filled for p in line) or abs(line[0].bottom - last.bottom) > 6 * last.size:
            return
        last = line[0]
        yield place


def _flow(pieces: Sequence[Piece], left: float, right: float) -> list[Row]:
    """The rows of one column. The file's order is kept as far as it goes down the column."""
    runs: list[list[Piece]] = []
    for piece in pieces:
        if runs and piece.bottom <= runs[-1][-1].bottom + piece.size:
            runs[-1].append(piece)
        else:
            runs.append([piece])
    runs.sort(key=lambda run: -max(p.bottom for p in run))
    merged: list[list[Piece]] = []
    for run in runs:
        if merged and max(p.bottom for p in run) > min(p.bottom for p in merged[-1]) + 1:
            merged[-1] = _by_height([*merged[-1], *run])
        else:
            merged.append(run)
    return [Row(_in_line(line), left, right) for run in merged for line in _lines(run)]


def _by_height(pieces: Iterable[Piece]) -> list[Piece]:
    return sorted(pieces, key=lambda p: -p.bottom)


def _lines(pieces: Sequence[Piece]) -> list[list[Piece]]:
    """Pieces that follow each other at one height, together."""
    lines: list[list[Piece]] = []
    for piece in pieces:
        last = lines[-1][0] if lines else None
        if last and abs(last.bottom - piece.bottom) < _SAME_LINE * max(last.size, piece.size):
            lines[-1].append(piece)
        else:
            lines.append([piece])
    return lines


def _in_line(pieces: Sequence[Piece]) -> tuple[Piece, ...]:
    if len(pieces) == 1:
        return tuple(pieces)
    backwards = _is_right_to_left("".join(p.text for p in pieces))
    return tuple(sorted(pieces, key=lambda p: -p.right if backwards else p.left))


def _is_right_to_left(text: str) -> bool:
    if text.isascii():
        return False
    directions = [unicodedata.bidirectional(c) for c in text]
    return sum(d in ("R", "AL") for d in directions) > sum(d == "L" for d in directions)
