"""The body of a LaTeX paper as sections, with their formulas and tables."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from archwright.knowledge.papers.latex.commands import (
    FLOATS,
    PARTS_OF_FLOATS,
    SECTIONS,
    TABULARS,
)
from archwright.knowledge.papers.latex.formulas import written
from archwright.knowledge.papers.latex.scanning import Scanner
from archwright.knowledge.papers.latex.tables import Rows, read_rows
from archwright.knowledge.papers.latex.words import Converter, body, tabular
from archwright.knowledge.papers.paper import Section, Table

_EXTRA = re.compile(
    r"\\(?:startdata|enddata)(?![a-z])|\\tablenum\s*\{[^{}]*\}(?=\s*\\(?:table|startdata))"
)
_HEAD = re.compile(r"\\tablehead(?![A-Za-z])")
_CAPTION = re.compile(r"\\(?:caption|tablecaption)\*?(?![A-Za-z])")

_ARRAY = re.compile(
    r"\s*(?:\\displaystyle\s*)?(\\begin\{array\}(?:(?!\$|\n\s*\n).)*?\\end\{array\})\s*\$\$?",
    re.DOTALL,
)
"""A formula that sets the rows of a table."""


@dataclass(slots=True)
class _Counter:
    """Numbers as LaTeX would give them."""

    sections: list[int] = field(default_factory=lambda: [0, 0, 0])
    tables: int = 0
    appendix: bool = False

    def section(self, kind: str, starred: bool) -> str:
        level = SECTIONS[kind]
        if starred or level > 3 or kind in ("part", "chapter"):
            return ""
        self.sections[level - 1] += 1
        self.sections[level:] = [0] * (3 - level)
        first, *rest = self.sections[:level]
        top = chr(ord("A") + (first - 1) % 26) if self.appendix and first else str(first)
        return ".".join((top, *map(str, rest)))

    def begin_appendix(self) -> None:
        self.sections, self.appendix = [0, 0, 0], True


@dataclass(slots=True)
class _Float:
    """A table that floats while it is read: `slots` are its rows and where their text belongs."""

    captions: list[str] = field(default_factory=list)
    inner: list[str] = field(default_factory=list)
    slots: list[tuple[int, Rows, int]] = field(default_factory=list)
    part: bool = False


@dataclass(slots=True)
class BodyReader(Converter):
    """Reads the body of a paper into `sections`."""

    sections: list[Section] = field(default_factory=list)
    _heading: tuple[str, str, int] = ("", "", 1)
    _equations: list[str] = field(default_factory=list)
    _tables: list[Table] = field(default_factory=list)
    _counter: _Counter = field(default_factory=_Counter)
    _float: _Float | None = None

    def finish(self) -> None:
        """Close the section that is being read, and keep it when it says anything."""
        self._close_float()
        number, title, level = self._heading
        text = self._tidy("".join(self.parts))
        if text or title:
            self.sections.append(
                Section(number, title, level, text, 0, tuple(self._equations), tuple(self._tables))
            )
        self.parts, self._equations, self._tables = [], [], []

    def command(self, scanner: Scanner, name: str) -> None:
        if name in SECTIONS:
            self._section(scanner, name)
        elif name in ("caption", "tablecaption", "captionof", "subcaption", "topcaption"):
            self._caption(scanner, name)
        elif name == "item":
            label = scanner.option()
            self.say(f"\n- {self.line(label, cell=False)} " if label else "\n- ")
        elif name == "appendix":
            self._counter.begin_appendix()
        elif name == "abstract" and scanner.after == "{":
            self.abstract(scanner.group() or "")
        elif name == "title":
            scanner.option()
            scanner.group()
        else:
            Converter.command(self, scanner, name)

    def abstract(self, source: str) -> None:
        """What an abstract says, as a section of its own."""
        self.finish()
        self._heading = ("", "Abstract", 1)
        self.read(source)
        self.finish()
        self._heading = ("", "", 1)

    def display(self, _tex: str, words: str) -> None:
        if said := written(_tex):
            self._equations.append(said)
        Converter.display(self, _tex, words)

    def begin(self, scanner: Scanner, name: str) -> None:
        if name == "abstract":
            self.abstract(body(scanner, name))
        elif name in TABULARS:
            self._tabular(scanner, name)
        elif name in FLOATS:
            self._close_float()
            self._float = _Float()
            Converter.begin(self, scanner, name)
        else:
            if name in PARTS_OF_FLOATS and self._float is not None:
                self._float.part = True
            Converter.begin(self, scanner, name)

    def end(self, name: str) -> None:
        if name in FLOATS:
            self._close_float()
        elif name in PARTS_OF_FLOATS and self._float is not None:
            self._float.part = False
        Converter.end(self, name)

    def _dollar(self, scanner: Scanner, mark: str) -> None:
        found = _ARRAY.match(scanner.text, scanner.place) if self._float is not None else None
        if found is None:
            Converter._dollar(self, scanner, mark)
            return
        scanner.place = found.end()
        self.read(found[1])

    # --- headings ---------------------------------------------------------------------------------

    def _section(self, scanner: Scanner, name: str) -> None:
        starred = scanner.star()
        scanner.option()
        title = scanner.group() or ""
        self.finish()
        number = self._counter.section(name, starred)
        self._heading = (number, self.line(title), SECTIONS[name])

    def _tidy(self, text: str) -> str:
        lines = "\n".join(" ".join(line.split()) for line in text.split("\n"))
        return self.verbatim.restore(re.sub(r"\n{3,}", "\n\n", lines)).strip()

    # --- tables -----------------------------------------------------------------------------------

    def _caption(self, scanner: Scanner, name: str) -> None:
        scanner.star()
        kind = scanner.group() if name == "captionof" else ""
        scanner.option()
        said = self.line(scanner.group() or "", cell=False)
        if self._float is None and kind == "table":
            self._float = _Float()
        if self._float is None:
            self.say(f"\n\n{said}\n\n")
        elif self._float.part or name == "subcaption":
            self._float.inner.append(said)
        else:
            self._float.captions.append(said)

    def _tabular(self, scanner: Scanner, name: str) -> None:
        if self._float is None and "\\includegraphics" in scanner.text[scanner.place :][:400]:
            Converter.begin(self, scanner, name)
            return
        alone = self._float is None
        if self._float is None:
            self._float = _Float()
        inside = _with_head(_EXTRA.sub("", tabular(scanner, name)))
        captions: list[str] = []
        inside = _without_captions(inside, captions)
        self._float.captions += [self.line(c, cell=False) for c in captions]
        rows = read_rows(inside, self.line)
        if rows:
            self._float.slots.append((len(self.parts), rows, len(self._float.captions)))
            self.parts.append("")
        if alone:
            self._close_float()

    def _close_float(self) -> None:
        """Number the captions of a float, and give each of its tables the one that is its own."""
        here, self._float = self._float, None
        if here is None:
            return
        labels = [f"Table {self._counter.tables + n + 1}" for n in range(len(here.captions))]
        self._counter.tables += len(labels)
        if labels and not here.slots:
            here.slots.append((len(self.parts), (), 0))
            self.parts.append("")
        for place, (slot, rows, seen) in enumerate(here.slots):
            which = _which(place, seen, len(labels), len(here.slots))
            caption = here.captions[which] if labels else ""
            if len(here.inner) == len(here.slots):
                caption = f"{caption} {here.inner[place]}".strip()
            table = Table(labels[which] if labels else "", caption, rows)
            self._tables.append(table)
            self.parts[slot] = f"\n\n{_table_text(table)}\n\n"


def _which(place: int, seen: int, captions: int, tables: int) -> int:
    """The caption of one of several tables: in turn where there are as many, else the last above
    it, or the first."""
    if captions == tables:
        return place
    return max(0, min(seen, captions) - 1)


def _with_head(source: str) -> str:
    """The rows of AASTeX's table with its head as the first of them."""
    found = _HEAD.search(source)
    if found is None:
        return source
    scanner = Scanner(source, found.end())
    head = scanner.group() or ""
    return f"{source[: found.start()]}{head} \\\\ {source[scanner.place :]}"


def _without_captions(source: str, captions: list[str]) -> str:
    """The rows of a long table without its captions, which are added to `captions`."""
    scanner, parts = Scanner(source), list[str]()
    while found := _CAPTION.search(source, scanner.place):
        parts.append(source[scanner.place : found.start()])
        scanner.place = found.end()
        scanner.option()
        said = scanner.group()
        if said and not captions:
            captions.append(said)
    return "".join((*parts, source[scanner.place :]))


def _table_text(table: Table) -> str:
    caption = [f"{table.label}: {table.caption}"] if table.label else []
    return "\n".join([*caption, *(" | ".join(row) for row in table.rows)])
