"""Who holds a run, and how another process asks it to stop.

A run is held through an advisory lock on a file of its folder. The lock goes with the process,
however it dies, so a run whose journal says "running" while nobody holds the lock was interrupted.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from archwright.core import RunError
from archwright.runs.workspace.paths import RunPaths

LOCK_TRIES: Final = 10
LOCK_PAUSE_SECONDS: Final = 0.02


@contextmanager
def hold(paths: RunPaths) -> Iterator[None]:
    """Hold the run for as long as the context lasts.

    Raises:
        RunError: another process holds it.
    """
    with _opened(paths, "a+") as lock:
        if not _lock(lock):
            raise RunError(
                f"run {paths.name} is running in another process: "
                f"see it with `archwright status {paths.name}`, end it with "
                f"`archwright stop {paths.name}`"
            )
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        with _named(paths.stop_request):
            paths.stop_request.unlink(missing_ok=True)
        yield


def _opened(paths: RunPaths, mode: str) -> IO[str]:
    with _named(paths.lock):
        return paths.lock.open(mode)


@contextmanager
def _named(file: Path) -> Iterator[None]:
    """Raises:
    RunError: in place of what the file system says of a file.
    """
    try:
        yield
    except OSError as error:
        raise RunError(
            f"{file} cannot be used ({error.strerror}): remove it, or fix its rights"
        ) from error


def _lock(lock: IO[str]) -> bool:
    """Take the lock; a process that only checks (`is_held`) has it for a moment at most."""
    for _ in range(LOCK_TRIES):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            time.sleep(LOCK_PAUSE_SECONDS)
    return False


def is_held(paths: RunPaths) -> bool:
    """Whether some process holds the run at this moment."""
    if not paths.lock.exists():
        return False
    with _opened(paths, "r") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def request_stop(paths: RunPaths) -> None:
    """Ask the process that holds the run to end it cleanly; it checks about twice a second."""
    with _named(paths.stop_request):
        paths.stop_request.touch()


def stop_requested(paths: RunPaths) -> bool:
    """Whether somebody asked this run to stop since it was last opened."""
    return paths.stop_request.exists()
