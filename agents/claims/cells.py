"""What a cell of a table holds: a value with its unit, nothing, words, or what nobody can tell."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

CellKind = Literal["value", "empty", "words", "doubt"]

_MARKS: Final = re.compile(
    r"\^?\s*\{?\s*(?:[†‡§¶⋄⋆*♯♭◦]|\\(?:dagger|ddagger|dag|ddag|ast|star|diamond|S|P)(?![A-Za-z]))+\s*\}?"
)
_STYLE: Final = re.compile(
    r"\\(?:text(?:bf|it|rm|sc|tt|sf|up)|math(?:bf|rm|it)|bf|rm|it|bm|boldmath|underline|emph|"
    r"scriptstyle|small|footnotesize|scriptsize|tiny|boldsymbol)(?![A-Za-z])|\\[,;!: ]|[${}`]"
)
_NUMBER: Final = r"[-−–+]?(?:\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)"
_POWER: Final = (
    r"(?:[eE](?P<e>[-+]?\d+)|\s*(?:×|·|\\times|\\cdot)\s*10\s*\^?\s*(?P<power>[-−]?\d+))?"
)
_VALUE: Final = re.compile(
    rf"(?P<number>{_NUMBER}){_POWER}\s*(?P<unit>%|\\%|pp|bits|nats|dB)?\s*(?P<arrow>[↑↓])?"
    # a deviation, a rank, a gain over something, or a sample size that goes with it
    r"(?:\s*(?:±|\+/-|\\pm|\+-)\s*[\d.]+\s*%?|\s*[_^]?\s*\(\s*[^()]*\)|\s*_\s*[-+±\d.]+)*\s*"
)
_EMPTY: Final = re.compile(
    r"(?:[-−–—‐.?/\s]|n\.?/?a\.?|none|nan|tbd|oom|\\?xmark|[✗✘×xX])*", re.IGNORECASE
)
_DIGIT: Final = re.compile(r"(?<![A-Za-z\d])[-−+]?\.?\d")


@dataclass(frozen=True, slots=True)
class CellReading:
    """A cell: for a value its number and unit, for a doubt the reason."""

    kind: CellKind
    value: float = 0.0
    unit: str = ""
    reason: str = ""


def read_cell(cell: str) -> CellReading:
    """What a cell holds. Footnote marks, deviations, ranks and ornaments are left aside."""
    bare = _MARKS.sub("", _STYLE.sub("", re.sub(r"(?<!\d)\s*\*+|\*+", "", cell))).strip()
    if _EMPTY.fullmatch(bare):
        return CellReading("empty")
    found = _VALUE.fullmatch(bare)
    if found is None:
        return _not_a_value(bare)
    if found["number"][0] == "+":
        return CellReading("doubt", reason="it is a difference")
    number = found["number"].replace(",", "").replace("−", "-").replace("–", "-")
    power = int((found["power"] or "0").replace("−", "-")) + int(found["e"] or 0)
    if abs(power) > 300:
        return CellReading("doubt", reason="its power is too large")
    return CellReading("value", float(f"{number}e{power}"), (found["unit"] or "").replace("\\", ""))


def _not_a_value(bare: str) -> CellReading:
    if re.match(r"(?:[<>≤≥≈~∼]|\\(?:sim|approx|leq?|geq?)|about |ca\.)\s*\d", bare):
        return CellReading("doubt", reason="it is a bound or a rounded number")
    if re.fullmatch(rf"{_NUMBER}\s*%?\s*[/|;–-]\s*{_NUMBER}.*", bare):
        return CellReading("doubt", reason="the cell holds several numbers")
    if re.fullmatch(rf"{_NUMBER}\s*(?:[kKMBGTxX×]|ms|s|h|[MG]B|hours?|days?)", bare):
        return CellReading("doubt", reason="its unit is not one of a metric")
    if re.fullmatch(r"\d+,\d{1,2}", bare):
        return CellReading("doubt", reason="its comma may be a decimal point")
    if _DIGIT.match(bare):
        return CellReading("doubt", reason="it is not a number alone")
    return CellReading("words")


def is_numeric(cell: str) -> bool:
    """Whether a cell is a number of any kind, of a metric or not."""
    return read_cell(cell).kind in ("value", "doubt")


def is_empty(cell: str) -> bool:
    """Whether a cell holds nothing, a dash or the like."""
    return read_cell(cell).kind == "empty"
