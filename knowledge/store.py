"""The knowledge base: every result, failure, lesson and note of a workspace.

Nothing is ever overwritten. A second record of the same `(run, candidate)` is a new version with a
new id, so that a read with `until` sees exactly what was known at that moment, however often a run
is resumed.
"""

from __future__ import annotations

import random
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Literal, Self

import numpy as np

from archwright.core import CandidateStatus, Fingerprint, InputError
from archwright.knowledge.entries import (
    COLUMNS,
    CandidateClaim,
    Database,
    Entry,
    EntryKind,
    Hit,
    Match,
    ReviewStatus,
    insert_row,
    read_entry,
    read_match,
    row_values,
)
from archwright.knowledge.retrieval import (
    DIMENSIONS,
    FOREVER,
    FullText,
    VectorIndex,
    Vectors,
    choose_diverse,
    embed,
    embedded,
    fuse,
    unpack,
)

By = Literal["both", "words", "vectors"]
"""What a search goes by."""

__all__ = ["Entry", "Hit", "Knowledge", "Match"]

_POOL: Final = 50
_SEARCHED: Final = 200
_LIKE: Final = 0.6
_RELATED: Final = 0.05
_VISIBLE: Final = "id <= ? AND (replaced_by IS NULL OR replaced_by > ?)"


