"""`archwright decision`: the records of what was tried, and why it was accepted or rejected."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from archwright.cli.choosing import add_workspace_argument
from archwright.cli.decision_draft import add_draft_arguments, draft
from archwright.cli.output import emit, say
from archwright.knowledge.decisions.folder import Decision, DecisionFolder
from archwright.knowledge.decisions.importing import Taken, import_records, remember
from archwright.knowledge.decisions.linting import Fault, lint
from archwright.knowledge.store import Knowledge
from archwright.runs.results.wording import clean
from archwright.runs.workspace.workspace import Workspace

FAULTY: Final = 2
"""The exit code of a folder with faults, as of any other wrong input."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `archwright decision`."""
    actions = parser.add_subparsers(metavar="ACTION", dest="action", required=True)
    actions.add_parser("list", help="all decisions, by number")
    showing = actions.add_parser("show", help="one decision")
    showing.add_argument("number", type=int, metavar="N", help="its number")
    searching = actions.add_parser("search", help="the decisions that share words with a text")
    searching.add_argument("text", nargs="+", metavar="TEXT", help="words to look for")
    drafting = actions.add_parser("draft", help="a new one, from the accepted ones most like it")
    add_draft_arguments(drafting)
    superseding = actions.add_parser("supersede", help="let one take another's place; both say so")
    superseding.add_argument("old", type=int, metavar="OLD", help="the number of the old one")
    superseding.add_argument("new", type=int, metavar="NEW", help="the number of the new one")
    superseding.add_argument("--reason", default="", metavar="TEXT", help="why")
    importing = actions.add_parser("import", help="take in a folder of records, byte for byte")
    checking = actions.add_parser("check", help="what is wrong in a folder of records")
    for action in (importing, checking):
        action.add_argument("folder", type=Path, metavar="DIR", help="MADR, Nygard or adr-tools")
    for action in actions.choices.values():
        if action is not checking:
            add_workspace_argument(action)
        action.add_argument("--json", action="store_true", help="print one JSON document")


def run(args: argparse.Namespace) -> int:
    """List, show, search, draft, supersede, import or check decision records."""
    if args.action == "check":
        return _check(args)
    workspace = Workspace.open(args.workspace)
    folder = DecisionFolder(workspace.paths.decisions)
    if args.action == "draft":
        draft(args, workspace, folder)
    elif args.action == "supersede":
        _supersede(args, workspace, folder)
    elif args.action == "import":
        _import(args, workspace, folder)
    elif args.action == "show":
        _show(args, folder)
    elif args.action == "list":
        decisions = folder.list()
        empty = "no decisions yet: a run writes one for every finalist"
        emit(args, [_document(d) for d in decisions], lambda: _print(decisions, empty))
    else:
        _search(args, folder)
    return 0


def _search(args: argparse.Namespace, folder: DecisionFolder) -> None:
    hits = folder.search(" ".join(args.text))
    documents = [{**_document(h.decision), "score": round(h.score, 4)} for h in hits]
    empty = "no decision has any of these words"
    emit(args, documents, lambda: _print((h.decision for h in hits), empty))


def _show(args: argparse.Namespace, folder: DecisionFolder) -> None:
    text = folder.text(args.number)
    document = {**_document(folder.show(args.number)), "text": text}
    emit(args, document, lambda: print("\n".join(_printable(line) for line in text.splitlines())))


def _supersede(args: argparse.Namespace, workspace: Workspace, folder: DecisionFolder) -> None:
    paths = folder.supersede(args.old, args.new, args.reason)
    with Knowledge(workspace.paths.knowledge) as knowledge:
        remember(knowledge, [folder.show(args.old), folder.show(args.new)])
    document = {"old": args.old, "new": args.new, "files": [str(p) for p in paths]}
    said = f"decision {args.old} is superseded by {args.new}; both records say so"
    emit(args, document, lambda: print(said))


# --- a folder from elsewhere ---------------------------------------------------------------------


def _import(args: argparse.Namespace, workspace: Workspace, folder: DecisionFolder) -> None:
    taken, faults = import_records(args.folder, folder)
    with Knowledge(workspace.paths.knowledge) as knowledge:
        remember(knowledge, [t.decision for t in taken])
    for fault in faults:
        say(f"left out: {_fault_line(fault)}")
    document = {
        "imported": [_taken_document(t) for t in taken if t.new],
        "known": [_taken_document(t) for t in taken if not t.new],
        "left_out": [_fault_document(f) for f in faults],
    }
    emit(args, document, lambda: _print_import(taken, faults))


def _taken_document(taken: Taken) -> dict[str, Any]:
    decision = taken.decision
    return {
        "number": decision.number,
        "title": decision.title,
        "status": decision.status,
        "source": str(taken.source),
        "file": str(taken.file),
    }


def _print_import(taken: list[Taken], faults: list[Fault]) -> None:
    _print((t.decision for t in taken if t.new), "nothing new")
    rejected = sum(t.decision.status == "rejected" for t in taken)
    print(
        f"{sum(t.new for t in taken)} imported, {sum(not t.new for t in taken)} there already, "
        f"{len(faults)} left out; {rejected} are rejected ones, of which later runs are warned"
    )


def _check(args: argparse.Namespace) -> int:
    records, faults = lint(args.folder)
    names = {fault.path for fault in faults}
    document = {"records": len(records), "faults": [_fault_document(f) for f in faults]}
    good = f"{len(records)} records, no fault"
    emit(args, document, lambda: print("\n".join(map(_fault_line, faults)) or good))
    if faults:
        said = f"{len(faults)} faults in {len(names)} of {len(records)} records"
        say(f"archwright: {said}: fix the lines above" if not args.json else f"archwright: {said}")
    return FAULTY if faults else 0


def _fault_line(fault: Fault) -> str:
    return f"{clean(str(fault.path), 300)}:{fault.line}: {clean(fault.message, 300)}"


def _fault_document(fault: Fault) -> dict[str, Any]:
    return {"file": str(fault.path), "line": fault.line, "message": fault.message}


# --- printing ------------------------------------------------------------------------------------


def _document(decision: Decision) -> dict[str, Any]:
    return {"number": decision.number, **asdict(decision)}


def _print(decisions: Iterable[Decision], empty: str) -> None:
    lines = [
        f"{d.number:04d}  {clean(d.status, 24):<10}  {clean(d.date, 10):<10}  {clean(d.title, 100)}"
        for d in decisions
    ]
    print("\n".join(lines) or empty)


def _printable(line: str) -> str:
    """The line without what a terminal would obey, its indent kept."""
    return line[: len(line) - len(line.lstrip(" "))] + clean(line, 2000)
