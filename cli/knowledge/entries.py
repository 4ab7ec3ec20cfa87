"""`archwright knowledge`: search, look at and add to what has been learned."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from archwright.cli.options import HERE, AsJson, Folder, Words, open_knowledge
from archwright.cli.output import emit
from archwright.core import InputError, Recipe
from archwright.knowledge.store import Entry, Hit
from archwright.runs.results.wording import clean
from archwright.source.fingerprint import fingerprint
from archwright.tasks.loading import load_task

_USER = "user"


def search(
    query: Annotated[list[str], Parameter(name="QUERY")],
    /,
    *,
    count: Annotated[int, Parameter(name="-n")] = 10,
    workspace: Folder = HERE,
    json: AsJson = False,
) -> None:
    """Find entries by words and by meaning.

    Args:
        query: Words, or code.
        count: How many.
    """
    if count < 1:
        raise InputError("-n must be at least 1")
    with open_knowledge(workspace, writes=False) as knowledge:
        hits = knowledge.search(" ".join(query), n=count)
    emit(json, [_hit_document(hit) for hit in hits], lambda: _print_hits(hits))


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
        print("no entry matches; runs and `archwright knowledge add` fill the base")


def show(id: int, /, *, workspace: Folder = HERE, json: AsJson = False) -> None:
    """Print all of an entry.

    Args:
        id: Its id, as search gives it.
    """
    with open_knowledge(workspace, writes=False) as knowledge:
        entry = knowledge.show(id)
    emit(json, _document(entry), lambda: _print_entry(entry))


def _print_entry(entry: Entry) -> None:
    skipped = ("source", "fingerprint", "recipe", "id")
    facts = {k: v for k, v in asdict(entry).items() if k not in skipped and v not in ("", None)}
    print(f"entry {entry.id}")
    for name, value in facts.items():
        print(f"  {name:<10}  {clean(str(value), 200)}")
    for line in entry.source.splitlines():
        print("    " + line[: len(line) - len(line.lstrip())] + clean(line, 2000))


def stats(*, workspace: Folder = HERE, json: AsJson = False) -> None:
    """Print how many entries there are of each kind and task."""
    with open_knowledge(workspace, writes=False) as knowledge:
        counted = knowledge.stats()
    emit(json, counted, lambda: _print_stats(counted))


def _print_stats(stats: dict[str, Any]) -> None:
    kinds = ", ".join(f"{count} {kind}" for kind, count in stats["kinds"].items())
    print(f"{stats['entries']} entries{': ' if kinds else ''}{kinds}")
    for task, known in stats["tasks"].items():
        ends = ", ".join(f"{count} {end}" for end, count in known["ends"].items())
        best = known["best_gain"]
        print(f"  {clean(task)}: {ends}" + (f"; best {best:+.1f} sd" if best is not None else ""))


def add(
    file: Path | None = None,
    /,
    *,
    task: str = "",
    note: Words = "",
    workspace: Folder = HERE,
    json: AsJson = False,
) -> None:
    """Record a file, a note, or both.

    Args:
        file: A .py architecture, or a text.
        task: The task that it is for.
        note: What is to be learned from it.
    """
    with open_knowledge(workspace) as knowledge:
        entry = _own_entry(file, load_task(task).key if task else "", note)
        id = knowledge.record(entry)
    document = {"id": id, "kind": entry.kind, "title": entry.title}
    emit(json, document, lambda: print(f"entry {id}: {entry.kind} {clean(entry.title)}"))


def _own_entry(file: Path | None, task: str, note: str) -> Entry:
    """What the user brings in; the same again is the same entry."""
    if file is None and not note.strip():
        raise InputError("nothing to add; give a FILE or --note TEXT")
    text = _read(file) if file is not None else ""
    is_code = file is not None and file.suffix == ".py"
    levels = fingerprint(text, Recipe()) if is_code else None
    if levels is not None and not levels.tree:
        raise InputError(f"{file} is not valid Python: fix it first")
    lesson = note if is_code or not text else "\n\n".join(filter(None, (note, text)))
    key = hashlib.sha256("\n".join((task, text, "" if is_code else note)).encode()).hexdigest()
    title = file.stem if file is not None else note.strip().splitlines()[0][:80]
    own = Entry(run=_USER, candidate=key[:12], task=task, title=title, lesson=lesson, kind="note")
    if levels is None:
        return own
    return replace(own, kind="example", source=text, fingerprint=levels)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise InputError(f"{path} cannot be read: {reason}; give a readable text file") from None
