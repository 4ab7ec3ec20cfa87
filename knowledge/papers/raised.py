"""What is set higher or lower than its line: exponents, indices, and marks of footnotes."""

from __future__ import annotations

import re
from typing import Final

_POWER = re.compile(r"(?<![\d.,])(?:10|2)\s*\Z")
_NUMBER = re.compile(r"\d\s*[%°]?\)?\s*\Z")
_SIGN: Final = "[†‡§¶*∗⋆★✝#]+"
_NOTE: Final = rf"(?:{_SIGN}|\d{{1,2}}|[a-z])"
_MARK = re.compile(rf"[\[(]?{_NOTE}(?:[\s,;]+{_NOTE})*[\])]?")
_ORNAMENT = re.compile(rf"(?:{_SIGN}|[\s,])*")
_DEVIATION = re.compile(r"[±+(−-]|\\pm")


def raised(said: str, before: str) -> str:
    """A superscript in a line of text: a footnote's mark is no digit of the number before it, and
    the exponent of a power is no more digits of it."""
    number = _NUMBER.search(before)
    if number and re.match(r"[±+]|\\pm", said):
        return f" {said}"
    if _POWER.search(before) and re.fullmatch(r"[-−–+]?\s*\d+", said):
        return f"^{{{said}}}"
    if _ORNAMENT.fullmatch(said) or (number and _MARK.fullmatch(said)):
        return ""
    return said if said.isalpha() or not before.strip() else f"^{{{said}}}"


def lowered(said: str, before: str) -> str:
    """A subscript in a line of text: `AP50` and `H2O` are names, a number's index is no digit."""
    if not _NUMBER.search(before):
        return said
    return f" {said}" if _DEVIATION.match(said) else f"_{{{said}}}"
