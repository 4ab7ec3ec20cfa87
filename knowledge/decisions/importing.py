"""Takes decision records from elsewhere into a workspace's folder, and records into memory."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from archwright.core import InputError
from archwright.knowledge.decisions.changing import with_status
from archwright.knowledge.decisions.files import read_text, write_text
from archwright.knowledge.decisions.folder import Decision, DecisionFolder, slugify
from archwright.knowledge.decisions.linting import (
    Record,
    Violation,
    folders_below,
    read_folder,
)
from archwright.knowledge.decisions.naming import split_name
from archwright.knowledge.decisions.reading import parse
from archwright.knowledge.decisions.status import find_status
from archwright.knowledge.decisions.wording import has_ended
from archwright.knowledge.entries import Entry, ReviewStatus
from archwright.knowledge.store import Knowledge

RUN: Final = "decisions"
"""What the run of a decision's entry is called."""
NOT_READ: Final = "its records are numbered on their own: import it by itself"
_LINK: Final = re.compile(r"\[(?P<said>[^\]\n]*)\]\((?P<here>(?:\./)?)(?P<file>[^)\s#]+)")
_TARGET: Final = re.compile(r"superseded by ADR-(\d+)")
_FITTING_NAME: Final = re.compile(r"\d{4,}-.+\.md")


@dataclass(frozen=True, slots=True)
class Taken:
    """A record that was imported; `new` is whether it was not there already."""

    source: Path
    file: Path
    decision: Decision
    new: bool


def import_records(source: Path, folder: DecisionFolder) -> tuple[list[Taken], list[Violation]]:
    """Copy all records of a folder, byte for byte; with them the files that cannot be read.

    A record keeps its number where the workspace has no other under it, else it gets the next free
    one, and in the lines that refer to it by its number or its file, that changes. What is there
    already, by its words, stays as it is.

    Raises:
        InputError: no such folder, no record in it, or the workspace cannot be written.
    """
    if source.resolve() == folder.path.resolve():
        raise InputError(f"{source} is the workspace's own folder of decisions; name another")
    records, faults = read_folder(source)
    faults += [Violation(place, 1, NOT_READ) for place in folders_below(source)]
    with folder.locked():
        known = folder.list()
        there = {_words(d): d.number for d in known}
        numbers = _numbers(records, there, {d.number for d in known})
        files = {
            r.path: folder.find(numbers[r.path])
            if _words(r.decision) in there
            else folder.path / _file_name(r, numbers[r.path])
            for r in records
        }
        taken = [_take(record, records, numbers, files) for record in records]
    return taken, faults


def _words(decision: Decision) -> tuple[str, ...]:
    # A bare number before a title is the record's or not by the file's name, which may change.
    title = re.sub(r"\A\d+\s+", "", decision.title)
    return (title, decision.context, decision.because, decision.date)


def _numbers(
    records: Sequence[Record], there: Mapping[tuple[str, ...], int], used: set[int]
) -> dict[Path, int]:
    """The number of each record in the workspace: those that keep their own come first, and the
    others get the next ones behind all of them."""
    numbers: dict[Path, int] = {}
    used = set(used)
    for record in sorted(records, key=lambda r: r.path.name):
        known = there.get(_words(record.decision))
        if known is not None:
            numbers[record.path] = known
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


def _take(
    record: Record,
    records: Sequence[Record],
    numbers: Mapping[Path, int],
    files: Mapping[Path, Path],
) -> Taken:
    file = files[record.path]
    new = not file.exists()
    if new:
        content = read_text(record.path)
        write_text(file, content._replace(text=_redirect(content.text, records, numbers, files)))
    return Taken(record.path, file, parse(read_text(file).text, file), new)


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
