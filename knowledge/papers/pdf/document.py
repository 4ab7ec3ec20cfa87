"""Reads a PDF: running heads removed, columns in order, tables as rows, headings by their type.

The structure of equations is not in a PDF.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from typing import Any, Final

import pypdfium2

from archwright.knowledge.papers.paper import PAGES, Paper, UnreadableError
from archwright.knowledge.papers.pdf.furniture import without_furniture
from archwright.knowledge.papers.pdf.hyphens import joined_words
from archwright.knowledge.papers.pdf.layout import Row, rows_of
from archwright.knowledge.papers.pdf.pages import PdfPage, read_page
from archwright.knowledge.papers.pdf.tables import Placed, find_tables
from archwright.knowledge.papers.pdf.titles import title_of
from archwright.knowledge.papers.text import (
    REFERENCES,
    Heading,
    Line,
    assemble,
    heading_of,
    letters_of,
    split_references,
)

_LETTERS_PER_PAGE: Final = 40
"""Where pictures cover the pages, text below this is what a scanner wrote on them."""
_LARGER: Final = 1.08
_FIGURE = re.compile(r"(?:Figure|FIGURE|Fig\.|FIG\.)\s+\w+\s*[:.|]")
_OFF_CHAIN: Final = 0.25
"""Of the numbered headings: with more outside of the numbering it counts for nothing."""


def read_pdf(data: bytes) -> Paper:
    """The paper in a PDF.

    Raises:
        UnreadableError: encrypted, broken, too long, or scanned.
    """
    with closing(_open(data)) as document:  # pdfium is of one thread, the garbage collector of any
        count = len(document)
        if count > PAGES:
            raise UnreadableError(f"it has {count} pages, over {PAGES}: add a part of it")
        pages = [read_page(document, index) for index in range(count)]
        named, outline = str(document.get_metadata_value("Title")), _outline(document)
    notices = _scans(pages)
    by_page = rows_of(pages, without_furniture(pages))
    rows = [row for of_page in by_page for row in of_page]
    title = title_of(named, by_page)
    tables = find_tables(rows)
    headings = _headings(rows, tables, pages, outline)
    sections = assemble(_lines(rows, tables, headings))
    # pdfium fixes what it can, and says nothing of what was cut off.
    if b"%%EOF" not in data[-2048:]:
        notices = (*notices, "the file has no end: pages may be missing")
    return Paper(title, "pdf", count, sections, split_references(sections), notices=notices)


def _open(data: bytes) -> Any:
    try:
        document = pypdfium2.PdfDocument(data)
        if len(document) == 0:
            document.close()
            raise UnreadableError("it is a PDF without pages: fetch it again")
    except pypdfium2.PdfiumError as error:
        if "password" in str(error).lower() or "security" in str(error).lower():
            raise UnreadableError(
                "it is encrypted: decrypt it first, e.g. with `qpdf --decrypt`"
            ) from None
        raise UnreadableError("it is a broken PDF: fetch it again") from None
    return document


def _scans(pages: Sequence[PdfPage]) -> tuple[str, ...]:
    """What is to be said of pages that are pictures.

    Little text is no sign of a scan: a picture that covers the page is.

    Raises:
        UnreadableError: there is no text but what a scanner wrote.
    """
    letters = {
        page.number: sum(len(word.text) for p in page.pieces for word in p.words) for page in pages
    }
    scans = [p.number for p in pages if p.scanned and letters[p.number] < _LETTERS_PER_PAGE]
    total = sum(letters.values())
    if not total or (2 * len(scans) > len(pages) and total < _LETTERS_PER_PAGE * len(pages)):
        raise UnreadableError(
            f"its {len(pages)} pages hold no text (scanned?): recognise it first, "
            "e.g. with `ocrmypdf`"
        )
    if not scans:
        return ()
    named = ", ".join(map(str, scans[:10])) + (" ..." if len(scans) > 10 else "")
    return (f"pages without text (scanned): {named}; `ocrmypdf` recognises them",)


def _lines(
    rows: Sequence[Row], tables: Sequence[Placed], headings: Mapping[int, Heading]
) -> Iterator[Line]:
    """The rows as lines of text, each table after its caption's first line."""
    starts = {placed.caption.start: placed for placed in tables}
    cells = {
        place: cell
        for placed in tables
        for place, cell in zip(placed.rows, placed.lines, strict=True)
    }
    plain = [i for i in range(len(rows)) if i not in cells and i not in headings]
    texts = joined_words(rows, plain)
    passed = {i for i in headings if headings[i].title == ""}
    for place, row in enumerate(rows):
        if place in passed:
            continue
        text = cells[place] if place in cells else texts.get(place, row.text)
        table = starts[place].table if place in starts else None
        if text or table:
            yield Line(text, row.page, headings.get(place), table)


# --- headings -------------------------------------------------------------------------------------


