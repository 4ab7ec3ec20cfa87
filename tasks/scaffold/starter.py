"""A new task folder that is complete and runs as it is, to be edited into one's own."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from archwright.core import TaskError

STARTER: Final = Path(__file__).resolve().parents[1] / "starter"
_NAME: Final = 'name = "starter"'


def new_task(folder: str | Path) -> Path:
    """Write a small complete task, named after the folder.

    Returns:
        The folder.

    Raises:
        TaskError: the folder already holds something, or cannot be written.
    """
    folder = free_folder(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for template in sorted(STARTER.iterdir()):
            if template.is_file():
                text = template.read_text(encoding="utf-8")
                text = text.replace(_NAME, f'name = "{name_of(folder)}"')
                (folder / template.name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise TaskError(f"{folder} cannot be written: {error.strerror}") from error
    return folder


def free_folder(folder: str | Path) -> Path:
    """A folder that may be written.

    Raises:
        TaskError: it already holds something.
    """
    folder = Path(folder).expanduser()
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise TaskError(f"{folder} already exists and is not empty; choose another folder")
    return folder


def name_of(folder: Path) -> str:
    """A task's name, after its folder."""
    words = re.findall(r"[a-z0-9]+", folder.resolve().name.lower())
    return "-".join(words) or "task"
