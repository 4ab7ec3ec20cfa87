"""Several objectives at once: non-dominated sorting, crowding, and a single order made of both."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import replace
from math import nan

import numpy as np

from archwright.core import Array, Candidate, Costly, cost_of


def front_numbers(points: Array) -> Array:
    """Which front each point is on: 0 is not dominated by any, 1 only by those of front 0, and so
    on. A point dominates another that it is nowhere worse than and somewhere better.

    Efficient non-dominated sort with binary search (Zhang et al. 2015, "An Efficient Approach to
    Nondominated Sorting for Evolutionary Multiobjective Optimization").

    Args:
        points: float `(n, objectives)`, larger is better everywhere; NaN counts as the worst.

    Returns:
        int64 `(n,)`.
    """
    values = np.where(np.isnan(points), -np.inf, points).astype(np.float64)
    if values.shape[1:] == (2,):
        return _sweep(values)
    numbers = np.zeros(len(values), dtype=np.int64)
    fronts: list[list[Array]] = []
    # In falling lexical order nothing is dominated by what comes after it.
    for index in np.lexsort(-values.T[::-1]):
        low, high = 0, len(fronts)
        while low < high:
            middle = (low + high) // 2
            if _is_dominated(values[index], fronts[middle]):
                low = middle + 1
            else:
                high = middle
        if low == len(fronts):
            fronts.append([])
        fronts[low].append(values[index])
        numbers[index] = low
    return numbers


def _sweep(values: Array) -> Array:
    """`front_numbers` of two objectives. In falling lexical order the last point of a front is the
    best of it in the second objective, and the fronts' last points fall: one search among them."""
    numbers = np.zeros(len(values), dtype=np.int64)
    lasts: list[float] = []  # negated, so that they rise
    before: tuple[list[float], int] = ([], 0)
    for index in np.lexsort(-values.T[::-1]).tolist():
        point = values[index].tolist()
        number = before[1] if point == before[0] else bisect_right(lasts, -point[1])
        if number == len(lasts):
            lasts.append(-point[1])
        lasts[number] = -point[1]
        before = point, number
        numbers[index] = number
    return numbers


def _is_dominated(point: Array, front: list[Array]) -> bool:
    others = np.asarray(front)
    return bool(((others >= point).all(axis=1) & (others > point).any(axis=1)).any())


def is_on_front(point: Sequence[float], others: Array) -> bool:
    """Whether none of `others` (`(n, objectives)`, larger is better) dominates `point`."""
    return not len(others) or not _is_dominated(np.asarray(point, dtype=np.float64), list(others))


def crowding(points: Array) -> Array:
    """How much room each point of one front has: the sum over objectives of the distance between
    its neighbours, as a share of the front's extent; infinite at the ends.

    Source: Deb et al. 2002, "A Fast and Elitist Multiobjective Genetic Algorithm: NSGA-II".

    Args:
        points: finite float `(n, objectives)`.

    Returns:
        float64 `(n,)`.
    """
    room = np.zeros(len(points))
    for column in points.T.astype(np.float64):
        order = np.argsort(column, kind="stable")
        extent = column[order[-1]] - column[order[0]]
        room[order[[0, -1]]] = np.inf
        if len(order) > 2 and extent > 0:
            room[order[1:-1]] += (column[order[2:]] - column[order[:-2]]) / extent
    return room


def standing(points: Array) -> Array:
    """One number for each point that orders them as NSGA-II does: by front, then by room.

    Args:
        points: float `(n, objectives)`, larger is better everywhere.

    Returns:
        float64 `(n,)`, larger is better: minus the number of the front, plus less than one.
    """
    numbers = front_numbers(points)
    result = -numbers.astype(np.float64)
    finite = np.nan_to_num(points, nan=0.0, posinf=0.0, neginf=0.0)
    for number in range(int(numbers.max(initial=-1)) + 1):
        here = np.flatnonzero(numbers == number)
        place = np.argsort(np.argsort(crowding(finite[here]), kind="stable"), kind="stable")
        result[here] += place / len(here)
    return result


# --- candidates as points --------------------------------------------------------------------


def point_of(gain: float | None, what: Costly, objectives: Sequence[str]) -> tuple[float, ...]:
    """A candidate in the space of `objectives`, larger is better everywhere; NaN is unknown."""
    known = (cost_of(what, name) for name in objectives[1:])
    return (nan if gain is None else gain, *(nan if c is None else -float(c) for c in known))


def rank_by_objectives(
    candidates: Sequence[Candidate], objectives: Sequence[str]
) -> tuple[Candidate, ...]:
    """The candidates with each gain replaced by its standing among those of the same rung.

    With quality alone they stay as they are.
    """
    if len(objectives) == 1:
        return tuple(candidates)
    stands: dict[str, float] = {}
    measured = [c for c in candidates if c.gain is not None]
    for rung in {c.rung for c in measured}:
        here = [c for c in measured if c.rung == rung]
        points = [point_of(c.gain, c, objectives) for c in here]
        places = standing(np.array(points)).tolist()
        stands |= dict(zip((c.id for c in here), places, strict=True))
    return tuple(with_gain(c, stands.get(c.id)) for c in candidates)


def with_gain(candidate: Candidate, gain: float | None) -> Candidate:
    """A candidate that has another gain at its highest rung, and nothing below."""
    if candidate.measured is None or candidate.rung is None:
        return candidate
    return replace(candidate, rungs={candidate.rung: replace(candidate.measured, gain=gain)})
