"""Where the parts of a decision record stand: its front matter, its headings, its status."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from archwright.knowledge.decisions.madr import STATUSES

MATTER: Final = re.compile(
    r"\A\ufeff?---[ \t]*\r?\n(.*?)^(?:---|\.\.\.)[ \t]*\r?(?:\n|\Z)", re.M | re.S
)
_HEADING: Final = re.compile(r" {0,3}(#{1,6})[ \t]+(.*?)(?:[ \t]+#+)?\s*\Z")
_FENCE: Final = re.compile(r" {0,3}(`{3,}|~{3,})")
_IN_MATTER: Final = re.compile(
    r"""^(status[ \t]*:[ \t]*)("[^"\r\n]*"|'[^'\r\n]*'|[^#\r\n]*?)(?=[ \t]*(?:#[^\r\n]*)?\r?\n)""",
    re.M | re.I,
)
_IN_PREAMBLE: Final = re.compile(
    r"^(?:[*+-][ \t]+)?status:[ \t]*([^\r\n]*?)[ \t]*\r?$", re.M | re.I
)
_LINE: Final = re.compile(r"^[ \t]*(\S[^\r\n]*?)[ \t]*\r?$", re.M)
_SUPERSEDED: Final = re.compile(r"super[sc]eded[ \t]+by\b(.*)", re.I)
_NUMBER: Final = re.compile(r"(?:ADR[- ]?|#|\[|\(|/|\b)0*(\d+)(?![\w/]*://)", re.I)


class RecordHeading(NamedTuple):
    """A heading; `start` is where its line begins and `end` where the line after it does."""

    level: int
    title: str
    start: int
    end: int


class Place(NamedTuple):
    """Where a status stands: `text[start:end]`."""

    start: int
    end: int
    in_matter: bool


def headings(text: str) -> list[RecordHeading]:
    """The headings of a text in order, those inside code blocks left out."""
    found: list[RecordHeading] = []
    matter = MATTER.match(text)
    position = matter.end() if matter else len(text) - len(text.removeprefix("\ufeff"))
    fence = ""
    for line in text[position:].split("\n"):
        start, position = position, min(position + len(line) + 1, len(text))
        mark = _FENCE.match(line)
        if fence:
            closes = mark and mark[1].startswith(fence) and not line[mark.end() :].strip()
            fence = "" if closes else fence
        elif mark:
            fence = mark[1]
        elif heading := _HEADING.match(line):
            found.append(RecordHeading(len(heading[1]), heading[2], start, position))
    return found


def find_status(text: str) -> Place | None:
    """The status of a record: in the front matter (MADR 3 and 4), in a line `Status: ...` before
    the first section (MADR 2), or in a section of that name (Nygard)."""
    matter = MATTER.match(text)
    found = _IN_MATTER.search(text, 0, matter.end(1)) if matter else None
    if found:
        return Place(found.start(2), found.end(2), True)
    outline = headings(text)
    body = next((h.start for h in outline if h.level > 1), len(text))
    found = _IN_PREAMBLE.search(text, matter.end() if matter else 0, body)
    if found:
        return Place(found.start(1), found.end(1), False)
    for place, here in enumerate(outline):
        if here.title.lower() == "status":
            later = outline[place + 1 :]
            return _in_section(text, here.end, later[0].start if later else len(text))
    return None


def _in_section(text: str, start: int, end: int) -> Place | None:
    """The line that decides: that it was superseded, else the first one."""
    lines = list(_LINE.finditer(text, start, end))
    deciding = next((line for line in lines if _SUPERSEDED.search(line[1])), None)
    line = deciding or next(iter(lines), None)
    return Place(line.start(1), line.end(1), False) if line else None


def plain_status(words: str) -> str:
    """A status as the word that MADR knows for it; as it stands where there is none."""
    bare = words.strip().strip("*_`").strip()
    if superseded := _SUPERSEDED.search(bare):
        number = _NUMBER.search(superseded[1])
        return f"superseded by ADR-{int(number[1]):04d}" if number else bare
    first = re.match(r"\w+", bare.lower())
    return first[0] if first and first[0] in STATUSES else bare
