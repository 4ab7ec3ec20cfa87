"""Finds the status of a decision record, in any of the places where records keep it.

In turn: front matter; a line `Status: ...`, a table or a badge above the first section; a section
of that name; such a line or table in a section of metadata.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from archwright.knowledge.decisions.language.dates import latest, without_day
from archwright.knowledge.decisions.language.vocabulary import LABELS, SECTIONS, section_name
from archwright.knowledge.decisions.language.wording import badge, plain_status, read_words
from archwright.knowledge.decisions.matter import matter_values
from archwright.knowledge.decisions.outline import (
    RecordHeading,
    blanked,
    body_start,
    headings,
)

_LINE: Final = re.compile(
    r"^[ \t>]*(?:(?:[*+-]|\d+[.)])[ \t]+)?(?P<value>\S[^\r\n]*?)[ \t]*\r?$", re.M
)
_ENDS: Final = re.compile(r"\s*(?:[·•]|[ \t]{3,}|[.;,|]\s+[*_]*[^\W\d][\w -]*[*_]*[:：])")
_BADGE: Final = re.compile(r"!\[[^\]\n]*\]\([^)\n]*\)")
_ROW: Final = re.compile(r"^[^\r\n|]*\|[^\r\n]*", re.M)
_RULE: Final = re.compile(r"[\s:|-]*")
_BOX: Final = re.compile(r"\[[ xX]\] ")
_OTHER_LABEL: Final = re.compile(r"[*_]*[^\W\d][\w -]{0,30}[*_]*[:：]")
_NEXT_LINE: Final = re.compile(
    r"[ \t*_]*\r?\n(?:[ \t]*\r?\n)?[ \t>]*"
    r"(?P<value>(?:[^\s#|>*+-]|[*_]+\w)[^\r\n]*?)[ \t]*\r?$",
    re.M,
)
_BROKEN_OFF: Final = re.compile(r"\b(?:by|durch|par|por)[\s*_]*\Z", re.I)


def _label_pattern(name: str) -> re.Pattern[str]:
    """A line, or a part of one, that begins with a label; `value` is the rest of the line."""
    return re.compile(
        rf"(?:^|[·•;,|]|(?<=[ \t][ \t])|\.[ \t])(?:[^\w\r\n#`|]|_|<(?:b|strong|em)>){{0,12}}"
        rf"(?:{LABELS[name]})(?:[*_ \t]|</\w+>){{0,8}}(?P<colon>[:：=]|[ \t][-–—](?=[ \t]))"
        r"(?:[*_]+|</\w+>)?[ \t]*(?P<value>[^\r\n]*)",
        re.M | re.I,
    )


_LABEL: Final = {name: _label_pattern(name) for name in LABELS}
_ALONE: Final = re.compile(
    rf"^[^\w\r\n#`|]{{0,12}}(?:{LABELS['status']})[^\w\r\n|]{{0,12}}\r?$", re.M | re.I
)
_IN_HEADING: Final = re.compile(
    rf"[\W\d]*(?:{LABELS['status']})(?!\w)(?P<mark>[*_ ]*(?:[:：]|\s[-–—]\s))?[*_ ]*", re.I
)
_BOLD: Final = re.compile(
    rf"^[ \t>+-]*(?:[*][ \t]+)?(?P<mark>\*\*|__)(?:{LABELS['status']})(?P=mark)[ \t]+"
    r"(?P<value>\w[^\r\n:：]*)",
    re.M | re.I,
)
"""A label without a colon, told by its type."""
_ABOUT_STATUS: Final = re.compile(
    r"[\W_]*|[\W_]*(?:of|and|der|des|de|du|della|del|da|do|history|updates?|log|changes?|notes?|"
    r"date|summary|info\w*|current)\b.*|\W*\(.*",
    re.I,
)
"""What may follow that word in the heading of its section: no "status quo"."""
_CELL: Final = re.compile(
    rf"<(?:t[dh]|dt)[^>]*>\W*(?:{LABELS['status']})\W*</(?:t[dh]|dt)>\s*"
    r"<(?:t[dh]|dd)[^>]*>(?P<value>.*?)</(?:t[dh]|dd)>",
    re.I | re.S,
)


TITLE_LIMIT: Final = 30
"""A longer heading is about more than a status."""


class Place(NamedTuple):
    """Where a status stands, `text[start:end]`, and what it says.

    `status` is as `plain_status` reads it; empty where none is said. `fixed` names what cannot be
    rewritten in place: a badge, boxes to tick.
    """

    start: int
    end: int
    status: str
    fixed: str = ""


def find_status(text: str) -> Place | None:
    """The status of a record: the first place that says one, else the first that could."""
    places = list(_places(text))
    said = next((p for p in places if p.status), None)
    if said is None:
        return places[0] if places else None
    if said.status == "superseded" and (by := find_label(text, "successor")):
        return said._replace(status=plain_status(f"superseded by {by}"))
    return said


def find_label(text: str, name: str) -> str:
    """What stands behind a label in front matter, above the first section or in a table there."""
    matter = matter_values(text)
    keys = (k for k in matter if re.fullmatch(LABELS[name], k, re.I))
    if value := next((str(matter[k]) for k in keys if matter[k].values), ""):
        return "" if value.lower() in ("null", "none", "~", "-", "n/a", "[]") else value
    plain, outline = blanked(text), headings(text)
    for start, end in _tops(text, outline):
        if found := _LABEL[name].search(plain, start, end):
            return found["value"].strip().strip("*_ ")
        if cell := next(_cells(plain, start, end, name), None):
            return plain[cell[0] : cell[1]]
    return ""


def top_end(outline: list[RecordHeading], length: int) -> int:
    """Where the part above the first section ends; a first heading that names no section is the
    title."""
    known = bool(outline) and outline[0].level > 1 and section_name(outline[0].title) in SECTIONS
    rest = outline if known else outline[1:]
    return rest[0].start if rest else length


# --- the places, in turn --------------------------------------------------------------------------


def _places(text: str) -> Iterator[Place]:
    yield from _in_matter(text)
    plain, outline = blanked(text), headings(text)
    top = body_start(text), top_end(outline, len(text))
    yield from _in_lines(plain, *top)
    yield from _in_table(plain, *top)
    yield from _in_badge(plain, *top)
    for place, here in enumerate(outline):
        later = outline[place + 1].start if place + 1 < len(outline) else len(text)
        if found := _IN_HEADING.match(here.title):
            start = text.index(here.title, here.start) + found.end()
            said = read_words(here.title[found.end() :])
            if found["mark"] or (said and said.first):
                yield _place(plain, start, start + len(here.title) - found.end())
            elif len(here.title) < TITLE_LIMIT and _ABOUT_STATUS.fullmatch(here.title, found.end()):
                yield from _in_section(plain, here.end, later)
    for start, end in _tops(text, outline)[1:]:
        yield from (p for p in _in_lines(plain, start, end) if read_words(p.status))
        yield from _in_table(plain, start, end)


def _tops(text: str, outline: list[RecordHeading]) -> list[tuple[int, int]]:
    """Above the first section, and the sections of metadata."""
    ends = [h.start for h in outline[1:]] + [len(text)]
    named = [
        (h.end, end)
        for h, end in zip(outline, ends, strict=True)
        if section_name(h.title) in ("metadata", "status")
    ] if outline else []  # fmt: skip
    return [(body_start(text), top_end(outline, len(text))), *named]


def _place(plain: str, start: int, end: int) -> Place:
    """A value between two places, without the blanks and the open emphasis around it."""
    value = plain[start:end]
    for mark in ("**", "__", "*", "_"):
        if value.rstrip().endswith(mark) and value.count(mark) % 2:
            value = value.rstrip().removesuffix(mark)
    end = start + len(value.rstrip())
    start = min(start + len(value) - len(value.lstrip()), end)
    value = plain[start:end]
    return Place(start, end, plain_status(value), "boxes to tick" if _BOX.match(value) else "")


def _in_matter(text: str) -> Iterator[Place]:
    for key, value in matter_values(text).items():
        if re.fullmatch(LABELS["status"], key, re.I):
            yield Place(value.start, value.end, plain_status(str(value)))
            return


def _in_lines(plain: str, start: int, end: int) -> Iterator[Place]:
    """Lines `Status: ...`, however they are marked, and a line of that word with the status below
    it."""
    for found in _LABEL["status"].finditer(plain, start, end):
        begin, stop = found.span("value")
        if not found["value"].strip(" \t\r*_"):
            if below := _below(plain, found.end("colon"), end):
                yield _place(plain, *below)
            else:
                yield Place(begin, begin, "")
            continue
        if _BROKEN_OFF.search(found["value"]) and (below := _below(plain, stop, end)):
            stop = below[1]
        elif cut := _ENDS.search(plain, begin, stop):
            stop = cut.start()
        yield _place(plain, begin, stop)
    for found in _BOLD.finditer(plain, start, end):
        said = read_words(found["value"])
        if said and said.first:
            yield _place(plain, *found.span("value"))
    for found in _ALONE.finditer(plain, start, end):
        if below := _below(plain, found.end(), end):
            yield _place(plain, *below)


def _below(plain: str, start: int, end: int) -> tuple[int, int] | None:
    """The next line that says something, where it begins with no label of its own."""
    found = _NEXT_LINE.match(plain, start, end)
    return found.span("value") if found and not _OTHER_LABEL.match(found["value"]) else None


def _in_table(plain: str, start: int, end: int) -> Iterator[Place]:
    cells = [m.span("value") for m in _CELL.finditer(plain, start, end)]
    for cell in [*_cells(plain, start, end, "status"), *cells]:
        yield _place(plain, *cell)


def _in_badge(plain: str, start: int, end: int) -> Iterator[Place]:
    for found in _BADGE.finditer(plain, start, end):
        if badge(found[0]):
            yield Place(*found.span(), plain_status(found[0]), "a badge")


def _cells(plain: str, start: int, end: int, name: str) -> Iterator[tuple[int, int]]:
    """The cell of a table beside the label in its first column, or below it in its head; of several
    rows the latest by its day, else the last."""
    label = re.compile(rf"\W*(?:{LABELS[name]})\W*", re.I)
    rows = [_row(plain, *m.span()) for m in _ROW.finditer(plain, start, end)]
    rows = [row for row in rows if not all(_RULE.fullmatch(plain[a:b]) for a, b in row)]
    for place, row in enumerate(rows):
        for column, (a, b) in enumerate(row):
            if not label.fullmatch(plain[a:b]):
                continue
            below = [r for r in rows[place + 1 :] if len(r) == len(row)]
            beside = row[1] if column == 0 and len(row) == 2 else None
            if beside and (place or read_words(plain[beside[0] : beside[1]]) or not below):
                yield beside
            elif below and place == 0:
                newest = latest([plain[r[0][0] : r[-1][1]] for r in below])
                yield below[-1 if newest is None else newest][column]
            return


def _row(plain: str, start: int, end: int) -> list[tuple[int, int]]:
    """The cells of a table's row, each with its blanks taken off."""
    line = plain[start:end].rstrip()
    inner = line.strip().removeprefix("|").removesuffix("|")
    at = start + line.index(inner) if inner else start
    cells = []
    for cell in re.split(r"(?<!\\)\|", inner):
        blank = len(cell) - len(cell.lstrip())
        cells.append((at + min(blank, len(cell.rstrip())), at + len(cell.rstrip())))
        at += len(cell) + 1
    return cells


def _in_section(plain: str, start: int, end: int) -> Iterator[Place]:
    """Of the lines of a section, the one that decides: of those that begin with a status the latest
    by its day, if all have one; else that the record was superseded; else the last of them; else
    the first that says anything."""
    yield from _in_lines(plain, start, end)
    yield from _in_table(plain, start, end)
    lines = [m for m in _LINE.finditer(plain, start, end) if re.search(r"[^\W\d_]", m["value"])]
    said = [(m, s) for m in lines if (s := read_words(without_day(m["value"]))) is not None]
    firm = [(m, s) for m, s in said if s.first]
    ended = [m for m, s in firm or said[:1] if s.kind == "superseded"]
    newest = latest([m["value"] for m, _ in firm])
    if newest is not None:
        line = firm[newest][0]
    elif ended:
        line = ended[-1]
    elif firm:
        line = firm[-1][0]
    elif said:
        line = said[0][0]
    elif lines and not _OTHER_LABEL.match(lines[0]["value"]):
        line = lines[0]
    else:
        return
    begin, stop = line.span("value")
    after = [m for m in lines if m.start() > line.start()]
    if _BROKEN_OFF.search(line["value"]) and after:
        stop = after[0].end("value")
    yield _place(plain, begin, stop)
