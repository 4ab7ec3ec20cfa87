"""Conditions with their branches in braces: of LaTeX, and of ifthen, etoolbox and xstring."""

from __future__ import annotations

import re
from operator import eq, gt, lt
from typing import Final

from archwright.knowledge.papers.latex.expansion.conditions import Test, new_condition
from archwright.knowledge.papers.latex.expansion.definitions import NOTHING, YES
from archwright.knowledge.papers.latex.expansion.expanding import Expander, Primitive, Reel
from archwright.knowledge.papers.latex.expansion.including import find_file
from archwright.knowledge.papers.latex.expansion.values import (
    Holds,
    are_numbers,
    integer,
    is_known,
    words_of,
)
from archwright.knowledge.papers.latex.scanning import Scanner

_TOGGLE: Final = "toggle "
_OPERATOR = re.compile(
    r"\s*(?:\\(?P<word>[A-Za-z]+|[()])|(?P<number>[-+]?\d+)|(?P<sign>[<=>])|"
    r"(?P<plain>not|and|or|bool|togl)\b|(?P<bracket>[()]))\s*"
)


def _given(expander: Expander, words: str) -> None:
    """`\\IfNoValueTF` and its like, on an argument of `\\NewDocumentCommand`."""
    scanner = expander.scanner
    given = scanner.group()
    holds = given == YES
    if "Value" in words:
        holds = (given == NOTHING) == words.startswith("\\IfNoValue")
    yes = (scanner.group() or "") if words.endswith(("TF", "T")) else ""
    no = (scanner.group() or "") if words.endswith("F") else ""
    expander.push(words, yes if holds else no)


def _branching(test: Test, negated: bool = False) -> Primitive:
    """The primitive that reads a test's arguments and goes on with one of two groups."""

    def branch(expander: Expander, words: str) -> None:
        holds = test(expander) != negated
        yes, no = expander.scanner.group() or "", expander.scanner.group() or ""
        expander.push(words, yes if holds else no)

    return branch


def _flag(expander: Expander) -> bool:
    return expander.flags.get((expander.scanner.group() or "").strip(), False)


def _toggle(expander: Expander) -> bool:
    return expander.flags.get(_TOGGLE + (expander.scanner.group() or "").strip(), False)


def _same_words(expander: Expander) -> bool:
    return words_of(expander) == words_of(expander)


def _no_words(expander: Expander) -> bool:
    return not words_of(expander)


def _is_command(expander: Expander) -> bool:
    """Whether the command that a group holds, with its backslash or without, is defined."""
    name = (expander.scanner.group() or expander.scanner.argument() or "").strip()
    return is_known(expander, name.removeprefix("\\"))


def _is_file(expander: Expander) -> bool:
    return find_file(expander, words_of(expander)) is not None


def _numbers(holds: Holds) -> Test:
    def compare(expander: Expander) -> bool:
        first = integer(expander, Scanner(words_of(expander)))
        second = integer(expander, Scanner(words_of(expander)))
        return first is not None and second is not None and holds(first, second)

    return compare


_OF_IFTHEN: Final[dict[str, Test]] = {
    "boolean": _flag,
    "bool": _flag,
    "togl": _toggle,
    "equal": _same_words,
    "isundefined": lambda expander: not _is_command(expander),
    "isodd": lambda expander: bool((integer(expander, Scanner(words_of(expander))) or 0) % 2),
}


def _expression(expander: Expander) -> bool:
    """The test of `\\ifthenelse` or `\\ifboolexpr`; what nobody can tell does not hold."""
    text = expander.scanner.group() or ""
    expander.open(Reel(Scanner(text)))
    holds = _any(expander)
    expander.reels.pop()
    return holds


def _operator(expander: Expander, *wanted: str) -> bool:
    """Whether one of these words comes next, which is then read."""
    scanner = expander.scanner
    found = _OPERATOR.match(scanner.text, scanner.place)
    said = found and (found["word"] or found["plain"] or found["bracket"] or "").lower()
    if not found or said not in wanted:
        return False
    scanner.place = found.end()
    return True


def _any(expander: Expander) -> bool:
    holds = _all(expander)
    while _operator(expander, "or"):
        holds = _all(expander) or holds
    return holds


def _all(expander: Expander) -> bool:
    holds = _one(expander)
    while _operator(expander, "and"):
        holds = _one(expander) and holds
    return holds


def _one(expander: Expander) -> bool:
    if _operator(expander, "not"):
        return not _one(expander)
    if _operator(expander, "("):
        holds = _any(expander)
        _operator(expander, ")")
        return holds
    for name, test in _OF_IFTHEN.items():
        if _operator(expander, name):
            return test(expander)
    return are_numbers(expander)


# --- what is set ----------------------------------------------------------------------------------


def _name(expander: Expander, words: str) -> str:
    """The name of what a command of booleans or of toggles is about, as it is kept."""
    name = (expander.scanner.group() or "").strip()
    return _TOGGLE + name if "toggle" in words else name


def _declare(expander: Expander, words: str) -> None:
    name = _name(expander, words)
    new_condition(expander, name, expander.flags.get(name, False))


def _set(expander: Expander, words: str) -> None:
    name = _name(expander, words)
    new_condition(expander, name, words_of(expander) == "true")


def _set_true(expander: Expander, words: str) -> None:
    new_condition(expander, _name(expander, words), words.endswith("true"))


def _set_counter(expander: Expander, words: str) -> None:
    name = (expander.scanner.group() or "").strip()
    value = integer(expander, Scanner(expander.scanner.group() or "")) or 0
    expander.counters[name] = value + (expander.counters.get(name, 0) if "add" in words else 0)


_GIVEN: Final = tuple(
    f"If{what}{branches}"
    for what in ("NoValue", "Value", "Boolean")
    for branches in ("TF", "T", "F")
)
_TESTS: Final[dict[str, Test]] = {
    "ifthenelse": _expression,
    "ifboolexpr": _expression,
    "ifbool": _flag,
    "iftoggle": _toggle,
    "ifdef": _is_command,
    "ifcsdef": _is_command,
    "ifstrequal": _same_words,
    "ifdefstring": _same_words,
    "ifdefequal": _same_words,
    "ifdefstrequal": _same_words,
    "ifcsstring": _same_words,
    "IfStrEq": _same_words,
    "IfEq": _same_words,
    "ifstrempty": _no_words,
    "ifblank": _no_words,
    "ifdefempty": _no_words,
    "ifdefvoid": _no_words,
    "ifnumequal": _numbers(eq),
    "ifnumgreater": _numbers(gt),
    "ifnumless": _numbers(lt),
    "IfFileExists": _is_file,
}
_NEGATED: Final[dict[str, Test]] = {
    "notbool": _flag,
    "nottoggle": _toggle,
    "ifundef": _is_command,
    "ifcsundef": _is_command,
    "@ifundefined": _is_command,
    "notblank": _no_words,
}

BRANCHES: Final[dict[str, Primitive]] = {
    **dict.fromkeys(_GIVEN, _given),
    **{name: _branching(test) for name, test in _TESTS.items()},
    **{name: _branching(test, negated=True) for name, test in _NEGATED.items()},
    **dict.fromkeys(
        ("newboolean", "provideboolean", "newbool", "providebool", "newtoggle", "providetoggle"),
        _declare,
    ),
    **dict.fromkeys(("setboolean", "setbool", "settoggle"), _set),
    **dict.fromkeys(("booltrue", "boolfalse", "toggletrue", "togglefalse"), _set_true),
    **dict.fromkeys(("setcounter", "addtocounter"), _set_counter),
}
