"""The title of a PDF: the metadata's where page one says the same, else the largest type."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from archwright.knowledge.papers.pdf.layout import Row
from archwright.knowledge.papers.text import letters_of

_CHARACTERS: Final = 300
_ROWS: Final = 40
"""Of a page, that are looked at for a title."""
_LINES: Final = 6
"""Of one title, at most."""
_CLOSE: Final = 2.1
"""Type sizes between the lines of one title, at most."""
_BROKEN = re.compile(
    r"^microsoft |\.(?:docx?|dvi|tex|pdf|indd|rtf|odt|pages|eps|ps)$|^untitled|^title$|^arxiv\b|"
    r"^(?:article|manuscript|document|paper|main|template|slide \d+|powerpoint.*|latex.*)$|"
    r"(?:template|instructions|guidelines|sample|formatting) (?:for|of|to)\b|"
    r"^(?:bare|ieee).*(?:demo|tran|template)|^\W*$",
    re.IGNORECASE,
)
_NOT_TITLE = re.compile(
    r"\b(?:universit\w+|école|institute of|institut|faculty of|faculty|school of|college|"
    r"department of|departement|laborator\w+|dissertation|thesis|theses|submitted|fulfil\w*|"
    r"degree of|doctor of|master of|bachelor of|supervis\w+|advisor|journal of|proceedings|"
    r"transactions on|conference on|technical report|preprint|published as|under review|"
    r"arxiv:\d|issn|isbn|volume \d|vol\. ?\d|copyright|all rights reserved)\b|^by\b|^©|"
    r"^(?:january|february|march|april|may|june|july|august|september|october|november|december)"
    r"\W+\d|^\d[\d\s./-]*$|@",
    re.IGNORECASE,
)
_ENDS = re.compile(
    r"^(?:by|submitted|presented|a (?:dissertation|thesis)|abstract)\b", re.IGNORECASE
)


def title_of(said: str, pages: Sequence[Sequence[Row]]) -> str:
    """The title.

    Args:
        said: the metadata's, which is often a template's or a file's name.
        pages: the rows of each page.
    """
    said = " ".join(said.split())
    usable = len(said) > 3 and not _BROKEN.search(said) and not _NOT_TITLE.match(said)
    first: Sequence[Row] = next((rows for rows in pages[:3] if rows), ())
    first = first[:_ROWS]
    letters = letters_of(said)
    if usable and letters and letters in letters_of(" ".join(r.text for r in first)):
        return said[:_CHARACTERS]
    found = _largest(first)
    return (found or (said if usable else ""))[:_CHARACTERS]


def _largest(rows: Sequence[Row]) -> str:
    """The largest lines that are no institution's, journal's or date's."""
    blocks = [block for block in _blocks(rows) if sum(c.isalpha() for c in _text(block)) > 2]
    wanted = [block for block in blocks if not _NOT_TITLE.search(_text(block))] or blocks
    if not wanted:
        return ""
    largest = max(block[0].size for block in wanted)
    block = next(block for block in wanted if block[0].size >= 0.98 * largest)
    # Where all is of one size the first line has to do.
    return _text(block if len(block) <= _LINES else block[:1])


def _blocks(rows: Sequence[Row]) -> Iterator[list[Row]]:
    """Lines of one size that follow each other closely."""
    block: list[Row] = []
    for row in rows:
        if not row.pieces[0].upright:
            continue
        if block and not _follows(block[-1], row):
            yield block
            block = []
        block.append(row)
    if block:
        yield block


def _follows(last: Row, row: Row) -> bool:
    alike = abs(row.size - last.size) < 0.02 * last.size and row.heavy == last.heavy
    near = 0 < last.bottom - row.bottom < _CLOSE * last.size
    same_kind = bool(_NOT_TITLE.search(last.text)) == bool(_NOT_TITLE.search(row.text))
    return alike and near and same_kind and not _ENDS.match(row.text)


def _text(block: Sequence[Row]) -> str:
    return " ".join(" ".join(row.text for row in block).split())
