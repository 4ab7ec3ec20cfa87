"""Tables of a PDF: rows by their heights, columns by the white that goes through all of them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from archwright.knowledge.papers.paper import Table
from archwright.knowledge.papers.pdf.layout import Row
from archwright.knowledge.papers.pdf.pages import WIDE_GAP, Word
from archwright.knowledge.papers.text import NUMBER

_CAPTION = re.compile(
    r"(?P<label>(?:Table|TABLE)\s+(?:[A-Z]?\.?\d+|[IVX]+))(?:\s*[:.|]\s*(?P<caption>.*)|\s*)"
)
_OTHER_CAPTION = re.compile(r"(?:Figure|FIGURE|Fig\.|FIG\.|Algorithm|Listing)\s+\w+\s*[:.|]")
_CAPTION_LINES: Final = 8
_ROWS_AT_MOST: Final = 80
_APART: Final = 3.2
"""Type sizes between the rows of one table, at most."""
_WHITE: Final = 0.35
"""Of the type size, between two columns where all rows leave it white."""
_ALIGNED: Final = 0.6
"""Of the type size by which the middles of a head and of its column differ at most."""

Column = tuple[float, float]
"""Left and right end in points."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A table with the rows of the page that are its own: its caption's, then its cells'."""

    table: Table
    caption: range
    rows: range
    lines: tuple[str, ...]
    """What the text says for each row of the page; empty for a row that went into the one above."""


def find_tables(rows: Sequence[Row]) -> list[Placed]:
    """The tables of a document that have a caption and columns.

    A caption stands over its table or under it, as most of those do that have rows on one side
    only.
    """
    captions = [(i, match) for i, row in enumerate(rows) if (match := _CAPTION.fullmatch(row.text))]
    sides = [(_below(rows, i), _above(rows, i)) for i, _ in captions]
    only_under = sum(bool(over) and not under for under, over in sides)
    only_over = sum(bool(under) and not over for under, over in sides)
    found: list[Placed] = []
    taken: set[int] = set()
    for (place, match), (under, over) in zip(captions, sides, strict=True):
        chosen = (over or under) if only_under > only_over else (under or over)
        said = _caption_lines(rows, place, chosen)
        chosen = (
            range(max(chosen.start, said.stop), chosen.stop) if chosen.start > place else chosen
        )
        cells = grid([rows[i] for i in chosen])
        if not cells or taken & set(chosen):
            continue
        taken |= set(chosen)
        words = [match["caption"] or "", *(rows[i].text for i in said[1:])]
        caption = " ".join(" ".join(words).split())
        table = Table(match["label"], caption, tuple(row for row in cells if row))
        found.append(Placed(table, said, chosen, tuple(" | ".join(row) for row in cells)))
    return found


def _below(rows: Sequence[Row], place: int) -> range:
    """The rows under a caption; what is left of the caption itself is passed over."""
    first = place + 1
    while first < min(len(rows), place + _CAPTION_LINES) and _goes_on(rows[first - 1], rows[first]):
        if _is_tabular(rows[first]):
            break
        first += 1
    stop = first
    for stop in range(first, min(len(rows), first + _ROWS_AT_MOST) + 1):
        if stop == len(rows) or not _continues(rows, first, stop, 1):
            break
    return _trimmed(rows, range(first, stop))


def _above(rows: Sequence[Row], place: int) -> range:
    start = place
    while start > max(0, place - _ROWS_AT_MOST) and _continues(rows, place - 1, start - 1, -1):
        start -= 1
    return _trimmed(rows, range(start, place))


def _continues(rows: Sequence[Row], first: int, place: int, step: int) -> bool:
    """Whether a table that begins at `first` goes on at `place`."""
    row = rows[place]
    if row.page != rows[first].page or _CAPTION.match(row.text) or _OTHER_CAPTION.match(row.text):
        return False
    if row.fills and not _is_tabular(row):
        return False
    if place == first:
        return True
    last = rows[place - step]
    # Up the page the rows stand higher; a row of another column ends it.
    down = step * (last.bottom - row.bottom)
    return -0.5 * row.size < down < _APART * max(row.size, last.size)


