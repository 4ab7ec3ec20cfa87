"""The number of a record, in its file's name and before its title."""

from __future__ import annotations

import datetime
import re
from typing import Final, NamedTuple

_NAME: Final = re.compile(
    r"[\[(]?(?:(?:adr|madr|decision|record|dr|ad|rfc)[-_ .#]*)*(?P<number>\d+)[\])]?"
    r"(?:[-_ .]+(?P<rest>.*))?\.(?:md|markdown|mdx)",
    re.I,
)
_DAY: Final = re.compile(r"((?:19|20)\d\d)([-_.]?)(\d\d)\2(\d\d)(?!\d)")
_NUMBER_DIGITS: Final = 6
_BEFORE: Final = r"(?:m?adr|(?:architecture |design )?decision(?: record)?|dr|ad|rfc)"
_NAMED: Final = re.compile(
    rf"[*_`\[(]*{_BEFORE}[-_ ]*(?:no\.?|nr\.?|#)?[-_ ]*\d+[*_`\])]*(?:\([^)\s]*\))?"
    r"(?:\s*[:：.)|·–—-]+\s*|\s+|\Z)",
    re.I,
)
_BARE: Final = re.compile(
    r"[*_`]*(?P<box>[\[(#]*)(?P<number>\d+)[\])]*[*_`]*(?P<sep>\s*[:：.)|·–—]+\s+|\s+-+\s+|\s+|\Z)"
)


class NameParts(NamedTuple):
    """What a file's name says; `number` is None where it begins with none, or with a day."""

    number: int | None
    rest: str


def split_name(name: str) -> NameParts:
    """The number and the words of a record's file: `ADR-012-use-x.md` is 12 and `use-x`."""
    stem = re.sub(r"\.(?:md|markdown|mdx)\Z", "", name, flags=re.I)
    day = _DAY.match(stem)
    if day and has_day(name):
        return NameParts(None, stem[day.end() :].lstrip("-_ .") or stem)
    found = _NAME.fullmatch(name)
    if not found or len(found["number"].lstrip("0")) > _NUMBER_DIGITS:
        return NameParts(None, stem)
    return NameParts(int(found["number"]), found["rest"] or "")


def has_day(name: str) -> bool:
    """Whether a file's name begins with a day in place of a number, as log4brains has it."""
    found = _DAY.match(name)
    try:
        return found is not None and bool(
            datetime.date(int(found[1]), int(found[3]), int(found[4]))
        )
    except ValueError:
        return False


def bare_title(title: str, file: str) -> str:
    """A title without the record's number: `ADR-0012: Use X`, `12. Use X`, `[0012] Use X`.

    A number that is part of the title stays: `3D convolution`, `7 layers`.
    """
    if named := _NAMED.match(title):
        return title[named.end() :].strip()
    found = _BARE.match(title)
    if not found:
        return title
    own, rest = split_name(file)
    digits, separated = found["number"], bool(found["sep"].strip())
    said_in_name = re.match(rf"0*{int(digits)}(?!\d)", rest) is not None
    is_number = (
        (len(digits) > 2 and digits[0] == "0")
        or bool(found["box"])
        or (separated and (found["sep"].strip() in (".", ")") or int(digits) == own))
        or (int(digits) == own and not said_in_name)
    )  # fmt: skip
    return title[found.end() :].strip() if is_number else title
