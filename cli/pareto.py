"""`archwright pareto`: a run's candidates that nothing beats in all objectives at once."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from archwright.cli.choosing import add_run_arguments, chosen_run
from archwright.cli.consoles import show
from archwright.cli.output import emit
from archwright.runs.journal import Journal
from archwright.runs.results.observing import observe
from archwright.runs.results.report import front_table
from archwright.runs.results.snapshot import Snapshot
from archwright.runs.results.tradeoffs import (
    front_document,
    front_of,
    objectives_of,
    predict_latencies,
)
from archwright.runs.workspace.device import device_of
from archwright.runs.workspace.workspace import Workspace
from archwright.search.objectives import read_objectives


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `archwright pareto`."""
    add_run_arguments(parser)
    parser.add_argument(
        "--objective",
        metavar="LIST",
        help="quality and any of parameters, flops, latency (default: those of the run)",
    )


def run(args: argparse.Namespace) -> int:
    """Print the Pareto front of a run in any state."""
    asked = read_objectives(args.objective.split(",")) if args.objective else None
    with Journal.open(chosen_run(args)) as journal:
        snapshot = observe(journal)
        objectives = asked or objectives_of(snapshot)
        if "latency" in objectives:
            device = device_of(Workspace.open(Path(args.workspace)).paths)
            snapshot = predict_latencies(journal, snapshot, device)
    emit(args, _document(snapshot, objectives), lambda: _print(snapshot, objectives))
    return 0


def _document(snapshot: Snapshot, objectives: tuple[str, ...]) -> dict[str, Any]:
    base = snapshot.baseline
    keys = ("mean", "parameters", "flops", "latency_ms", "measured_ms", "int8")
    return {
        "run": snapshot.run,
        "task": snapshot.task,
        "objectives": list(objectives),
        "baseline": None if base is None else {key: getattr(base, key) for key in keys},
        "front": front_document(snapshot, objectives),
    }


def _print(snapshot: Snapshot, objectives: tuple[str, ...]) -> None:
    front = front_of(snapshot, objectives)
    if not front:
        print(f"{snapshot.run} has no candidate at the top rung that the baseline does not beat")
        return
    show(front_table(snapshot, front))
