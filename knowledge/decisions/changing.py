"""Changes a decision record's status or adds a note to it, and leaves every other byte."""

from __future__ import annotations

import datetime
import re

from archwright.core import InputError
from archwright.knowledge.decisions.madr import check_date, check_status, escape_line
from archwright.knowledge.decisions.matter import MATTER
from archwright.knowledge.decisions.outline import headings
from archwright.knowledge.decisions.status import find_status


def with_status(text: str, status: str, reason: str = "", day: str = "") -> str:
    """`text` with another status, and with a reason one dated line more at its end.

    The status stands where the record has it (see `find_status`); where it has none, it comes into
    the front matter. Nothing else changes, line ends included.

    Raises:
        InputError: MADR knows no such status, the day is none, or the record's own status cannot
            be rewritten where it stands.
    """
    day = check_date(day or datetime.date.today().isoformat())
    # In a history the status counts only with a day of its own.
    ways = (_replace_status(text, said) for said in (check_status(status), f"{status} ({day})"))
    changed = next((way for way in ways if _status_of(way) == status), None)
    if changed is None:
        raise InputError("the record's status cannot be changed where it stands: edit it by hand")
    return with_note(changed, f"{status}: {reason}", day) if reason.strip() else changed


def _status_of(text: str) -> str:
    place = find_status(text)
    return place.status if place else ""


def with_note(text: str, note: str, day: str = "") -> str:
    """`text` with a dated line under "More Information", unless it is there already.

    Raises:
        InputError: the day is none.
    """
    day = check_date(day or datetime.date.today().isoformat())
    line = f"* {day}, {escape_line(note)}"
    return text if line in text.splitlines() else _append(text, line)


def newline_of(text: str) -> str:
    """How the lines of a text end."""
    return "\r\n" if "\r\n" in text else "\n"


def _replace_status(text: str, status: str) -> str:
    place = find_status(text)
    if place is None:
        return _put_status(text, status)
    if place.fixed:
        raise InputError(f"the record's status is {place.fixed}: change it by hand")
    if place.status == status:
        return text
    old = re.search(r"[^\W\d_]", text[place.start : place.end])
    if old and old[0].isupper():  # as in Nygard's records
        status = status[0].upper() + status[1:]
    gap = " " if text[place.start - 1 : place.start] in (":", "*") else ""
    return f"{text[: place.start]}{gap}{status}{text[place.end :]}"


def _put_status(text: str, status: str) -> str:
    newline = newline_of(text)
    matter = MATTER.match(text)
    if matter:
        cut = matter.end("body")
        line = f'status = "{status}"' if matter["mark"] == "+++" else f"status: {status}"
        return f"{text[:cut]}{line}{newline}{text[cut:]}"
    mark = "\ufeff" if text.startswith("\ufeff") else ""
    return mark + newline.join(["---", f"status: {status}", "---", "", text[len(mark) :]])


def _append(text: str, line: str) -> str:
    """`text` with `line` as the last one of its "More Information"."""
    newline = newline_of(text)
    outline = headings(text)
    at = [i for i, h in enumerate(outline) if h.title.lower() == "more information"]
    if not at:
        gap = "" if text.endswith("\n") else newline
        return f"{text}{gap}{newline}## More Information{newline}{newline}{line}{newline}"
    here = outline[at[0]]
    later = (h.start for h in outline[at[0] + 1 :] if h.level <= here.level)
    kept = text[: next(later, len(text))].rstrip("\r\n")
    last_line = kept[kept.rfind("\n") + 1 :]
    gap = newline if re.match(r"[*+-] ", last_line) else newline * 2
    rest = text[len(kept) :]
    return f"{kept}{gap}{line}{rest or newline}"
