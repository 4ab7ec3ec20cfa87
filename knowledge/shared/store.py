"""The place that runs on several machines share: a few tables with entries, test evaluations and
claims."""

from __future__ import annotations

import json
import time
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from typing import Any, Final, Protocol, TypeVar

from archwright.core import Fingerprint, KnowledgeError
from archwright.knowledge.entries import CandidateClaim, Entry
from archwright.knowledge.shared.documents import read_document, write_document

EXPIRY_SECONDS: Final = 600.0
"""A run that has not been heard of for so long has lost its claims."""

# Append only: a place of any older version is brought up by the statements after its own.
MIGRATIONS: Final[tuple[tuple[str, ...], ...]] = (
    (
        """CREATE TABLE archwright_entries (seq BIGINT PRIMARY KEY, run TEXT NOT NULL,
            candidate TEXT NOT NULL, document TEXT NOT NULL)""",
        """CREATE INDEX archwright_entries_name
            ON archwright_entries (run, candidate, seq)""",
        "CREATE TABLE archwright_looks (number BIGINT PRIMARY KEY, document TEXT NOT NULL)",
        "CREATE TABLE archwright_runs (run TEXT PRIMARY KEY, seen DOUBLE PRECISION NOT NULL)",
        """CREATE TABLE archwright_claims (task TEXT NOT NULL, level TEXT NOT NULL,
            print TEXT NOT NULL, run TEXT NOT NULL, candidate TEXT NOT NULL, title TEXT NOT NULL,
            status TEXT NOT NULL, PRIMARY KEY (task, level, print))""",
    ),
)
TABLES: Final = tuple(f"archwright_{t}" for t in ("store", "entries", "looks", "runs", "claims"))

T = TypeVar("T")
Row = Mapping[str, Any]
StoredEvaluation = dict[str, Any]


class Execute(Protocol):
    """Runs one statement, with a `?` for each value, and returns its rows."""

    def __call__(self, query: str, *values: object) -> list[Row]: ...


class _TakenBack(Exception):  # noqa: N818 - not a fault
    """Ends a transaction whose changes are not to stay."""


