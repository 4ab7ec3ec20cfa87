"""Reads a PDF by pdfium: lines, headings by type size and weight, superscripts where raised.

What pdfium knows of a character (size, font, height over the line) is measured; what it does not
know is left as it is. Columns of tables and the structure of equations are not in a PDF.
"""

from __future__ import annotations

import ctypes
import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pypdfium2
import pypdfium2.raw as pdfium

from archwright.knowledge.papers.paper import PAGES, Paper, UnreadableError
from archwright.knowledge.papers.text import (
    REFERENCES,
    Heading,
    Line,
    assemble,
    heading_of,
    split_references,
)

_SOFT_HYPHEN: Final = "\ufffe"
_LIGATURES: Final = str.maketrans(
    {"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st"}
)
_HEAVY = re.compile(r"bold|black|heavy|semib|medi\b|cmbx|cmb\d|-b\b|\.b\b", re.IGNORECASE)
_RAISED = re.compile(r"(?<=[\w)\]])[-−+]?\d+")
_TEXT_CHARACTERS_PER_PAGE: Final = 40
"""A page with less on the average is taken for a picture of one."""
_LARGER: Final = 1.08
_SMALLER: Final = 0.87
_RAISED_SHARE: Final = 0.15
"""Of the type size that a superscript stands above its base, at least."""
_TITLE_CHARACTERS: Final = 300


@dataclass(frozen=True, slots=True)
class _Span:
    """A line as pdfium sees it: the size and the font of its first and its last character."""

    text: str
    page: int
    size: float
    heavy: bool


def read_pdf(data: bytes) -> Paper:
    """The paper in a PDF.

    Raises:
        UnreadableError: encrypted, broken, too long, or scanned.
    """
    document = _open(data)
    pages = len(document)
    if pages > PAGES:
        raise UnreadableError(f"it has {pages} pages, over {PAGES}: add a part of it")
    spans = [span for number in range(pages) for span in _spans(document, number)]
    if sum(len(s.text) for s in spans) < _TEXT_CHARACTERS_PER_PAGE * pages:
        raise UnreadableError(
            f"its {pages} pages hold no text (scanned?): recognise it first, e.g. with `ocrmypdf`"
        )
    spans = _without_furniture(spans, pages)
    title = _title(document, spans)
    sections = assemble(_with_headings(spans, _outline(document)))
    # pdfium fixes what it can, and says nothing of what was cut off.
    cut = () if b"%%EOF" in data[-2048:] else ("the file has no end: pages may be missing",)
    return Paper(title, "pdf", pages, sections, split_references(sections), notices=cut)


def _open(data: bytes) -> Any:
    try:
        document = pypdfium2.PdfDocument(data)
        if len(document) == 0:
            raise UnreadableError("it is a PDF without pages: fetch it again")
    except pypdfium2.PdfiumError as error:
        if "password" in str(error).lower() or "security" in str(error).lower():
            raise UnreadableError(
                "it is encrypted: decrypt it first, e.g. with `qpdf --decrypt`"
            ) from None
        raise UnreadableError("it is a broken PDF: fetch it again") from None
    return document


# --- characters and lines -------------------------------------------------------------------------


def _spans(document: Any, number: int) -> Iterator[_Span]:
    """The lines of a page."""
    try:
        page = document[number]
        text = page.get_textpage()
    except pypdfium2.PdfiumError:
        raise UnreadableError(f"page {number + 1} is broken: fetch the file again") from None
    handle = text.raw
    count = pdfium.FPDFText_CountChars(handle)
    # One unit per index: what pdfium says of index i is said of characters[i].
    characters = [chr(pdfium.FPDFText_GetUnicode(handle, i) or 0xFFFD) for i in range(count)]
    shown = _mark_superscripts(handle, characters)
    start = 0
    for end in [i for i, c in enumerate(characters) if c == "\n"] + [count]:
        words = _join(shown[start:end])
        if words:
            size, heavy = _face(handle, characters, start, end)
            yield _Span(words, number + 1, size, heavy)
        start = end + 1
    text.close()
    page.close()


def _join(characters: Sequence[str]) -> str:
    """The characters as text: surrogate pairs joined, soft hyphens and ligatures solved."""
    text = "".join(characters).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    text = text.replace(_SOFT_HYPHEN, "").replace("\u00ad", "")
    return text.translate(_LIGATURES).replace("\r", "").rstrip()


def _face(handle: Any, characters: Sequence[str], start: int, end: int) -> tuple[float, bool]:
    """The size of a line, and whether all of it is heavy, by its first and its last character."""
    inked = [i for i in range(start, end) if not characters[i].isspace()]
    if not inked:
        return 0.0, False
    sizes = [_size(handle, i) for i in (inked[0], inked[-1])]
    heavy = all(_HEAVY.search(_font_name(handle, i)) for i in (inked[0], inked[-1]))
    return min(sizes), heavy


