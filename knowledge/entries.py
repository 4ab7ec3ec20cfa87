"""What the knowledge base holds, as plain values and as rows of its database."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from archwright.core import CandidateStatus, Fingerprint

Kind = Literal["result", "lesson", "note", "example", "paper", "decision"]
"""`example` is an architecture that the user brought in, `note` the user's own words."""

ReviewStatus = Literal["open", "accepted", "rejected"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One thing that is known. `(run, candidate)` names it; `id` is one version of it.

    `score` and `baseline` are in the metric's unit; `gain` is the improvement over the baseline in
    standard deviations of the baseline's noise (positive is better). `created` is a Unix time in
    seconds. `id` and `created` are set by the store.
    """

    run: str
    candidate: str
    task: str = ""
    title: str = ""
    kind: Kind = "result"
    source: str = ""
    recipe: Mapping[str, Any] = field(default_factory=dict)
    fingerprint: Fingerprint = field(default_factory=lambda: Fingerprint("", ""))
    family: str = ""
    metric: str = ""
    score: float | None = None
    baseline: float | None = None
    gain: float | None = None
    parameters: int = 0
    end: CandidateStatus = CandidateStatus.OPEN
    reason: str = ""
    lesson: str = ""
    status: ReviewStatus = "open"
    id: int = 0
    created: float = 0.0


Example = Entry
"""An entry that was chosen to be shown; it has a source."""


@dataclass(frozen=True, slots=True)
class Match:
    """Something known that is the same as, or like, what was asked about."""

    level: Literal["text", "tree", "graph", "similar"]
    id: int
    run: str
    candidate: str
    title: str
    end: CandidateStatus
    reason: str
    score: float | None
    similarity: float = 1.0


@dataclass(frozen=True, slots=True)
class Hit:
    """One answer to a search; `rank` is the fused score, larger is better."""

    entry: Entry
    rank: float


# --- rows -----------------------------------------------------------------------------------------


COLUMNS: Final = (
    "kind", "run", "candidate", "task", "title", "source", "recipe", "text_level", "tree_level",
    "graph_level", "family", "metric", "score", "baseline", "gain", "parameters", "end", "reason",
    "lesson", "status",
)  # fmt: skip


def insert_row(
    connection: sqlite3.Connection, old: sqlite3.Row | None, values: tuple[Any, ...]
) -> int:
    """Add a row (`COLUMNS`, created, vector) that replaces `old`, and return its id."""
    id: int = connection.execute("SELECT COALESCE(MAX(id), 0) + 1 FROM entries").fetchone()[0]
    if old is not None:
        connection.execute("UPDATE entries SET replaced_by = ? WHERE id = ?", (id, old["id"]))
    names = ", ".join(f'"{c}"' for c in ("id", *COLUMNS, "created", "vector"))
    marks = ", ".join("?" * (len(values) + 1))
    connection.execute(f"INSERT INTO entries ({names}) VALUES ({marks})", (id, *values))
    return id


def row_values(entry: Entry) -> tuple[Any, ...]:
    """An entry as the values of `COLUMNS`."""
    levels = entry.fingerprint
    special = {
        "recipe": json.dumps(dict(entry.recipe)),
        "text_level": levels.text,
        "tree_level": levels.tree,
        "graph_level": levels.graph,
        "end": entry.end.value,
    }
    plain = (special[c] if c in special else getattr(entry, c) for c in COLUMNS)
    return tuple(_storable(value) for value in plain)


def _storable(value: Any) -> Any:
    """Text without lone surrogates, which SQLite refuses."""
    return value.encode(errors="replace").decode() if isinstance(value, str) else value


def read_entry(row: sqlite3.Row) -> Entry:
    """The entry in a row."""
    plain = {c: row[c] for c in (*COLUMNS, "id", "created") if not c.endswith("_level")}
    levels = Fingerprint(row["text_level"], row["tree_level"], row["graph_level"])
    special = {
        "recipe": json.loads(row["recipe"]),
        "end": CandidateStatus(row["end"]),
        "fingerprint": levels,
    }
    return Entry(**{**plain, **special})


def read_match(row: sqlite3.Row, level: Any, similarity: float = 1.0) -> Match:
    """A row as a match on `level`."""
    same = {name: row[name] for name in ("id", "run", "candidate", "title", "reason", "score")}
    return Match(level=level, end=CandidateStatus(row["end"]), similarity=similarity, **same)
