"""A paper as plain values, and as JSON; how large it may be."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

FORMAT: Final = 1
"""The version of a stored paper."""

ID_LENGTH: Final = 12

# How large a paper may be.
FILE_BYTES: Final = 100 * 2**20
"""One file, as it lies on the disk."""
EXPANDED_BYTES: Final = 256 * 2**20
"""An archive or a folder, all files together, unpacked."""
MEMBERS: Final = 10_000
MARKUP_BYTES: Final = 16 * 2**20
"""One file of LaTeX, HTML, Markdown or text; trees of such text take many times as much memory."""
PAGES: Final = 1_000
TEXT_CHARACTERS: Final = 8_000_000
CODE_BYTES: Final = 2**20
"""One file of code beside a paper."""
CODE_FILES: Final = 200

PaperKind = Literal["pdf", "latex", "html", "markdown", "text"]
PaperStatus = Literal["ok", "suspicious"]


class UnreadableError(ValueError):
    """A file that cannot be read as a paper. The message is one line and names the fix."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table, as many cells in each row: what spans several is repeated in each, and a row whose
    cells are all equal heads a group. Where columns cannot be told apart a row is one cell."""

    label: str
    caption: str
    rows: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Section:
    """A section with its text, down to the next heading of any level.

    `page` is the one that it begins on, from 1; 0 where there are no pages. A form feed in `text`
    is the end of a page. Tables and equations stand in `text` as well.
    """

    number: str
    title: str
    level: int
    text: str
    page: int = 0
    equations: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()

    @property
    def name(self) -> str:
        """Number and title, as one reads them: `3.2 Attention`."""
        return f"{self.number} {self.title}".strip() or "(before the first heading)"


@dataclass(frozen=True, slots=True)
class CodeFile:
    """Code that came with a paper: `origin` is `fenced`, `listing`, `folder`, or `repository` for
    what was linked to it later."""

    path: str
    text: str
    origin: Literal["fenced", "listing", "folder", "repository"]


@dataclass(frozen=True, slots=True)
class Paper:
    """A paper. `instructions` are its lines that try to tell the reader what to do."""

    title: str
    kind: PaperKind
    pages: int
    sections: tuple[Section, ...]
    references: tuple[str, ...] = ()
    code: tuple[CodeFile, ...] = ()
    notices: tuple[str, ...] = ()
    instructions: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """A hash of what it says: the same text is the same paper, in whatever file."""
        words = " ".join((self.title, *(f"{s.name} {s.text}" for s in self.sections))).split()
        return hashlib.sha256(" ".join(words).encode(errors="replace")).hexdigest()[:ID_LENGTH]

    @property
    def status(self) -> PaperStatus:
        return "suspicious" if self.instructions else "ok"

    @property
    def tables(self) -> Iterator[Table]:
        """All tables, in order."""
        return (table for section in self.sections for table in section.tables)


def to_json(paper: Paper) -> dict[str, Any]:
    """A paper as plain data."""
    return {"format": FORMAT, **asdict(paper)}


def from_json(document: Mapping[str, Any]) -> Paper:
    """The paper in plain data that `to_json` gave."""
    plain = {k: v for k, v in document.items() if k != "format"}
    return Paper(
        **{
            **plain,
            "sections": tuple(map(_section, plain["sections"])),
            "code": tuple(CodeFile(**c) for c in plain["code"]),
            **{key: tuple(plain[key]) for key in ("references", "notices", "instructions")},
        }
    )


def _section(document: Mapping[str, Any]) -> Section:
    tables = (
        Table(t["label"], t["caption"], tuple(map(tuple, t["rows"]))) for t in document["tables"]
    )
    return Section(
        **{**document, "equations": tuple(document["equations"]), "tables": tuple(tables)}
    )
