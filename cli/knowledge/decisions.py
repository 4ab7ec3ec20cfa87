"""`archwright decision`: the records of what was tried, and why it was accepted or rejected."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Final

from cyclopts import Parameter

from archwright.cli.options import HERE, AsJson, Folder, Words, open_knowledge
from archwright.cli.output import emit, say
from archwright.knowledge.decisions.folder import Decision, DecisionFolder
from archwright.knowledge.decisions.importing import Taken, import_records, remember
from archwright.knowledge.decisions.language.wording import has_ended
from archwright.knowledge.decisions.linting import Violation, lint
from archwright.runs.results.wording import clean
from archwright.runs.workspace.workspace import Workspace

RecordFolder = Annotated[Path, Parameter(name="DIR", help="MADR, Nygard or adr-tools.")]
NO_STATUS: Final = "no status"
FAULTY: Final = 2
"""The exit code of a folder with faults, as of any other wrong input."""


def list_all(*, workspace: Folder = HERE, json: AsJson = False) -> None:
    """Print one line for each decision."""
    decisions = _folder(workspace, writes=False).list()
    empty = "no decisions yet: a run writes one for every finalist"
    emit(json, [_document(d) for d in decisions], lambda: _print(decisions, empty))


def search(
    text: Annotated[list[str], Parameter(name="TEXT")],
    /,
    *,
    workspace: Folder = HERE,
    json: AsJson = False,
) -> None:
    """Print the decisions, those that fit best first.

    Args:
        text: Words to look for.
    """
    hits = _folder(workspace, writes=False).search(" ".join(text))
    documents = [{**_document(h.decision), "score": round(h.score, 4)} for h in hits]
    empty = "no decision has any of these words"
    emit(json, documents, lambda: _print((h.decision for h in hits), empty))


def show(number: int, /, *, workspace: Folder = HERE, json: AsJson = False) -> None:
    """Print a record as it is written.

    Args:
        number: Its number.
    """
    folder = _folder(workspace, writes=False)
    text = folder.text(number)
    document = {**_document(folder.show(number)), "text": text}
    emit(json, document, lambda: print("\n".join(_printable(line) for line in text.splitlines())))


def supersede(
    old: int,
    new: int,
    /,
    *,
    reason: Words = "",
    workspace: Folder = HERE,
    json: AsJson = False,
) -> None:
    """Write it into both records and into what is known.

    Args:
        old: The number of the old one.
        new: The number of the new one.
        reason: Why.
    """
    folder = _folder(workspace)
    paths = folder.supersede(old, new, reason)
    with open_knowledge(workspace) as knowledge:
        remember(knowledge, [folder.show(old), folder.show(new)])
    document = {"old": old, "new": new, "files": [str(p) for p in paths]}
    said = f"decision {old} is superseded by {new}; both records say so"
    emit(json, document, lambda: print(said))


def _folder(workspace: str, writes: bool = True) -> DecisionFolder:
    return DecisionFolder(Workspace.open(workspace, writes).paths.decisions)


# --- a folder from elsewhere ---------------------------------------------------------------------


def take_in(records: RecordFolder, /, *, workspace: Folder = HERE, json: AsJson = False) -> None:
    """Import what can be read, and say what was left out."""
    taken, faults = import_records(records, _folder(workspace))
    with open_knowledge(workspace) as knowledge:
        remember(knowledge, [t.decision for t in taken])
    for fault in faults:
        say(f"left out: {_fault_line(fault)}")
    document = {
        "imported": [_taken_document(t) for t in taken if t.new],
        "changed": [_taken_document(t) for t in taken if t.changed],
        "known": [_taken_document(t) for t in taken if not (t.new or t.changed)],
        "left_out": [_fault_document(f) for f in faults],
        "statuses": _count(taken),
        "warned": sum(has_ended(t.decision.status) for t in taken),
    }
    emit(json, document, lambda: _print_import(taken, document))


def _taken_document(taken: Taken) -> dict[str, Any]:
    decision = taken.decision
    return {
        "number": decision.number,
        "title": decision.title,
        "status": decision.status,
        "source": str(taken.source),
        "file": str(taken.file),
    }


def _print_import(taken: list[Taken], document: dict[str, Any]) -> None:
    _print((t.decision for t in taken if t.new or t.changed), "nothing new")
    kinds = ", ".join(f"{count} {clean(kind, 40)}" for kind, count in document["statuses"].items())
    changed = f"{count} with a new status, " if (count := len(document["changed"])) else ""
    print(
        f"{len(document['imported'])} imported, {changed}{len(document['known'])} there already, "
        f"{len(document['left_out'])} left out{': ' if kinds else ''}{kinds}; "
        f"later runs are warned of {document['warned']}"
    )


def _count(taken: list[Taken]) -> dict[str, int]:
    """How many records there are of each status, whatever superseded them, the most first."""
    kinds = (re.sub(r"^(superseded) by .*", r"\1", t.decision.status) for t in taken)
    return dict(Counter(kind or NO_STATUS for kind in kinds).most_common())


def check(folder: RecordFolder, /, *, json: AsJson = False) -> int:
    """Print the faults; exit code 2 where there are any."""
    records, faults = lint(folder)
    names = {fault.path for fault in faults}
    document = {"records": len(records), "faults": [_fault_document(f) for f in faults]}
    good = f"{len(records)} records, no fault"
    emit(json, document, lambda: print("\n".join(map(_fault_line, faults)) or good))
    if faults:
        said = f"{len(faults)} faults in {len(names)} of {len(records)} records"
        say(f"archwright: {said}: fix the lines above" if not json else f"archwright: {said}")
    return FAULTY if faults else 0


def _fault_line(fault: Violation) -> str:
    return f"{clean(str(fault.path), 300)}:{fault.line}: {clean(fault.message, 300)}"


def _fault_document(fault: Violation) -> dict[str, Any]:
    return {"file": str(fault.path), "line": fault.line, "message": fault.message}


# --- printing ------------------------------------------------------------------------------------


def _document(decision: Decision) -> dict[str, Any]:
    return {"number": decision.number, **asdict(decision)}


def _print(decisions: Iterable[Decision], empty: str) -> None:
    lines = [
        f"{d.number:04d}  {clean(d.status or NO_STATUS, 40):<10}  {clean(d.date, 10):<10}"
        f"  {clean(d.title, 100)}"
        for d in decisions
    ]
    print("\n".join(lines) or empty)


def _printable(line: str) -> str:
    """The line without what a terminal would obey, its indent kept."""
    return line[: len(line) - len(line.lstrip(" "))] + clean(line, 2000)
