"""The papers of a workspace: one folder each, with the original, what was read, and its code.

<id>/paper.json       what was read
<id>/original/        the file or the folder that was added
<id>/code/            the code that came along, or was linked to it
<id>/address          where on the web it came from
"""

from __future__ import annotations

import contextlib
import json
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from archwright.core import InputError, WorkspaceError
from archwright.core.files import locked, write_whole
from archwright.knowledge.papers.bundles import CODE
from archwright.knowledge.papers.confined import read_confined
from archwright.knowledge.papers.paper import FORMAT, CodeFile, Paper, from_json, to_json

_PAPER: Final = "paper.json"
_ORIGINAL: Final = "original"
_ADDRESS: Final = "address"


@dataclass(frozen=True, slots=True)
class Kept:
    """A paper in the folder. `known` says that it was there before it was added."""

    id: str
    paper: Paper
    known: bool = False


@dataclass(frozen=True, slots=True)
class PaperFolder:
    """Papers in one folder, which need not exist until one is added. Any number of threads and
    processes may add at a time."""

    path: Path

    def add(self, path: Path, main: str | None = None) -> Kept:
        """Read a paper and keep it; the same paper again is the one that is there.

        Args:
            main: the file of a folder or an archive that is the paper.

        Raises:
            InputError: it cannot be read as a paper.
            WorkspaceError: the folder cannot be written.
        """
        if not (path.is_file() or path.is_dir()):
            raise InputError(f"{path}: there is no such file or folder")
        return self.keep(read_confined(path, main), path)

    def keep(self, paper: Paper, path: Path, address: str = "") -> Kept:
        """Keep a paper that was read from `path`; code that was linked to it before stays its own.

        Args:
            address: where on the web it came from.

        Raises:
            WorkspaceError: the folder cannot be written.
        """
        id, known = paper.id, (self.path / paper.id / _PAPER).is_file()
        if known:
            before = self.get(id)
            linked = tuple(file for file in before.code if file.origin == "repository")
            paper = replace(paper, code=(*paper.code, *linked))
        if not known or before.code != paper.code:
            self._keep(id, paper, path)
        if address:
            with self._named_errors():
                write_whole(self.path / id / _ADDRESS, address)
        return Kept(id, paper, known)

    def link(self, id: str, code: Iterable[CodeFile]) -> Kept:
        """Make a repository's files the code of a paper, in place of those of one linked before.

        Raises:
            InputError: there is no such paper.
            WorkspaceError: the folder cannot be written.
        """
        before = self.get(id)
        own = [file for file in before.code if file.origin != "repository"]
        paper = replace(before, code=(*own, *code))
        self._keep(id, paper, self.path / id / _ORIGINAL)
        return Kept(id, paper, True)

    def address(self, id: str) -> str:
        """Where on the web a paper came from; empty for a file."""
        with contextlib.suppress(OSError):
            return (self.path / id / _ADDRESS).read_text(encoding="utf-8")
        return ""

    def list(self) -> tuple[Kept, ...]:
        """All papers, in the order in which they were added."""
        files = [p for p in self.path.glob(f"*/{_PAPER}") if not p.parent.name.startswith(".")]
        files.sort(key=lambda p: (p.stat().st_mtime_ns, p.parent.name))
        return tuple(Kept(f.parent.name, self.get(f.parent.name), True) for f in files)

    def find(self, prefix: str) -> Kept:
        """The paper whose id begins so.

        Raises:
            InputError: there is none, or there are several.
        """
        ids = sorted(p.parent.name for p in self.path.glob(f"*/{_PAPER}"))
        found = [id for id in ids if prefix and id.startswith(prefix)]
        if len(found) != 1:
            several = f"several papers begin with {prefix!r} ({', '.join(found)})"
            none = f"there is no paper {prefix!r}"
            raise InputError(f"{several if found else none}: see `archwright paper list`")
        return Kept(found[0], self.get(found[0]), True)

    def get(self, id: str) -> Paper:
        """The paper with exactly this id.

        Raises:
            InputError: there is none, or its file is broken or of a newer version.
        """
        file = self.path / id / _PAPER
        try:
            document = json.loads(file.read_text(encoding="utf-8"))
            if document["format"] > FORMAT:
                raise InputError(f"{file} was written by a newer archwright: upgrade archwright")
            return from_json(document)
        except FileNotFoundError:
            raise InputError(f"there is no paper {id!r}: see `archwright paper list`") from None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(
                f"{file} cannot be read ({error}): remove its folder and add the paper again"
            ) from None

    def home(self, id: str) -> Path:
        """The folder of a paper, where what is made of it can be kept beside it."""
        return self.path / id

    # --- keeping ----------------------------------------------------------------------------------

    def _keep(self, id: str, paper: Paper, origin: Path) -> None:
        """Write a paper aside and move it into its place."""
        with self._named_errors():
            self.path.mkdir(parents=True, exist_ok=True)
            aside = Path(tempfile.mkdtemp(prefix=f".{id}-", dir=self.path))
            try:
                _copy(origin, aside / _ORIGINAL)
                _write_code(aside / CODE, paper)
                text = json.dumps(to_json(paper), indent=1)
                (aside / _PAPER).write_text(text, encoding="utf-8")
                aside.chmod(0o755)
                with locked(self.path.with_suffix(".lock")):
                    self._place(aside, self.path / id)
            finally:
                shutil.rmtree(aside, ignore_errors=True)

    def _place(self, aside: Path, home: Path) -> None:
        try:
            aside.rename(home)
            return
        except OSError:
            if not (home / _PAPER).is_file():
                raise
        # It is there, with other code, or someone else was faster: what was made of it stays.
        for name in (_ORIGINAL, CODE):
            shutil.rmtree(home / name, ignore_errors=True)
        for part in sorted(aside.iterdir()):
            part.replace(home / part.name)

    @contextmanager
    def _named_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise WorkspaceError(
                f"{self.path} cannot be written ({error.strerror}): fix its rights or free space"
            ) from error


def _copy(origin: Path, to: Path) -> None:
    """Copy a file, or the regular files of a folder; links are not followed."""
    if origin.is_dir():
        shutil.copytree(origin, to, ignore=_skipped)
    else:
        to.mkdir()
        shutil.copyfile(origin, to / origin.name)


def _skipped(folder: str, names: list[str]) -> set[str]:
    paths = {name: Path(folder, name) for name in names}
    return {
        name
        for name, path in paths.items()
        if name.startswith(".") or path.is_symlink() or not (path.is_file() or path.is_dir())
    }


def _write_code(folder: Path, paper: Paper) -> None:
    """Write the code by paths that stay inside the folder."""
    folder.mkdir()
    for place, file in enumerate(paper.code):
        parts = [p for p in Path(file.path).parts if p not in ("/", "..", ".")]
        target = folder.joinpath(*parts or [f"code_{place}"])
        with contextlib.suppress(FileExistsError, NotADirectoryError):
            target.parent.mkdir(parents=True, exist_ok=True)
            if not target.is_dir():
                target.write_text(file.text, encoding="utf-8", errors="replace")
