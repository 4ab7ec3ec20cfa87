"""What of all that was tried is most like a candidate."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from archwright.core import Array, Candidate, SourceError
from archwright.runs.context import RunContext
from archwright.search.source_space import outline
from archwright.source.fingerprint import without_constants


def nearest(candidate: Candidate, tried: Sequence[Candidate], context: RunContext) -> str:
    """The one that is most like a candidate, in words; empty where there is none. One that differs
    in constants alone is named as such, else the nearest by the outlines of their sources."""
    others = [c for c in tried if c.number not in (0, candidate.number) and c.source]
    shape = without_constants(candidate.source)
    for other in others:
        if shape and without_constants(other.source) == shape:
            return f"{other.id} ({other.title}) differs from it in constants alone"
    own = _outline(candidate, context)
    if own is None:
        return ""
    placed = [(found, other) for other in others if (found := _outline(other, context)) is not None]
    if not placed:
        return ""
    _, other = min(placed, key=lambda pair: float(np.abs(pair[0] - own).sum()))
    return f"{other.id} ({other.title}) is most like it"


def _outline(candidate: Candidate, context: RunContext) -> Array | None:
    try:
        return outline(candidate.source, context.spec.problem, context.spec.recipe)
    except SourceError:
        return None
