"""Conditions: the branch that holds, of TeX's up to `\\fi` and of those that stand in braces, in
LaTeX and the packages ifthen, etoolbox and xstring."""

from __future__ import annotations

import re
from collections.abc import Callable
from operator import eq, gt, lt
from typing import Final

from archwright.knowledge.papers.latex.commands import CONDITIONS
from archwright.knowledge.papers.latex.definitions import (
    NOTHING,
    YES,
    Holds,
    Macro,
    are_numbers,
    filled,
    integer,
    is_known,
    length,
    read_name,
    relation,
    words_of,
)
from archwright.knowledge.papers.latex.expanding import Expander, Primitive, Reel
from archwright.knowledge.papers.latex.scanning import Scanner

_CONDITION = re.compile(r"\\(if[A-Za-z@]*|else|or|fi)(?![A-Za-z@])")
_NEXT_CONDITION = re.compile(r"\s*\\(if[A-Za-z@]*)")
_ASSIGNED = re.compile(r"\s*=?\s*([-+]?\d+)(?!\.)\s?")

Test = Callable[[Expander], bool]
_TOGGLE: Final = "toggle "
_OPERATOR = re.compile(
    r"\s*(?:\\(?P<word>[A-Za-z]+|[()])|(?P<number>[-+]?\d+)|(?P<sign>[<=>])|"
    r"(?P<plain>not|and|or|bool|togl)\b|(?P<bracket>[()]))\s*"
)


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


_OF_TEX: Final[dict[str, Primitive]] = {
    "newif": _new_if,
    **dict.fromkeys(("newcount", "chardef", "mathchardef"), _new_count),
    **dict.fromkeys(CONDITIONS, _choose),
    "unless": _unless,
    **dict.fromkeys(("fi", "else"), _nothing),
}


# --- with their branches in braces ----------------------------------------------------------------


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
    return expander.find_file(words_of(expander)) is not None


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
_IN_BRACES: Final[dict[str, Test]] = {
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

CHOICES: Final[dict[str, Primitive]] = {
    **_OF_TEX,
    **dict.fromkeys(_GIVEN, _given),
    **{name: _branching(test) for name, test in _IN_BRACES.items()},
    **{name: _branching(test, negated=True) for name, test in _NEGATED.items()},
    **dict.fromkeys(
        ("newboolean", "provideboolean", "newbool", "providebool", "newtoggle", "providetoggle"),
        _declare,
    ),
    **dict.fromkeys(("setboolean", "setbool", "settoggle"), _set),
    **dict.fromkeys(("booltrue", "boolfalse", "toggletrue", "togglefalse"), _set_true),
    **dict.fromkeys(("setcounter", "addtocounter"), _set_counter),
}