class Knowledge:
    """The knowledge base in one file. Safe for several threads and several processes.

    Reads take `until`, the id of the last entry to see (`high_water` of an earlier moment); None
    sees all.

    Raises:
        WorkspaceError: any method, when the file cannot be read or written.
    """

    place = ""
    """The name that the place it shares with others goes by, whatever its address; "" where it is
    the workspace's own."""

    def __init__(self, path: Path) -> None:
        self._database = Database(path)
        self._index = VectorIndex(self._database)
        self._words = FullText(self._database, self._index)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file. Twice is fine."""
        self._database.close()

    # --- writing --------------------------------------------------------------------------------

    def record(self, entry: Entry) -> int:
        """Write down an entry and return its id.

        The same entry again changes nothing; other facts about the same `(run, candidate)` become
        its newest version. A review that was given stays.
        """
        return self.record_all([entry])[0]

    def record_all(self, entries: Iterable[Entry]) -> list[int]:
        """Write down many entries, all or none, and return their ids."""
        ready = self._ready(entries)
        with self._database.writing() as connection:
            return self._write_all(connection, ready)

    def _ready(self, entries: Iterable[Entry]) -> list[tuple[Entry, bytes]]:
        """Entries with their vectors, which nobody needs to wait for."""
        return [(e, _vector(e)) for e in entries]

    def _write_all(
        self, connection: sqlite3.Connection, ready: Iterable[tuple[Entry, bytes]]
    ) -> list[int]:
        return [_record(connection, entry, vector) for entry, vector in ready]

    def set_status(self, run: str, candidate: str, status: ReviewStatus, reason: str) -> int:
        """Write down a review and return the id of the new version.

        Raises:
            InputError: nothing is known of this candidate.
        """
        found = self._database.read(
            "SELECT * FROM entries WHERE run = ? AND candidate = ? AND replaced_by IS NULL",
            run,
            candidate,
        )
        if not found:
            raise InputError(f"the knowledge base holds no {run}/{candidate}; check both names")
        entry = read_entry(found[0])
        return self.record(replace(entry, status=status, reason=reason or entry.reason))

    # --- other machines -------------------------------------------------------------------------

    def claim(
        self, task: str, print_: Fingerprint, run: str, candidate: str, title: str
    ) -> CandidateClaim | None:
        """Take a candidate up before it is trained, unless a run on another machine has: then its
        claim is returned. Where nobody else works on this knowledge base, or it is away, None."""
        del task, print_, run, candidate, title
        return None

    def settle(self, run: str, candidate: str, status: str) -> None:
        """Say how a candidate that was claimed ended; "" gives it back untrained."""

    def attended(
        self, run: str, notice: Callable[[str], None], stop: threading.Event
    ) -> AbstractContextManager[None]:
        """Be heard of by other machines while a run goes on, and send them what is recorded.

        Args:
            notice: told, in one line, when they cannot be reached, and when they can again.
            stop: ends any waiting for them.
        """
        del run, notice, stop
        return nullcontext()

    # --- duplicates -----------------------------------------------------------------------------

    def high_water(self) -> int:
        """The id of the newest entry, 0 when there is none."""
        return int(self._database.read("SELECT COALESCE(MAX(id), 0) FROM entries")[0][0])

    def match(self, task: str, fingerprint: Fingerprint, until: int | None = None) -> list[Match]:
        """What of this task has the same fingerprint, failures included; strictest level first.

        An entry is listed once, at its strictest level; what was itself a duplicate comes last.
        """
        found: dict[tuple[str, str], Match] = {}
        levels = {"text": fingerprint.text, "tree": fingerprint.tree, "graph": fingerprint.graph}
        for level, value in levels.items():
            if not value:
                continue
            # The partial index serves only a query that repeats its condition; `+` keeps the index
            # of kinds out, in which almost all are results.
            where = f"{level}_level = ? AND {level}_level != '' AND task = ? AND +kind = 'result'"
            for row in self._visible(where, until, value, task, order="created, id LIMIT 20"):
                found.setdefault((row["run"], row["candidate"]), read_match(row, level))
        return sorted(found.values(), key=lambda match: match.end == CandidateStatus.DUPLICATE)

    # --- what to show ---------------------------------------------------------------------------

    def examples(
        self,
        task: str,
        n: int,
        query_source: str = "",
        until: int | None = None,
        rng: random.Random | None = None,
    ) -> list[Entry]:
        """Up to `n` architectures worth showing, chosen for quality and for diversity.

        From the same task first: those that beat the baseline, or the best `n` when fewer did.
        What was verified comes first, then what was trained longest: gains compare only between
        trainings of equal length. What is missing comes from other tasks, by gain in units of
        their noise, and then from what others measured.

        Args:
            task: the task that is worked on.
            n: how many are wanted.
            query_source: what the reader has in front of it; near copies of it are avoided.
            until: see the class.
            rng: when given, quality is shaken a little, so that calls differ.
        """
        trained = "source != '' AND status != 'rejected' AND (\"end\" IN ('trained', 'promoted')"
        beats = "verdict = 'discovery' DESC, COALESCE(gain, 0) >= 0 DESC"
        order = f"{beats}, steps DESC, COALESCE(gain, 0) DESC, id LIMIT {_POOL}"
        own = self._visible(
            f"{trained} OR kind = 'example') AND task = ?", until, task, order=order
        )
        verified = [row for row in own if row["verdict"] == "discovery"]
        chosen = _choose(verified, n, _shown([query_source]), rng)
        rest = own[len(verified) :]
        good = sum((row["gain"] or 0.0) >= 0.0 for row in rest)
        shown = _shown([query_source, *(e.source for e in chosen)])
        chosen += _choose(rest[: max(n, good)], n - len(chosen), shown, rng)
        if len(chosen) < n:
            # How many steps are many is each task's own.
            place = "RANK() OVER (PARTITION BY task ORDER BY steps DESC)"
            others = self._visible(
                f"{trained}) AND gain > 0 AND task != ?",
                *(until, task),
                order=f"{beats}, {place}, gain DESC, id LIMIT {_POOL}",
            )
            shown = _shown([query_source, *(e.source for e in chosen)])
            chosen += _choose(others, n - len(chosen), shown, rng)
        if len(chosen) < n:
            shown = _shown([query_source, *(e.source for e in chosen)])
            measured = self._measured_elsewhere(task, query_source, until)
            chosen += _choose(measured, n - len(chosen), shown, rng)
        return chosen

    def _measured_elsewhere(
        self, task: str, query_source: str, until: int | None
    ) -> list[sqlite3.Row]:
        """Examples of other tasks that define the same class as `query_source`: those that ran in
        the sandbox first, then by their place among those of their own task."""
        entry = "class Mixer(" if "class Mixer(" in query_source else "class Model("
        places = self._visible(
            "kind = 'example' AND score IS NOT NULL AND status != 'rejected'"
            " AND \"end\" NOT IN ('invalid', 'crashed') AND task != ? AND instr(source, ?) > 0",
            until,
            task,
            entry,
            columns="id, task, parameters > 0 AS ran, score",
            order="ran DESC, RANK() OVER (PARTITION BY task ORDER BY score DESC), id"
            f" LIMIT {_POOL}",
        )
        rows = {row["id"]: row for row in self._rows([place["id"] for place in places])}
        return [rows[place["id"]] for place in places]

    def _rows(self, ids: Sequence[int]) -> list[sqlite3.Row]:
        marks = ", ".join("?" * len(ids))
        return self._database.read(f"SELECT * FROM entries WHERE id IN ({marks})", *ids)

    def example(self, id: int) -> Entry:
        """The entry behind an id that `examples` gave, in the version that was shown."""
        return self.show(id)

    def warnings(self, task: str, source: str, n: int = 3, until: int | None = None) -> list[Match]:
        """Failures of this task whose code is like `source`, most similar first."""
        failed = "task = ? AND \"end\" IN ('invalid', 'crashed') AND source != ''"
        rows = self._visible(failed, until, task, order="id DESC LIMIT 2000")
        if not rows:
            return []
        likeness = unpack([row["vector"] for row in rows]) @ embed(source)
        best = np.argsort(-likeness, kind="stable")[:n]
        return [
            read_match(rows[i], "similar", min(1.0, float(likeness[i])))
            for i in best
            if likeness[i] >= _LIKE
        ]

    def rejections(self, task: str, query: str, n: int, until: int | None = None) -> list[Entry]:
        """Up to `n` decisions against something, of this task or of none, that bear on `query`:
        what was tried or thought of and is not to be repeated. Any of the task itself bears on it;
        the nearest come first."""
        rows = self._visible(
            "kind = 'decision' AND status = 'rejected' AND task IN (?, ?, '')",
            until,
            task,
            task.partition("@")[0],
            order=f"id DESC LIMIT {_SEARCHED}",
        )
        known = {row["id"]: row for row in rows}
        related = [hit.entry.id for hit in self.search(query, "decision", _SEARCHED, until)]
        own = [row["id"] for row in rows if row["task"]]
        told = dict.fromkeys([*(id for id in related if id in known), *own])
        return [read_entry(known[id]) for id in list(told)[:n]]

    def relatives(self, source: str, n: int = 3, until: int | None = None) -> list[Entry]:
        """Architectures of any task with known results whose code is like `source`, most similar
        first."""
        known = "source != '' AND (score IS NOT NULL OR kind = 'example')"
        rows = self._visible(known, until, columns="id, vector")
        if not rows:
            return []
        likeness = unpack([row["vector"] for row in rows]) @ embed(source)
        best = np.argsort(-likeness, kind="stable")[:n]
        return [self.show(rows[i]["id"]) for i in best if likeness[i] >= _LIKE]

    def failures(self, mark: str, n: int, until: int | None = None) -> list[Entry]:
        """The latest `n` entries whose reason ends with `mark`, latest first."""
        where = "substr(reason, -length(?)) = ?"
        rows = self._visible(where, until, mark, mark, order=f"id DESC LIMIT {int(n)}")
        return [read_entry(row) for row in rows]

    def find(self, run: str, candidate: str, until: int | None = None) -> Entry | None:
        """What was known of a candidate, if anything was."""
        rows = self._visible("run = ? AND candidate = ?", until, run, candidate)
        return read_entry(rows[0]) if rows else None

    def lessons(self, task: str, query: str, n: int, until: int | None = None) -> list[str]:
        """Up to `n` different lessons, those of the same task first.

        Within a task, those that bear on `query` and those behind large effects come first.
        """
        order = f"ABS(COALESCE(gain, 0)) DESC, id DESC LIMIT {_SEARCHED}"
        asked = embed(query)
        told: dict[str, None] = {}
        for where in ("task IN (?, '')", "task NOT IN (?, '')"):
            own = f"lesson != '' AND kind NOT IN ('paper', 'shelf') AND {where}"
            rows = self._visible(own, until, task, order=order)
            likeness = np.array([embed(f"{r['title']} {r['lesson']}") @ asked for r in rows])
            relevant = [int(i) for i in np.argsort(-likeness, kind="stable") if likeness[i] > 0]
            told |= dict.fromkeys(rows[i]["lesson"] for i, _ in fuse([range(len(rows)), relevant]))
        return list(told)[:n]

    # --- looking --------------------------------------------------------------------------------

    def search(
        self,
        text: str,
        kind: EntryKind | None = None,
        n: int = 10,
        until: int | None = None,
        by: By = "both",
    ) -> list[Hit]:
        """What bears on `text`, be it words or code: full text and similarity, fused, or one."""
        rankings: list[list[int]] = []
        if by != "vectors":
            rankings.append(self._words.ranked(text, kind, until, _SEARCHED))
        query = embed(text)
        if by != "words" and query.any():
            rankings.append(self._index.nearest(query, kind, until, _SEARCHED, _RELATED))
        return [Hit(self.show(id), rank) for id, rank in fuse(rankings)[:n]]

    def show(self, id: int) -> Entry:
        """One version of an entry.

        Raises:
            InputError: there is none with this id.
        """
        rows = self._database.read("SELECT * FROM entries WHERE id = ?", id)
        if not rows:
            raise InputError(f"the knowledge base has no entry {id}; `knowledge search` lists ids")
        return read_entry(rows[0])

    def current(self) -> list[Entry]:
        """All entries in their newest version, oldest first."""
        return [read_entry(row) for row in self._visible("1 = 1", None)]

    def stats(self) -> dict[str, Any]:
        """Counts of what is known: in all, by kind, and by task and end."""
        rows = self._database.read(
            'SELECT kind, task, "end", COUNT(*) AS n, MAX(gain) AS best FROM entries'
            ' WHERE replaced_by IS NULL GROUP BY kind, task, "end" ORDER BY kind, task, "end"'
        )
        kinds: dict[str, int] = {}
        tasks: dict[str, dict[str, Any]] = {}
        for row in rows:
            kinds[row["kind"]] = kinds.get(row["kind"], 0) + row["n"]
            if row["kind"] == "result":
                task = tasks.setdefault(row["task"], {"ends": {}, "best_gain": None})
                task["ends"][row["end"]] = row["n"]
                known = [g for g in (task["best_gain"], row["best"]) if g is not None]
                task["best_gain"] = max(known, default=None)
        return {"entries": sum(kinds.values()), "kinds": kinds, "tasks": tasks}

    def _visible(
        self, where: str, until: int | None, *values: object, columns: str = "*", order: str = "id"
    ) -> list[sqlite3.Row]:
        last = FOREVER if until is None else until
        query = f"SELECT {columns} FROM entries WHERE {where} AND {_VISIBLE} ORDER BY {order}"
        return self._database.read(query, *values, last, last)


def _vector(entry: Entry) -> bytes:
    """Of its code, else of its words; a note of the shelf is asked for in words."""
    return embedded("" if entry.kind == "shelf" else entry.source, entry.title, entry.lesson)


def _record(connection: sqlite3.Connection, entry: Entry, vector: bytes) -> int:
    old = connection.execute(
        "SELECT * FROM entries WHERE run = ? AND candidate = ? AND replaced_by IS NULL",
        (entry.run, entry.candidate),
    ).fetchone()
    if old is not None and entry.status == "open":
        entry = replace(entry, status=old["status"])
    values = row_values(entry)
    if old is not None and values == tuple(old[c] for c in COLUMNS):
        return int(old["id"])
    created = old["created"] if old is not None else entry.created or time.time()
    return insert_row(connection, old, (*values, created, vector))


def _shown(sources: Iterable[str]) -> Vectors:
    vectors = [embed(source) for source in sources if source]
    return np.array(vectors, np.float32).reshape(len(vectors), DIMENSIONS)


def _choose(
    rows: list[sqlite3.Row], n: int, shown: Vectors, rng: random.Random | None
) -> list[Entry]:
    """Pick from `rows`, which are sorted best first. Quality is the place among them."""
    if not rows or n < 1:
        return []
    shaking = [rng.gauss(0.0, 0.1) if rng else 0.0 for _ in rows]
    quality = [1 - i / len(rows) + shake for i, shake in enumerate(shaking)]
    picked = choose_diverse(quality, unpack([r["vector"] for r in rows]), n, shown)
    return [read_entry(rows[i]) for i in picked]
