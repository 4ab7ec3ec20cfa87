"""The shelf: short papers that come with Archwright, each with code and a claim for this scale."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from archwright.core import InputError
from archwright.knowledge.papers.folder import Kept, PaperFolder


def shelf_names() -> tuple[str, ...]:
    """The papers on the shelf, by name."""
    return tuple(sorted(p.stem for p in _folder().glob("*.md")))


def shelf_paper(name: str) -> Path:
    """The file of a paper on the shelf."""
    return _folder() / f"{name}.md"


def shelf_task(name: str) -> Path | None:
    """The folder of a task that came with the shelf; None where there is none of that name.

    Its code is Archwright's own, so that any paper may name it.
    """
    folder = _folder() / "tasks" / name
    known = (_folder() / "tasks").iterdir()
    return folder if folder in known else None


def fetch_paper(folder: PaperFolder, said: str) -> Kept:
    """The paper that a person means: one on the shelf, a file, or one of the workspace by id.

    A paper that the workspace does not have yet is added to it.

    Raises:
        InputError: there is none, or it cannot be read.
    """
    if said in shelf_names():
        return folder.add(shelf_paper(said))
    if Path(said).exists():
        return folder.add(Path(said))
    try:
        return folder.find(said)
    except InputError as error:
        shelf = ", ".join(shelf_names())
        raise InputError(f"{error}; on the shelf are {shelf}; or give a file") from None


def _folder() -> Path:
    return Path(str(files("archwright.papers"))) / "shelf"