class SharedStore(ABC):
    """What several machines write into. Any thread may call any method.

    Each method is one transaction: all of it or nothing, and one at a time of all machines. All may
    be called again where it is unknown whether they were done. Times are the place's own, so that
    the machines' clocks need not agree.

    Args:
        expiry_seconds: how long a run that is not heard of keeps its claims.
        lasting: whether tables that are missing or old are made or brought up to date; else that is
            only tried, and taken back, and nothing but the place's state can be asked.

    Attributes:
        id: the name that the place goes by, whatever its address.
        version: of the tables as they were found, 0 where there were none.

    Raises:
        KnowledgeError: any method, when the place cannot be reached or written; the message names
            the fix.
    """

    id: str
    version: int

    def __init__(self, expiry_seconds: float = EXPIRY_SECONDS, lasting: bool = True) -> None:
        self._expiry = expiry_seconds
        with suppress(_TakenBack), self._transaction() as execute:
            self._prepare(execute)
            if not lasting:
                raise _TakenBack

    @abstractmethod
    def __str__(self) -> str:
        """The place in words, without any password."""

    @abstractmethod
    def close(self) -> None:
        """Let go of the place. Twice is fine."""

    @abstractmethod
    def _transaction(self) -> AbstractContextManager[Execute]:
        """A transaction that nobody else writes beside."""

    @abstractmethod
    def _has_tables(self, execute: Execute) -> bool:
        """Whether the tables have been made."""

    @abstractmethod
    def _now(self, execute: Execute) -> float:
        """The place's time in seconds."""

    def _prepare(self, execute: Execute) -> None:
        """Make the tables or bring them up to date.

        Every right is used once, so that a missing one is found now and not in the night.
        """
        if not self._has_tables(execute):
            execute("CREATE TABLE archwright_store (id TEXT NOT NULL, version BIGINT NOT NULL)")
            execute("INSERT INTO archwright_store VALUES (?, 0)", uuid.uuid4().hex)
        (row,) = execute("SELECT id, version FROM archwright_store")
        self.id, self.version = str(row["id"]), int(row["version"])
        if self.version > len(MIGRATIONS):
            raise KnowledgeError(
                f"the shared knowledge base {self} was written by a newer archwright (its tables "
                f"have version {self.version}, not {len(MIGRATIONS)})",
                "upgrade archwright here",
            )
        for statements in MIGRATIONS[self.version :]:
            for statement in statements:
                execute(statement)
        execute("UPDATE archwright_store SET version = ?", len(MIGRATIONS))
        for table in TABLES:
            execute(f"INSERT INTO {table} SELECT * FROM {table} WHERE 1 = 0")
            execute(f"DELETE FROM {table} WHERE 1 = 0")

    def clock_ahead(self) -> float:
        """How many seconds the place's clock is ahead of this machine's, to half the time that it
        took to answer."""
        before = time.time()
        with self._transaction() as execute:
            now = self._now(execute)
        return now - (before + time.time()) / 2

    # --- entries ----------------------------------------------------------------------------------

    def append(self, entries: Sequence[Entry]) -> None:
        """Add entries to the end of the log; what is the newest of its candidate already is not
        added again."""
        with self._transaction() as execute:
            (row,) = execute("SELECT COALESCE(MAX(seq), 0) AS last FROM archwright_entries")
            last = row["last"]
            for entry in entries:
                document = write_document(entry)
                newest = execute(
                    "SELECT document FROM archwright_entries WHERE run = ? AND candidate = ?"
                    " ORDER BY seq DESC LIMIT 1",
                    *(entry.run, entry.candidate),
                )
                if newest and newest[0]["document"] == document:
                    continue
                last += 1
                values = (last, entry.run, entry.candidate, document)
                execute("INSERT INTO archwright_entries VALUES (?, ?, ?, ?)", *values)

    def since(self, seq: int, count: int) -> list[tuple[int, Entry | None]]:
        """Up to `count` entries after a place in the log, each with its own place; None for what
        cannot be read as an entry."""
        with self._transaction() as execute:
            rows = execute(
                "SELECT seq, document FROM archwright_entries WHERE seq > ? ORDER BY seq LIMIT ?",
                *(seq, count),
            )
        return [(row["seq"], read_document(row["document"])) for row in rows]

    # --- test evaluations -------------------------------------------------------------------------

    def change_looks(self, change: Callable[[list[StoredEvaluation]], T]) -> T:
        """Let `change` read the test evaluations of all runs, in their order, and change the list
        in place; nobody else sees or changes them meanwhile. They are changed and added, never
        taken away.
        """
        with self._transaction() as execute:
            rows = execute("SELECT document FROM archwright_looks ORDER BY number")
            before = [str(row["document"]) for row in rows]
            looks = [json.loads(document) for document in before]
            answer = change(looks)
            for number, document in enumerate(map(json.dumps, looks), start=1):
                if number > len(before):
                    execute("INSERT INTO archwright_looks VALUES (?, ?)", number, document)
                elif document != before[number - 1]:
                    query = "UPDATE archwright_looks SET document = ? WHERE number = ?"
                    execute(query, document, number)
            return answer

    # --- claims -----------------------------------------------------------------------------------

    def beat(self, run: str) -> None:
        """The run is still at work: its claims hold."""
        with self._transaction() as execute:
            self._beat(execute, run)

    def claim(self, task: str, print_: Fingerprint, mine: CandidateClaim) -> CandidateClaim | None:
        """Take a candidate up, unless another run has: then its claim is returned.

        What ended stays claimed. What is under way is free again once its run was not heard of for
        long enough. Candidates are the same as in `Knowledge.match`: at any level.
        """
        levels = {"text": print_.text, "tree": print_.tree, "graph": print_.graph}
        title = json.dumps(mine.title)  # it may hold what PostgreSQL takes for no text
        with self._transaction() as execute:
            now = self._beat(execute, mine.run)
            for level, value in levels.items():
                found = execute(
                    "SELECT c.run, c.candidate, c.title, c.status, r.seen FROM archwright_claims c"
                    " LEFT JOIN archwright_runs r ON r.run = c.run"
                    " WHERE c.task = ? AND c.level = ? AND c.print = ?",
                    *(task, level, value),
                )
                if value and found and self._holds(found[0], mine.run, now):
                    row = found[0]
                    return CandidateClaim(
                        row["run"], row["candidate"], json.loads(row["title"]), row["status"]
                    )
            for level, value in levels.items():
                if value:
                    execute(
                        "INSERT INTO archwright_claims VALUES (?, ?, ?, ?, ?, ?, '')"
                        " ON CONFLICT (task, level, print) DO UPDATE SET run = excluded.run,"
                        " candidate = excluded.candidate, title = excluded.title, status = ''",
                        *(task, level, value, mine.run, mine.candidate, title),
                    )
        return None

    def settle(self, run: str, candidate: str, status: str) -> None:
        """Say how a candidate that was claimed ended; "" gives it back untrained."""
        mine = "WHERE run = ? AND candidate = ? AND status = ''"
        with self._transaction() as execute:
            if status:
                change = f"UPDATE archwright_claims SET status = ? {mine}"
                execute(change, status, run, candidate)
            else:
                execute(f"DELETE FROM archwright_claims {mine}", run, candidate)

    def _beat(self, execute: Execute, run: str) -> float:
        now = self._now(execute)
        execute(
            "INSERT INTO archwright_runs VALUES (?, ?)"
            " ON CONFLICT (run) DO UPDATE SET seen = excluded.seen",
            *(run, now),
        )
        return now

    def _holds(self, claim: Row, run: str, now: float) -> bool:
        """Whether a claim keeps a run from training."""
        if claim["run"] == run:
            return False
        heard = claim["seen"] is not None and now - claim["seen"] <= self._expiry
        return bool(claim["status"]) or heard
