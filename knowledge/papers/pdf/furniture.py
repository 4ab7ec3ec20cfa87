"""What pages repeat at one height: running heads, running feet and page numbers."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from archwright.knowledge.papers.pdf.pages import PdfPage, Piece

_LINES: Final = 2
"""How many lines at the top and at the bottom of a page may be furniture."""
_PAGES: Final = 3
"""How many pages repeat it, at least."""
_BIN: Final = 4.0
"""Points by which its height may differ."""
_PAGE_NUMBER = re.compile(r"[-–—\s]*(?:\d{1,4}|[ivxl]{1,6})[-–—\s]*")

Key = tuple[str, int]


def without_furniture(pages: Sequence[PdfPage]) -> list[list[Piece]]:
    """The pieces of each page that are read, in their order."""
    edges = [list(_edges(page)) for page in pages]
    counts = Counter(key for of_page in edges for key in {k for line in of_page for k in line[1]})
    kept = []
    for page, of_page in zip(pages, edges, strict=True):
        dropped: set[Piece] = set()
        for line, keys, outer in of_page:
            number = outer and _PAGE_NUMBER.fullmatch(" ".join(p.text for p in line))
            if number or any(counts[key] >= _PAGES for key in keys):
                dropped |= set(line)
        kept.append([piece for piece in page.pieces if piece not in dropped])
    return kept


def _edges(page: PdfPage) -> Iterator[tuple[list[Piece], tuple[Key, Key], bool]]:
    """The lines at the top and at the bottom, each with its keys and whether it is the outermost.

    A key is what a line says at a height, numbers aside where it is the outermost. There are two of
    them, because a height lies between two steps of the scale.
    """
    lines: list[list[Piece]] = []
    for piece in sorted((p for p in page.pieces if p.upright), key=lambda p: -p.bottom):
        if lines and abs(lines[-1][0].bottom - piece.bottom) < 0.5 * piece.size:
            lines[-1].append(piece)
        else:
            lines.append([piece])
    places = {*range(min(_LINES, len(lines))), *range(max(0, len(lines) - _LINES), len(lines))}
    for place in sorted(places):
        line = sorted(lines[place], key=lambda p: p.left)
        words = " ".join(p.text for p in line)
        step = int(line[0].bottom // _BIN)
        half = int((line[0].bottom + _BIN / 2) // _BIN)
        outer = len(lines) > 1 and place in (0, len(lines) - 1)
        if outer or _PAGE_NUMBER.fullmatch(words):
            words = re.sub(r"\d+|\b[ivxl]+\b", "#", words)
        yield line, ((words, 2 * step), (words, 2 * half + 1)), outer
