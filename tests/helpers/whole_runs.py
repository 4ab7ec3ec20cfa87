"""What the fixtures of whole runs are: a way to make one, and one that is over."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Discover = Callable[..., Any]
"""`discover(task, workspace, **settings)`: what `archwright.discover` gives."""

Git = Callable[..., str]
"""`git(workspace, *words)`: what git prints."""


@dataclass(frozen=True)
class Finished:
    """A run that is over: its task, its workspace and what `archwright.discover` gave."""

    task: Path
    workspace: Path
    result: Any
    status: tuple[str, str]
    """What git said of the work tree before and after."""

    def copy(self, folder: Path) -> Path:
        """The workspace once more, for a test that changes it."""
        return shutil.copytree(self.workspace, folder, symlinks=True)
