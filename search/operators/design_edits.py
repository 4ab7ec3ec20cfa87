"""Operators on mixers that were made of a design: another choice for a part, or parts of two."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from random import Random
from typing import Any, Final

from archwright.core import Problem
from archwright.search.grammar.variation import find_recipe, put_recipe, write_recipe
from archwright.search.mixers.design import CHOICES, Design
from archwright.search.mixers.drawing import (
    SETTINGS,
    change_part,
    cross,
    difference,
    read_design,
    reasons,
    write_design,
)
from archwright.search.operators.parents import Edit
from archwright.source.code import code_of

KINDS: Final = tuple(n for n in CHOICES if n not in {*SETTINGS, "chunk"})
"""Parts that decide what is computed."""
CROSSINGS: Final = 8
"""Children of two designs that are drawn for one that is neither."""


def edit_design(
    operator: str, parents: Sequence[str], problem: Problem, rng: Random
) -> Edit | None:
    """What an operator makes of mixers that were made of a design: another choice for a part where
    it swaps, another size where it tunes, parts of both where it recombines. None where it does
    something else, or a parent is no design.

    Raises:
        SourceError: a parent is not Python.
    """
    if not problem.any_length:
        return None
    match operator:
        case "swap_block":
            return _changed(parents[0], KINDS, rng)
        case "tune_block":
            return _changed(parents[0], SETTINGS, rng)
        case "recombine":
            return _crossed(parents[0], parents[1], rng)
    return None


def _crossed(first: str, second: str, rng: Random) -> Edit | None:
    (one, recipe), (other, _) = _read(first), _read(second)
    if one is None or other is None:
        return None
    children = (cross(one, other, rng) for _ in range(CROSSINGS))
    child = next((made for made in children if made not in {one, other}), None)
    if child is None:
        return None
    why = "Each parent's parts did well together; some may do better with the other's."
    return Edit(_write(child, recipe), f"recombine parts: {difference(one, child)}", why)


def _changed(source: str, names: Iterable[str], rng: Random) -> Edit | None:
    design, recipe = _read(source)
    child = change_part(design, names, rng) if design else None
    if design is None or child is None:
        return None
    title = f"change parts: {difference(design, child)}"
    return Edit(_write(child, recipe), title, reasons(child))


def _read(source: str) -> tuple[Design | None, Mapping[str, Any]]:
    """The design that a source was made of, and the recipe that it brings."""
    code = code_of(source)
    found = find_recipe(code)
    return read_design(put_recipe(code, {}) if found else source), found[1] if found else {}


def _write(design: Design, recipe: Mapping[str, Any]) -> str:
    return write_design(design, write_recipe(recipe) if recipe else "")
