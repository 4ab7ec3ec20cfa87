"""Finds a run by what a person types."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final, Protocol

from archwright.core import RunError
from archwright.runs.workspace.paths import RunPaths, WorkspacePaths

_STARTED: Final = re.compile(r"\d{8}-\d{6}(-[0-9a-f]{4})?$")
"""How a run's name ends: when it started, and a mark where two started in the same second."""

UNFINISHED: Final = "journal.part"
"""How the files of a journal that is being made are called."""


class HasPaths(Protocol):
    """What has a workspace's paths."""

    @property
    def paths(self) -> WorkspacePaths: ...


def list_runs(workspace: HasPaths) -> list[RunPaths]:
    """The runs of a workspace, oldest first."""
    if not workspace.paths.runs.is_dir():
        return []
    folders = filter(_has_begun, workspace.paths.runs.iterdir())
    return [RunPaths(p) for p in sorted(folders, key=lambda p: (p.stat().st_ctime_ns, p.name))]


def _has_begun(folder: Path) -> bool:
    """Whether a folder is that of a run, also where its journal is gone: one whose journal was
    never finished has cost nothing."""
    if not folder.is_dir():
        return False
    return any(not file.name.startswith(UNFINISHED) for file in folder.iterdir())


def find_run(workspace: HasPaths, name: str = "latest") -> RunPaths:
    """The run called `name`, the only one that starts with it, the one in that folder, or the
    latest.

    Raises:
        RunError: there is none, or more than one.
    """
    runs = sorted(list_runs(workspace), key=_started)
    if not runs:
        raise RunError(
            f"no run in {workspace.paths.root}: start one with `archwright run TASK`, "
            "or name its workspace with --workspace DIR"
        )
    if name == "latest":
        return runs[-1]
    found = (
        [r for r in runs if r.name == name]
        or [r for r in runs if r.name.startswith(name)]
        or [r for r in runs if r.root.resolve() in _folders(name)]
    )
    if len(found) == 1:
        return found[0]
    known = ", ".join(r.name for r in (found or runs)[-5:])
    problem = "no run is called" if not found else "more than one run starts with"
    raise RunError(f"{problem} {name!r}; runs here: {known}")


def _folders(name: str) -> tuple[Path, ...]:
    """The folders that a name may mean as a path: its own, or the one of a file in it."""
    try:
        path = Path(name).expanduser().resolve()
    except (OSError, RuntimeError, ValueError):  # a loop of links, a home that is nobody's
        return ()
    return (path, path.parent) if path.is_file() else (path,)


def _started(paths: RunPaths) -> str:
    found = _STARTED.search(paths.name)
    return found[0] if found else ""
