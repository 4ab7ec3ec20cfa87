"""Ending everything that a job has started, with proof.

A worker adopts its orphans (Linux), so whatever a job started is, once its own parents are dead, a
child of the worker. When the kernel says that the worker has no child, nothing is left.
"""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

PATIENCE_SECONDS: Final = 5.0


def end_all(group: int) -> int:
    """Kill the process group `group` and every child of this process; as `end_children`."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)
    return end_children()


def end_children() -> int:
    """Kill every child of this process until none is left.

    Returns:
        How many children are still there after `PATIENCE_SECONDS`: 0 is the proof.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not _reap():
        left = children()
        for pid in left:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        if time.monotonic() > deadline:
            return max(1, len(left))
        time.sleep(0.001)
    return 0


def _reap() -> bool:
    """Collect dead children; whether none is left, dead or alive."""
    while True:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return True
        if pid == 0:
            return False


def children(parent: int | None = None) -> list[int]:
    """Process ids of a process's children, by default of this one's, where /proc tells."""
    parent = os.getpid() if parent is None else parent
    try:
        # A thread's children stay with it; those of threads that ended go to another.
        tasks = list(Path(f"/proc/{parent}/task").iterdir())
        return [int(word) for task in tasks for word in (task / "children").read_text().split()]
    except OSError:
        return _children_of_all(parent)


def _children_of_all(parent: int) -> list[int]:
    """As `children`, where the kernel keeps no list of them."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            # The command's name may hold spaces and brackets; what follows the last one does not.
            words = (entry / "stat").read_text().rpartition(")")[2].split()
            if int(words[1]) == parent:
                found.append(int(entry.name))
    return found
