"""Carries out a run in this process: signals, sandbox, backend, and the view beside it."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, Final

from archwright.agents.backends import Backend
from archwright.core import Stopped
from archwright.runs.backends import open_backend
from archwright.runs.conduct import Conductor
from archwright.runs.journal.journal import Journal
from archwright.runs.results.observing import observe
from archwright.runs.results.snapshot import Snapshot
from archwright.runs.results.wording import command_line
from archwright.runs.settings import RunSettings
from archwright.runs.workspace.paths import RunPaths
from archwright.runs.workspace.workspace import Workspace
from archwright.sandbox import Sandbox
from archwright.sandbox.opening import open_sandbox
from archwright.tasks.loading import Task

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
INTERRUPTED: Final = 130

View = Callable[[Callable[[], Snapshot], threading.Event], None]
"""`view(take, done)` shows a run until `done` is set; it runs in a thread of its own."""

Work = Callable[[Conductor], None]


def carry_out(
    workspace: Workspace,
    task: Task,
    paths: RunPaths,
    work: Work,
    view: View | None = None,
    backend: Backend | None = None,
    sandbox: Sandbox | None = None,
) -> Snapshot:
    """Do `work` on a run (`Conductor.conduct`, or a verification) and return how it stands.

    A signal ends the run cleanly; a second one ends the process at once, which loses no more than
    the trials in flight. Backend and sandbox are those of the run's settings, unless others are
    given.

    Raises:
        KeyboardInterrupt: a signal ended it.
        ArchwrightError: it could not go on.
    """
    stop = threading.Event()
    with Journal.open(paths, readonly=True) as journal:
        settings = RunSettings(**journal.fact("settings"))
        conductor = Conductor(
            workspace=workspace,
            task=task,
            paths=paths,
            sandbox=sandbox or open_sandbox(settings.sandbox, settings.workers, settings.docker),
            backend=backend or open_backend(settings, journal, workspace.paths, stop),
            stop=stop,
        )
        resume = _resume(workspace, paths)
        with _signals(stop, resume) as caught, _viewed(view, lambda: observe(journal)):
            try:
                work(conductor)
            except Stopped:
                if caught:
                    raise KeyboardInterrupt from None
        return observe(journal)


def _resume(workspace: Workspace, paths: RunPaths) -> str:
    """The command that goes on with a run."""
    root = workspace.paths.root
    here = "." if root.resolve() == Path.cwd() else str(root)
    return command_line(here, "resume", paths.name)


@contextmanager
def _signals(stop: threading.Event, resume: str) -> Iterator[list[int]]:
    """Signals set `stop`; gives the list of those that came. Only the main thread gets signals."""
    caught: list[int] = []

    def handle(number: int, frame: FrameType | None) -> None:
        del frame
        if caught:
            # The sandbox's processes die with this one, and the journal is whole at any moment.
            print(f"stopped; go on with: {resume}", file=sys.stderr, flush=True)
            os._exit(INTERRUPTED)
        caught.append(number)
        stop.set()
        print("stopping; once more to stop at once", file=sys.stderr, flush=True)

    if threading.current_thread() is not threading.main_thread():
        yield caught
        return
    before: dict[signal.Signals, Any] = {s: signal.signal(s, handle) for s in SIGNALS}
    try:
        yield caught
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _viewed(view: View | None, take: Callable[[], Snapshot]) -> Iterator[None]:
    if view is None:
        yield
        return
    done = threading.Event()
    thread = threading.Thread(target=view, args=(take, done), name="view", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
