"""How candidates stand towards each other when a run has several objectives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import nan
from typing import Any, Final, Protocol

import numpy as np

from archwright.runs.results.snapshot import CandidateRow, Snapshot
from archwright.search.objectives import QUALITY, front_numbers, is_on_front, standing
from archwright.search.policies import Result


class Costly(Protocol):
    """What has costs: a candidate on its way, in the ledger or in a snapshot, or the baseline."""

    @property
    def parameters(self) -> int: ...
    @property
    def flops(self) -> int: ...
    @property
    def latency_ms(self) -> float | None: ...


@dataclass(frozen=True, slots=True)
class Costs:
    """What a candidate costs; None where it is not known, which counts as the worst."""

    parameters: float | None = None
    flops: float | None = None
    latency: float | None = None


UNKNOWN: Final = Costs()


def point_of(gain: float, costs: Costs, objectives: Sequence[str]) -> tuple[float, ...]:
    """A candidate in the space of `objectives`, larger is better everywhere."""
    values = {QUALITY: gain}
    for name in objectives[1:]:
        cost = getattr(costs, name)
        values[name] = nan if cost is None else -float(cost)
    return tuple(values[name] for name in objectives)


def rank_pool(
    pool: Sequence[Result], costs: Mapping[str, Costs], objectives: Sequence[str]
) -> tuple[Result, ...]:
    """The pool with each gain replaced by its standing among those of the same rung.

    With quality alone it stays as it is.
    """
    if len(objectives) == 1:
        return tuple(pool)
    stands: dict[str, float] = {}
    measured = [(s, s.gain) for s in pool if s.gain is not None]
    for rung in {s.rung for s, _ in measured}:
        here = [(s, gain) for s, gain in measured if s.rung == rung]
        points = [point_of(gain, costs.get(s.id, UNKNOWN), objectives) for s, gain in here]
        places = standing(np.array(points)).tolist()
        stands |= dict(zip((s.id for s, _ in here), places, strict=True))
    return tuple(replace(s, gain=stands.get(s.id)) for s in pool)


def is_undominated(
    gain: float,
    costs: Costs,
    rivals: Sequence[tuple[float, Costs]],
    objectives: Sequence[str],
) -> bool:
    """Whether no rival is at least as good in every objective and better in one."""
    points = [point_of(g, c, objectives) for g, c in rivals]
    return is_on_front(point_of(gain, costs, objectives), np.array(points))


def front_of(snapshot: Snapshot, objectives: Sequence[str]) -> list[CandidateRow]:
    """The candidates of the top rung that no other one dominates, best quality first.

    The control arm counts, for its draws are candidates like any other. So does the baseline, as a
    rival: what it dominates is not on the front.
    """
    rows = snapshot.at_top
    if not rows:
        return []
    sign = 1.0 if snapshot.metric.direction == "maximize" else -1.0
    points = [point_of(sign * (r.score or 0.0), costs_of(r), objectives) for r in rows]
    base = snapshot.baseline
    rivals = [] if base is None else [point_of(sign * base.mean, costs_of(base), objectives)]
    numbers = front_numbers(np.array([*points, *rivals]))
    front = [row for row, number in zip(rows, numbers, strict=False) if number == 0]
    return sorted(front, key=lambda r: (-sign * (r.score or 0.0), r.parameters, r.id))


def objectives_of(snapshot: Snapshot) -> tuple[str, ...]:
    """What the run searched for; a run for quality alone is shown against its size and work."""
    chosen = tuple(snapshot.settings.get("objectives", ()))
    return chosen if len(chosen) > 1 else (QUALITY, "parameters", "flops")


def costs_of(what: Costly) -> Costs:
    """What a candidate or the baseline costs; counts of nothing are not known."""
    return Costs(what.parameters or None, what.flops or None, what.latency_ms)


def front_document(snapshot: Snapshot, objectives: Sequence[str] = ()) -> list[dict[str, Any]]:
    """The front as plain data, best quality first; costs that were not measured are None.

    Args:
        snapshot: the run at one moment.
        objectives: those of `objectives_of` where none are given.
    """
    return [
        {
            "candidate": row.id,
            "title": row.title,
            "score": row.score,
            "parameters": row.parameters,
            "flops": row.flops,
            "latency_ms": row.latency_ms,
            "measured_ms": row.measured_ms,
            "int8": row.int8,
        }
        for row in front_of(snapshot, objectives or objectives_of(snapshot))
    ]
