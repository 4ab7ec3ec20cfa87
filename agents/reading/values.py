"""Values of a proposal as models write them: ids with words around them, numbers with units."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterator
from typing import Any, Final

_NUMBER: Final = r"[-+]?(?:\d[\d,]*(?:\.\d+)?|\.\d+)(?:[eE][-+]?\d+)?"
# "top-1" holds no number: what continues a word is none.
_ALONE: Final = re.compile(rf"(?<![\w.-])(?<!\w\+){_NUMBER}")
_SIGNED: Final = re.compile(rf"(?<![\w.])(?=[-+]){_NUMBER}")
_CHANGE: Final = re.compile(r"\bfrom\s+(\d[\d.]*)[\s%]*(?:\w+\s+)?to\s+(\d[\d.]*\d|\d)", re.I)
_RANGE: Final = re.compile(
    rf"({_NUMBER})[\s%]*(?:p[pt]\w*\s*)?(?:\bto\b|\.\.+|-)\s*({_NUMBER})", re.I
)
_DASHES: Final = str.maketrans({"−": "-", "–": "-", "—": "-"})


def one_line(said: object, at_most: int = 200) -> str:
    """Words in one line of so many characters; empty where they are none."""
    return " ".join(said.split())[:at_most] if isinstance(said, str) else ""


def words_of(said: object) -> str:
    """Words, also where they were written as a list of sentences."""
    if isinstance(said, list):
        return " ".join(filter(None, map(words_of, said)))
    return said.strip() if isinstance(said, str) else ""


def number_of(said: object) -> float | None:
    """The number that is meant: of a range its middle, of "from 88 to 90" the change; None where
    there is none."""
    if isinstance(said, list):
        numbers = [n for item in said if (n := number_of(item)) is not None]
        return sum(numbers) / len(numbers) if numbers else None
    if isinstance(said, int | float) and not isinstance(said, bool):
        return float(said) if math.isfinite(said) else None
    number = _number_in(said.translate(_DASHES)) if isinstance(said, str) else None
    return number if number is not None and math.isfinite(number) else None


def _number_in(said: str) -> float | None:
    if change := _CHANGE.search(said):
        return round(_float(change[2]) - _float(change[1]), 9)
    # A sign says that it is the effect, and not the steps or the seeds.
    found = _SIGNED.search(said) or _ALONE.search(said)
    if found is None:
        return None
    ends = _RANGE.match(said, found.start())
    return round((_float(ends[1]) + _float(ends[2])) / 2, 9) if ends else _float(found[0])


def _float(text: str) -> float:
    return float(text.replace(",", "").rstrip("."))


def ids_of(said: object, known: Collection[str]) -> tuple[str, ...]:
    """The known ids that are named, each once, in their order."""
    return tuple(dict.fromkeys(_ids(said, known)))


def _ids(said: Any, known: Collection[str]) -> Iterator[str]:
    if isinstance(said, list):
        for item in said:
            yield from _ids(item, known)
    elif isinstance(said, dict):
        yield from _ids(said.get("id", said.get("candidate")), known)
    elif isinstance(said, int | float) and not isinstance(said, bool):
        yield from _ids(f"{said:g}", known)
    elif isinstance(said, str):
        named = ((at, id_) for id_ in known if (at := _place(id_, said)) >= 0)
        yield from (id_ for _, id_ in sorted(named))


def _place(id_: str, said: str) -> int:
    """Where an id is named as a word of its own; -1 where it is not."""
    found = re.search(rf"(?<![\w.:])(?<![A-Za-z][-/]){re.escape(id_)}(?!\w|[.:]\w)", said)
    return found.start() if found else -1
