"""Finds the latest of several lines by the days that they name, in the forms that people write."""

from __future__ import annotations

import datetime
import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from archwright.knowledge.decisions.language.vocabulary import fold

_MONTHS: Final = (
    r"jan(?:uary?|uari|vier|eiro)?|ene(?:ro)?|gen(?:naio)?|янв(?:аря|арь)?",
    r"feb(?:ruary?|ruari|rero|braio)?|fev(?:rier|ereiro)?|фев(?:раля|раль)?",
    r"mar(?:ch|s|z|zo|co)?|mrz|maerz|maart|mrt|марта?",
    r"apr(?:il|ile)?|avr(?:il)?|abr(?:il)?|апр(?:еля|ель)?",
    r"mayo?|maio?|mei|mag(?:gio)?|maj|мая|маи",
    r"june?|juni|juin|junio|junho|giu(?:gno)?|июн[яь]",
    r"july?|juli|juil(?:let)?|julio|julho|lug(?:lio)?|июл[яь]",
    r"aug(?:ust|ustus)?|aout|ago(?:sto)?|авг(?:уста?)?",
    r"sept?|sept(?:ember|embre|iembre)|set(?:embro|tembre)?|сен(?:тября|тябрь)?",
    r"oct(?:ober|obre|ubre)?|okt(?:ober)?|ott(?:obre)?|out(?:ubro)?|окт(?:ября|ябрь)?",
    r"nov(?:ember|embre|iembre|embro)?|ноя(?:бря|брь)?",
    r"dec(?:ember|embre)?|dez(?:ember|embro)?|dic(?:iembre|embre)?|дек(?:абря|абрь)?",
)
"""The months by their names, folded."""
_MONTH: Final = "|".join(f"(?P<m{i}>(?:{words}))" for i, words in enumerate(_MONTHS, 1))
_NAMED_MONTH: Final = re.compile(rf"(?:{_MONTH})\.?\Z")
_WORD: Final = r"(?P<word>[^\W\d_]{3,12})\.?"
_YEAR: Final = r"(?P<y>(?:19|20)\d\d)(?!\d)"
_FORMS: Final = [
    re.compile(form)
    for form in (
        rf"(?<!\d){_YEAR}\s?(?:[-/.]|年)\s?(?P<m>\d\d?)\s?(?:[-/.]|月)\s?(?P<d>\d\d?)(?!\d)",
        r"(?<!\d)(?P<y>(?:19|20)\d\d)(?P<m>[01]\d)(?P<d>[0-3]\d)(?!\d)",
        rf"(?<!\d)(?P<d>\d\d?)\.\s?(?P<m>\d\d?)\.\s?{_YEAR}",
        rf"(?<!\d)(?P<first>\d\d?)[-/](?P<second>\d\d?)[-/]{_YEAR}",
        rf"(?<!\d)(?P<d>\d\d?)(?:st|nd|rd|th|er|\.)?[\s-](?:de |of )?{_WORD},?[\s-](?:de )?{_YEAR}",
        rf"(?<!\w){_WORD}\s(?P<d>\d\d?)(?:st|nd|rd|th)?,?\s{_YEAR}",
        rf"(?<!\w){_WORD},?\s(?:de )?{_YEAR}",
        rf"(?<!\d){_YEAR}[-/.](?P<m>\d\d)(?![\d])",
        rf"(?<![\d#-]){_YEAR}",
    )
]


_TIME: Final = "0123456789:.+-TZ日 "
"""What a time of the day, and what ends a day, is written with."""


class _Day(NamedTuple):
    year: int
    month: int = 0
    day: int = 0


def latest(lines: Sequence[str]) -> int | None:
    """Which of several lines names the latest day; None where not all of them name one, or where it
    depends on whether the day or the month comes first.

    Of lines of the same day it is the last, or the first where the newest stands first.
    """
    found = {_latest(lines, month_first) for month_first in (False, True)} - {-1}
    return found.pop() if len(found) == 1 else None


def without_day(line: str) -> str:
    """A line behind the day that it begins with."""
    folded = fold(line)
    if len(folded) != len(line):  # The marks that folding takes off stand in names of months.
        line = folded
    for form in _FORMS:
        found = form.match(folded)
        if found and _read(found.groupdict(), month_first=False):
            return line[found.end() :].lstrip(_TIME)
    return line


def _latest(lines: Sequence[str], month_first: bool) -> int:
    """As `latest`, in one reading of 3/1/2022; -1 where that reading makes no days."""
    days = [day for line in lines if (day := _find_day(line, month_first))]
    if not days or len(days) < len(lines):
        return -1
    places = [place for place, day in enumerate(days) if day == max(days)]
    return places[0 if days[0] > days[-1] else -1]


def _find_day(line: str, month_first: bool) -> _Day | None:
    folded = fold(line)
    for form in _FORMS:
        for found in form.finditer(folded):
            if day := _read(found.groupdict(), month_first):
                return day
    return None


def _read(parts: dict[str, str | None], month_first: bool) -> _Day | None:
    """The day that a form found, if the calendar has it; a year or a month may stand alone."""
    year, month, day = int(parts["y"] or 0), parts.get("m"), parts.get("d")
    if first := parts.get("first"):
        day, month = (parts["second"], first) if month_first else (first, parts["second"])
    if word := parts.get("word"):
        named = _NAMED_MONTH.match(word)
        if named is None:
            return None
        month = next(name[1:] for name, said in named.groupdict().items() if said)
    try:
        datetime.date(year, int(month or 1), int(day or 1))
    except ValueError:
        return None
    return _Day(year, int(month or 0), int(day or 0))
