"""Designs drawn, changed in one part, crossed, and read back from the sources made of them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from random import Random
from typing import Any, Final

from archwright.search.mixers.compose import compose
from archwright.search.mixers.design import CHOICES, KEY_CHUNK, Design
from archwright.source.code import alike, code_of

SETTINGS: Final = ("short", "heads", "keys", "values", "rank")
"""Parts that are sizes; the others decide what is computed."""

WEIGHTS: Final[Mapping[str, tuple[int, ...]]] = {
    "rule": (4, 5, 2),
    "decay": (2, 1, 4, 3, 1),
    "features": (2, 3, 1, 4),
    "rotary": (4, 1),
    "read": (1, 2, 6),
    "gate": (2, 4, 1, 2),
    "short": (2, 1, 4, 1),
    "heads": (1, 4, 3),
    "keys": (1, 5, 1),
    "values": (1, 5, 1),
    "layers": (8, 1, 1),
}
"""How often each choice of a part is drawn, in the order of `CHOICES`."""

_RULES: Final = {
    "add": "values are added to a memory",
    "correct": "a memory is corrected by the delta rule",
    "erase": "a memory is erased and written by gates of their own",
}
_DECAYS: Final = {
    "none": "",
    "fixed": "a fixed decay by head",
    "head": "a decay by head that the input sets",
    "key": "a decay by key that the input sets",
    "slow": "a slow decay by key that the input sets",
}
_READS: Final = {
    "plain": "",
    "share": "read as a share of all weights",
    "norm": "normalised by head",
}
_LAYERS: Final = {
    "alike": "",
    "softmax": "softmax attention in odd layers",
    "window": "window attention in odd layers",
}
_REASONS: Final = {
    "add": "A sum is the cheapest memory and keeps all that fits into it.",
    "correct": "What a key holds already is taken off, so that pairs do not pile up.",
    "erase": "What is forgotten and what is learned need not be as strong as each other.",
    "decay": "A memory of fixed size has to forget, and the input knows when.",
    "layers": "Attention finds what a memory of fixed size has lost.",
}


def settled(design: Design) -> Design:
    """The design with what does not fit its rule and its reading changed to what does."""
    if design.rule != "add":
        read = "norm" if design.read == "share" else design.read
        design = replace(design, features="unit", read=read)
    elif design.read == "share" and design.features not in {"elu", "relu"}:
        design = replace(design, features="elu")
    return replace(design, chunk=KEY_CHUNK if design.by_key else 64)


def draw_design(rng: Random) -> Design:
    """A design whose parts fit together; the same state of `rng` gives the same one."""
    drawn: dict[str, Any] = {
        name: rng.choices(CHOICES[name], weights)[0] for name, weights in WEIGHTS.items()
    }
    return settled(Design(**drawn))


def change_part(design: Design, names: Iterable[str], rng: Random) -> Design | None:
    """The design with another choice for one of these parts; None where nothing else fits."""
    options = [
        made
        for name in names
        for value in CHOICES[name]
        if (made := settled(replace(design, **{name: value}))) != settled(design)
        and getattr(made, name) == value
    ]
    return rng.choice(options) if options else None


def cross(first: Design, second: Design, rng: Random) -> Design:
    """A design with each part of one of two."""
    mixed = {f.name: getattr(rng.choice((first, second)), f.name) for f in fields(Design)}
    return settled(Design(**mixed))


def difference(old: Design, new: Design) -> str:
    """What differs between two designs, in words."""
    pairs = [(f.name, getattr(old, f.name), getattr(new, f.name)) for f in fields(Design)]
    return ", ".join(f"{name} {a} -> {b}" for name, a, b in pairs if a != b and name != "chunk")


def describe(design: Design) -> str:
    """A design in a few words."""
    words = [
        _RULES[design.rule],
        _DECAYS[design.decay],
        "rotary positions" if design.rotary else "",
        _READS[design.read],
        _LAYERS[design.layers],
    ]
    return ", ".join(word for word in words if word)


def reasons(design: Design) -> str:
    """Why a design may work."""
    said = [_REASONS[design.rule]]
    said += [_REASONS["decay"]] if design.decay not in {"none", "fixed"} else []
    said += [_REASONS["layers"]] if design.layers != "alike" else []
    return " ".join(said)


def write_design(design: Design, recipe: str = "") -> str:
    """The source of a design, described in its docstring, with a line that states a recipe."""
    return compose(design, f"A sequence mixer: {describe(design)}.", reasons(design), recipe)


# --- reading back ---------------------------------------------------------------------------------

_LINE: Final = re.compile(r"^Parts: ([^.]+)\.$", re.MULTILINE)


def read_design(source: str) -> Design | None:
    """The design that a source was made of; None where it says none, or was edited since.

    Raises:
        SourceError: the source is not Python.
    """
    tree = code_of(source).tree
    found = _LINE.search(ast.get_docstring(tree) or "")
    if found is None:
        return None
    words = dict(part.split(maxsplit=1) for part in found[1].split(";"))
    choices = {f.name: CHOICES[f.name] for f in fields(Design)}
    values = {
        name: next((v for v in choices[name] if str(v) == words.get(name)), None)
        for name in choices
    }
    if None in values.values():
        return None
    design = Design(**values)
    if design.flaw() or not alike(code_of(compose(design)).tree.body[1:], tree.body[1:]):
        return None
    return design
