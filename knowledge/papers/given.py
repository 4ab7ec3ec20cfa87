"""What a user names to be read: files, folders and addresses, each as the papers that it means."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

from archwright.core import InputError
from archwright.knowledge.papers.bundles import CODE
from archwright.knowledge.papers.confined import read_confined
from archwright.knowledge.papers.paper import Paper
from archwright.knowledge.papers.reading import left_aside
from archwright.knowledge.papers.text import letters_of
from archwright.knowledge.papers.web.addresses import parse_address
from archwright.knowledge.papers.web.library import FetchedPaper, WebLibrary

_TITLE_LETTERS: Final = 8
"""A title with fewer tells no paper from another."""


@dataclass(frozen=True, slots=True)
class ReadPaper:
    """A paper with the file or the folder that it was read from."""

    paper: Paper
    origin: Path


@dataclass(frozen=True, slots=True)
class Given:
    """A paper that a word means, not read yet.

    `again` fetches another file of it, for one that cannot be read; `error` says why there is
    nothing to read; `main` is the file of it that is the paper, where one was named.
    """

    word: str
    origin: Path
    address: str = ""
    again: Callable[[], FetchedPaper] | None = None
    error: str = ""
    main: str | None = None

    def read(self) -> ReadPaper:
        """The paper.

        Raises:
            InputError: it cannot be read.
        """
        if self.error:
            raise InputError(self.error)
        if not (self.origin.is_file() or self.origin.is_dir()):
            raise InputError(f"{self.origin}: there is no such file or folder")
        try:
            return ReadPaper(read_confined(self.origin, self.main), self.origin)
        except InputError:
            if self.again is None:
                raise
            path = self.again().path
        paper = read_confined(path)
        said = "its LaTeX source could not be read: this is its PDF"
        return ReadPaper(replace(paper, notices=(*paper.notices, said)), path)


def find_given(
    words: Iterable[str],
    web: WebLibrary,
    say: Callable[[str], object],
    main: str | None = None,
) -> Iterator[Given]:
    """The papers that words mean. Addresses are fetched one after the other, as they are reached.

    Args:
        say: told, in a line, what is skipped and what was fetched.
        main: the file that is the paper, of a folder or an archive.
    """
    for word in words:
        try:
            address = None if Path(word).exists() else parse_address(word)
            if address is None and main is not None:
                yield Given(word, Path(word), main=main)
                continue
            if address is None:
                found = find_papers(Path(word))
                for skipped in found.skipped:
                    say(f"skipped {str(skipped)!r}: it is not a paper")
                if not found.papers:
                    none = f"{word} holds no paper: name a folder with LaTeX, Markdown or a PDF"
                    raise InputError(none)
                yield from (Given(str(path), path) for path in found.papers)
                continue
            fetched = web.fetch(address)
            say(f"{address}: {_what(fetched)}")
            again = partial(web.fetch_pdf, address) if fetched.source and main is None else None
            yield Given(word, fetched.path, str(address), again, main=main)
        except InputError as error:
            yield Given(word, Path(word), error=str(error))


def _what(fetched: FetchedPaper) -> str:
    if fetched.known:
        return f"fetched before, from {fetched.url}"
    return f"{fetched.path.stat().st_size / 2**20:.1f} MB from {fetched.url}"


def one_of_each(read: Sequence[tuple[Given, ReadPaper]]) -> Iterator[tuple[Given, ReadPaper]]:
    """The papers without those PDFs whose LaTeX source was given as well; the source's notices say
    so. They are one paper by their title, or by their file's name in one folder."""
    sources = [found for _, found in read if found.paper.kind == "latex"]
    for given, found in read:
        if found.paper.kind == "pdf" and any(_same(found, source) for source in sources):
            continue
        if found.paper.kind == "latex":
            pdfs = [f.origin.name for _, f in read if f.paper.kind == "pdf" and _same(f, found)]
            paper = replace(found.paper, notices=(*found.paper.notices, *map(left_aside, pdfs)))
            yield given, replace(found, paper=paper)
        else:
            yield given, found


def _same(one: ReadPaper, other: ReadPaper) -> bool:
    title = letters_of(one.paper.title)
    if len(title) >= _TITLE_LETTERS and title == letters_of(other.paper.title):
        return True
    beside = one.origin.resolve().parent == other.origin.resolve().parent
    return beside and _stem(one.origin) == _stem(other.origin)


def _stem(path: Path) -> str:
    """A file's name without its endings and without what arXiv puts before an id."""
    name = re.sub(r"(?:\.(?:tar|gz|tgz|zip|pdf|tex))+$", "", path.name.lower())
    return re.sub(r"^arxiv[-_:]", "", name)


# --- which papers a path holds --------------------------------------------------------------------


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
    heads = (_head(p).replace(b"\0", b"") for p in files)  # those of UTF-16
    return any(b"\\documentclass" in head or b"\\documentstyle" in head for head in heads)


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
