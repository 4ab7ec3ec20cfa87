"""Conditions of TeX itself: the branch that holds, of those up to `\\fi`."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from archwright.knowledge.papers.latex.commands import CONDITIONS
from archwright.knowledge.papers.latex.expansion.definitions import Macro, read_name
from archwright.knowledge.papers.latex.expansion.expanding import Expander, Primitive
from archwright.knowledge.papers.latex.expansion.values import (
    are_numbers,
    filled,
    integer,
    is_known,
    length,
    relation,
)

_CONDITION = re.compile(r"\\(if[A-Za-z@]*|else|or|fi)(?![A-Za-z@])")
_NEXT_CONDITION = re.compile(r"\s*\\(if[A-Za-z@]*)")
_ASSIGNED = re.compile(r"\s*=?\s*([-+]?\d+)(?!\.)\s?")

Test = Callable[[Expander], bool]


def _are_lengths(expander: Expander) -> bool:
    scanner = expander.scanner
    first, holds, second = length(scanner), relation(scanner), length(scanner)
    if first is None or second is None or holds is None:
        return False
    return first[1] == second[1] and holds(first[0], second[0])


def _is_odd(expander: Expander) -> bool:
    return bool((integer(expander, expander.scanner) or 0) % 2)


def _meaning(expander: Expander, token: str | None) -> Macro | str | None:
    """What a token stands for, so that two that mean the same are equal."""
    if token is None or not token.startswith("\\"):
        return token
    name = token[1:]
    if name in ("empty", "@empty"):
        return Macro("")
    if name in expander.macros:
        return expander.macros[name]
    return expander.aliases.get(name, token) if is_known(expander, name) else "\\undefined"


def _mean_the_same(expander: Expander) -> bool:
    scanner = expander.scanner
    return _meaning(expander, scanner.argument()) == _meaning(expander, scanner.argument())


def _are_alike(expander: Expander) -> bool:
    """Whether the next two characters are, with commands filled in; those that nobody can fill in
    are all alike."""
    scanner = expander.scanner
    found: list[str] = []
    while len(found) < 2:
        token = scanner.argument()
        if token is None:
            return False
        said = filled(expander, token).strip()
        found += ["\\"] if said.startswith("\\") else list(said)
    return found[0] == found[1]


def _is_defined(expander: Expander) -> bool:
    return is_known(expander, read_name(expander.scanner) or "undefined")


def _is_named(expander: Expander) -> bool:
    """`\\ifcsname x\\endcsname`."""
    scanner = expander.scanner
    end = scanner.text.find("\\endcsname", scanner.place)
    if end < 0:
        return False
    name = scanner.text[scanner.place : end].strip()
    scanner.place = end + len("\\endcsname")
    return is_known(expander, name)


_TESTS: Final[dict[str, Test]] = {
    "ifnum": are_numbers,
    "ifdim": _are_lengths,
    "ifodd": _is_odd,
    "ifx": _mean_the_same,
    "if": _are_alike,
    "ifcat": _are_alike,
    "ifdefined": _is_defined,
    "ifcsname": _is_named,
    "iftrue": lambda _: True,
    "ifpdf": lambda _: True,
}


def _holds(expander: Expander, name: str) -> bool:
    if name[2:] in expander.flags:
        return expander.flags[name[2:]]
    return name in _TESTS and _TESTS[name](expander)


def _choose(expander: Expander, words: str, unless: bool = False) -> None:
    """Go on with the branch of a condition that holds, as far as that can be told."""
    scanner = expander.scanner
    if scanner.text.find("\\fi", scanner.place) < 0:
        return  # without an end it is none, and is not looked for again and again
    which = integer(expander, scanner) if words == "\\ifcase" else None
    if which is None:
        which = int(_holds(expander, words[1:]) == unless)
    start, depth = scanner.place, 1
    cases, otherwise = list[str](), list[str]()
    branches = cases
    for found in _CONDITION.finditer(scanner.text, scanner.place):
        word = found[1]
        if word == "fi":
            depth -= 1
        elif word.startswith("if"):
            depth += word in CONDITIONS or word[2:] in expander.flags
        if depth == 0 or (depth == 1 and word in ("else", "or")):
            branches.append(scanner.text[start : found.start()])
            branches = otherwise if word == "else" else branches
            start = found.end()
        if depth == 0:
            scanner.place = start
            expander.push(words, cases[which] if 0 <= which < len(cases) else "".join(otherwise))
            return


def _unless(expander: Expander, _: str) -> None:
    found = _NEXT_CONDITION.match(expander.scanner.text, expander.scanner.place)
    if found is not None:
        expander.scanner.place = found.end()
        _choose(expander, f"\\{found[1]}", unless=True)


def _nothing(expander: Expander, words: str) -> None:
    """The end of a condition whose beginning was taken for text."""


def new_condition(expander: Expander, name: str, value: bool = False) -> None:
    """Let a condition be known, with its `\\ifname`."""
    expander.flags[name] = value
    expander.primitives = {**expander.primitives, f"if{name}": _choose}


def _new_if(expander: Expander, _: str) -> None:
    name = read_name(expander.scanner)
    if name and name.startswith("if"):
        new_condition(expander, name[2:])


def _new_count(expander: Expander, _: str) -> None:
    """`\\newcount\\x` and `\\chardef\\x=1`: a number by name, which `\\x=2` sets."""
    name = read_name(expander.scanner)
    if name is None:
        return

    def assign(expander: Expander, _: str) -> None:
        scanner = expander.scanner
        if found := _ASSIGNED.match(scanner.text, scanner.place):
            scanner.place = found.end()
            expander.counters[name] = int(found[1])

    expander.counters[name] = 0
    expander.primitives = {**expander.primitives, name: assign}
    assign(expander, "")


TEX_CONDITIONS: Final[dict[str, Primitive]] = {
    "newif": _new_if,
    **dict.fromkeys(("newcount", "chardef", "mathchardef"), _new_count),
    **dict.fromkeys(CONDITIONS, _choose),
    "unless": _unless,
    **dict.fromkeys(("fi", "else"), _nothing),
}
