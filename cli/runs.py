"""`archwright runs`: the runs of a workspace."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from archwright.cli.choosing import add_workspace_argument
from archwright.cli.consoles import show
from archwright.cli.output import emit, say
from archwright.core import RunError
from archwright.runs.journal import Journal
from archwright.runs.results.observing import observe
from archwright.runs.results.snapshot import Snapshot
from archwright.runs.results.summary import discoveries
from archwright.runs.results.wording import clean, duration_text, score_text
from archwright.runs.workspace.finding import list_runs
from archwright.runs.workspace.paths import RunPaths
from archwright.runs.workspace.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Listed:
    """A run in the list; `snapshot` is None where its journal cannot be read, `error` says why."""

    name: str
    snapshot: Snapshot | None
    error: str = ""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `archwright runs`."""
    add_workspace_argument(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def run(args: argparse.Namespace) -> int:
    """List the runs, oldest first."""
    listed = [_look(paths) for paths in list_runs(Workspace.open(Path(args.workspace)))]
    emit(args, [_document(item) for item in listed], lambda: _print(listed))
    return 0


def _look(paths: RunPaths) -> Listed:
    # One journal that cannot be read must not hide the others.
    try:
        with Journal.open(paths) as journal:
            return Listed(paths.name, observe(journal))
    except RunError as error:
        return Listed(paths.name, None, str(error))


def _document(item: Listed) -> dict[str, Any]:
    snapshot = item.snapshot
    if snapshot is None:
        return {"run": item.name, "state": "unreadable", "error": item.error}
    best = snapshot.best
    return {
        "run": item.name,
        "state": snapshot.state,
        "task": snapshot.task,
        "created": snapshot.created,
        "candidates": snapshot.funnel.proposed,
        "trials": snapshot.spend.trials,
        "best": {"candidate": best.id, "score": best.score} if best else None,
        "discoveries": len(discoveries(snapshot)),
        "seconds": snapshot.spend.seconds,
    }


def _print(listed: list[Listed]) -> None:
    if not listed:
        say("no runs here yet: start one with `archwright run TASK`")
        return
    table = Table(box=None, padding=(0, 1), header_style="dim")
    # A name is there to be typed again, so it is never cut.
    table.add_column("run", no_wrap=True, min_width=max(len(item.name) for item in listed))
    for name in ("state", "started"):
        table.add_column(name, no_wrap=True)
    for name in ("best", "found", "time"):
        table.add_column(name, no_wrap=True, justify="right")
    for item in listed:
        table.add_row(*map(Text, _cells(item)))
        if item.error:
            say(clean(item.error, 400))
    show(table)


def _cells(item: Listed) -> tuple[str, ...]:
    snapshot = item.snapshot
    if snapshot is None:
        return clean(item.name), "unreadable"
    best = snapshot.best
    return (
        clean(item.name),
        snapshot.state,
        f"{datetime.fromtimestamp(snapshot.created):%m-%d %H:%M}",
        "" if best is None or best.score is None else score_text(snapshot.metric, best.score),
        str(len(discoveries(snapshot))),
        duration_text(snapshot.spend.seconds),
    )
