"""What a person keeps a search away from, and what they keep it to.

Each is a family, an operator, or words. Of a hybrid all families count. Words are looked for in the
title, and among the names that the source calls: `batch norm` finds `nn.BatchNorm2d(…)`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Sequence
from typing import Literal

from archwright.core import CONTROL, SourceError
from archwright.search.operators import OPERATORS
from archwright.source.code import callee, code_of
from archwright.source.fingerprint import FAMILIES, family, mixing

BanKind = Literal["family", "operator", "words"]


def kind_of(words: str) -> BanKind:
    """How a ban or a pin is read."""
    if _folded(words) in FAMILIES:
        return "family"
    return "operator" if _operator(words) in OPERATORS else "words"


def first_met(source: str, title: str, operator: str, words: Sequence[str]) -> str | None:
    """The first of the bans, or of the pins, that a proposal meets; the control arm meets none."""
    if operator == CONTROL:
        return None
    fits: dict[BanKind, Callable[[str], bool]] = {
        "family": lambda each: _folded(each) in _families(source),
        "operator": lambda each: _operator(each) == operator,
        "words": lambda each: _says(title, each) or _name(each) in _called(source),
    }
    return next((each for each in words if each.strip() and fits[kind_of(each)](each)), None)


def _families(source: str) -> set[str]:
    try:
        return {family(source), *mixing(source)}
    except SourceError:
        return set()


def _called(source: str) -> set[str]:
    """The names of all that a source calls, as `_name` has them; its parts have names of its own
    choice, so what is called on `self` is left out."""
    try:
        found = code_of(source).calls
    except SourceError:
        return set()
    return {_name(callee(call)) for call in found if not _is_own(call.func)} - {""}


def _is_own(called: ast.expr) -> bool:
    return isinstance(called, ast.Attribute) and getattr(called.value, "id", "") == "self"


def _says(title: str, words: str) -> bool:
    """Whether a title holds words as whole ones."""
    return bool(re.search(rf"(?<!\w){re.escape(_folded(words))}(?!\w)", _folded(title)))


def _folded(text: str) -> str:
    return " ".join(text.split()).casefold()


def _operator(words: str) -> str:
    return re.sub(r"[\s-]+", "_", words.strip()).casefold()


def _name(text: str) -> str:
    """A name without its case, its separators and the dimensions behind it."""
    return re.sub(r"(?<=\w)[123]d$", "", re.sub(r"[\W_]+", "", text).casefold())
