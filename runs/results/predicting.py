"""Latency of candidates after the fact, from the graphs that the journal holds."""

from __future__ import annotations

import json
from dataclasses import replace

from archwright.runs.journal.journal import Journal
from archwright.runs.results.snapshot import CandidateRow, Snapshot
from archwright.search.predict.latency import Device, latency_ms


def predict_latencies(journal: Journal, snapshot: Snapshot, device: Device) -> Snapshot:
    """The snapshot with the latency of every scored candidate that had none predicted.

    The baseline's graph is not kept: without a prediction from the run itself it has none.
    """

    def predicted(row: CandidateRow) -> CandidateRow:
        if row.latency_ms is not None or row.score is None:
            return row
        steps = journal.query("SELECT result FROM steps WHERE kind = 'check' AND key = ?", row.id)
        graph = json.loads(steps[0]["result"])["graph"] if steps else ""
        return replace(row, latency_ms=latency_ms(graph, device) if graph else None)

    return replace(snapshot, candidates=tuple(map(predicted, snapshot.candidates)))
