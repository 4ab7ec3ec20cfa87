"""`archwright knowledge`: search, look at and add to what has been learned."""

from __future__ import annotations

import argparse
import hashlib
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from archwright.cli.choosing import add_workspace_argument
from archwright.cli.knowledge_import import add_import_arguments, import_lemur
from archwright.cli.output import emit
from archwright.core import InputError, Recipe
from archwright.knowledge.store import Entry, Hit, Knowledge
from archwright.runs.results.wording import clean
from archwright.runs.workspace.workspace import Workspace
from archwright.source.fingerprint import fingerprint
from archwright.tasks.loading import load_task

_USER = "user"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `archwright knowledge`."""
    actions = parser.add_subparsers(metavar="ACTION", dest="action", required=True)
    searching = actions.add_parser("search", help="what bears on some words or some code")
    searching.add_argument("query", nargs="+", metavar="QUERY", help="words, or code")
    searching.add_argument("-n", type=int, default=10, metavar="N", help="how many (10)")
    showing = actions.add_parser("show", help="one entry, with its source")
    showing.add_argument("id", type=int, metavar="ID", help="its id, as search gives it")
    stats = actions.add_parser("stats", help="how much is known of which task")
    adding = actions.add_parser("add", help="add an architecture or a note of your own")
    adding.add_argument("file", nargs="?", metavar="FILE", help="a .py architecture, or a text")
    adding.add_argument("--task", default="", metavar="TASK", help="the task that it is for")
    adding.add_argument("--note", default="", metavar="TEXT", help="what is to be learned from it")
    importing = actions.add_parser("import", help="take in networks that others measured")
    add_import_arguments(importing)
    for action in (searching, showing, stats, adding, importing):
        add_workspace_argument(action)
        action.add_argument("--json", action="store_true", help="print one JSON document")


def run(args: argparse.Namespace) -> int:
    """Search, show, count, add or import knowledge of a workspace."""
    acts = {
        "search": _search,
        "show": _show,
        "stats": _count,
        "add": _add,
        "import": import_lemur,
    }
    act = acts[args.action]
    with Knowledge(Workspace.open(args.workspace).paths.knowledge) as knowledge:
        act(args, knowledge)
    return 0


def _search(args: argparse.Namespace, knowledge: Knowledge) -> None:
    if args.n < 1:
        raise InputError("-n must be at least 1")
    hits = knowledge.search(" ".join(args.query), n=args.n)
    emit(args, [_hit_document(hit) for hit in hits], lambda: _print_hits(hits))


def _hit_document(hit: Hit) -> dict[str, Any]:
    document = _document(hit.entry)
    del document["source"]
    return {**document, "rank": round(hit.rank, 5)}


def _document(entry: Entry) -> dict[str, Any]:
    return {"id": entry.id, **asdict(entry)}


def _print_hits(hits: list[Hit]) -> None:
    for hit in hits:
        entry = hit.entry
        gain = f"{entry.gain:+.1f} sd" if entry.gain is not None else ""
        said = clean(entry.lesson or entry.reason, 70)
        print(
            f"{entry.id:>5}  {entry.end.value:<9} {gain:>9}  {clean(entry.task, 16):<16}"
            f"  {clean(entry.title, 50)}{'  ' if said else ''}{said}"
        )
    if not hits:
        print("nothing known bears on this; runs and `archwright knowledge add` fill the base")


def _show(args: argparse.Namespace, knowledge: Knowledge) -> None:
    entry = knowledge.show(args.id)
    emit(args, _document(entry), lambda: _print_entry(entry))


def _print_entry(entry: Entry) -> None:
    skipped = ("source", "fingerprint", "recipe", "id")
    facts = {k: v for k, v in asdict(entry).items() if k not in skipped and v not in ("", None)}
    print(f"entry {entry.id}")
    for name, value in facts.items():
        print(f"  {name:<10}  {clean(str(value), 200)}")
    for line in entry.source.splitlines():
        print("    " + line[: len(line) - len(line.lstrip())] + clean(line, 2000))


def _count(args: argparse.Namespace, knowledge: Knowledge) -> None:
    stats = knowledge.stats()
    emit(args, stats, lambda: _print_stats(stats))


def _print_stats(stats: dict[str, Any]) -> None:
    kinds = ", ".join(f"{count} {kind}" for kind, count in stats["kinds"].items())
    print(f"{stats['entries']} entries{': ' if kinds else ''}{kinds}")
    for task, known in stats["tasks"].items():
        ends = ", ".join(f"{count} {end}" for end, count in known["ends"].items())
        best = known["best_gain"]
        print(f"  {clean(task)}: {ends}" + (f"; best {best:+.1f} sd" if best is not None else ""))


def _add(args: argparse.Namespace, knowledge: Knowledge) -> None:
    entry = _own_entry(args.file, load_task(args.task).key if args.task else "", args.note)
    id = knowledge.record(entry)
    document = {"id": id, "kind": entry.kind, "title": entry.title}
    emit(args, document, lambda: print(f"entry {id}: {entry.kind} {clean(entry.title)}"))


def _own_entry(file: str | None, task: str, note: str) -> Entry:
    """What the user brings in; the same again is the same entry."""
    if file is None and not note.strip():
        raise InputError("nothing to add; give a FILE or --note TEXT")
    text = _read(Path(file)) if file is not None else ""
    is_code = file is not None and file.endswith(".py")
    levels = fingerprint(text, Recipe()) if is_code else None
    if levels is not None and not levels.tree:
        raise InputError(f"{file} is no Python source that parses; correct it first")
    lesson = note if is_code or not text else "\n\n".join(filter(None, (note, text)))
    key = hashlib.sha256("\n".join((task, text, "" if is_code else note)).encode()).hexdigest()
    title = Path(file).stem if file is not None else note.strip().splitlines()[0][:80]
    own = Entry(run=_USER, candidate=key[:12], task=task, title=title, lesson=lesson, kind="note")
    if levels is None:
        return own
    return replace(own, kind="example", source=text, fingerprint=levels)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no UTF-8 text"
        raise InputError(f"{path} cannot be read: {reason}; give a readable text file") from None
