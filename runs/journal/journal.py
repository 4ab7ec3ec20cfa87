"""The journal of a run: SQLite in WAL mode, a row before each step that costs something, and after.

A run is made of steps that are pure functions of what the journal already holds, and of steps that
cost something (a call to a backend, a check, a trial, a test evaluation). The second kind goes
through `Journal.once`. To resume is therefore to run again: what is done answers from the journal,
what was in flight is done again, and nothing is paid or trained twice.
"""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final, Self

from archwright.core import (
    Candidate,
    Fingerprint,
    JournalError,
    Json,
    RunError,
)
from archwright.runs.journal.facts import Facts, check_names, storable
from archwright.runs.journal.reads import Reads, Spend, Step
from archwright.runs.journal.schema import connect, migrate
from archwright.runs.journal.tally import TrainingTally
from archwright.runs.workspace.paths import RunPaths

DAMAGED: Final = ("malformed", "not a database", "could not decode")
"""What SQLite says of a file whose bytes are not what it wrote."""
WHAT_TO_DO: Final = (
    "put back a copy of its folder, or start another run (`archwright runs` lists those here)"
)
CLAIM: Final = "claim"
"""The kind of a step that says whether another run has taken a candidate up: its `reason`."""
_OURS: Final = (
    "NOT EXISTS (SELECT 1 FROM steps WHERE kind = ? AND key = candidates.id "
    "AND json_extract(result, '$.reason') != '')"
)
"""Of a candidate that was not left to another run; takes `CLAIM`."""


