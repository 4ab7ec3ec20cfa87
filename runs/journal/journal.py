"""The journal of a run: SQLite in WAL mode, a row before each step that costs something, and after.

A run is made of steps that are pure functions of what the journal already holds, and of steps that
cost something (a call to a backend, a check, a trial, a test evaluation). The second kind goes
through `Journal.once`. To resume is therefore to run again: what is done answers from the journal,
what was in flight is done anew, and nothing is paid or trained twice.
"""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

from archwright.core import (
    Candidate,
    Fingerprint,
    Json,
    RunError,
    Trial,
    Verdict,
)
from archwright.runs.journal.facts import Facts, check_names, storable
from archwright.runs.journal.schema import connect, migrate, named_errors
from archwright.runs.workspace.paths import RunPaths


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that cost something, with what it gave; times are Unix times in seconds."""

    kind: str
    key: str
    candidate: str
    request: Json
    result: Json
    started: float
    finished: float


@dataclass(frozen=True, slots=True)
class Call:
    """One call to a model: who asked about what, and what it cost."""

    key: str
    candidate: str
    role: str
    model: str
    tokens: int
    usd: float
    request: str
    """The hash of all that was sent."""


@dataclass(frozen=True, slots=True)
class Spend:
    """What a run cost so far. `seconds` is the wall time it was alive, pauses left out."""

    usd: float = 0.0
    tokens: int = 0
    seconds: float = 0.0
    trials: int = 0
    training_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Changes:
    """What was written after a cursor, and the cursor to ask with the next time."""

    cursor: int
    candidates: tuple[Candidate, ...]
    trials: tuple[Trial, ...]


class Journal:
    """One run's journal. Every method may be called by any thread."""

    def __init__(self, paths: RunPaths, connection: sqlite3.Connection) -> None:
        self.paths = paths
        self._connection = connection
        self._lock = threading.RLock()
        self._session: int | None = None
        self._spend, self._counted = Spend(), 0

    @classmethod
    def create(cls, paths: RunPaths, facts: Json) -> Self:
        """A new journal with its first facts (settings, task digest, seed …).

        It is made aside: who looks for it sees none of it before all of it is there.
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
            RunError: there is none, or it is none of ours.
        """
        if not paths.journal.is_file():
            raise RunError(f"no journal at {paths.journal}: list the runs with `archwright runs`")
        with named_errors(paths):
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

    def notices(self) -> tuple[str, ...]:
        """What is weaker than asked for, in the order in which it was said."""
        return tuple(row["text"] for row in self._rows("SELECT text FROM notices ORDER BY rowid"))

    # --- steps that cost something ------------------------------------------------------------

    def once(
        self, kind: str, key: str, candidate: str, request: Json, act: Callable[[], Json]
    ) -> dict[str, Any]:
        """The result of a step: from the journal if it was done, else done now and recorded.

        The row is written before `act` and completed after it. If `act` raises, the row goes and
        the error rises: the step did not happen.
        """
        if done := self.step(kind, key):
            return dict(done.result)
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

    def step(self, kind: str, key: str) -> Step | None:
        """A step that was done."""
        rows = self._rows(
            "SELECT * FROM steps WHERE kind = ? AND key = ? AND state = 'finished'", kind, key
        )
        return _step(rows[0]) if rows else None

    def steps(self, kind: str, candidate: str | None = None) -> list[Step]:
        """The steps of a kind that were done, in the order in which they ended."""
        rows = self._rows(
            "SELECT * FROM steps WHERE kind = ? AND state = 'finished' "
            "AND (? IS NULL OR candidate = ?) ORDER BY finished, rowid",
            *(kind, candidate, candidate),
        )
        return [_step(row) for row in rows]

    def last_step(self, kind: str) -> Step | None:
        """The step of a kind with the highest number as its key."""
        rows = self._rows(
            "SELECT * FROM steps WHERE kind = ? AND state = 'finished' "
            "ORDER BY CAST(key AS INTEGER) DESC LIMIT 1",
            kind,
        )
        return _step(rows[0]) if rows else None

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

    # --- trials and calls -----------------------------------------------------------------------

    def trials(
        self, candidate: str | None = None, purpose: str | None = None, steps: int | None = None
    ) -> list[Trial]:
        """Trainings that ended, in the order in which they did."""
        found = map(_trial, self.steps("trial", candidate))
        return [
            trial
            for trial in found
            if purpose in (None, trial.purpose) and steps in (None, trial.steps)
        ]

    def training_time(
        self, purpose: str | None = None, steps: int | None = None
    ) -> tuple[float, int, int]:
        """Seconds, trainings and candidates: of trainings that ended, for a purpose or at a number
        of steps."""
        ((seconds, trials, candidates),) = self._rows(
            "SELECT TOTAL(json_extract(result, '$.resources.seconds')), COUNT(*), "
            "COUNT(DISTINCT candidate) FROM steps WHERE kind = 'trial' AND state = 'finished' "
            "AND (? IS NULL OR json_extract(request, '$.purpose') = ?) "
            "AND (? IS NULL OR json_extract(request, '$.steps') = ?)",
            *(purpose, purpose, steps, steps),
        )
        return float(seconds), int(trials), int(candidates)

    def running(self) -> tuple[Trial, ...]:
        """Trainings in flight, the oldest first."""
        rows = self._rows(
            "SELECT * FROM steps WHERE kind = 'trial' AND state = 'started' ORDER BY started"
        )
        return tuple(Trial(**json.loads(r["request"]), started=r["started"]) for r in rows)

    def calls(self) -> list[Call]:
        """Calls to models, in the order of their keys."""
        rows = self._rows(
            "SELECT key, candidate, json_extract(request, '$.role') AS role, "
            "COALESCE(json_extract(result, '$.model'), '') AS model, "
            "COALESCE(json_extract(result, '$.tokens'), 0) AS tokens, "
            "COALESCE(json_extract(result, '$.usd'), 0) AS usd, "
            "COALESCE(json_extract(request, '$.request'), '') AS request "
            "FROM steps WHERE kind = 'call' AND state = 'finished' ORDER BY key"
        )
        return [Call(**dict(row)) for row in rows]

    def spend(self) -> Spend:
        """What the run cost so far; only what is new since the last time is counted anew."""
        with self._lock:
            now = self._cursor()
            ((usd, tokens, trials, seconds),) = self._rows(
                "SELECT TOTAL(json_extract(result, '$.usd')), "
                "TOTAL(json_extract(result, '$.tokens')), TOTAL(kind = 'trial'), "
                "TOTAL(json_extract(result, '$.resources.seconds')) FROM steps "
                "WHERE kind IN ('call', 'trial') AND state = 'finished' "
                "AND changed > ? AND changed <= ?",
                *(self._counted, now),
            )
            self._counted = now
            self._spend = Spend(
                usd=self._spend.usd + float(usd),
                tokens=self._spend.tokens + int(tokens),
                seconds=self.seconds_alive(),
                trials=self._spend.trials + int(trials),
                training_seconds=self._spend.training_seconds + float(seconds),
            )
            return self._spend

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
        goes its way again."""
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
        return _candidate(rows[0]) if rows else None

    def candidates(self, first: int = 1, last: int | None = None) -> list[Candidate]:
        """The candidates by their sequence, from `first` to `last`; the baseline's is 0."""
        rows = self._rows(
            "SELECT document FROM candidates WHERE sequence >= ? AND (? IS NULL OR sequence <= ?) "
            "ORDER BY sequence",
            *(first, last, last),
        )
        return [_candidate(row) for row in rows]

    def last_number(self) -> int:
        """The number of the candidate that was proposed last, 0 before any was."""
        ((last,),) = self._rows("SELECT MAX(sequence) FROM candidates")
        return (last or 0) // 1000

    def match(self, print_: Fingerprint, before: int) -> tuple[str, Candidate] | None:
        """The first earlier candidate of this run that is the same, with the level of sameness."""
        for level in ("text", "tree", "graph"):
            if value := getattr(print_, level):
                rows = self._rows(
                    f"SELECT document FROM candidates WHERE {level} = ? AND sequence < ? "
                    "ORDER BY sequence LIMIT 1",
                    *(value, before),
                )
                if rows:
                    return level, _candidate(rows[0])
        return None

    def failed_before(self, sequence: int, mark: str, most: int) -> list[Candidate]:
        """The latest candidates before a sequence whose reason ends with `mark`, latest first."""
        rows = self._rows(
            "SELECT document FROM candidates WHERE sequence < ? "
            "AND json_extract(document, '$.reason') LIKE ? ORDER BY sequence DESC LIMIT ?",
            *(sequence, f"%{mark}", most),
        )
        return [_candidate(row) for row in rows]

    # --- what is new ----------------------------------------------------------------------------

    def changes(self, since: int = 0) -> Changes:
        """The candidates that changed and the trials that ended after a cursor, 0 for all."""
        with self._lock:
            now = self._cursor()
            candidates = self._rows(
                "SELECT document FROM candidates WHERE changed > ? AND changed <= ? "
                "AND sequence > 0 ORDER BY sequence",
                *(since, now),
            )
            trials = self._rows(
                "SELECT * FROM steps WHERE kind = 'trial' AND state = 'finished' "
                "AND changed > ? AND changed <= ? ORDER BY finished, rowid",
                *(since, now),
            )
        found = (_trial(_step(row)) for row in trials)
        return Changes(now, tuple(map(_candidate, candidates)), tuple(found))

    def _cursor(self) -> int:
        ((now,),) = self._rows("SELECT now FROM clock")
        return int(now)

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

    def verdicts(self) -> tuple[Verdict, ...]:
        """The verdicts, in the order in which they were first given."""
        rows = self._rows("SELECT document, review FROM verdicts ORDER BY rowid")
        return tuple(Verdict.from_json(json.loads(r["document"]), r["review"]) for r in rows)

    # --- time alive -----------------------------------------------------------------------------

    def begin_session(self, pid: int) -> None:
        """A process takes up the run; steps that an earlier one left in flight are dropped."""
        now = time.time()
        with self._lock, named_errors(self.paths):
            self._connection.execute("DELETE FROM steps WHERE state = 'started'")
            self._session = self._connection.execute(
                "INSERT INTO sessions (pid, started, seen) VALUES (?, ?, ?)", (pid, now, now)
            ).lastrowid

    def beat(self) -> None:
        """The process is still at it."""
        self._write("UPDATE sessions SET seen = ? WHERE id = ?", time.time(), self._session)

    def seconds_alive(self) -> float:
        """Wall time that processes spent on the run."""
        rows = self._rows("SELECT COALESCE(SUM(seen - started), 0) FROM sessions")
        return float(rows[0][0])

    # --- everything -----------------------------------------------------------------------------

    def documents(self) -> Iterator[Any]:
        """All that was measured, decided and set, as plain data: facts, trials, checks, verdicts
        and candidates."""
        for sql in (
            "SELECT value FROM facts",
            "SELECT result FROM steps WHERE kind IN ('trial', 'check') AND state = 'finished'",
            "SELECT document FROM verdicts",
            "SELECT document FROM candidates",
        ):
            for (text,) in self._rows(sql):
                yield json.loads(text)


def _document(value: Json) -> str:
    """JSON that can be searched for text as it is."""
    return json.dumps(value, ensure_ascii=False)


def _candidate(row: sqlite3.Row) -> Candidate:
    return Candidate.from_json(json.loads(row["document"]))


def _step(row: sqlite3.Row) -> Step:
    return Step(
        kind=row["kind"],
        key=row["key"],
        candidate=row["candidate"],
        request=json.loads(row["request"]),
        result=json.loads(row["result"]),
        started=row["started"],
        finished=row["finished"],
    )


def _trial(step: Step) -> Trial:
    return Trial.from_json(step.request, step.result, step.started, step.finished)
