"""What a journal holds, as typed values."""

from __future__ import annotations

import json
import sqlite3
import threading
from array import array
from collections.abc import Iterator, Sized
from dataclasses import dataclass
from typing import Any, Final

from archwright.core import ATTEMPTS, Candidate, Json, Trial, Verdict
from archwright.runs.journal.tally import TrainingTally

PAGE: Final = 500
"""Rows of many that are in memory at once."""


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
    """What a run cost so far. `seconds` is the wall time it was alive, pauses left out;
    `training_seconds` are those of trainings that were lost and repeated as well."""

    usd: float = 0.0
    tokens: int = 0
    seconds: float = 0.0
    trials: int = 0
    training_seconds: float = 0.0
    tokens_in: int = 0
    """Of the tokens, those that were sent."""
    tokens_cached: int = 0
    """Of those that were sent, the ones that the provider had in its cache."""
    tokens_thought: int = 0
    """Of the tokens, those that were thought before an answer."""
    sessions: int = 0
    """How many times a process worked on the run."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What was written after a cursor, and the cursor to ask with the next time. What there is of
    it is read while it is walked through, once."""

    cursor: int
    candidates: Iterator[Candidate]
    trials: Iterator[Trial]


class Reads:
    """The reads of a journal that cover many rows; `Journal` adds the file, and the writes."""

    _lock: threading.RLock
    _spend: Spend
    _counted: int
    _tally: TrainingTally

    def _rows(self, sql: str, *values: object) -> list[sqlite3.Row]:
        raise NotImplementedError

    def _pages(self, sql: str, *values: object) -> Iterator[array[int]]:
        """Row ids that a query selects, some at a time."""
        found = array("q", (id_ for (id_,) in self._rows(sql, *values)))
        for start in range(0, len(found), PAGE):
            yield found[start : start + PAGE]

    def notices(self) -> tuple[str, ...]:
        """What is weaker than asked for, in the order in which it was said."""
        return tuple(row["text"] for row in self._rows("SELECT text FROM notices ORDER BY rowid"))

    # --- steps -----------------------------------------------------------------------------------

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

    def each_step(self, kind: str) -> Iterator[Step]:
        """As `steps`, but not all in memory at once."""
        return self._walk("kind = ?", kind)

    def _walk(self, condition: str, *values: object) -> Iterator[Step]:
        """Steps that were done, in the order in which they ended."""
        order = "ORDER BY finished, rowid"
        for page in self._pages(
            f"SELECT rowid FROM steps WHERE {condition} AND state = 'finished' {order}", *values
        ):
            rows = self._rows(f"SELECT * FROM steps WHERE rowid IN {_marks(page)} {order}", *page)
            yield from map(_step, rows)

    def count_steps(self, kind: str) -> int:
        """How many steps of a kind were done."""
        sql = "SELECT COUNT(*) FROM steps WHERE kind = ? AND state = 'finished'"
        return int(self._rows(sql, kind)[0][0])

    def last_step(self, kind: str) -> Step | None:
        """The step of a kind with the highest number as its key."""
        rows = self._rows(
            "SELECT * FROM steps WHERE kind = ? AND state = 'finished' "
            "ORDER BY CAST(key AS INTEGER) DESC LIMIT 1",
            kind,
        )
        return _step(rows[0]) if rows else None

    # --- trials and calls ------------------------------------------------------------------------

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

    def each_trial(
        self, purpose: str | None = None, since: int = 0, until: int | None = None
    ) -> Iterator[Trial]:
        """As `trials`, of all candidates, but not all in memory at once.

        Args:
            since: a cursor; trials that ended after it.
            until: a cursor; trials that ended before it.
        """
        within, values = _between(since, until)
        found = self._walk(
            f"kind = 'trial' AND {within} "
            "AND (? IS NULL OR json_extract(request, '$.purpose') = ?)",
            *(*values, purpose, purpose),
        )
        return map(_trial, found)

    def training_time(self, purpose: str) -> tuple[float, int, int]:
        """Seconds, trainings and candidates: of trainings for a purpose that ended. What was lost
        and repeated says nothing of how long one takes, and is left out."""
        with self._lock:
            tally = self._trained()
            found = tally.by_purpose[purpose]
            return found.seconds, found.count, len(tally.candidates[purpose])

    def mean_seconds(self) -> dict[int, float]:
        """Seconds of a training that ended well, on average, by its number of steps."""
        with self._lock:
            return {n: s.seconds / s.count for n, s in sorted(self._trained().by_steps.items())}

    def latest_seconds(self, count: int) -> list[tuple[int, float]]:
        """Steps and seconds of the latest trainings that ended well, at most `tally.LATEST`."""
        with self._lock:
            return list(self._trained().latest)[:count]

    def _trained(self) -> TrainingTally:
        """The trainings so far, to be read under the lock; only what is new is read from the
        file."""
        now, tally = self._cursor(), self._tally
        for row in self._rows(
            "SELECT candidate, json_extract(request, '$.purpose') AS purpose, "
            "json_extract(request, '$.steps') AS steps, "
            "json_extract(result, '$.resources.seconds') AS seconds, "
            "json_extract(result, '$.status') = 'ok' AS well FROM steps "
            "WHERE kind = 'trial' AND state = 'finished' AND changed > ? AND changed <= ? "
            "ORDER BY finished, rowid",
            *(tally.cursor, now),
        ):
            steps, seconds = int(row["steps"]), float(row["seconds"] or 0.0)
            tally.add(row["candidate"], row["purpose"], steps, seconds, bool(row["well"]))
        tally.cursor = now
        return tally

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
        """What the run cost so far; each call adds only what is new since the last."""
        with self._lock:
            now = self._cursor()
            ((usd, tokens, trials, seconds, sent, cached, thought),) = self._rows(
                "SELECT TOTAL(json_extract(result, '$.usd')), "
                "TOTAL(json_extract(result, '$.tokens')), TOTAL(kind = 'trial'), "
                "TOTAL(json_extract(result, '$.resources.seconds')), "
                "TOTAL(json_extract(result, '$.tokens_in')), "
                "TOTAL(json_extract(result, '$.tokens_cached')), "
                "TOTAL(json_extract(result, '$.tokens_thought')) FROM steps "
                "WHERE kind IN ('call', 'trial', 'attempt') AND state = 'finished' "
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
                tokens_in=self._spend.tokens_in + int(sent),
                tokens_cached=self._spend.tokens_cached + int(cached),
                tokens_thought=self._spend.tokens_thought + int(thought),
                sessions=self._sessions(),
            )
            return self._spend

    # --- candidates and verdicts -----------------------------------------------------------------

    def candidates(self, first: int = 1, last: int | None = None) -> list[Candidate]:
        """The candidates by their sequence, from `first` to `last`; the baseline's is 0."""
        rows = self._rows(
            "SELECT document FROM candidates WHERE sequence >= ? AND (? IS NULL OR sequence <= ?) "
            "ORDER BY sequence",
            *(first, last, last),
        )
        return [_candidate(row) for row in rows]

    def each_candidate(self, since: int = 0, until: int | None = None) -> Iterator[Candidate]:
        """As `candidates`, but not all in memory at once.

        Args:
            since: a cursor; those that changed after it.
            until: a cursor; those that did not change after it.
        """
        within, values = _between(since, until)
        for page in self._pages(
            f"SELECT rowid FROM candidates WHERE sequence > 0 AND {within} ORDER BY sequence",
            *values,
        ):
            yield from map(
                _candidate,
                self._rows(
                    f"SELECT document FROM candidates WHERE rowid IN {_marks(page)} AND {within} "
                    "ORDER BY sequence",
                    *(*page, *values),
                ),
            )

    def failed_before(self, sequence: int, mark: str, most: int) -> list[Candidate]:
        """The latest candidates before a sequence whose reason ends with `mark`, latest first."""
        rows = self._rows(
            "SELECT document FROM candidates WHERE sequence < ? "
            "AND json_extract(document, '$.reason') LIKE ? ORDER BY sequence DESC LIMIT ?",
            *(sequence, f"%{mark}", most),
        )
        return [_candidate(row) for row in rows]

    def last_number(self) -> int:
        """The number of the candidate that was proposed last, 0 before any was."""
        ((last,),) = self._rows("SELECT MAX(sequence) FROM candidates")
        return (last or 0) // ATTEMPTS

    def verdicts(self) -> tuple[Verdict, ...]:
        """The verdicts, in the order in which they were first given."""
        rows = self._rows("SELECT document, review FROM verdicts ORDER BY rowid")
        return tuple(Verdict.from_json(json.loads(r["document"]), r["review"]) for r in rows)

    # --- what is new -----------------------------------------------------------------------------

    def changes(self, since: int = 0, purpose: str | None = None) -> Changes:
        """The candidates that changed and the trials that ended after a cursor, 0 for all.

        Args:
            purpose: of the trials, where not all are wanted.
        """
        now = self._cursor()
        candidates = self.each_candidate(since, now)
        return Changes(now, candidates, self.each_trial(purpose, since, now))

    def _cursor(self) -> int:
        ((now,),) = self._rows("SELECT now FROM clock")
        return int(now)

    def seconds_alive(self) -> float:
        """Wall time that processes spent on the run; a clock that was set back takes none away."""
        rows = self._rows("SELECT COALESCE(SUM(MAX(seen - started, 0)), 0) FROM sessions")
        return float(rows[0][0])

    def _sessions(self) -> int:
        ((count,),) = self._rows("SELECT COUNT(*) FROM sessions")
        return int(count)

    # --- everything ------------------------------------------------------------------------------

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


def _between(since: int, until: int | None) -> tuple[str, tuple[int, ...]]:
    """What changed after one cursor and not after another, as a condition with its values."""
    if until is None:
        return "changed > ?", (since,)
    return "changed > ? AND changed <= ?", (since, until)


def _marks(values: Sized) -> str:
    return f"({', '.join('?' * len(values))})"


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