def _headings(
    rows: Sequence[Row], tables: Sequence[Placed], pages: Sequence[PdfPage], outline: dict[str, int]
) -> dict[int, Heading]:
    """The headings by their row. The further lines of one have a heading without a title."""
    barred = {i for placed in tables for span in (placed.caption, placed.rows) for i in span}
    drawn = _in_figures(rows, pages)
    sizes = Counter[float]()
    for row in rows:
        sizes[round(row.size, 1)] += len(row.text)
    body = sizes.most_common(1)[0][0] if sizes else 0.0
    found: dict[int, Heading] = {}
    appended = False
    for place, row in enumerate(rows):
        if place in barred or place in found or (place in drawn and not _listed(row, outline)):
            continue
        heading = _heading(row, body, outline)
        # "A Method Of ..." is a title, unless appendices may begin.
        if heading and heading.number[:1].isalpha() and not appended:
            heading = heading if re.match(r"[IVX]+\. ", row.text) else None
        if heading is None:
            continue
        appended = appended or heading.title.lower() in (*REFERENCES, "appendix")
        if heading.number and place + 1 < len(rows) and _same_heading(row, rows[place + 1], body):
            found[place + 1] = Heading(heading.level, "", "")
            title = f"{heading.title} {rows[place + 1].text}".rstrip(":.")
            heading = Heading(heading.level, heading.number, title)
        found[place] = heading
    return _in_sequence(found, {i for i in found if _listed(rows[i], outline)})


def _heading(row: Row, body: float, outline: dict[str, int]) -> Heading | None:
    larger = row.size > _LARGER * body
    found = heading_of(row.text, emphatic=larger or row.heavy)
    if found is None and (larger or row.heavy):
        level = next((outline[key] for key in _keys(row.text) if key in outline), None)
        found = Heading(level, "", row.text.strip()) if level else None
    # An outline that knows headings of this depth knows all of them.
    if found and found.number and found.level in outline.values() and not _listed(row, outline):
        return None
    return found


def _same_heading(row: Row, following: Row, body: float) -> bool:
    """Whether a line goes on with a heading that was too long for its column."""
    emphatic = row.size > _LARGER * body or row.heavy
    alike = abs(row.size - following.size) < 0.1 and row.heavy == following.heavy
    near = 0 < row.bottom - following.bottom < 1.6 * row.size
    long = row.width > 0.7 * (row.right - row.left)
    return emphatic and alike and near and long and heading_of(following.text, True) is None


def _in_sequence(found: dict[int, Heading], sure: set[int]) -> dict[int, Heading]:
    """Without those whose numbers stand outside of the numbering, as the parts of a figure do.

    The numbering is the longest increasing chain of them (Schensted, 1961, "Longest increasing and
    decreasing subsequences"), unless that leaves out many.
    """
    numbers = {
        place: tuple(map(int, heading.number.split(".")))
        for place, heading in sorted(found.items())
        if re.fullmatch(r"\d+(?:\.\d+)*", heading.number)
    }
    chain = _longest_chain(numbers)
    off = set(numbers) - chain - sure
    if len(off) > _OFF_CHAIN * len(numbers):
        return found
    lines = {i + 1 for i in off if i + 1 in found and not found[i + 1].title}
    return {place: heading for place, heading in found.items() if place not in off | lines}


def _longest_chain(numbers: Mapping[int, tuple[int, ...]]) -> set[int]:
    tails: list[tuple[int, ...]] = []
    ends: list[int] = []
    before: dict[int, int | None] = {}
    for place, number in numbers.items():
        at = bisect_left(tails, number)
        before[place] = ends[at - 1] if at else None
        tails[at:], ends[at:] = [number, *tails[at + 1 :]], [place, *ends[at + 1 :]]
    chain: set[int] = set()
    last = ends[-1] if ends else None
    while last is not None:
        chain.add(last)
        last = before[last]
    return chain


def _in_figures(rows: Sequence[Row], pages: Sequence[PdfPage]) -> set[int]:
    """Rows inside a picture, or between a figure's caption and the running text over it."""
    found: set[int] = set()
    pictures = {page.number: page.pictures for page in pages}
    for place, row in enumerate(rows):
        x, y = (row.pieces[0].left + row.pieces[-1].right) / 2, row.bottom + row.size / 2
        if any(b[0] <= x <= b[2] and b[1] <= y <= b[3] for b in pictures[row.page]):
            found.add(place)
        if not _FIGURE.match(row.text):
            continue
        for over in range(place - 1, -1, -1):
            other = rows[over]
            if other.page != row.page or other.fills or other.bottom < row.bottom:
                break
            found.add(over)
    return found


def _outline(document: Any) -> dict[str, int]:
    """The titles of the outline with their levels from 1."""
    try:
        marks = list(document.get_toc(max_depth=4))[:2000]
        return {key: 1 + mark.level for mark in marks for key in _keys(mark.get_title())}
    except (pypdfium2.PdfiumError, UnicodeDecodeError):
        return {}


def _listed(row: Row, outline: dict[str, int]) -> bool:
    """Whether the outline has it, or it is the first line of what the outline has."""
    keys = _keys(row.text)
    long = [key for key in keys if len(key) > 20]
    return any(k in outline for k in keys) or any(t.startswith(k) for t in outline for k in long)


def _keys(title: str) -> tuple[str, str]:
    """A title's letters and digits: with its number and without, as not every outline has it."""
    whole = " ".join(title.split())
    return letters_of(whole), letters_of(re.sub(r"^[\dA-Z.]+\s+", "", whole))
