"""What `run`, `resume` and `verify` share: the view, the end of it, and the exit code."""

from __future__ import annotations

import argparse
import threading
from collections.abc import Callable

from archwright.cli.consoles import attend, show
from archwright.cli.output import emit, say
from archwright.core import ArchwrightError, TaskError
from archwright.runs.journal import Journal
from archwright.runs.results.observing import observe
from archwright.runs.results.report import render_report
from archwright.runs.results.result import result_of
from archwright.runs.results.snapshot import Snapshot
from archwright.runs.results.wording import command_line
from archwright.runs.session import INTERRUPTED, Session, carry_out
from archwright.runs.workspace.control import is_held
from archwright.runs.workspace.paths import RunPaths
from archwright.runs.workspace.workspace import Workspace
from archwright.tasks.loading import Task


def add_view_arguments(parser: argparse.ArgumentParser) -> None:
    """Add `--plain` and `--json`."""
    parser.add_argument(
        "--plain", action="store_true", help="plain lines in place of the live view"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document at the end")


def work_on(
    args: argparse.Namespace,
    workspace: Workspace,
    task: Task,
    paths: RunPaths,
    work: Callable[[Session], None],
) -> int:
    """Do the work with the view beside it, and print the result; returns the exit code."""

    def view(take: Callable[[], Snapshot], done: threading.Event) -> None:
        attend(take, done, args.plain)

    interrupted = False
    try:
        snapshot = carry_out(workspace, task, paths, work, view)
    except KeyboardInterrupt:
        interrupted = True
        snapshot = _look(paths)
    except TaskError:
        raise  # A task that was fixed is another one, for another run.
    except ArchwrightError:
        say_resume(args, paths)
        raise
    emit(args, result_of(snapshot), lambda: show(render_report(snapshot, args.workspace)))
    if snapshot.state == "finished":
        _write_page(args, paths, snapshot)
    else:
        say_resume(args, paths)
    return INTERRUPTED if interrupted else 0


def _look(paths: RunPaths) -> Snapshot:
    with Journal.open(paths) as journal:
        return observe(journal)


def _write_page(args: argparse.Namespace, paths: RunPaths, snapshot: Snapshot) -> None:
    # Drawing takes a moment to load, and only a run's end needs it.
    from archwright.runs.results.page import write_page

    with Journal.open(paths) as journal:
        page = write_page(journal, snapshot, workspace=args.workspace)
    say(f"report: {page.resolve()}")


def say_resume(args: argparse.Namespace, paths: RunPaths) -> None:
    """Say how a run goes on, unless another process is at it."""
    if is_held(paths):
        return
    say(f"nothing is lost; go on with: {command_line(args.workspace, 'resume', paths.name)}")
