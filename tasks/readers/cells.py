"""What one cell of a CSV file says: nothing, a number, or a date."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final

import numpy as np

MISSING: Final = frozenset(
    {
        "", "na", "n/a", "n.a.", "#n/a", "#na", "#n/a n/a", "<na>", "<null>", "(null)", "nan",
        "-nan", "#null!", "#div/0!", "#value!", "#ref!", "#num!", "#name?", "nat", "null",
        "none", "nil", "\\n", "?", "-", "--", ".", "..", "...",
    }
)  # fmt: skip
"""What programs, spreadsheets and people write where there is nothing."""
NAMES: Final = frozenset({"none", "-"})
"""Of these what may be the name of a class."""
LARGEST: Final = float(np.finfo(np.float32).max)
_GROUPS: Final = r"\d{1,3}(?:[ ,.'’\u00a0\u202f]\d{3})+(?:[.,]\d+)?"
_WRITTEN_OUT: Final = re.compile(
    rf"[-+(]?\s*[$€£¥]?\s*[-+]?(?:{_GROUPS}|\d*[.,]?\d+)\s*[$€£¥%]?\)?"
)
_TIME: Final = r"(?:[T ](?P<hour>\d{1,2})(?P<rest>:\d{2}.*))?"
_PLAIN_DATES: Final = (
    re.compile(rf"(?P<y>\d{{4}})[-/](?P<m>\d{{1,2}})(?:[-/](?P<d>\d{{1,2}}))?{_TIME}"),
    re.compile(rf"(?P<d>\d{{1,2}})\.(?P<m>\d{{1,2}})\.(?P<y>\d{{4}}){_TIME}"),
)
_MONTH: Final = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
_LIKE_A_DATE: Final = re.compile(
    rf"(?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*,? )?"
    rf"(?:\d{{1,4}}[-/.]\d{{1,2}}[-/.]\d{{1,4}}(?:[ T,].*)?"
    rf"|\d{{4}}[-/]\d{{1,2}}|\d{{1,2}}[-/.]\d{{4}}"
    rf"|\d{{1,2}}\.?[- ]?{_MONTH}[-, ]*\d{{2,4}}.*|{_MONTH}[- ]\d{{1,4}}.*"
    rf"|\d{{4}}[- ]?[qw]\d{{1,2}}|[qw]\d[- /]\d{{4}}|\d{{1,2}}:\d{{2}}.*)",
    re.IGNORECASE,
)


def is_missing(value: str) -> bool:
    """Whether a cell says that it holds nothing."""
    return value.lower() in MISSING


def number_of(value: str) -> float:
    """A number, which may be infinite where the cell says so.

    Raises:
        ValueError: it is none, or beyond float32. Codes such as 2_130 are numbers to Python alone.
    """
    number = float(value)
    if "_" in value or is_beyond(value):
        raise ValueError(f"{value!r} is not a float32 number")
    return number


def is_beyond(value: str) -> bool:
    """Whether a cell is a number with digits that float32 does not hold."""
    return any(map(str.isdigit, value)) and reads(float, value) and abs(float(value)) > LARGEST


def seconds_since(value: str) -> float:
    """Seconds from 1970 to a date in ISO 8601, or in another form that can only be read one way:
    2024-01, 2024/1/31, 31.1.2024. In 3/4/2024 nobody knows which is the month.

    Raises:
        ValueError: it is none.
    """
    moment = datetime.fromisoformat(_as_iso(value))
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _as_iso(value: str) -> str:
    for form in _PLAIN_DATES:
        if found := form.fullmatch(value):
            time = f"T{int(found['hour']):02}{found['rest']}" if found["hour"] else ""
            return f"{found['y']}-{int(found['m']):02}-{int(found['d'] or 1):02}{time}"
    return value


def reads(read: Callable[[str], float], value: str) -> bool:
    """Whether a cell is what `read` reads."""
    try:
        read(value)
    except ValueError:
        return False
    return True


def reads_all(read: Callable[[str], float], values: Sequence[str]) -> bool:
    """The same of all cells that are not missing."""
    return all(is_missing(value) or reads(read, value) for value in values)


def is_written_out(value: str) -> bool:
    """Whether a cell is a number in a form that only people read: $1,200.50, 12 % or 3,5."""
    return bool(_WRITTEN_OUT.fullmatch(value)) and not reads(number_of, value)


def is_like_a_date(value: str) -> bool:
    """Whether a cell is a date in any of the usual forms, one of no calendar included."""
    return bool(_LIKE_A_DATE.fullmatch(value))


def no_number(name: str, line: int, value: str) -> str:
    """What is said of a cell that is none among numbers."""
    where = f"column {name!r}, line {line}: {value!r}"
    if is_beyond(value):
        return f"{where} is beyond {LARGEST:g}, the limit of float32: correct it, or leave it empty"
    return (
        f"{where} is not read as a number: write numbers with digits and a point alone, such as "
        "1234.5, or leave the cell empty"
    )


def no_date(name: str, line: int, value: str) -> str:
    """What is said of a cell that is none among dates."""
    if is_missing(value):
        return f"column {name!r}, line {line} has no date: fill it in, or remove the line"
    return (
        f"column {name!r}, line {line}: {value!r} is not a date in a known form: write dates "
        "such as 2024-01-31 or 2024-01-31T18:00"
    )
