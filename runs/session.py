"""One process's time with a run: it holds the run, keeps the time, and ends cleanly on a signal."""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, Final

from archwright.agents.backends import Backend
from archwright.core import ArchwrightError, RunError, Stopped
from archwright.core.heartbeat import beating
from archwright.core.settings import RunSettings
from archwright.runs.backends import open_run_backend
from archwright.runs.journal import Journal
from archwright.runs.results.observing import Observer
from archwright.runs.results.snapshot import Snapshot
from archwright.runs.results.wording import command_line
from archwright.runs.starting import check_unchanged
from archwright.runs.workspace.control import hold, stop_requested
from archwright.runs.workspace.paths import RunPaths
from archwright.runs.workspace.workspace import Workspace
from archwright.sandbox import Sandbox
from archwright.sandbox.executors.opening import open_executor
from archwright.tasks.loading import Task

BEAT_SECONDS: Final = 0.5
SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
INTERRUPTED: Final = 130
COLLECT_AFTER: Final = 50_000
"""Objects made and not freed; a syntax tree has some thousands, and Python looks after 700."""

View = Callable[[Callable[[], Snapshot], threading.Event], None]
"""`view(take, done)` shows a run until `done` is set; it runs in a thread of its own."""


@dataclass(slots=True)
class Session:
    """A run with all that is needed to go on with it.

    Args:
        stop: set it to end the run cleanly; set by a stop request from another process, too.
    """

    workspace: Workspace
    task: Task
    paths: RunPaths
    settings: RunSettings
    sandbox: Sandbox
    backend: Backend
    stop: threading.Event

    @contextmanager
    def open(self, **facts: Any) -> Iterator[Journal]:
        """Hold the run with its sandbox started; however it ends, the journal says so.

        Args:
            facts: noted first, so that a run that is cut short from now on goes on with them.

        Raises:
            RunError: another process holds it.
            TaskError: the task has changed since it began.
        """
        with hold(self.paths), Journal.open(self.paths) as journal:
            check_unchanged(self.task, self.paths, journal.facts)
            journal.begin_session(os.getpid())
            journal.note(state="running", error="", starting=self.sandbox.name, **facts)
            if self.sandbox.choice:
                journal.notice(self.sandbox.choice)
            try:
                with self.sandbox, _watched(journal, self.sandbox, self.stop):
                    for limitation in self.sandbox.limitations():  # waits until it is warm
                        journal.notice(
                            f"{self.sandbox.name} sandbox: {limitation.name}: {limitation.detail}"
                        )
                    self._note_machine(journal)
                    yield journal
            except Stopped:
                journal.note(state="stopped")
                raise
            except ArchwrightError as error:
                journal.note(state="failed", error=str(error))
                raise
            journal.note(state="finished")

    def _note_machine(self, journal: Journal) -> None:
        """Say on which kind of machine the run goes on, and whether that is another one."""
        before, now = journal.facts.machine, self.sandbox.kind
        if before not in ("", now):
            journal.notice(
                f"this run went on from {before} to {now}: scores of the same seed differ between "
                "them, which adds to the noise"
            )
        journal.note(starting="", machine=now)


@contextmanager
def _watched(journal: Journal, sandbox: Sandbox, stop: threading.Event) -> Iterator[None]:
    """A heartbeat; it also carries a stop, from here or another process, to the sandbox."""

    def watch() -> bool:
        # If the journal cannot be written, the thread that does the work reports it.
        with suppress(RunError):
            journal.beat()
            for line in sandbox.news():
                journal.notice(line)
        if stopped := stop.is_set() or stop_requested(journal.paths):
            stop.set()
            sandbox.stop()
        return stopped

    try:
        with beating("heartbeat", BEAT_SECONDS, watch):
            yield
    finally:
        journal.beat()


@contextmanager
def _heap_at_rest() -> Iterator[None]:
    """Take what is loaded out of the garbage collector's sight, and let it look less often: each
    parsed source sets it off, and finds nothing, for syntax trees have no cycles. It took a third
    of the time that proposing takes."""
    before, is_frozen = gc.get_threshold(), gc.get_freeze_count() > 0
    if not is_frozen:
        gc.collect()
        gc.freeze()
    gc.set_threshold(COLLECT_AFTER, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
        if not is_frozen:
            gc.unfreeze()


def carry_out(
    workspace: Workspace,
    task: Task,
    paths: RunPaths,
    work: Callable[[Session], None],
    view: View | None = None,
    backend: Backend | None = None,
    sandbox: Sandbox | None = None,
) -> Snapshot:
    """Do `work` on a run (see `archwright.runs.phases`) and return how it stands.

    A signal ends the run cleanly; a second one ends the process at once, which loses no more than
    the trials in flight. Backend and sandbox are those of the run's settings, unless others are
    given.

    Raises:
        KeyboardInterrupt: a signal ended it.
        ArchwrightError: it could not go on.
    """
    stop = threading.Event()
    with Journal.open(paths) as journal:
        settings = RunSettings(**journal.facts.settings)
        session = Session(
            workspace=workspace,
            task=task,
            paths=paths,
            settings=settings,
            sandbox=sandbox or open_executor(settings, paths.jobs, journal.facts.machine),
            backend=backend or open_run_backend(settings, journal, workspace.paths, stop),
            stop=stop,
        )
        resume, observer = _resume(workspace, paths), Observer(journal)
        with _signals(stop, resume) as caught, _viewed(view, observer.observe):
            try:
                with _heap_at_rest():
                    work(session)
            except Stopped:
                if caught:
                    raise KeyboardInterrupt from None
        return observer.observe()


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
            print(f"stopped; continue with: {resume}", file=sys.stderr, flush=True)
            os._exit(INTERRUPTED)
        caught.append(number)
        stop.set()
        print("stopping; press Ctrl-C again to stop at once", file=sys.stderr, flush=True)

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
