"""How a run's candidates compare when it has several objectives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from archwright.core import QUALITY, Candidate
from archwright.runs.journal import Journal
from archwright.runs.results.snapshot import Snapshot
from archwright.search.objectives import front_numbers, point_of
from archwright.search.predict.latency import Device, latency_ms


def front_of(snapshot: Snapshot, objectives: Sequence[str]) -> list[Candidate]:
    """The candidates of the top rung that no other one dominates, best quality first.

    The control arm counts, for its draws are candidates like any other. So does the baseline, as a
    rival: what it dominates is not on the front.
    """
    rows = snapshot.at_top
    if not rows:
        return []
    sign = 1.0 if snapshot.metric.direction == "maximize" else -1.0
    points = [point_of(sign * (r.score or 0.0), r, objectives) for r in rows]
    base = snapshot.baseline
    rivals = [] if base is None else [point_of(sign * base.mean, base, objectives)]
    numbers = front_numbers(np.array([*points, *rivals]))
    front = [row for row, number in zip(rows, numbers, strict=False) if number == 0]
    return sorted(front, key=lambda r: (-sign * (r.score or 0.0), r.parameters, r.id))


def objectives_of(snapshot: Snapshot) -> tuple[str, ...]:
    """What the run searched for; a run for quality alone is shown against its size and work, one
    for a cost against that."""
    if snapshot.aim is not None:
        return QUALITY, snapshot.aim.aim.objective
    chosen = tuple(snapshot.settings.get("objectives", ()))
    return chosen if len(chosen) > 1 else (QUALITY, "parameters", "flops")


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
            "int8_bytes": row.int8_bytes or None,
        }
        for row in front_of(snapshot, objectives or objectives_of(snapshot))
    ]


def predict_latencies(journal: Journal, snapshot: Snapshot, device: Device) -> Snapshot:
    """The snapshot with the latency of every scored candidate that had none predicted, from the
    graphs that the journal holds.

    The baseline's graph is not kept: without a prediction from the run itself it has none.
    """

    def predicted(candidate: Candidate) -> Candidate:
        if candidate.latency_ms is not None or candidate.score is None:
            return candidate
        check = journal.step("check", candidate.id)
        graph = check.result["graph"] if check else ""
        return replace(candidate, latency_ms=latency_ms(graph, device) if graph else None)

    return replace(snapshot, candidates=tuple(map(predicted, snapshot.candidates)))
