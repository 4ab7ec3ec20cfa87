"""What conditions compare: words, numbers and lengths, with the paper's own commands filled in."""

from __future__ import annotations

import re
from collections.abc import Callable
from operator import eq, gt, lt
from typing import Final

from archwright.knowledge.papers.latex.commands import KEPT, SILENT, symbol
from archwright.knowledge.papers.latex.expansion.expanding import Expander
from archwright.knowledge.papers.latex.scanning import Scanner

Holds = Callable[[float, float], bool]

_COMMAND = re.compile(r"\\([A-Za-z@]+)\s*")
_COUNTER = re.compile(r"\\(?:value\s*\{\s*(\w+)\s*\}|([A-Za-z@]+))")
_INTEGER = re.compile(r"\s*([-+]?\d+)(?!\.)\s?")
_LENGTH = re.compile(r"\s*([-+]?(?:\d+\.?\d*|\.\d+))\s*(pt|em|ex|cm|mm|in|bp|pc)\s?")
_RELATION = re.compile(r"\s*([<=>])")
_NUMBERS: Final = {"z@": 0, "@ne": 1, "tw@": 2, "thr@@": 3, "m@ne": -1}
_COMPARED: Final[dict[str, Holds]] = {"<": lt, "=": eq, ">": gt}
_FILLED_AT_MOST: Final = 8
_WORDS_AT_MOST: Final = 2_000
_UNDEFINED: Final = ("undefined", "@undefined")


def filled(expander: Expander, text: str) -> str:
    """A short text with the paper's own commands without arguments filled in."""

    def fill(found: re.Match[str]) -> str:
        macro = expander.macros.get(found[1])
        return macro.body if macro is not None and not macro.arguments else found[0]

    for _ in range(_FILLED_AT_MOST):
        more = _COMMAND.sub(fill, text)
        if more == text or len(more) > _WORDS_AT_MOST:
            break
        text = more
    return text


def words_of(expander: Expander) -> str:
    """An argument in braces as the words that it comes to."""
    return " ".join(filled(expander, expander.scanner.group() or "").split())


def integer(expander: Expander, scanner: Scanner) -> int | None:
    """The number that comes next: digits, a counter, or a command of the paper's that says it."""
    if found := _INTEGER.match(scanner.text, scanner.place):
        scanner.place = found.end()
        return int(found[1])
    scanner.skip_blank()
    found = _COUNTER.match(scanner.text, scanner.place)
    if found is None:
        return None
    scanner.place = found.end()
    name = found[1] or found[2].removeprefix("c@")
    if name in expander.counters:
        return expander.counters[name]
    said = _INTEGER.fullmatch(filled(expander, found[0]))
    return int(said[1]) if said else _NUMBERS.get(name)


def length(scanner: Scanner) -> tuple[float, str] | None:
    found = _LENGTH.match(scanner.text, scanner.place)
    if found is None:
        return None
    scanner.place = found.end()
    return float(found[1]), found[2]


def relation(scanner: Scanner) -> Holds | None:
    found = _RELATION.match(scanner.text, scanner.place)
    if found is None:
        return None
    scanner.place = found.end()
    return _COMPARED[found[1]]


def is_known(expander: Expander, name: str) -> bool:
    """Whether a command has a meaning: the paper's, or LaTeX's own."""
    if name in expander.macros or name in expander.aliases or name in expander.primitives:
        return True
    known = name in KEPT or name in SILENT or name in ("relax", "pdfoutput", "csname")
    return known or (name not in _UNDEFINED and symbol(name) is not None)


def are_numbers(expander: Expander) -> bool:
    scanner = expander.scanner
    first = integer(expander, scanner)
    holds, second = relation(scanner), integer(expander, scanner)
    return None not in (first, second) and holds is not None and holds(first or 0, second or 0)
