"""What a search weighs at once: quality, and what a model costs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from archwright.core.errors import InputError

QUALITY: Final = "quality"
COSTS: Final = ("parameters", "flops", "latency")
OBJECTIVES: Final = (QUALITY, *COSTS)


def read_objectives(names: Sequence[str]) -> tuple[str, ...]:
    """The objectives that `names` ask for: quality first, then costs, each once.

    Raises:
        InputError: a name that is not in `OBJECTIVES`.
    """
    for name in names:
        if name not in OBJECTIVES:
            raise InputError(f"no objective {name!r}: choose from {', '.join(OBJECTIVES)}")
    return (QUALITY, *(name for name in COSTS if name in names))
