"""What the knowledge base holds, as plain values and as rows of its database."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from archwright.core import CandidateStatus, Fingerprint, WorkspaceError
from archwright.core.database import open_database
from archwright.knowledge.retrieval import embedded, spread

EntryKind = Literal["result", "lesson", "note", "example", "paper", "decision", "shelf"]
"""`example` is an architecture that the user brought in, `note` the user's own words, `shelf` a
note on an architecture that came with Archwright."""

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
    kind: EntryKind = "result"
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
    steps: int = 0
    """Optimizer steps behind `score` and `gain`; gains compare at equal steps."""
    verdict: str = ""
    """What verification said of it: discovery, no gain or undecided."""
    machine: str = ""
    """The kind of machine that it was measured on, "" where nobody says: scores of the same seed
    differ between kinds."""
    id: int = 0
    created: float = 0.0


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


@dataclass(frozen=True, slots=True)
class CandidateClaim:
    """A candidate that a run has taken up; `status` is how it ended, "" while it is under way."""

    run: str
    candidate: str
    title: str
    status: str = ""


# --- rows -----------------------------------------------------------------------------------------


COLUMNS: Final = (
    "kind", "run", "candidate", "task", "title", "source", "recipe", "text_level", "tree_level",
    "graph_level", "family", "metric", "score", "baseline", "gain", "parameters", "end", "reason",
    "lesson", "status", "steps", "verdict", "machine",
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


BUSY_SECONDS: Final = 30.0
SWITCH_PAUSE_SECONDS: Final = 0.02

# Append only: a file of any older version is brought up by the statements after its own.
MIGRATIONS: Final[tuple[tuple[str, ...], ...]] = (
    (
        """CREATE TABLE entries (
            id INTEGER PRIMARY KEY,
            kind TEXT NOT NULL, run TEXT NOT NULL, candidate TEXT NOT NULL, task TEXT NOT NULL,
            title TEXT NOT NULL, source TEXT NOT NULL, recipe TEXT NOT NULL,
            text_level TEXT NOT NULL, tree_level TEXT NOT NULL, graph_level TEXT NOT NULL,
            family TEXT NOT NULL, metric TEXT NOT NULL, score REAL, baseline REAL, gain REAL,
            parameters INTEGER NOT NULL, "end" TEXT NOT NULL, reason TEXT NOT NULL,
            lesson TEXT NOT NULL, status TEXT NOT NULL, created REAL NOT NULL,
            vector BLOB NOT NULL,
            replaced_by INTEGER)""",
        """CREATE UNIQUE INDEX entries_current ON entries (run, candidate)
            WHERE replaced_by IS NULL""",
        "CREATE INDEX entries_text ON entries (text_level, task) WHERE text_level != ''",
        "CREATE INDEX entries_tree ON entries (tree_level, task) WHERE tree_level != ''",
        "CREATE INDEX entries_graph ON entries (graph_level, task) WHERE graph_level != ''",
        "CREATE INDEX entries_gain ON entries (task, gain)",
        """CREATE VIRTUAL TABLE words USING fts5(
            title, family, reason, lesson, source, content='entries', content_rowid='id')""",
        """CREATE TRIGGER entries_words AFTER INSERT ON entries BEGIN
            INSERT INTO words (rowid, title, family, reason, lesson, source)
            VALUES (new.id, new.title, new.family, new.reason, new.lesson, new.source); END""",
    ),
    (
        "CREATE INDEX entries_replaced ON entries (replaced_by) WHERE replaced_by IS NOT NULL",
        "DROP TRIGGER entries_words",
        "DROP TABLE words",
        """CREATE VIRTUAL TABLE words USING fts5(
            title, family, reason, lesson, source, content='', tokenize='porter unicode61')""",
        """INSERT INTO words (rowid, title, family, reason, lesson, source)
            SELECT id, spread(title), spread(family), spread(reason), spread(lesson),
            spread(source) FROM entries""",
        """CREATE TRIGGER entries_words AFTER INSERT ON entries BEGIN
            INSERT INTO words (rowid, title, family, reason, lesson, source)
            VALUES (new.id, spread(new.title), spread(new.family), spread(new.reason),
            spread(new.lesson), spread(new.source)); END""",
        "UPDATE entries SET vector = embedded(source, title, lesson)",
    ),
    (
        "ALTER TABLE entries ADD COLUMN steps INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE entries ADD COLUMN verdict TEXT NOT NULL DEFAULT ''",
    ),
    ("ALTER TABLE entries ADD COLUMN machine TEXT NOT NULL DEFAULT ''",),
    (
        "CREATE INDEX entries_kind ON entries (kind, task)",
        "CREATE INDEX entries_named ON entries (run, candidate)",
    ),
)


class Database:
    """One SQLite file in WAL mode, shared by processes; one connection, shared by threads.

    Raises:
        WorkspaceError: the file cannot be opened, read or written; the message names the fix.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.RLock()
        with self._named_errors():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection, self._writes = open_database(path, BUSY_SECONDS)
        try:
            self._prepare()
        except WorkspaceError:
            self._connection.close()
            raise

    def _prepare(self) -> None:
        with self._named_errors():
            self._connection.row_factory = sqlite3.Row
            self._connection.create_function("spread", 1, spread, deterministic=True)
            self._connection.create_function("embedded", 3, embedded, deterministic=True)
            if self._writes:
                self._switch_to_wal()
            self._connection.execute("PRAGMA synchronous = NORMAL")
        if self._version() == len(MIGRATIONS):
            return
        with self.writing() as connection:
            version = self._version()  # again: another process may have been faster
            if version > len(MIGRATIONS):
                raise WorkspaceError(
                    f"{self.path} was written by a newer archwright; upgrade archwright"
                )
            for statements in MIGRATIONS[version:]:
                for statement in statements:
                    connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")

    def _switch_to_wal(self) -> None:
        """Two processes may make the file at once, and for this switch SQLite does not wait."""
        until = time.monotonic() + BUSY_SECONDS
        while True:
            try:
                self._connection.execute("PRAGMA journal_mode = WAL")
                return
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or time.monotonic() > until:
                    raise
                time.sleep(SWITCH_PAUSE_SECONDS)

    def _version(self) -> int:
        return int(self.read("PRAGMA user_version")[0][0])

    def close(self) -> None:
        """Close the file. Twice is fine."""
        with self._lock:
            self._connection.close()

    def read(self, query: str, *values: object) -> list[sqlite3.Row]:
        """All rows of a query."""
        with self._lock, self._named_errors():
            return self._connection.execute(query, values).fetchall()

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction that holds the write lock from its start: all of it, or nothing."""
        with self._lock, self._named_errors():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    @contextmanager
    def _named_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise WorkspaceError(f"{self.path.parent} cannot be made: {error.strerror}") from error
        except sqlite3.Error as error:
            raise WorkspaceError(f"{self.path}: {error}; {_fix(str(error))}") from error


def _fix(message: str) -> str:
    fixes = {
        "full": "free some disk space, then resume",
        "locked": "another process holds it: wait for it or stop it",
        "readonly": "make the file and its folder writable",
        "unable to open": "make the file and its folder readable and writable",
        "not a database": "move the file away, a new one will be made",
        "malformed": "move the file away, a new one will be made",
        "fts5": "use a Python whose sqlite3 has FTS5",
    }
    found = (fix for part, fix in fixes.items() if part in message)
    return next(found, "check the disk, then try again")
