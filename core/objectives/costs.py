"""What a search weighs at once: quality, and what a model costs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from archwright.core.errors import InputError

QUALITY: Final = "quality"
COSTS: Final = ("parameters", "flops", "latency", "int8")
OBJECTIVES: Final = (QUALITY, *COSTS)


def read_objectives(names: Sequence[str]) -> tuple[str, ...]:
    """The objectives that `names` ask for: quality first, then costs, each once.

    Raises:
        InputError: a name that is not in `OBJECTIVES`.
    """
    return (QUALITY, *(name for name in known_objectives(names) if name != QUALITY))


def known_objectives(names: Sequence[str]) -> tuple[str, ...]:
    """As `read_objectives`, but with quality only where it is named, or nothing is."""
    for name in names:
        if name not in OBJECTIVES:
            raise InputError(f"no objective {name!r}: choose from {', '.join(OBJECTIVES)}")
    return tuple(name for name in OBJECTIVES if name in names) or (QUALITY,)
