"""Finds a run by what a person types."""

from __future__ import annotations

import re
from typing import Final, Protocol

from archwright.core import RunError
from archwright.runs.workspace.paths import RunPaths, WorkspacePaths

_STARTED: Final = re.compile(r"\d{8}-\d{6}(-[0-9a-f]{4})?$")
"""How a run's name ends: when it started, and a mark where two started in the same second."""


class HasPaths(Protocol):
    """What has a workspace's paths."""

    @property
    def paths(self) -> WorkspacePaths: ...


def list_runs(workspace: HasPaths) -> list[RunPaths]:
    """The runs of a workspace, oldest first."""
    if not workspace.paths.runs.is_dir():
        return []
    folders = (p for p in workspace.paths.runs.iterdir() if (p / "journal.db").is_file())
    return [RunPaths(p) for p in sorted(folders, key=lambda p: (p.stat().st_ctime_ns, p.name))]


def find_run(workspace: HasPaths, name: str = "latest") -> RunPaths:
    """The run called `name`, the only one that starts with it, or the latest.

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
    found = [r for r in runs if r.name == name] or [r for r in runs if r.name.startswith(name)]
    if len(found) == 1:
        return found[0]
    known = ", ".join(r.name for r in (found or runs)[-5:])
    problem = "no run is called" if not found else "more than one run starts with"
    raise RunError(f"{problem} {name!r}; runs here: {known}")


def _started(paths: RunPaths) -> str:
    found = _STARTED.search(paths.name)
    return found[0] if found else ""
