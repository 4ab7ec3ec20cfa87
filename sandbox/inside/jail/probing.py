"""Trying to break out, from inside a jail: what works is a limitation."""

from __future__ import annotations

import mmap
import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path

from ...contract import ProbeRequest


def probe(what: ProbeRequest) -> tuple[str, ...]:
    """Try what a jail must refuse.

    Returns:
        The names of what was possible: read, write, network, processes, signals, memory.
    """
    attempts: dict[str, Callable[[], object]] = {
        "read": lambda: Path(what.canary).read_bytes(),
        "write": lambda: Path(what.canary).with_name("written").write_text("by a probe"),
        "network": lambda: socket.create_connection(("127.0.0.1", what.port), timeout=1).close(),
        "processes": _start_process,
        "signals": lambda: os.kill(os.getppid(), 0),
        "memory": lambda: mmap.mmap(-1, (what.memory_mb + 64) << 20).close(),
    }
    return tuple(name for name, attempt in attempts.items() if _works(attempt))


def _works(attempt: Callable[[], object]) -> bool:
    try:
        attempt()
    except (OSError, MemoryError, ValueError):
        return False
    return True


def _start_process() -> None:
    pid = os.fork()
    if pid == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(pid, 0)
