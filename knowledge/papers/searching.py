"""Which papers a path holds: a file is one; a folder may be one, or hold several."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from archwright.core import InputError
from archwright.knowledge.papers.bundles import CODE

_ENDINGS: Final = (
    ".pdf", ".tex", ".html", ".htm", ".xhtml", ".md", ".markdown", ".txt", ".gz", ".tgz", ".tar",
    ".zip",
)  # fmt: skip
_HEAD_BYTES: Final = 65_536


@dataclass(frozen=True, slots=True)
class Found:
    """Papers, each a file or a folder, and files that look like none."""

    papers: tuple[Path, ...]
    skipped: tuple[Path, ...] = ()


def find_papers(path: Path) -> Found:
    """The papers that a user means by a path.

    A folder with a LaTeX document in it is one paper. Any other folder holds papers: its files and
    the LaTeX folders below it; what neither looks nor is called like a paper is skipped.
    """
    if not path.is_dir() or _is_latex(path):
        return Found((path,))
    papers: list[Path] = []
    skipped: list[Path] = []
    for entry in _entries(path):
        if entry.is_symlink():
            skipped.append(entry)
        elif entry.is_dir() and entry.name != CODE:
            found = find_papers(entry)
            papers += found.papers
            skipped += found.skipped
        elif entry.is_dir():
            continue
        elif entry.suffix.lower() in _ENDINGS or _head(entry).startswith(b"%PDF-"):
            papers.append(entry)
        else:
            skipped.append(entry)
    return Found(tuple(papers), tuple(skipped))


def _is_latex(folder: Path) -> bool:
    files = (p for p in _entries(folder) if p.suffix == ".tex" and p.is_file())
    return any(b"\\documentclass" in _head(p) or b"\\documentstyle" in _head(p) for p in files)


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(p for p in folder.iterdir() if not p.name.startswith("."))
    except OSError as error:
        raise InputError(f"{folder} cannot be read ({error.strerror}): fix its rights") from None


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_HEAD_BYTES)
    except OSError:
        return b""  # said when it is read