def _trimmed(rows: Sequence[Row], chosen: range) -> range:
    """Without what is no row at the ends; empty with fewer than two rows of several cells."""
    places = [i for i in chosen if _is_tabular(rows[i])]
    if len(places) < 2:
        return range(0)
    return range(places[0], places[-1] + 1)


def _is_tabular(row: Row) -> bool:
    return len(row.pieces) > 1 or (len(NUMBER.findall(row.text)) >= 2 and not row.fills)


def _goes_on(last: Row, row: Row) -> bool:
    """Whether a line follows the other as those of a paragraph do."""
    near = 0 < last.bottom - row.bottom < 1.7 * max(row.size, last.size)
    return near and last.page == row.page


def _caption_lines(rows: Sequence[Row], place: int, chosen: range) -> range:
    """The rows of a caption. Under a table it ends where the lines stand further apart."""
    stop = place + 1
    most = min(len(rows), place + _CAPTION_LINES)
    most = min(most, chosen.start) if chosen.start > place else most
    while stop < most and rows[stop].page == rows[place].page:
        if chosen.start <= place and not _goes_on(rows[stop - 1], rows[stop]):
            break
        if chosen.start <= place and abs(rows[stop].size - rows[place].size) > 0.2:
            break
        stop += 1
    return range(place, stop)


# --- cells ----------------------------------------------------------------------------------------


def grid(rows: Sequence[Row]) -> tuple[tuple[str, ...], ...]:
    """The cells of rows, as many in each: what stands over several columns is repeated in each.

    A row of one cell alone, which heads a group, is that cell in every column; the second line of a
    long name is empty, and stands in the row above. Empty where no white goes through the rows.
    """
    if not rows:
        return ()
    size = max(row.size for row in rows)
    chunks = [_chunks(row.words, size) for row in rows]
    columns = _columns(chunks, size)
    if len(columns) < 2:
        return _by_numbers(rows)
    numeric = [len(NUMBER.findall(row.text)) > 0 for row in rows]
    body = next((i for i, row in enumerate(chunks) if numeric[i] and len(row) > 1), 0)
    cells: list[tuple[str, ...]] = []
    for place, parts in enumerate(chunks):
        row = _cells(parts, columns, size, head=place < max(1, body))
        label = row[0]
        if len(parts) == 1 and place >= body and cells:
            if label and label[:1].islower() and not numeric[place]:
                # The second line of a long name.
                last = max(i for i, row in enumerate(cells) if row)
                cells[last] = (f"{cells[last][0]} {label}", *cells[last][1:])
                row = ()
            else:
                row = (" ".join(w.text for w in parts[0]),) * len(columns)
        cells.append(row)
    return tuple(cells)


Chunk = tuple[Word, ...]
"""Words of a row without a wide gap between them."""


def _chunks(words: Sequence[Word], size: float) -> list[Chunk]:
    found: list[list[Word]] = []
    for word in sorted(words, key=lambda w: w.left):
        if found and word.left - max(w.right for w in found[-1]) < WIDE_GAP * size:
            found[-1].append(word)
        else:
            found.append([word])
    return [tuple(chunk) for chunk in found]


def _columns(rows: Sequence[Sequence[Chunk]], size: float) -> list[Column]:
    """The columns of rows: what is left between the white that goes through all full rows."""
    counts = Counter(len(row) for row in rows if len(row) > 1)
    if not counts:
        return []
    common = [n for n, count in counts.items() if count >= max(2, 0.25 * len(rows))]
    full = max(common or counts)
    base = [row for row in rows if len(row) >= full]
    columns = _covered([chunk for row in base for chunk in row], size)
    if len(columns) < full:
        # Two columns are so near that one row's words lie under the other's: by the fullest rows.
        columns = max((_covered(row, size) for row in base), key=len)
    return columns


