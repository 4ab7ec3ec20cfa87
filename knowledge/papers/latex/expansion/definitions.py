"""Commands that a paper defines for itself: their definitions read, their bodies filled in."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from archwright.knowledge.papers.latex.scanning import Scanner

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
