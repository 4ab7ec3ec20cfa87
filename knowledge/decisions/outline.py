"""Where the parts of a decision record stand: its front matter and its headings."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from archwright.knowledge.decisions.matter import MATTER

_HEADING: Final = re.compile(r" {0,3}(#{1,6})[ \t]+(.*?)(?:[ \t]+#+)?\s*\Z")
_UNDERLINE: Final = re.compile(r" {0,3}(=+|-{3,})[ \t]*\r?\Z")
_UNDERLINED: Final = re.compile(r" {0,3}(?![>|]|[*+-][ \t])(\S[^|]*?)\s*\Z")
_NO_TITLE: Final = re.compile(r"\d+[.)][ \t]|.*:")
"""A list's item, or a label with its value: what a rule `---` may stand below."""
_DRAWN_BY_HAND: Final = 3
_OPENED: Final = re.compile(r"^ {0,3}(?P<fence>`{3,}|~{3,})|(?P<comment><!--)", re.M)


class RecordHeading(NamedTuple):
    """A heading; `start` is where its line begins and `end` where the line after it does."""

    level: int
    title: str
    start: int
    end: int


def body_start(text: str) -> int:
    """Where a text begins, behind its front matter and its byte-order mark."""
    matter = MATTER.match(text)
    return matter.end() if matter else len(text) - len(text.removeprefix("\ufeff"))


def blanked(text: str) -> str:
    """`text`, as long as it is, with spaces for code blocks, comments and front matter.

    A comment that is never closed is text; a code block that is never closed goes to the end.
    """
    position = body_start(text)
    kept = [_spaces(text[:position])]
    closed = text.rfind("-->")
    while opened := _OPENED.search(text, position):
        if opened["comment"] and opened.end() > closed:
            kept.append(text[position : opened.end()])
            position = opened.end()
            continue
        end = (
            text.index("-->", opened.end()) + 3
            if opened["comment"]
            else _fence_end(text, opened["fence"], opened.end())
        )
        kept += [text[position : opened.start()], _spaces(text[opened.start() : end])]
        position = end
    return "".join([*kept, text[position:]])


def _spaces(text: str) -> str:
    return re.sub(r"[^\r\n]", " ", text)


def _fence_end(text: str, fence: str, start: int) -> int:
    closing = re.compile(rf"^ {{0,3}}{re.escape(fence)}{re.escape(fence[0])}*[ \t]*\r?$", re.M)
    found = closing.search(text, start)
    return found.end() if found else len(text)


def headings(text: str) -> list[RecordHeading]:
    """The headings of a text in order, those inside code blocks and comments left out; a line
    underlined with `===` or `---` is one as well."""
    found: list[RecordHeading] = []
    position = body_start(text)
    before = 0, "", ""  # Where the last line began, that line, and the one before it.
    for line in blanked(text)[position:].split("\n"):
        start, position = position, min(position + len(line) + 1, len(text))
        heading, underline = _HEADING.match(line), _UNDERLINE.match(line)
        if heading:
            found.append(RecordHeading(len(heading[1]), heading[2], start, position))
        elif underline and not before[2].strip() and (title := _underlined(before[1], underline)):
            level = 1 if underline[1][0] == "=" else 2
            found.append(RecordHeading(level, title, before[0], position))
        before = start, "" if heading else line, before[1]
    return found


def _underlined(line: str, underline: re.Match[str]) -> str:
    """The title that a line is by what stands below it; empty where that is a rule."""
    found = _UNDERLINED.match(line)
    if found is None:
        return ""
    # A rule has a length of its own, an underline that of its title.
    drawn = underline[1][0] == "=" or abs(len(underline[1]) - len(found[1])) < _DRAWN_BY_HAND
    return found[1] if drawn or not _NO_TITLE.match(found[1]) else ""


def sections(text: str) -> list[tuple[RecordHeading, int]]:
    """The headings of a text, each with where the next one begins."""
    outline = headings(text)
    ends = [*(h.start for h in outline[1:]), len(text)]
    return list(zip(outline, ends, strict=False))
