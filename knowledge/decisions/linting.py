"""Lints a folder of decision records: MADR 2 to 4, and Nygard's as adr-tools writes them."""

from __future__ import annotations

import datetime
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import unquote

from archwright.core import InputError
from archwright.knowledge.decisions.files import read_text
from archwright.knowledge.decisions.language.vocabulary import SECTIONS, section_name
from archwright.knowledge.decisions.language.wording import read_words
from archwright.knowledge.decisions.madr import STATUSES, Decision
from archwright.knowledge.decisions.matter import MATTER
from archwright.knowledge.decisions.naming import has_day, split_name
from archwright.knowledge.decisions.outline import RecordHeading, headings
from archwright.knowledge.decisions.reading import find_title, is_title, parse
from archwright.knowledge.decisions.status import find_status
from archwright.knowledge.decisions.succession import (
    Naming,
    RecordReference,
    mentions,
    superseded_by,
    supersedes,
)

_SUFFIXES: Final = (".md", ".markdown", ".mdx")
_UNREAD: Final = {
    ".adoc": "AsciiDoc", ".asciidoc": "AsciiDoc", ".asc": "AsciiDoc", ".rst": "reStructuredText",
    ".org": "Org", ".textile": "Textile", ".docx": "Word", ".html": "HTML",
}  # fmt: skip
_OTHERS: Final = re.compile(
    r"_?(?:readme|index|template|toc|contributing|changelog|license|.*[-_]template|adr-template.*)",
    re.I,
)
_NUMBERED_OTHERS: Final = re.compile(
    r"(?:adr-|madr-)?(?:template|index|readme|toc)(?:-\w\w)?", re.I
)
_MADR: Final = ("Context and Problem Statement", "Considered Options", "Decision Outcome")
_NYGARD: Final = ("Status", "Context", "Decision", "Consequences")
_LINK: Final = re.compile(r"(?<!\\)\[[^\]\n]*\]\(([^)\s]+)(?:\s+\"[^\"]*\")?\)")
_CODE: Final = re.compile(r"^ {0,3}(`{3,}|~{3,}).*?(?:^ {0,3}\1|\Z)|`[^`\n]+`", re.M | re.S)
_CONFLICT: Final = re.compile(r"^(?:<{7} |={7}\r?$|>{7} )", re.M)
_TARGET: Final = re.compile(r"superseded by (?:ADR-)?(\S+)")


@dataclass(frozen=True, slots=True)
class Violation:
    """What is wrong, and where: the line counts from 1."""

    path: Path
    line: int
    message: str


@dataclass(frozen=True, slots=True)
class Record:
    """A record file as read: its text as it stands, and the decision in it."""

    path: Path
    text: str
    number: int | None
    """What its name says; None where it does not begin with a number (a day is none)."""
    decision: Decision

    @classmethod
    def of(cls, path: Path, text: str) -> Record:
        """The record in a text that was read from `path`."""
        return cls(path, text, split_name(path.name).number, parse(text, path))

    @property
    def is_nygard(self) -> bool:
        """Whether it has the sections that Nygard's format names."""
        titles = {section_name(h.title) for h in headings(self.text)}
        return "decision" in titles and "decision outcome" not in titles


