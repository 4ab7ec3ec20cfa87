"""The journal of a run: SQLite in WAL mode, a row before each step that costs something, and after.

A run is made of steps that are pure functions of what the journal already holds, and of steps that
cost something (a call to a backend, a check, a trial, a look at the test split). The second kind
goes through `Journal.once`. To resume is therefore to run again: what is done answers from the
journal, what was in flight is done anew, and nothing is paid or trained twice.
"""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, Self

from archwright.core import End, Fingerprint, Json, RunError
from archwright.runs.workspace.paths import RunPaths

# Append-only: a stored journal is brought up to date by the entries that it has not seen.
MIGRATIONS: Final = (
    """
    CREATE TABLE facts (key TEXT PRIMARY KEY, value TEXT NOT NULL);
    CREATE TABLE steps (
        kind TEXT NOT NULL, key TEXT NOT NULL, candidate TEXT NOT NULL,
        state TEXT NOT NULL, request TEXT NOT NULL, result TEXT,
        started REAL NOT NULL, finished REAL,
        PRIMARY KEY (kind, key)
    );
    CREATE INDEX steps_by_candidate ON steps (candidate, kind);
    CREATE TABLE candidates (
        id TEXT PRIMARY KEY, sequence INTEGER NOT NULL UNIQUE,
        title TEXT NOT NULL, rationale TEXT NOT NULL, operator TEXT NOT NULL,
        parents TEXT NOT NULL, source TEXT NOT NULL, recipe TEXT NOT NULL,
        examples TEXT NOT NULL, created REAL NOT NULL,
        text TEXT, tree TEXT, graph TEXT,
        parameters INTEGER NOT NULL DEFAULT 0, flops INTEGER NOT NULL DEFAULT 0,
        end TEXT NOT NULL DEFAULT 'open', reason TEXT NOT NULL DEFAULT '',
        rung INTEGER, score REAL, gain REAL, seeds INTEGER, lesson TEXT NOT NULL DEFAULT ''
    );
    CREATE INDEX candidates_by_text ON candidates (text, sequence);
    CREATE INDEX candidates_by_tree ON candidates (tree, sequence);
    CREATE INDEX candidates_by_graph ON candidates (graph, sequence);
    CREATE TABLE verdicts (
        candidate TEXT PRIMARY KEY, document TEXT NOT NULL,
        review TEXT NOT NULL DEFAULT 'open', reason TEXT NOT NULL DEFAULT ''
    );
    CREATE TABLE notices (text TEXT PRIMARY KEY);
    CREATE TABLE sessions (
        id INTEGER PRIMARY KEY, pid INTEGER NOT NULL, started REAL NOT NULL, seen REAL NOT NULL
    );
    """,
    """
    ALTER TABLE candidates ADD COLUMN latency_ms REAL;
    ALTER TABLE candidates ADD COLUMN proxies TEXT NOT NULL DEFAULT '{}';
    """,
    "ALTER TABLE candidates ADD COLUMN citations TEXT NOT NULL DEFAULT '[]';",
)


