"""The jobs of a sandbox, seen from outside: by their folders and their processes."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import psutil


def begun(folder: Path) -> list[Path]:
    """The marks `started` that jobs under `folder` have left; folders may go meanwhile."""
    return [
        Path(place) / "started"
        for place, _, names in os.walk(folder)
        if "started" in names and Path(place).name.startswith("job-")
    ]


def directory(process: psutil.Process) -> Path:
    """The working directory of a process; empty where it has ended meanwhile."""
    with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
        return Path(process.cwd())
    return Path()


def processes_in(home: Path) -> list[psutil.Process]:
    """The descendants of this process that work in a folder."""
    return [p for p in psutil.Process().children(recursive=True) if directory(p) == home]