def read_folder(folder: Path) -> tuple[list[Record], list[Violation]]:
    """The records of a folder in order, and the files that cannot be read.

    Read-me files, indices and templates are no records.

    Raises:
        InputError: there is no such folder, or no record in it.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder: name one that holds decision records")
    paths = sorted(
        p for p in folder.iterdir()
        if p.suffix.lower() in (*_SUFFIXES, *_UNREAD) and not p.name.startswith(".")
        and not _is_other(p) and p.is_file()
    )  # fmt: skip
    if not any(p.suffix.lower() in _SUFFIXES for p in paths):
        below = ", ".join(f.name for f in folders_below(folder))
        instead = (
            f"name one of those below it: {below}" if below else "they are files NNNN-title.md"
        )
        raise InputError(f"{folder} holds no decision records: {instead}")
    records: list[Record] = []
    faults: list[Violation] = []
    for path in paths:
        try:
            text = _read(path)
        except InputError as error:
            faults.append(Violation(path, 1, str(error)))
            continue
        records.append(Record.of(path, text))
    return records, faults


def folders_below(folder: Path) -> list[Path]:
    """The folders in it that hold numbered records of their own, in order."""
    return sorted(
        place
        for place in folder.iterdir()
        if place.is_dir()
        and not place.name.startswith(".")
        and any(map(_is_numbered, _files(place)))
    )


def _files(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def _is_numbered(path: Path) -> bool:
    return path.suffix.lower() in _SUFFIXES and split_name(path.name).number is not None


def _is_other(path: Path) -> bool:
    number, rest = split_name(path.name)
    if number is None:
        return _OTHERS.fullmatch(path.stem) is not None
    return _NUMBERED_OTHERS.fullmatch(rest) is not None and (number == 0 or rest == "index")


def _read(path: Path) -> str:
    if form := _UNREAD.get(path.suffix.lower()):
        raise InputError(f"{form} is not read: save the record as Markdown")
    text = read_text(path).text
    if not text.strip("\ufeff \t\r\n"):
        raise InputError("the file is empty: write the record, or remove it")
    return text


def lint(folder: Path) -> tuple[list[Record], list[Violation]]:
    """The records of a folder and all their faults, by file and line.

    Raises:
        InputError: there is no such folder, or no record in it.
    """
    records, faults = read_folder(folder)
    for record in records:
        faults += _lint_record(record)
    faults += [*_duplicates(records), *_successions(records)]
    return records, sorted(faults, key=lambda f: (f.path.name, f.line, f.message))


# --- one record ----------------------------------------------------------------------------------


def _lint_record(record: Record) -> Iterator[Violation]:
    outline = headings(record.text)
    if record.number is None and not has_day(record.path.name):
        yield Violation(
            record.path, 1, "the file's name does not begin with a number: NNNN-title.md"
        )
    yield from _lint_bytes(record)
    yield from _lint_matter(record)
    yield from _lint_titles(record, outline)
    yield from _lint_sections(record, outline)
    yield from _lint_status(record)
    yield from _lint_choice(record, outline)
    yield from _lint_links(record)


def _lint_titles(record: Record, outline: Sequence[RecordHeading]) -> Iterator[Violation]:
    if not find_title(record.text):
        yield Violation(record.path, 1, "there is no title: `# ...`")
    top = [h for h in outline if h.level == 1]
    if any(section_name(h.title) in SECTIONS for h in top):
        return  # Its sections are of the title's level.
    for again in top[1:]:
        yield _at(record, again.start, f"a second title: `# {again.title}`")


def _at(record: Record, position: int, message: str) -> Violation:
    return Violation(record.path, record.text.count("\n", 0, position) + 1, message)


def _lint_bytes(record: Record) -> Iterator[Violation]:
    if odd := re.search("[\ud800-\udfff]", record.text):
        yield _at(record, odd.start(), "bytes that are not UTF-8: save the file as UTF-8")
    if conflict := _CONFLICT.search(record.text):
        yield _at(record, conflict.start(), "a merge conflict that was never resolved")


def _lint_matter(record: Record) -> Iterator[Violation]:
    text = record.text
    matter = MATTER.match(text)
    if matter is None:
        if re.match(r"\ufeff?---[ \t]*\r?\n[\w-]+:", text):
            yield Violation(record.path, 1, "the front matter is never closed: `---`")
        return
    seen: set[str] = set()
    for line in re.finditer(r"^([\w-]+)[ \t]*:", matter["body"], re.M):
        if line[1].lower() in seen:
            yield _at(record, matter.start("body") + line.start(), f"`{line[1]}` is said twice")
        seen.add(line[1].lower())


def _lint_sections(record: Record, outline: Sequence[RecordHeading]) -> Iterator[Violation]:
    wanted = _NYGARD if record.is_nygard else _MADR
    present: dict[str, int] = {}
    for i, h in enumerate(outline):
        if not is_title(h, outline):
            present.setdefault(section_name(h.title), i)
    for title in wanted:
        place = present.get(section_name(title))
        if place is None:
            if not (title == "Status" and find_status(record.text)):
                yield Violation(record.path, 1, f"the section `{title}` is missing")
            continue
        here, later = outline[place], outline[place + 1 :]
        body = record.text[here.end : later[0].start if later else None]
        nested = bool(later) and later[0].level > here.level
        if not re.sub(r"<!--.*?-->", "", body, flags=re.S).strip() and not nested:
            yield _at(record, here.start, f"the section `{title}` is empty")


def _lint_status(record: Record) -> Iterator[Violation]:
    place = find_status(record.text)
    status = record.decision.status
    if place is None or place.start == place.end:
        yield Violation(record.path, 1, "there is no status")
    elif not status:
        yield _at(record, place.start, "its status is a template's list: keep one of them")
    elif not _TARGET.fullmatch(status) and (status == "superseded" or not read_words(status)):
        said = " ".join(record.text[place.start : place.end].split())[:60]
        known = ", ".join(STATUSES)
        yield _at(
            record, place.start, f"no status {said!r}: use {known} or `superseded by ADR-NNNN`"
        )
    if record.decision.date and not _is_date(record.decision.date):
        found = re.search(r"^[*+\- \t]*date:", record.text, re.M | re.I)
        said = f"no date {record.decision.date[:30]!r}: write it as 2026-01-31"
        yield _at(record, found.start() if found else 0, said)


def _is_date(words: str) -> bool:
    try:
        datetime.date.fromisoformat(words)
    except ValueError:
        return False
    return True


def _lint_choice(record: Record, outline: Sequence[RecordHeading]) -> Iterator[Violation]:
    """MADR: the outcome names one of the options that were considered."""
    outcome = next((h for h in outline if section_name(h.title) == "decision outcome"), None)
    if outcome is None:
        return
    chosen = record.decision.chosen
    if not chosen:
        yield _at(record, outcome.start, 'no `Chosen option: "...", because ...`')
        return
    options = [option.name for option in record.decision.options]
    if options and not any(_same(chosen, option) for option in options):
        yield _at(record, outcome.start, f"the chosen option {chosen[:60]!r} was not considered")


def _same(chosen: str, option: str) -> bool:
    """Whether an option is the chosen one; it may go on with more words."""
    a, b = (re.sub(r"\W+", " ", words).strip().casefold() for words in (chosen, option))
    return bool(a) and (b.startswith(a) or a.startswith(b))


def _lint_links(record: Record) -> Iterator[Violation]:
    text = _CODE.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), record.text)
    for link in _LINK.finditer(text):
        target = unquote(link[1].strip("<>").partition("#")[0].partition("?")[0])
        if not target or re.match(r"[a-z][a-z0-9+.-]*:|//|/", target, re.I):
            continue
        try:
            there = (record.path.parent / target).exists()
        except (OSError, ValueError):
            there = False
        if not there:
            yield _at(record, link.start(), f"the link leads nowhere: {target[:100]}")


# --- records among each other --------------------------------------------------------------------


def _numbered(records: Sequence[Record]) -> dict[int, list[Record]]:
    found: dict[int, list[Record]] = defaultdict(list)
    for record in records:
        if record.number is not None:
            found[record.number].append(record)
    return found


def _duplicates(records: Sequence[Record]) -> Iterator[Violation]:
    for number, same in _numbered(records).items():
        for record in same[1:]:
            yield Violation(record.path, 1, f"number {number} is taken by {same[0].path.name}")


class _Folder:
    """Records by the names that they call each other by."""

    def __init__(self, records: Sequence[Record]) -> None:
        self._by_file = {record.path.stem: record for record in records}
        self._by_number = {number: same[0] for number, same in _numbered(records).items()}
        meant = {record.path: mentions(record.text) for record in records}
        self._old = {path: self._paths(old) for path, (old, _) in meant.items()}
        # A note alone is contradicted by a status that is still in force.
        self._new = {
            r.path: self._paths(meant[r.path][1])
            for r in records
            if r.decision.status not in ("proposed", "accepted")
        }

    def find(self, named: RecordReference) -> Record | None:
        """The record of this file, else of this number."""
        by_number = self._by_number.get(named.number) if named.number is not None else None
        return self._by_file.get(named.file) or by_number

    def _paths(self, named: Iterable[RecordReference]) -> set[Path]:
        return {record.path for name in named if (record := self.find(name))}

    def agree(self, new: Record, old: Record) -> tuple[bool, bool]:
        """Whether the new one says that it supersedes the old one, and the old one that it does."""
        return old.path in self._old[new.path], new.path in self._new.get(old.path, ())

    def successor(self, record: Record) -> Record | None:
        """The first record that one says has taken its place."""
        named = superseded_by(record.text)
        return self.find(named[0].records[0]) if named else None


def _successions(records: Sequence[Record]) -> Iterator[Violation]:
    """Both ends of a supersession say so, and none leads back to where it began."""
    folder = _Folder(records)
    for record in records:
        yield from _lint_old_end(record, folder)
        yield from _lint_new_end(record, folder)
        yield from _lint_circle(record, folder)


def _lint_old_end(record: Record, folder: _Folder) -> Iterator[Violation]:
    for position, named in _named(superseded_by(record.text)):
        new = folder.find(named)
        if new is None:
            yield _at(record, position, f"it is superseded by {named}, which is not here")
        elif new is record:
            yield _at(record, position, "it is superseded by itself")
        elif not folder.agree(new, record)[0]:
            said = f"{new.path.name} does not say that it supersedes this one"
            yield _at(record, position, said)


def _lint_new_end(record: Record, folder: _Folder) -> Iterator[Violation]:
    for position, named in _named(supersedes(record.text)):
        old = folder.find(named)
        if old is None:
            yield _at(record, position, f"it supersedes {named}, which is not here")
        elif old is not record and not folder.agree(record, old)[1]:
            said = f"{old.path.name} does not say that this one supersedes it"
            yield _at(record, position, said)


def _named(namings: Iterable[Naming]) -> Iterator[tuple[int, RecordReference]]:
    """Each record that is named, where it is first."""
    seen: set[RecordReference] = set()
    for position, records in namings:
        yield from ((position, each) for each in dict.fromkeys(records) if each not in seen)
        seen.update(records)


def _lint_circle(record: Record, folder: _Folder) -> Iterator[Violation]:
    seen = [record]
    while (new := folder.successor(seen[-1])) and new not in seen:
        seen.append(new)
    if new is record and len(seen) > 1:
        position = superseded_by(record.text)[0].position
        yield _at(record, position, "the records that supersede it lead back to it")