def _size(handle: Any, index: int) -> float:
    """The type size of a character. Some programs set all type at size 1 and scale it."""
    matrix = pdfium.FS_MATRIX()
    size = float(pdfium.FPDFText_GetFontSize(handle, index))
    found = pdfium.FPDFText_GetMatrix(handle, index, matrix)
    return round(size * math.hypot(matrix.c, matrix.d), 2) if found else size


def _font_name(handle: Any, index: int) -> str:
    name = ctypes.create_string_buffer(128)
    flags = ctypes.c_int()
    pdfium.FPDFText_GetFontInfo(handle, index, name, 128, ctypes.byref(flags))
    return name.value.decode("utf-8", "replace")


def _mark_superscripts(handle: Any, characters: Sequence[str]) -> list[str]:
    """The characters, with digits that are set smaller and higher than what they follow as `^{..}`.

    Without it `10^20` reads as `1020`.
    """
    shown = list(characters)
    for match in _RAISED.finditer("".join(c if len(c) == 1 else " " for c in characters)):
        before = match.start() - 1
        raised = [i for i in range(*match.span()) if _is_raised(handle, i, before)]
        if raised and raised == list(range(raised[0], match.end())):
            shown[raised[0]] = "^{" + shown[raised[0]]
            shown[raised[-1]] += "}"
    return shown


def _is_raised(handle: Any, index: int, before: int) -> bool:
    # Inside a run of digits the base is the digit that the run begins with.
    size = _size(handle, before)
    if _size(handle, index) > _SMALLER * size:
        return False
    x, height, base = ctypes.c_double(), ctypes.c_double(), ctypes.c_double()
    pdfium.FPDFText_GetCharOrigin(handle, index, x, height)
    pdfium.FPDFText_GetCharOrigin(handle, before, x, base)
    return bool(height.value - base.value > _RAISED_SHARE * size)


# --- headings, title, furniture -------------------------------------------------------------------


def _without_furniture(spans: Sequence[_Span], pages: int) -> list[_Span]:
    """The lines without running heads and page numbers: what first or last lines repeat."""
    edges: Counter[str] = Counter()
    by_page: dict[int, list[int]] = {}
    for place, span in enumerate(spans):
        by_page.setdefault(span.page, []).append(place)
    outer = {p for places in by_page.values() for p in (places[0], places[-1])}
    for place in outer:
        edges[_pattern(spans[place].text)] += 1
    repeated = {text for text, count in edges.items() if count > max(2, pages // 2)}
    return [
        span
        for place, span in enumerate(spans)
        if not (place in outer and (_pattern(span.text) in repeated or span.text.isdigit()))
    ]


def _pattern(text: str) -> str:
    return re.sub(r"\d+", "#", text.strip())


def _with_headings(spans: Sequence[_Span], outline: dict[str, int]) -> Iterator[Line]:
    sizes = Counter[float]()
    for span in spans:
        sizes[round(span.size, 1)] += len(span.text)
    body = sizes.most_common(1)[0][0]
    appended = False
    for span in spans:
        heading = _heading(span, body, outline)
        # "A Method Of ..." is a title, unless appendices may begin.
        if heading and heading.number[:1].isalpha() and not appended:
            heading = heading if re.match(r"[IVX]+\. ", span.text) else None
        appended = appended or bool(heading and heading.title.lower() in (*REFERENCES, "appendix"))
        yield Line(span.text, span.page, heading)


def _heading(span: _Span, body: float, outline: dict[str, int]) -> Heading | None:
    larger = span.size > _LARGER * body
    found = heading_of(span.text, emphatic=larger or span.heavy)
    if found is None and (level := outline.get(_key(span.text))) and (larger or span.heavy):
        return Heading(level, "", span.text.strip())
    return found


def _outline(document: Any) -> dict[str, int]:
    """The titles of the outline with their levels from 1."""
    try:
        marks = list(document.get_toc(max_depth=4))
        return {_key(mark.get_title()): 1 + mark.level for mark in marks[:2000]}
    except (pypdfium2.PdfiumError, UnicodeDecodeError):
        return {}


def _key(title: str) -> str:
    return re.sub(r"^[\dA-Z.]+\s+", "", " ".join(title.split())).lower()


def _title(document: Any, spans: Sequence[_Span]) -> str:
    """The metadata's title where the first page says the same, else its largest lines."""
    first = [s for s in spans if s.page == 1][:40]
    said = " ".join(str(document.get_metadata_value("Title")).split())
    page = " ".join(" ".join(s.text for s in first).split())
    if len(said) > 5 and said.lower() in page.lower():
        return said
    lines = [s for s in first if not s.text.startswith("arXiv:")]
    if not lines:
        return ""
    largest = max(s.size for s in lines)
    begin = next(i for i, s in enumerate(lines) if s.size == largest)
    words = []
    for span in lines[begin:]:
        if span.size < 0.98 * largest:
            break
        words.append(span.text)
    # Where all is of one size the first line has to do.
    chosen = words if len(words) < 6 else words[:1]
    return " ".join(" ".join(chosen).split())[:_TITLE_CHARACTERS]