def _by_numbers(rows: Sequence[Row]) -> tuple[tuple[str, ...], ...]:
    """The cells of rows without any wide gap: a name, and as many numbers in each. Only the head
    may be words, as many as there are columns."""
    words = [row.text.split() for row in rows]
    tails = [_tail(row) for row in words]
    last = max(tails)
    head = tails[0] == 0 and len(words[0]) == last + 1
    if not last or any(tail != last for tail in tails[1 if head else 0 :]):
        return ()
    return tuple((" ".join(row[:-last]), *row[-last:]) for row in words)


def _tail(row: Sequence[str]) -> int:
    """How many numbers a row ends with, with a name before them; 0 without one."""
    count = 0
    while count < len(row) and NUMBER.fullmatch(row[-1 - count]):
        count += 1
    return count if count < len(row) else 0


def _extent(words: Sequence[Word]) -> Column:
    return min(w.left for w in words), max(w.right for w in words)


def _covered(chunks: Sequence[Chunk], size: float) -> list[Column]:
    """The stretches of the line that some chunk covers."""
    found: list[Column] = []
    for left, right in sorted(_extent(chunk) for chunk in chunks):
        if found and left - found[-1][1] < _WHITE * size:
            found[-1] = (found[-1][0], max(found[-1][1], right))
        else:
            found.append((left, right))
    return found


def _cells(
    chunks: Sequence[Chunk], columns: Sequence[Column], size: float, head: bool
) -> tuple[str, ...]:
    cells = [""] * len(columns)
    for chunk, places in _placed(chunks, columns, size, head):
        text = " ".join(word.text for word in chunk)
        for place in places:
            cells[place] = f"{cells[place]} {text}".strip()
    return tuple(cells)


def _placed(
    chunks: Sequence[Chunk], columns: Sequence[Column], size: float, head: bool
) -> Iterator[tuple[Chunk, range]]:
    """Each chunk with the columns that it stands over."""
    for chunk in chunks:
        left, right = _extent(chunk)
        under = [i for i, c in enumerate(columns) if left < c[1] and right > c[0]]
        if len(under) == 1 and (not head or _is_over(columns[under[0]], (left, right), size)):
            yield chunk, range(under[0], under[0] + 1)
        elif not head and len(under) > 1:
            # Words of two neighbours that stand close: each goes to its own column.
            for word in chunk:
                place = _nearest(columns, (word.left, word.right))
                yield (word,), range(place, place + 1)
        else:
            yield chunk, _span(columns, (left, right), size, under)


def _is_over(column: Column, extent: Column, size: float) -> bool:
    """Whether a head belongs to one column: at its left, its right or its middle."""
    ends = (column[0] - extent[0], column[1] - extent[1], (sum(column) - sum(extent)) / 2)
    return any(abs(difference) < _ALIGNED * size for difference in ends)


def _span(columns: Sequence[Column], extent: Column, size: float, under: Sequence[int]) -> range:
    """The fewest neighbouring columns over whose middle a head stands; else those that it
    touches."""
    middle = sum(extent) / 2
    for count in range(2, len(columns) + 1):
        for first in range(len(columns) - count + 1):
            left, right = columns[first][0], columns[first + count - 1][1]
            inside = left - size < extent[0] and extent[1] < right + size
            if inside and abs((left + right) / 2 - middle) < 1.5 * _ALIGNED * size:
                return range(first, first + count)
    if under:
        return range(under[0], under[-1] + 1)
    place = _nearest(columns, extent)
    return range(place, place + 1)


def _nearest(columns: Sequence[Column], extent: Column) -> int:
    middle = sum(extent) / 2
    return min(
        range(len(columns)),
        key=lambda i: max(columns[i][0] - middle, middle - columns[i][1], 0.0),
    )
