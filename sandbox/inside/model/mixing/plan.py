"""Which checks a mixer passes that is to run at any length."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ..examination import Examination
from .claims import check_complexity
from .isolation import check_causality, check_lengths, check_neighbours
from .precision import check_precision
from .stepping import check_steps


def plan_mixing() -> Iterator[tuple[str, Callable[[Examination], str]]]:
    """The checks by name."""
    yield "causality", check_causality
    yield "neighbours", check_neighbours
    yield "lengths", check_lengths
    yield "complexity", check_complexity
    yield "steps", check_steps
    yield "precision", check_precision
