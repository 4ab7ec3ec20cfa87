"""`archwright decision`: the records of what was tried, and why it was accepted or rejected."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from archwright.cli.choosing import add_workspace_argument
from archwright.cli.output import emit
from archwright.knowledge.decisions import Decision, DecisionFolder
from archwright.runs.wording import clean
from archwright.runs.workspace import Workspace


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `archwright decision`."""
    actions = parser.add_subparsers(metavar="ACTION", dest="action", required=True)
    listing = actions.add_parser("list", help="all decisions, by number")
    showing = actions.add_parser("show", help="one decision")
    showing.add_argument("number", type=int, metavar="N", help="its number")
    searching = actions.add_parser("search", help="the decisions that share words with a text")
    searching.add_argument("text", nargs="+", metavar="TEXT", help="words to look for")
    for action in (listing, showing, searching):
        add_workspace_argument(action)
        action.add_argument("--json", action="store_true", help="print one JSON document")


def run(args: argparse.Namespace) -> int:
    """List, show or search the decision records of a workspace."""
    folder = DecisionFolder(Workspace.open(args.workspace).paths.decisions)
    if args.action == "show":
        _show(args, folder)
    elif args.action == "list":
        decisions = folder.list()
        empty = "no decisions yet: a run writes one for every finalist"
        emit(args, [_document(d) for d in decisions], lambda: _print(decisions, empty))
    else:
        hits = folder.search(" ".join(args.text))
        documents = [{**_document(h.decision), "score": round(h.score, 4)} for h in hits]
        empty = "no decision has any of these words"
        emit(args, documents, lambda: _print((h.decision for h in hits), empty))
    return 0


def _show(args: argparse.Namespace, folder: DecisionFolder) -> None:
    text = folder.text(args.number)
    document = {**_document(folder.show(args.number)), "text": text}
    emit(args, document, lambda: print("\n".join(_printable(line) for line in text.splitlines())))


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
