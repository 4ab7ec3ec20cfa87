"""A new task folder that is complete and runs as it is, to be edited into one's own."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from archwright.core import TaskError

_STARTER: Final = Path(__file__).resolve().parent / "starter"
_NAME: Final = 'name = "starter"'


def new_task(folder: str | Path) -> Path:
    """Write a small complete task, named after the folder.

    Returns:
        The folder.

    Raises:
        TaskError: the folder already holds something, or cannot be written.
    """
    folder = Path(folder).expanduser()
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise TaskError(f"{folder} already exists and is not empty; choose another folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for template in sorted(_STARTER.iterdir()):
            if template.is_file():
                text = template.read_text(encoding="utf-8")
                text = text.replace(_NAME, f'name = "{_name_of(folder)}"')
                (folder / template.name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise TaskError(f"{folder} cannot be written: {error.strerror}") from error
    return folder


def _name_of(folder: Path) -> str:
    words = re.findall(r"[a-z0-9]+", folder.resolve().name.lower())
    return "-".join(words) or "task"
