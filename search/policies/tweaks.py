"""After so many tweaks of parameters in a row an idea has to change the structure.

As AutoSOTA does (2026), which found that its agents otherwise go on tuning numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from random import Random
from typing import Final

from archwright.search.policies.protocol import Choice

TWEAKS: Final = frozenset({"change_recipe", "tune_block", "widen"})
"""Operators that change numbers alone: the recipe, widths, the settings of a block."""


def force_structure(
    choice: Choice, recent: Sequence[str], operators: Mapping[str, int], most: int
) -> Choice:
    """The choice, or where it would be one tweak too many a structural one on the same parent.

    Args:
        choice: what a policy chose.
        recent: operators of the choices before it, in order.
        operators: all of the space, with the parents that each needs.
        most: tweaks that may follow each other.
    """
    last = recent[-most:]
    if choice.operator not in TWEAKS or len(last) < most or not TWEAKS.issuperset(last):
        return choice
    ideas = [name for name, needed in operators.items() if needed == 1 and name not in TWEAKS]
    if not ideas:
        return Choice("draft", (), choice.seed)
    idea = Random(choice.seed).choice(ideas)
    return replace(choice, operator=idea, parents=choice.parents[:1])