class Journal(Reads):
    """One run's journal. Every method may be called by any thread."""

    def __init__(self, paths: RunPaths, connection: sqlite3.Connection) -> None:
        self.paths = paths
        self.run = paths.name
        self._connection = connection
        self._lock = threading.RLock()
        self._session: int | None = None
        self._spend, self._counted, self._tally = Spend(), 0, TrainingTally()

    @classmethod
    def create(cls, paths: RunPaths, facts: Json) -> Self:
        """A new journal with its first facts (settings, task digest, seed …).

        It is made aside and renamed, so that others see all of it or nothing.
        """
        aside = paths.journal.with_suffix(".part")
        with named_errors(paths):
            paths.root.mkdir(parents=True, exist_ok=True)
            with cls(paths, connect(aside)) as journal:
                migrate(journal._connection, paths)
                journal.note(**facts)
            aside.replace(paths.journal)
        return cls.open(paths)

    @classmethod
    def open(cls, paths: RunPaths) -> Self:
        """An existing journal, brought up to date where an older version wrote it.

        Raises:
            JournalError: there is none, or it is not a journal of Archwright.
            RunError: it cannot be read.
        """
        if not paths.journal.is_file():
            raise JournalError(f"no journal at {paths.journal}: {WHAT_TO_DO}")
        with named_errors(paths):
            if not paths.journal.stat().st_size:
                raise sqlite3.DatabaseError("file is not a database: it is empty")
            journal = cls(paths, connect(paths.journal))
            migrate(journal._connection, paths)
        return journal

    def close(self) -> None:
        """Close the connection; later calls fail."""
        with self._lock:
            self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _rows(self, sql: str, *values: object) -> list[sqlite3.Row]:
        with self._lock, named_errors(self.paths):
            return self._connection.execute(sql, values).fetchall()

    def _write(self, sql: str, *values: object) -> None:
        """One durable write; half of a surrogate pair, which no file can hold, becomes `?`."""
        stored = [
            v.encode("utf-8", "replace").decode() if isinstance(v, str) else v for v in values
        ]
        with self._lock, named_errors(self.paths):
            self._connection.execute(sql, stored)

    # --- facts ------------------------------------------------------------------------------

    @property
    def facts(self) -> Facts:
        """What holds for the run as a whole, at this moment."""
        rows = self._rows("SELECT key, value FROM facts")
        return Facts.read({row["key"]: json.loads(row["value"]) for row in rows})

    def note(self, **facts: Any) -> None:
        """Set facts of the run, by the names that `Facts` has for them."""
        check_names(facts)
        for key, value in facts.items():
            text = json.dumps(storable(value))
            self._write("INSERT OR REPLACE INTO facts VALUES (?, ?)", key, text)

    def notice(self, text: str) -> None:
        """Record once that something is weaker than asked for."""
        self._write("INSERT OR IGNORE INTO notices VALUES (?)", text)

    # --- steps that cost something ------------------------------------------------------------

    def once(
        self, kind: str, key: str, candidate: str, request: Json, act: Callable[[], Json]
    ) -> dict[str, Any]:
        """The result of a step: from the journal if it was done, else done now and recorded.

        The row is written before `act` and completed after it. If `act` raises, the row goes and
        the error rises: the step did not happen.
        """
        done = self._rows(
            "SELECT result FROM steps WHERE kind = ? AND key = ? AND state = 'finished'", kind, key
        )
        if done:
            return dict(json.loads(done[0]["result"]))
        self._write(
            "INSERT OR REPLACE INTO steps (kind, key, candidate, state, request, started) "
            "VALUES (?, ?, ?, 'started', ?, ?)",
            *(kind, key, candidate, json.dumps(request), time.time()),
        )
        try:
            result = dict(act())
        except BaseException:
            self._write("DELETE FROM steps WHERE kind = ? AND key = ?", kind, key)
            raise
        self._write(
            "UPDATE steps SET state = 'finished', result = ?, finished = ? "
            "WHERE kind = ? AND key = ?",
            *(json.dumps(result), time.time(), kind, key),
        )
        return result

    def append(self, kind: str, result: Json) -> int:
        """Record a step that cost nothing, under the next number as its key, which is returned.
        Another process may hold the run, and append as well."""
        now = time.time()
        with self._lock, named_errors(self.paths):
            ((key,),) = self._connection.execute(
                "INSERT INTO steps "
                "(kind, key, candidate, state, request, result, started, finished) "
                "SELECT ?, COALESCE(MAX(CAST(key AS INTEGER)), 0) + 1, "
                "'', 'finished', '{}', ?, ?, ? FROM steps WHERE kind = ? "
                "RETURNING CAST(key AS INTEGER)",
                (kind, json.dumps(result), now, now, kind),
            ).fetchall()
        return int(key)

    def copy_steps(self, steps: Sequence[Step]) -> None:
        """Take over what another run's journal holds; what is here already stays."""
        for step in steps:
            self._write(
                "INSERT OR IGNORE INTO steps "
                "(kind, key, candidate, state, request, result, started, finished) "
                "VALUES (?, ?, ?, 'finished', ?, ?, ?, ?)",
                *(step.kind, step.key, step.candidate),
                *(json.dumps(step.request), json.dumps(step.result), step.started, step.finished),
            )

    # --- candidates ---------------------------------------------------------------------------

    def propose(self, candidate: Candidate) -> Candidate:
        """Record a candidate at its birth; a second time changes nothing.

        Returns:
            the candidate with the time at which it was first proposed.
        """
        print_ = candidate.fingerprint
        self._write(
            "INSERT OR IGNORE INTO candidates (id, sequence, document, text, tree, graph) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            *(candidate.id, candidate.sequence, _document(candidate.to_json())),
            *(print_.text or None, print_.tree or None, print_.graph or None),
        )
        stored = self.candidate(candidate.id)
        return replace(candidate, created=stored.created) if stored else candidate

    def update(self, candidate: Candidate) -> None:
        """Record how a candidate stands. One that has ended stays ended, also while a resumed run
        repeats its steps."""
        print_ = candidate.fingerprint
        self._write(
            "UPDATE candidates SET document = ?, text = ?, tree = ?, graph = ? WHERE id = ? "
            "AND (? != 'open' OR json_extract(document, '$.status') = 'open')",
            _document(candidate.to_json()),
            *(print_.text or None, print_.tree or None, print_.graph or None, candidate.id),
            candidate.status.value,
        )

    def candidate(self, id_: str) -> Candidate | None:
        """A candidate of the run."""
        rows = self._rows("SELECT document FROM candidates WHERE id = ?", id_)
        return Candidate.from_json(json.loads(rows[0]["document"])) if rows else None

    def match(
        self, print_: Fingerprint, before: int, settled: int = 0
    ) -> tuple[str, Candidate] | None:
        """The first earlier candidate of this run that is the same, with the level of sameness.

        What ended unmeasured is no match, if its sequence is below `settled`: others may not have
        ended yet. Nor is what was left to another run, which may have given it back since.
        """
        for level in ("text", "tree", "graph"):
            if value := getattr(print_, level):
                rows = self._rows(
                    f"SELECT document FROM candidates WHERE {level} = ? AND sequence < ? "
                    "AND (sequence >= ? OR json_extract(document, '$.status') != 'unmeasured') "
                    f"AND {_OURS} ORDER BY sequence LIMIT 1",
                    *(value, before, settled, CLAIM),
                )
                if rows:
                    return level, Candidate.from_json(json.loads(rows[0]["document"]))
        return None

    def matches(self, print_: Fingerprint) -> list[tuple[str, Candidate]]:
        """All candidates of this run that are the same, each with the strictest level of sameness,
        in their order; but for what was left to another run, as in `match`."""
        found: dict[str, tuple[str, Candidate]] = {}
        for level in ("text", "tree", "graph"):
            if value := getattr(print_, level):
                rows = self._rows(
                    f"SELECT document FROM candidates WHERE {level} = ? AND {_OURS}", value, CLAIM
                )
                for row in rows:
                    same = Candidate.from_json(json.loads(row["document"]))
                    found.setdefault(same.id, (level, same))
        return sorted(found.values(), key=lambda pair: pair[1].sequence)

    # --- verdicts -----------------------------------------------------------------------------

    def judge(self, candidate: str, document: Json) -> None:
        """Record a finalist's verdict; a review that was given stays."""
        self._write(
            "INSERT INTO verdicts (candidate, document) VALUES (?, ?) "
            "ON CONFLICT (candidate) DO UPDATE SET document = excluded.document",
            *(candidate, json.dumps(document)),
        )

    def set_review(self, candidate: str, review: str, reason: str) -> None:
        """Record what a person said of a finalist: accepted or rejected."""
        self._write(
            "UPDATE verdicts SET review = ?, reason = ? WHERE candidate = ?",
            *(review, reason, candidate),
        )

    # --- time alive -----------------------------------------------------------------------------

    def begin_session(self, pid: int) -> None:
        """A process continues the run; steps that an earlier one left in flight are dropped."""
        now = time.time()
        with self._lock, named_errors(self.paths):
            ((found,),) = self._connection.execute("PRAGMA quick_check(1)").fetchall()
            if found != "ok":  # said before hours of training meet it
                raise sqlite3.DatabaseError(f"malformed: {' '.join(found.split())}")
            self._connection.execute("DELETE FROM steps WHERE state = 'started'")
            self._session = self._connection.execute(
                "INSERT INTO sessions (pid, started, seen) VALUES (?, ?, ?)", (pid, now, now)
            ).lastrowid

    def beat(self) -> None:
        """The process is still working on the run."""
        self._write("UPDATE sessions SET seen = ? WHERE id = ?", time.time(), self._session)


def _document(value: Json) -> str:
    """JSON that can be searched for text as it is."""
    return json.dumps(value, ensure_ascii=False)


@contextmanager
def named_errors(paths: RunPaths) -> Iterator[None]:
    """Raises:
    RunError: in place of what SQLite and the file system say.
    """
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        said = str(error).partition(" with text ")[0]  # behind it comes all of a text
        if isinstance(error, sqlite3.DatabaseError) and any(d in said.lower() for d in DAMAGED):
            raise JournalError(
                f"the journal {paths.journal} is damaged ({said}): {WHAT_TO_DO}"
            ) from error
        raise RunError(
            f"the journal of run {paths.name} cannot be used ({error}): free space or fix the "
            f"file's rights, then `archwright resume {paths.name}`"
        ) from error
