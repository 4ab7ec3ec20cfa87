"""One process's time with a run: it holds the run, keeps the time and listens for a stop."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

from archwright.core import ArchwrightError, RunError, Stopped, TaskError
from archwright.runs.journal.journal import Journal
from archwright.runs.workspace.control import hold, stop_requested
from archwright.runs.workspace.paths import RunPaths
from archwright.sandbox import Sandbox
from archwright.tasks.loading import Task

BEAT_SECONDS: Final = 0.5


@contextmanager
def sit(paths: RunPaths, task: Task, sandbox: Sandbox, stop: threading.Event) -> Iterator[Journal]:
    """Hold the run with its sandbox started; however it ends, the journal says so.

    Raises:
        RunError: another process holds it.
        TaskError: the task has changed since it began.
    """
    with hold(paths), Journal.open(paths) as journal:
        if task.digest() != journal.fact("task_digest"):
            raise TaskError(
                f"task {task.spec.name} has changed since {paths.name} began: "
                "its results would not compare; start a new run with `archwright run`"
            )
        journal.begin_session(os.getpid())
        journal.note("state", "running")
        journal.note("error", "")
        journal.note("starting", sandbox.name)
        if sandbox.choice:
            journal.notice(sandbox.choice)
        try:
            with sandbox, _watched(journal, sandbox, stop):
                for limitation in sandbox.limitations():  # waits until the sandbox is warm
                    journal.notice(
                        f"{sandbox.name} sandbox: {limitation.name}: {limitation.detail}"
                    )
                journal.note("starting", "")
                yield journal
        except Stopped:
            journal.note("state", "stopped")
            raise
        except ArchwrightError as error:
            journal.note("state", "failed")
            journal.note("error", str(error))
            raise
        journal.note("state", "finished")


@contextmanager
def _watched(journal: Journal, sandbox: Sandbox, stop: threading.Event) -> Iterator[None]:
    """A heartbeat; it also carries a stop, from here or another process, to the sandbox."""
    done = threading.Event()

    def watch() -> None:
        while not done.wait(BEAT_SECONDS):
            # Where the journal cannot be written, whoever does the work says so.
            with suppress(RunError):
                journal.beat()
            if stop.is_set() or stop_requested(journal.paths):
                stop.set()
                sandbox.stop()
                return

    watcher = threading.Thread(target=watch, name="heartbeat", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()
        journal.beat()
