"""A small task folder that is sound, to be broken in one place."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from archwright.tasks.scaffold import new_task

Break = Callable[[str, str, str], Path]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A scaffolded task."""
    return new_task(tmp_path / "mine")


@pytest.fixture
def change(folder: Path) -> Break:
    """Replaces a text that must be there in one of the task's files; gives the folder."""

    def edit(name: str, old: str, new: str) -> Path:
        file = folder / name
        text = file.read_text()
        assert old in text
        file.write_text(text.replace(old, new, 1))
        return folder

    return edit
