"""Policies: what to try next, asked and told. A policy never evaluates."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from archwright.core import InputError
from archwright.search.policies.elites import Elites
from archwright.search.policies.evolution import Evolution
from archwright.search.policies.guided import Guided
from archwright.search.policies.islands import Islands
from archwright.search.policies.protocol import (
    Choice,
    Policy,
    Preview,
    Space,
)
from archwright.search.policies.simple import Drafts, Greedy
from archwright.search.policies.tree import Tree

__all__ = [
    "DEFAULT",
    "POLICIES",
    "Choice",
    "Policy",
    "Preview",
    "Space",
    "open_policy",
]

POLICIES: Final[Mapping[str, Callable[[Space, int], Policy]]] = {
    policy.name: policy for policy in (Drafts, Greedy, Evolution, Elites, Tree, Guided)
}
DEFAULT: Final = Guided.name


def open_policy(name: str, space: Space, seed: int, islands: int = 1) -> Policy:
    """A policy by its name, on several islands if so asked.

    Raises:
        InputError: there is no such policy.
    """
    if name not in POLICIES:
        raise InputError(f"there is no policy {name!r}; there are {', '.join(POLICIES)}")
    if islands > 1:
        return Islands(POLICIES[name], space, seed, islands)
    return POLICIES[name](space, seed)
