"""Takes decision records from elsewhere into a workspace's folder, and records into memory."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from archwright.core import InputError
from archwright.knowledge.decisions.changing import with_note, with_status
from archwright.knowledge.decisions.files import read_text, write_text
from archwright.knowledge.decisions.folder import Decision, DecisionFolder, slugify
from archwright.knowledge.decisions.language.vocabulary import LABELS, section_name
from archwright.knowledge.decisions.language.wording import has_ended
from archwright.knowledge.decisions.linting import (
    Record,
    Violation,
    folders_below,
    read_folder,
)
from archwright.knowledge.decisions.naming import split_name
from archwright.knowledge.decisions.outline import sections
from archwright.knowledge.decisions.reading import parse
from archwright.knowledge.decisions.status import find_status
from archwright.knowledge.entries import Entry, ReviewStatus
from archwright.knowledge.store import Knowledge

RUN: Final = "decisions"
"""What the run of a decision's entry is called."""
NOT_READ: Final = "its records are numbered on their own: import it by itself"
_LINK: Final = re.compile(r"\[(?P<said>[^\]\n]*)\]\((?P<here>(?:\./)?)(?P<file>[^)\s#]+)")
_TARGET: Final = re.compile(r"superseded by ADR-(\d+)")
_FITTING_NAME: Final = re.compile(r"\d{4,}-.+\.md")


# What a record and its copy need not share: where it stands, since when, and what was noted here.
_STANDING: Final = re.compile(
    rf"^[^\w\n]*(?:{'|'.join(LABELS.values())})[*_ \t]*(?:[:：=|].*|)$"
    r"|^## More Information$|^\* \d{4}-\d\d-\d\d, .*$|^-{3,}$",
    re.M | re.I,
)


@dataclass(frozen=True, slots=True)
class Taken:
    """A record that was imported; `new` is whether it was not there already, `changed` whether it
    was there with another status."""

    source: Path
    file: Path
    decision: Decision
    new: bool
    changed: bool = False


def import_records(source: Path, folder: DecisionFolder) -> tuple[list[Taken], list[Violation]]:
    """Copy all records of a folder, byte for byte; with them what cannot be taken.

    A record keeps its number where the workspace has no other under it, else it gets the next free
    one, and in the lines that refer to it by its number or its file, that changes. What is there
    already, by its words, follows the status that it has at its source now; one that has ended
    here stays so.

    Raises:
        InputError: no such folder, no record in it, or the workspace cannot be written.
    """
    if source.resolve() == folder.path.resolve():
        raise InputError(f"{source} is the workspace's own folder of decisions; name another")
    records, faults = read_folder(source)
    faults += [Violation(place, 1, NOT_READ) for place in folders_below(source)]
    with folder.locked():
        known = [Record.of(path, read_text(path).text) for path in folder.files()]
        copies = _copies(records, known)
        numbers = _numbers(records, copies, {k.decision.number for k in known})
        files = {
            r.path: copies[r.path].path
            if r.path in copies
            else folder.path / _file_name(r, numbers[r.path])
            for r in records
        }
        texts = {r.path: _redirect(r.text, records, numbers, files) for r in records}
        taken = [_take(r, copies.get(r.path), files[r.path], texts[r.path]) for r in records]
    faults += [f for r, t in zip(records, taken, strict=True) if (f := _left(r, t, texts[r.path]))]
    return taken, faults


def _copies(records: Sequence[Record], known: Sequence[Record]) -> dict[Path, Record]:
    """The copy that the workspace has of each record. Of several, one of the same status."""
    waiting: dict[tuple[str, ...], list[Record]] = defaultdict(list)
    for copy in known:
        waiting[_words(copy)].append(copy)
    words = {record.path: _words(record) for record in records}
    found: dict[Path, Record] = {}
    for by_status in (True, False):
        for record in (r for r in records if r.path not in found):
            same = waiting[words[record.path]]
            fitting = (c for c in same if not by_status or _kind(c) == _kind(record))
            if (twin := next(fitting, None)) is not None:
                found[record.path] = twin
                same.remove(twin)
    return found


def _kind(record: Record) -> str:
    """Its status, whatever superseded it: that has another number here."""
    return record.decision.status.partition(" by ")[0]


def _words(record: Record) -> tuple[str, ...]:
    """What tells a record from all others, whatever its number, status and notes are."""
    # A bare number before a title is the record's or not by the file's name, which may change.
    title = re.sub(r"\A\d+\s+", "", record.decision.title)
    text = record.text.replace("\r\n", "\n")
    for here, end in reversed(sections(text)):
        if section_name(here.title) == "status":
            text = text[: here.start] + text[end:]
    if place := find_status(text):
        text = text[: place.start] + text[place.end :]
    text = _STANDING.sub("", _LINK.sub(_without_number, text))
    return (slugify(title), *re.sub(r"\b(ADR[- ])\d+\b", r"\1", text).split())


def _without_number(link: re.Match[str]) -> str:
    """A link to a record, without its number and its file, which may have others here."""
    if not link["file"].endswith(".md"):
        return link[0]
    return "[" + re.sub(r"\A\d+\. ", "", link["said"]) + "]("


