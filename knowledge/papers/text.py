"""Plain text: lines with their headings, by words alone, put together into sections."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from archwright.knowledge.papers.paper import Paper, Section, Table

_TITLES: Final = """abstract, introduction, background, related work, preliminaries, method,
    methods, methodology, experiments, experimental setup, evaluation, results, discussion,
    limitations, conclusion, conclusions, acknowledgements, acknowledgments, acknowledgment,
    references, bibliography, appendix, broader impact, ethics statement"""
KNOWN: Final = frozenset(" ".join(title.split()) for title in _TITLES.split(","))
REFERENCES: Final = frozenset(("references", "bibliography", "literature cited", "works cited"))

_NUMBERED = re.compile(
    r"(?P<number>(?:\d{1,2}|[A-Z])(?:\.\d{1,2}){0,3}|[IVX]{1,5}(?=\.))\.?\s+(?P<title>[A-Z].{1,90})"
)
_CAPTION = re.compile(r"(?P<label>(?:Table|TABLE)\s+(?:\d+|[IVX]+))\s*[:.]\s*(?P<caption>.*)")
NUMBER = re.compile(r"(?<![\w.])[-−+]?\d[\d.,]*%?(?!\w)")
_EQUATION = re.compile(r".*=.*\(\d{1,3}[a-z]?\)$")
_ROWS_AT_MOST: Final = 60
_GAP_AT_MOST: Final = 2


@dataclass(frozen=True, slots=True)
class Heading:
    """What a heading says: level 1 is a section."""

    level: int
    number: str
    title: str


@dataclass(frozen=True, slots=True)
class Line:
    """A line of text on its page, with its heading when it is one, and the table whose caption it
    begins where the reader saw its cells."""

    text: str
    page: int = 0
    heading: Heading | None = None
    table: Table | None = None


def heading_of(text: str, emphatic: bool | None = None) -> Heading | None:
    """The heading that a line is, by its words.

    Args:
        emphatic: whether it is set larger or bolder than the text around it; None where nobody
            can tell, and then only what looks like a title counts.
    """
    line = " ".join(text.split())
    name = line.rstrip(":.").lower()
    # "Method" may stand alone as the head of a column, too.
    if name in (KNOWN if emphatic is not False else ("abstract", *REFERENCES)):
        return Heading(1, "", line.rstrip(":."))
    found = _NUMBERED.fullmatch(line)
    if emphatic is False and not (found and re.match(r"[IVX]+\. ", line) and line.isupper()):
        return None
    if not found or not _is_title(found["title"], strict=emphatic is None):
        return None
    number = found["number"]
    if len(number) == 1 and number.isalpha() and emphatic is None:
        return None  # "A transformer is ..." begins a sentence
    return Heading(1 + number.count("."), number, found["title"].rstrip(":."))


def _is_title(words: str, strict: bool) -> bool:
    if words.endswith((".", ",", ";")) or len(words.split()) > 12 or len(NUMBER.findall(words)) > 1:
        return False
    # Without type sizes a title is told from the item of a list by its capitals, or by being short.
    long = [w for w in words.split() if len(w) > 4]
    return not strict or len(long) <= 2 or sum(w[0].isupper() for w in long) * 2 > len(long)


def assemble(lines: Iterable[Line]) -> tuple[Section, ...]:
    """The lines as sections; a page's end stands as a form feed between two lines."""
    sections: list[Section] = []
    held: list[Line] = []
    for line in lines:
        if line.heading is not None:
            _close(sections, held)
            held = []
        held.append(line)
    _close(sections, held)
    return tuple(sections)


def _close(sections: list[Section], lines: Sequence[Line]) -> None:
    if not lines:
        return
    heading = lines[0].heading or Heading(1, "", "")
    body = lines[1:] if lines[0].heading else lines
    if not any(line.text.strip() for line in body) and lines[0].heading is None:
        return
    text, page = "", lines[0].page
    for line in body:
        text += "\f" * (line.page - page) + line.text + "\n"
        page = line.page
    section = Section(
        heading.number, heading.title, heading.level, text.strip("\n "), lines[0].page
    )
    texts = [line.text.strip() for line in body]
    equations = tuple(t for t in texts if _EQUATION.fullmatch(t))
    sections.append(replace(section, equations=equations, tables=tuple(_tables(body, texts))))


def _tables(lines: Sequence[Line], texts: Sequence[str]) -> list[Table]:
    """Captioned tables. Where nobody saw cells, the rows are the lines with numbers under the
    caption, or those above it where there are none under it."""
    found = []
    for place, text in enumerate(texts):
        if table := lines[place].table:
            found.append(table)
        elif caption := _CAPTION.fullmatch(text):
            rows = _rows(texts[place + 1 :]) or _rows(texts[:place][::-1])[::-1]
            found.append(Table(caption["label"], caption["caption"], tuple((r,) for r in rows)))
    return found


def _rows(texts: Sequence[str]) -> list[str]:
    rows: list[str] = []
    gap = 0
    for text in texts[:_ROWS_AT_MOST]:
        if len(NUMBER.findall(text)) >= 2 and not _CAPTION.fullmatch(text):
            rows.append(text)
            gap = 0
        else:
            gap += 1
        if gap > _GAP_AT_MOST:
            break
    return rows


def letters_of(text: str) -> str:
    """Letters and digits alone, in lower case: equal for titles that differ in marks and blanks."""
    return "".join(c for c in text.lower() if c.isalnum())


def split_references(sections: Sequence[Section]) -> tuple[str, ...]:
    """The entries of the list of references."""
    text = "\n".join(s.text for s in sections if s.title.lower() in REFERENCES)
    if not text.strip():
        return ()
    parts = re.split(r"^\s*(?=\[[^\]\n]{1,40}\]\s)|^\s*(?=\d{1,3}\.\s)", text, flags=re.MULTILINE)
    if len(parts) < 3:
        parts = re.split(r"\n\s*\n|\n(?=[-*] )", text)
    if len(parts) < 3:
        # Entries that begin with a surname and initials, and end with a full stop.
        parts = re.split(r"(?<=\.)\n(?=[A-Z][\w'-]+,? (?:[A-Z]\.|[A-Z][a-z]+))", text)
    entries = (" ".join(part.split()) for part in parts)
    return tuple(entry for entry in entries if len(entry) > 10)


def read_text(text: str) -> Paper:
    """The paper in a plain text; its first line is the title."""
    lines = text.split("\n")
    title = next((line.strip() for line in lines if line.strip()), "")
    sections = assemble(Line(line, 0, heading_of(line)) for line in lines)
    return Paper(title[:300], "text", 0, sections, split_references(sections))