class Journal:
    """One run's journal. Every method may be called by any thread."""

    def __init__(self, paths: RunPaths, connection: sqlite3.Connection) -> None:
        self.paths = paths
        self._connection = connection
        self._lock = threading.RLock()
        self._session: int | None = None

    @classmethod
    def create(cls, paths: RunPaths, facts: Json) -> Self:
        """A new journal with its first facts (settings, task digest, seed …)."""
        with _named_errors(paths):
            paths.root.mkdir(parents=True, exist_ok=True)
            journal = cls(paths, _connect(paths))
            journal._migrate()
            for key, value in facts.items():
                journal.note(key, value)
        return journal

    @classmethod
    def open(cls, paths: RunPaths, readonly: bool = False) -> Self:
        """An existing journal.

        Raises:
            RunError: there is none, or it is none of ours.
        """
        if not paths.journal.is_file():
            raise RunError(f"no journal at {paths.journal}: list the runs with `archwright runs`")
        with _named_errors(paths):
            journal = cls(paths, _connect(paths))
            if not readonly:
                journal._migrate()
            journal.fact("settings")
        return journal

    def close(self) -> None:
        """Close the connection; later calls fail."""
        with self._lock:
            self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _migrate(self) -> None:
        (version,) = self._connection.execute("PRAGMA user_version").fetchone()
        if version > len(MIGRATIONS):
            raise RunError(
                f"the journal of {self.paths.name} was written by a newer version: "
                "upgrade with `pip install -U archwright`"
            )
        for number, script in enumerate(MIGRATIONS[version:], start=version + 1):
            self._connection.executescript(f"BEGIN;{script};PRAGMA user_version={number};COMMIT;")

    def query(self, sql: str, *values: object) -> list[sqlite3.Row]:
        """Rows of a read."""
        with self._lock, _named_errors(self.paths):
            return self._connection.execute(sql, values).fetchall()

    def write(self, sql: str, *values: object) -> None:
        """One durable write."""
        with self._lock, _named_errors(self.paths):
            self._connection.execute(sql, values)

    # --- facts ------------------------------------------------------------------------------

    def note(self, key: str, value: Any) -> None:
        """Set a fact of the run (JSON)."""
        self.write("INSERT OR REPLACE INTO facts VALUES (?, ?)", key, json.dumps(value))

    def fact(self, key: str, default: Any = None) -> Any:
        """A fact of the run."""
        rows = self.query("SELECT value FROM facts WHERE key = ?", key)
        return json.loads(rows[0][0]) if rows else default

    def notice(self, text: str) -> None:
        """Record once that something is weaker than asked for."""
        self.write("INSERT OR IGNORE INTO notices VALUES (?)", text)

    # --- steps that cost something ------------------------------------------------------------

    def once(
        self, kind: str, key: str, candidate: str, request: Json, act: Callable[[], Json]
    ) -> dict[str, Any]:
        """The result of a step: from the journal if it was done, else done now and recorded.

        The row is written before `act` and completed after it. If `act` raises, the row goes and
        the error rises: the step did not happen.
        """
        rows = self.query("SELECT state, result FROM steps WHERE kind = ? AND key = ?", kind, key)
        if rows and rows[0]["state"] == "finished":
            return dict(json.loads(rows[0]["result"]))
        self.write(
            "INSERT OR REPLACE INTO steps VALUES (?, ?, ?, 'started', ?, NULL, ?, NULL)",
            *(kind, key, candidate, json.dumps(request), time.time()),
        )
        try:
            result = dict(act())
        except BaseException:
            self.write("DELETE FROM steps WHERE kind = ? AND key = ?", kind, key)
            raise
        self.write(
            "UPDATE steps SET state = 'finished', result = ?, finished = ? "
            "WHERE kind = ? AND key = ?",
            *(json.dumps(result), time.time(), kind, key),
        )
        return result

    # --- candidates ---------------------------------------------------------------------------

    def propose(self, row: Mapping[str, Any]) -> None:
        """Record a candidate at its birth; a second time changes nothing."""
        columns = ("id", "sequence", "title", "rationale", "operator", "source", "created")
        lists = ("parents", "recipe", "examples", "citations")
        row = {"citations": [], **row}
        values = [_storable(row[c]) for c in columns] + [json.dumps(row[c]) for c in lists]
        self.write(
            f"INSERT OR IGNORE INTO candidates ({', '.join(columns + lists)}) "
            f"VALUES ({', '.join('?' * len(values))})",
            *values,
        )

    def update(self, candidate: str, **columns: Any) -> None:
        """Set columns of a candidate."""
        names = ", ".join(f"{name} = ?" for name in columns)
        self.write(f"UPDATE candidates SET {names} WHERE id = ?", *columns.values(), candidate)

    def end(self, candidate: str, end: End, reason: str) -> None:
        """Record how a candidate ended."""
        self.update(candidate, end=end.value, reason=reason)

    def match(self, print_: Fingerprint, before: int) -> tuple[str, sqlite3.Row] | None:
        """The first earlier candidate of this run that is the same, with the level of sameness."""
        for level in ("text", "tree", "graph"):
            if value := getattr(print_, level):
                rows = self.query(
                    f"SELECT * FROM candidates WHERE {level} = ? AND sequence < ? "
                    "ORDER BY sequence LIMIT 1",
                    *(value, before),
                )
                if rows:
                    return level, rows[0]
        return None

    # --- verdicts -----------------------------------------------------------------------------

    def judge(self, candidate: str, document: Json) -> None:
        """Record a finalist's verdict; a review that was given stays."""
        self.write(
            "INSERT INTO verdicts (candidate, document) VALUES (?, ?) "
            "ON CONFLICT (candidate) DO UPDATE SET document = excluded.document",
            *(candidate, json.dumps(document)),
        )

    def set_review(self, candidate: str, review: str, reason: str) -> None:
        """Record what a person said of a finalist: accepted or rejected."""
        self.write(
            "UPDATE verdicts SET review = ?, reason = ? WHERE candidate = ?",
            *(review, reason, candidate),
        )

    # --- time alive -----------------------------------------------------------------------------

    def begin_session(self, pid: int) -> None:
        """A process takes up the run; steps that an earlier one left in flight are dropped."""
        now = time.time()
        with self._lock, _named_errors(self.paths):
            self._connection.execute("DELETE FROM steps WHERE state = 'started'")
            self._session = self._connection.execute(
                "INSERT INTO sessions (pid, started, seen) VALUES (?, ?, ?)", (pid, now, now)
            ).lastrowid

    def beat(self) -> None:
        """The process is still at it."""
        self.write("UPDATE sessions SET seen = ? WHERE id = ?", time.time(), self._session)

    def seconds_alive(self) -> float:
        """Wall time that processes spent on the run."""
        rows = self.query("SELECT COALESCE(SUM(seen - started), 0) FROM sessions")
        return float(rows[0][0])


def _storable(value: Any) -> Any:
    """Text from a model may hold half of a surrogate pair, which no file can."""
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value


def _connect(paths: RunPaths) -> sqlite3.Connection:
    connection = sqlite3.connect(
        paths.journal, timeout=30, isolation_level=None, check_same_thread=False
    )
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA journal_mode = WAL")
    # A power cut may lose the last moments; a killed process loses nothing.
    connection.execute("PRAGMA synchronous = NORMAL")
    return connection


@contextmanager
def _named_errors(paths: RunPaths) -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise RunError(
            f"the journal of run {paths.name} cannot be used ({error}): free space or fix the "
            f"file's rights, then `archwright resume {paths.name}`"
        ) from error