def _numbers(
    records: Sequence[Record], copies: Mapping[Path, Record], used: set[int]
) -> dict[Path, int]:
    """The number of each record in the workspace: those that keep their own come first, and the
    others get the next ones behind all of them."""
    numbers: dict[Path, int] = {}
    used = set(used)
    for record in sorted(records, key=lambda r: r.path.name):
        if copy := copies.get(record.path):
            numbers[record.path] = copy.decision.number
        elif record.number is not None and record.number not in used:
            used.add(record.number)
            numbers[record.path] = record.number
    movers = [r for r in records if r.path not in numbers]
    first = 1 + max(used, default=0)
    return numbers | {r.path: first + i for i, r in enumerate(movers)}


def _file_name(record: Record, number: int) -> str:
    if record.number == number and _FITTING_NAME.fullmatch(record.path.name):
        return record.path.name
    rest = split_name(record.path.name).rest or record.decision.title
    return f"{number:04d}-{slugify(rest)}.md"


def _take(record: Record, copy: Record | None, file: Path, text: str) -> Taken:
    """Write a record, as `text`, or let its copy follow it."""
    if copy is None:
        write_text(file, read_text(record.path)._replace(text=text))
    elif changed := _follows(copy.decision.status, parse(text, file).status):
        for note in copy.decision.notes:
            if said := re.fullmatch(r"(\d{4}-\d\d-\d\d), (.*)", note):
                text = with_note(text, said[2], said[1])
        write_text(file, read_text(record.path)._replace(text=text))
    return Taken(
        record.path, file, parse(read_text(file).text, file), copy is None, bool(copy and changed)
    )


def _follows(here: str, there: str) -> bool:
    """Whether a copy takes the status that it has at its source; none is put back into force, and
    what superseded it here stays."""
    if here == there or not there:
        return False
    return not has_ended(here) or (has_ended(there) and not here.startswith("superseded by"))


def _left(record: Record, taken: Taken, text: str) -> Violation | None:
    """That a copy has another status than its source, and keeps it."""
    here, there = taken.decision.status, parse(text, taken.file).status
    if here == there or not there:
        return None
    place = find_status(record.text)
    line = record.text.count("\n", 0, place.start) + 1 if place else 1
    said = f"its status {there!r}: {taken.file.name} is {here or 'without one'} here and stays so"
    return Violation(record.path, line, said)


def _redirect(
    text: str, records: Sequence[Record], numbers: Mapping[Path, int], files: Mapping[Path, Path]
) -> str:
    """`text` with references to records that have another number or file name here."""
    names = {r.path.name: files[r.path].name for r in records}
    moved: dict[int, int] = {}
    for r in records:
        if r.number is not None:  # Of two of one number, the first is meant.
            moved.setdefault(r.number, numbers[r.path])

    def redirect_link(link: re.Match[str]) -> str:
        file = names.get(link["file"], link["file"])
        if file == link["file"]:
            return link[0]
        said = re.sub(r"\A\d+(?=\. )", str(int(file.partition("-")[0])), link["said"])
        return f"[{said}]({link['here']}{file}"

    def redirect_number(found: re.Match[str]) -> str:
        old = int(found[2])
        return found[0] if moved.get(old, old) == old else f"{found[1]}{moved[old]:04d}"

    said = re.sub(r"\b(ADR[- ])0*(\d+)\b", redirect_number, _LINK.sub(redirect_link, text))
    return _redirect_status(text, said, moved)


def _redirect_status(before: str, text: str, moved: Mapping[int, int]) -> str:
    """`text` with the successor's number, where the status names it by digits alone."""
    old, new = find_status(before), find_status(text)
    target = _TARGET.fullmatch(old.status) if old else None
    if target is None or new is None or old is None or new.status != old.status:
        return text
    number = moved.get(int(target[1]), int(target[1]))
    try:
        return with_status(text, f"superseded by ADR-{number:04d}")
    except InputError:  # A badge stays as it is.
        return text


# --- memory --------------------------------------------------------------------------------------


def remember(knowledge: Knowledge, decisions: Iterable[Decision]) -> list[int]:
    """Write decisions into the knowledge base, rejected ones as what not to repeat; their ids."""
    return knowledge.record_all(map(decision_entry, decisions))


def decision_entry(decision: Decision) -> Entry:
    """A decision as an entry. One that was rejected, deprecated or superseded counts as rejected:
    runs are warned of it. Any other status, and none, leaves it open."""
    return Entry(
        run=RUN,
        candidate=f"ADR-{decision.number:04d}",
        task=decision.task,
        title=decision.title,
        kind="decision",
        reason=decision.status if decision.status not in ("accepted", "proposed") else "",
        lesson=" ".join(f"{_outcome(decision)} {decision.context}".split())[:2000],
        status=_review(decision.status),
    )


def _review(status: str) -> ReviewStatus:
    if has_ended(status):
        return "rejected"
    return "accepted" if status == "accepted" else "open"


def _outcome(decision: Decision) -> str:
    if decision.chosen and decision.chosen != decision.title:
        return f"{decision.chosen}, because {decision.because}"
    return decision.because
