"""`archwright runs`, `status` and `stop`: what runs there are, and how one of them stands."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from rich.table import Table
from rich.text import Text

from archwright.cli.options import HERE, AsJson, AsLines, Folder, RunName, chosen_run
from archwright.cli.output import emit, say
from archwright.cli.run.consoles import attend, show
from archwright.cli.run.live import render
from archwright.core import RunError
from archwright.runs.journal import Journal
from archwright.runs.results.observing import Observer, observe
from archwright.runs.results.snapshot import Snapshot
from archwright.runs.results.summary import discoveries, next_steps, report_document
from archwright.runs.results.wording import clean, duration_text, score_text
from archwright.runs.workspace.control import is_held, request_stop
from archwright.runs.workspace.finding import list_runs
from archwright.runs.workspace.paths import RunPaths
from archwright.runs.workspace.workspace import Workspace

POLL_SECONDS: Final = 0.25
REMINDER_SECONDS: Final = 5.0


def status(
    run: RunName = "latest",
    /,
    *,
    watch: bool = False,
    plain: AsLines = False,
    workspace: Folder = HERE,
    json: AsJson = False,
) -> None:
    """Print where a run stands. Exit code 0 whatever the run's state.

    Args:
        watch: Go on looking until the run ends.
    """
    with Journal.open(chosen_run(run, workspace)) as journal:
        if watch:
            _watch(journal, plain, keep=not json)
        snapshot = observe(journal)
    if json or not watch:
        document = report_document(snapshot, workspace)
        emit(json, document, lambda: show(render(snapshot, time.time())))


def _watch(journal: Journal, plain: bool, keep: bool) -> None:
    ended, observer = threading.Event(), Observer(journal)

    def take() -> Snapshot:
        snapshot = observer.observe()
        if snapshot.state != "running":
            ended.set()
        return snapshot

    attend(take, ended, plain, keep)


# --- stop ----------------------------------------------------------------------------------------


def stop(run: RunName = "latest", /, *, workspace: Folder = HERE, json: AsJson = False) -> None:
    """Ask the run to stop and wait until it has. A run that is not going on is left as it is."""
    paths = chosen_run(run, workspace)
    if is_held(paths):
        request_stop(paths)
        _wait(paths)
    with Journal.open(paths) as journal:
        snapshot = observe(journal)
    (words, command), *_ = next_steps(snapshot, workspace)
    document = {"run": snapshot.run, "state": snapshot.state, "next": command}
    emit(
        json, document, lambda: print(f"run {snapshot.run} is {snapshot.state}; {words}: {command}")
    )


def _wait(paths: RunPaths) -> None:
    started = spoken = time.monotonic()
    say(f"asked {paths.name} to stop; waiting for it to finish what is under way")
    while is_held(paths):
        time.sleep(POLL_SECONDS)
        if time.monotonic() - spoken >= REMINDER_SECONDS:
            spoken = time.monotonic()
            waited = duration_text(spoken - started)
            say(f"still waiting after {waited}; after Ctrl-C the run still stops by itself")


# --- runs ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Listed:
    """A run in the list; `snapshot` is None where its journal cannot be read, `error` says why."""

    name: str
    snapshot: Snapshot | None
    error: str = ""


def runs(*, workspace: Folder = HERE, json: AsJson = False) -> None:
    """List the runs, oldest first."""
    listed = [_look(paths) for paths in list_runs(Workspace.open(Path(workspace), writes=False))]
    emit(json, [_document(item) for item in listed], lambda: _print(listed))


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
