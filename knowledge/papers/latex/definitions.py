"""Commands that a paper defines for itself: their definitions read, their bodies filled in, and
what they come to compared: words, numbers and lengths."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from operator import eq, gt, lt
from typing import TYPE_CHECKING, Final

from archwright.knowledge.papers.latex.commands import KEPT, SILENT, symbol
from archwright.knowledge.papers.latex.scanning import Scanner

if TYPE_CHECKING:
    from archwright.knowledge.papers.latex.expanding import Expander

NOTHING: Final = "\ue002"
"""Stands for an optional argument of `\\NewDocumentCommand` that was not given."""
YES: Final = "\ue003"
"""Stands for a star that was given."""

_NAME = re.compile(r"\s*\{?\s*\\([A-Za-z@]+|.)\s*\}?")
_PARAMETER = re.compile(r"(\\[A-Za-z@]+)?(#{1,2})([1-9])")
_SPECIFIED = re.compile(r"\+|!|>\s*\{[^}]*\}|([a-zA-Z])")
# What looks ahead or makes names as it goes cannot be filled in without typesetting.
_OPAQUE = re.compile(
    r"\\(?:@ifnextchar|@ifstar|@startsection|futurelet|csname|catcode|expandafter)"
)
_BODY_AT_MOST: Final = 20_000

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


@dataclass(frozen=True, slots=True)
class Macro:
    """A command of the paper's own.

    `arguments` says how each is read: `m` required, `o` optional (with its value in `defaults`),
    `s` a star, or the text that ends it after `\\def`, marked by a leading `:`.
    """

    body: str
    arguments: tuple[str, ...] = ()
    defaults: tuple[str, ...] = ()
    before: str = ""

    def filled(self, values: list[str]) -> str:
        """The body with these values in it. A command's name and a letter are kept apart."""

        def fill(found: re.Match[str]) -> str:
            if found[2] == "##":
                return f"{found[1] or ''}#{found[3]}"
            place = int(found[3]) - 1
            value = values[place] if place < len(values) else ""
            apart = " " if found[1] and value[:1].isalpha() else ""
            return f"{found[1] or ''}{apart}{value}"

        return _PARAMETER.sub(fill, self.body) if "#" in self.body else self.body


def read_name(scanner: Scanner) -> str | None:
    """The name of the command that a definition is about."""
    found = _NAME.match(scanner.text, scanner.place)
    if found is None:
        return None
    scanner.place = found.end()
    return found[1]


def read_newcommand(scanner: Scanner) -> Macro | None:
    """The rest of `\\newcommand{\\x}[2][d]{body}` behind the name; None for what is opaque."""
    count = scanner.option()
    default = scanner.option() if count is not None else None
    body = scanner.group()
    number = int(count) if count and count.strip().isdecimal() else 0
    kinds = ["m"] * min(number, 9)
    if default is not None and kinds:
        kinds[0] = "o"
    return _made(body, kinds, (default or "",))


def read_def(scanner: Scanner) -> Macro | None:
    """The rest of `\\def\\x#1#2{body}` behind the name."""
    end = scanner.text.find("{", scanner.place)
    if end < 0:
        return None
    head = scanner.text[scanner.place : end]
    scanner.place = end
    before, *rest = re.split(r"#[1-9]", head)
    kinds = [f":{text}" if text.strip() else "m" for text in rest]
    return _made(scanner.group(), kinds, (), before.strip())


def read_document_command(scanner: Scanner) -> Macro | None:
    """The rest of `\\NewDocumentCommand\\x{s O{d} m}{body}` behind the name."""
    wanted = Scanner(scanner.group() or "")
    kinds: list[str] = []
    defaults: list[str] = []
    while found := _SPECIFIED.search(wanted.text, wanted.place):
        wanted.place = found.end()
        kind = found[1]
        if kind is None:
            continue
        kinds.append({"O": "o", "o": "o", "s": "s"}.get(kind, "m"))
        defaults.append((wanted.group() or "") if kind.isupper() else NOTHING)
    return _made(scanner.group(), kinds, tuple(defaults))


def read_delimiters(scanner: Scanner) -> Macro | None:
    """The rest of `\\DeclarePairedDelimiter\\x{left}{right}` behind the name."""
    left, right = scanner.group() or "", scanner.group() or ""
    return Macro(f"{left} #3 {right}", ("s", "o", "m"), ("", "", ""))


def _made(
    body: str | None, kinds: list[str], defaults: tuple[str, ...], before: str = ""
) -> Macro | None:
    if body is None or len(body) > _BODY_AT_MOST or _OPAQUE.search(body):
        return None
    return Macro(body, tuple(kinds), defaults, before)


# --- compared -------------------------------------------------------------------------------------


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
