"""What records say of each other: which one takes the place of which."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from typing import Final, NamedTuple
from urllib.parse import unquote

from archwright.knowledge.decisions.language.vocabulary import BY, LABELS, either
from archwright.knowledge.decisions.language.wording import LONGEST
from archwright.knowledge.decisions.matter import matter_values
from archwright.knowledge.decisions.naming import split_name
from archwright.knowledge.decisions.outline import blanked
from archwright.knowledge.decisions.status import find_label, find_status

_BY: Final = rf"(?:{either([BY])})"
_SUPERSEDES: Final = re.compile(
    r"(?<!\w)(?:super[sc]edes|replaces|obsoletes|ersetzt|löst|remplace|reemplaza|sustituye"
    rf"|substitui|sostituisce|vervangt|ersätter|заменяет|取代|替代|代替)(?!\w|\s+{_BY}(?!\w))",
    re.I,
)
_SUPERSEDED: Final = re.compile(
    r"(?:super[sc]eded|replaced|obsoleted|ersetzt|abgelöst|remplacée?|reemplazad[oa]"
    rf"|sustituid[oa]|sostituit[oa]|vervangen|заменен[ао]?|заменён)[_ -]+{_BY}(?!\w)",
    re.I,
)
_REFERENCE: Final = re.compile(
    r"!?\[(?P<said>[^\[\]\n]*)\](?:\((?P<url>[^()\s]*)[^()\n]*\)|\[[^\]\n]*\])?"
    r"|\bm?adr[-_ #]*(?:no\.?\s*)?0*(?P<adr>\d{1,6})(?![\d.]*\d)(?P<slug>-[\w-]*\w)?(?:\.md)?"
    r"|(?<![\w/])(?P<file>[\w-]+)\.(?:md|markdown)\b"
    r"|(?<![\w/])(?P<dated>(?:19|20)\d\d-?\d\d-?\d\d-[\w-]*\w)"
    r"|(?<![\w./-])\#?(?P<number>\d{1,6})(?![\w.-]*\w)",
    re.I,
)
_NUMBER: Final = re.compile(r"\W*(?:m?adr[-_ #]*)?0*(\d{1,6})(?!\w|[-.]?\d)", re.I)
_MARKS: Final = re.compile(r"[ \t*_:(|\"'`]*")
_GLUE: Final = re.compile(
    r"(?:[ \t,;&/|*_(\"'`]|(?<=[,:;&])[ \t]*\r?\n"
    r"|\b(?:and|und|et|y|e|en|the|records?|decisions?|no\.?|nr\.?)\b)*",
    re.I,
)
_BULLET: Final = re.compile(r"[*_:]*[ \t]*(?:\r?\n[ \t>]*)+[*+-][ \t]+")


class RecordReference(NamedTuple):
    """A record as others name it: by its number, or by its file without the ending."""

    number: int | None
    file: str = ""

    def __str__(self) -> str:
        return self.file if self.number is None else f"ADR-{self.number:04d}"


class Naming(NamedTuple):
    """Where records are named, and which."""

    position: int
    records: tuple[RecordReference, ...]


def supersedes(text: str) -> list[Naming]:
    """What a record says it takes the place of, and where: of what is named on, the first items
    alone, as what comes behind them may be amended or a reason."""
    return [*_in_matter(text, "predecessor"), *_said(text, _SUPERSEDES, strictly=True)]


def superseded_by(text: str) -> list[Naming]:
    """What a record says took its place: by its status, or beside it."""
    place = find_status(text)
    if place is None or not place.status.startswith("superseded"):
        return []
    words = text[place.start : place.end]
    found = _SUPERSEDED.search(words)
    named = _listed(words, found.end(), bare=True) if found else ()
    if not named:
        named = references(find_label(text, "successor"))
    if not named:
        named = references(place.status.partition(" by ")[2])
    return [Naming(place.start, named)] if named else []


def mentions(text: str) -> tuple[set[RecordReference], set[RecordReference]]:
    """All that a record can mean by what it supersedes, and by what superseded it."""
    old = [*_in_matter(text, "predecessor"), *_said(text, _SUPERSEDES, strictly=False)]
    new = [*superseded_by(text), *_in_matter(text, "successor")]
    new += _said(text, _SUPERSEDED, strictly=False)
    return _all(old), _all(new)


def references(words: str) -> tuple[RecordReference, ...]:
    """All records that words name; a number alone is one."""
    return tuple(r for m in _REFERENCE.finditer(words) if (r := _read(m, bare=True)))


def _all(namings: Sequence[Naming]) -> set[RecordReference]:
    return {record for naming in namings for record in naming.records}


def _in_matter(text: str, label: str) -> Iterator[Naming]:
    for key, value in matter_values(text).items():
        if re.fullmatch(LABELS[label], key, re.I):
            yield Naming(value.start, tuple(r for v in value.values for r in references(v)))


def _said(text: str, verb: re.Pattern[str], strictly: bool) -> Iterator[Naming]:
    """The records that are named behind a verb; without `strictly` all on its line."""
    plain = blanked(text)
    for found in verb.finditer(plain):
        records = _listed(plain, found.end())
        if not strictly:
            rest = plain[found.end() : found.end() + LONGEST]
            line = rest.partition("\n")[0].lstrip("*_: \t|")
            # After a colon comes the reason, as our own notes have it.
            line = re.split(r":(?=\s)", line)[0]
            named = (r for m in _REFERENCE.finditer(line) if (r := _read(m, bare=False)))
            records = (*records, *named)
        if records:
            yield Naming(found.start(), records)


def _listed(plain: str, start: int, bare: bool = False) -> tuple[RecordReference, ...]:
    """The records in a row behind a verb, or in the list below it; with `bare`, or behind a colon,
    a number alone is one."""
    found = _MARKS.match(plain, start)
    begin = found.end() if found else start
    labelled = ":" in plain[start:begin] or "|" in plain[start:begin]
    inline = list(_row(plain, begin, bare or labelled))
    position = start
    while not inline or position > start:
        bullet = _BULLET.match(plain, position)
        below = list(_row(plain, bullet.end(), bare=True)) if bullet else []
        if not below:
            break
        inline += below
        position = below[-1][1]
    return tuple(reference for reference, _ in inline)


def _row(plain: str, position: int, bare: bool) -> Iterator[tuple[RecordReference, int]]:
    """References from `position` on with nothing but commas and "and" between them, each with
    where it ends."""
    while glue := _GLUE.match(plain, position):
        found = _REFERENCE.match(plain, glue.end())
        reference = _read(found, bare) if found else None
        if found is None or reference is None:
            return
        position = found.end()
        yield reference, position


def _read(found: re.Match[str], bare: bool) -> RecordReference | None:
    if found["adr"]:
        return RecordReference(int(found["adr"]))
    if found["number"]:
        return RecordReference(int(found["number"])) if bare or found[0][0] == "#" else None
    if file := found["file"] or found["dated"]:
        return _of_file(file)
    name = PurePosixPath(unquote((found["url"] or "").partition("#")[0])).name
    if name.lower().endswith((".md", ".markdown")):
        return _of_file(name.rpartition(".")[0])
    number = _NUMBER.match(found["said"] or "")
    return RecordReference(int(number[1])) if number else None


def _of_file(stem: str) -> RecordReference:
    return RecordReference(split_name(f"{stem}.md").number, stem)
