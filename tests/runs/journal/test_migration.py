"""A journal that an older version wrote is brought up to date, and read like any other."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from journal_entries import asked, train, verdict

from archwright.core import (
    BASELINE,
    Candidate,
    CandidateStatus,
    Fingerprint,
    Floor,
    Measurement,
    Recipe,
    Status,
)
from archwright.runs.journal import Journal, Phase
from archwright.runs.journal.schema import MIGRATIONS
from archwright.runs.results.observing import Observer, observe
from archwright.runs.verification import rounds_so_far
from archwright.runs.workspace.paths import RunPaths

FLOORS = (
    Floor(10, 80.0, 1.0, (79.0, 81.0), 9_000, ceiling=(5, 1.5)),
    Floor(30, 90.0, 1.0, (89.0, 91.0), 9_000),
)
FACTS = {
    "settings": {"seed": 3, "workers": 2},
    "task": "digits",
    "task_from": "digits",
    "metric": "accuracy",
    "rungs": [10, 30],
    "budget": {"max_trials": 40},
    "created": 1.7e9,
    "phase": "verification",
    "state": "stopped",
    "noise": [asdict(floor) for floor in FLOORS],
    "unverified": ["4"],
    "of a version long gone": 1,
}
RECIPE = Recipe(learning_rate=0.02)
PROXIES = {"snip": 0.5}
CANDIDATES: tuple[dict[str, Any], ...] = (
    {"id": BASELINE, "sequence": 0, "end": "trained", "parameters": 9_000, "flops": 50},
    {
        "id": "1",
        "sequence": 1000,
        "source": "x = '\u00e4'\n",
        "parents": [BASELINE],
        "recipe": RECIPE.to_json(),
        "examples": ["known:7"],
        "citations": ["paper:a/0.0 (A)"],
        "proxies": PROXIES,
        "latency_ms": 0.25,
        "text": "t1",
        "tree": "r1",
        "graph": "g1",
        "parameters": 12_000,
        "flops": 70,
        "end": "promoted",
        "rung": 1,
        "score": 93.0,
        "gain": 3.0,
        "seeds": 2,
        "lesson": "width pays",
    },
    {"id": "2", "sequence": 2000, "end": "invalid", "reason": "no class Model; repaired"},
    {"id": "2b", "sequence": 2001, "end": "trained", "rung": 0, "score": 81.0, "tree": "r2"},
    {"id": "3", "sequence": 3000, "end": "duplicate", "reason": "same text", "text": "t1"},
    {"id": "4", "sequence": 4000, "operator": "control", "text": "t4"},
)
DEFAULTS = {"title": "a title", "rationale": "why", "operator": "widen", "source": ""}
LISTS: dict[str, Any] = {
    "parents": [], "recipe": {}, "examples": [], "citations": [], "proxies": {},
}  # fmt: skip


def _insert(connection: sqlite3.Connection, table: str, row: dict[str, Any]) -> None:
    names, marks = ", ".join(row), ", ".join("?" * len(row))
    connection.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", list(row.values()))


def _add_step(
    connection: sqlite3.Connection, kind: str, key: str, request: Any, result: Any, at: float
) -> None:
    candidate = key.partition("/")[0]
    row = {"kind": kind, "key": key, "candidate": candidate, "request": json.dumps(request)}
    if result is None:
        row |= {"state": "started"}
    else:
        row |= {"state": "finished", "result": json.dumps(result), "finished": at + 1}
    _insert(connection, "steps", {**row, "started": at})


@pytest.fixture
def old(tmp_path: Path) -> RunPaths:
    """A run whose journal was written by version 3 of the schema."""
    paths = RunPaths(tmp_path / "old-1")
    paths.root.mkdir()
    connection = sqlite3.connect(paths.journal, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    for script in MIGRATIONS[:3]:
        connection.executescript(script)
    connection.execute("PRAGMA user_version = 3")
    for key, value in FACTS.items():
        _insert(connection, "facts", {"key": key, "value": json.dumps(value)})
    for given in CANDIDATES:
        row = {**DEFAULTS, **LISTS, "created": 5.0, **given}
        stored = {k: json.dumps(v) if k in LISTS else v for k, v in row.items()}
        _insert(connection, "candidates", stored)
    resources = {"seconds": 2.0, "latency_ms": 0.5}
    trained = {"status": "ok", "score": 93.0, "curve": [[5, 1.5]], "resources": resources}
    fresh = {**trained, "score": 92.0, "int8": 91.0}
    _add_step(connection, "trial", "1/search/30/0", asked("1"), trained, 10.0)
    _add_step(connection, "trial", "1/v/30/9", asked("1", 9, "verification"), fresh, 12.0)
    _add_step(connection, "trial", "4/search/30/0", asked("4"), None, 14.0)
    reply = {"model": "toy", "usd": 0.5, "tokens": 7, "text": "x"}
    _add_step(connection, "call", "1/0/coder", {"role": "coder", "request": "#"}, reply, 8.0)
    _add_step(connection, "choice", "1", {}, {"confidence": {"earned": True}}, 7.0)
    _add_step(connection, "look", "1/0", {"seeds": 5}, {"at": 15.0}, 15.0)
    _insert(connection, "verdicts", {
        "candidate": "1", "document": json.dumps(asdict(verdict("1"))), "review": "accepted",
    })  # fmt: skip
    _insert(connection, "notices", {"text": "reads are not confined"})
    _insert(connection, "sessions", {"pid": 1, "started": 1.0, "seen": 31.0})
    connection.close()
    return paths


@pytest.fixture
def journal(old: RunPaths) -> Iterator[Journal]:
    with Journal.open(old) as opened:
        yield opened


def test_its_candidates_are_read(journal: Journal) -> None:
    baseline, *found = journal.candidates(first=0)
    assert (baseline.id, baseline.parameters, baseline.flops) == (BASELINE, 9_000, 50)
    assert found[0] == Candidate(
        id="1",
        title="a title",
        source="x = '\u00e4'\n",
        recipe=RECIPE,
        sequence=1000,
        operator="widen",
        parents=(BASELINE,),
        rationale="why",
        examples=("known:7",),
        citations=("paper:a/0.0 (A)",),
        created=5.0,
        fingerprint=Fingerprint("t1", "r1", "g1"),
        parameters=12_000,
        flops=70,
        latency_ms=0.25,
        proxies=PROXIES,
        rungs={1: Measurement(93.0, 3.0, 2)},
        status=CandidateStatus.PROMOTED,
        lesson="width pays",
    )
    assert [(c.id, c.status, c.reason) for c in found[1:]] == [
        ("2", CandidateStatus.INVALID, "no class Model; repaired"),
        ("2b", CandidateStatus.TRAINED, ""),
        ("3", CandidateStatus.DUPLICATE, "same text"),
        ("4", CandidateStatus.OPEN, ""),
    ]
    assert [c.rungs for c in found[1:]] == [{}, {0: Measurement(81.0, None, 0)}, {}, {}]
    assert [c.id for c in found if c.is_control] == ["4"]
    assert journal.last_number() == 4
    assert journal.match(Fingerprint("t1"), before=9000) == ("text", found[0])
    assert [c.id for c in journal.failed_before(9000, "; repaired", 5)] == ["2"]


def test_its_steps_and_facts_are_read(journal: Journal) -> None:
    trials = journal.trials()
    assert [(t.candidate, t.purpose, t.seed, t.score) for t in trials] == [
        ("1", "search", 0, 93.0),
        ("1", "verification", 9, 92.0),
    ]
    assert (trials[0].status, trials[0].curve) == (Status.OK, ((5, 1.5),))
    assert (trials[0].started, trials[0].finished) == (10.0, 11.0)
    assert [trial.candidate for trial in journal.running()] == ["4"]
    (called,) = journal.calls()
    assert (called.role, called.model, called.usd, called.tokens) == ("coder", "toy", 0.5, 7)
    assert rounds_so_far(journal) == 1
    assert journal.steps("look") == []
    spent = journal.spend()
    assert (spent.usd, spent.tokens, spent.trials) == (0.5, 7, 2)
    assert (spent.training_seconds, spent.seconds) == (4.0, 30.0)
    facts = journal.facts
    assert (facts.phase, facts.state, facts.rungs) == (Phase.VERIFICATION, "stopped", (10, 30))
    assert (facts.noise, facts.unverified) == (FLOORS, ("4",))
    (found,) = journal.verdicts()
    assert found == verdict("1", review="accepted")


def test_it_is_observed(journal: Journal) -> None:
    shown = observe(journal)
    assert [c.id for c in shown.candidates] == ["1", "2", "2b", "3", "4"]
    assert (shown.state, shown.phase, shown.metric.name) == ("stopped", "verification", "accuracy")
    assert shown.best is not None
    assert (shown.best.id, shown.best.score, shown.best.gain) == ("1", 93.0, 3.0)
    assert (shown.best.measured_ms, shown.best.int8) == (0.5, 91.0)
    assert shown.baseline is not None
    assert (shown.baseline.mean, shown.baseline.flops) == (90.0, 50)
    funnel = shown.funnel
    assert (funnel.proposed, funnel.duplicate, funnel.invalid) == (5, 1, 1)
    assert (funnel.trained, funnel.promoted) == (2, 1)
    assert shown.confidence == {"earned": True}
    assert shown.notices[0] == "reads are not confined"
    assert "candidate 4" in shown.notices[1]


def test_all_of_it_is_new_to_who_has_seen_nothing_and_it_goes_on_from_there(
    journal: Journal,
) -> None:
    observer = Observer(journal)
    before = observer.observe()
    changes = journal.changes()
    assert [c.id for c in changes.candidates] == ["1", "2", "2b", "3", "4"]
    assert len(list(changes.trials)) == 2
    assert list(journal.changes(changes.cursor).candidates) == []

    again = journal.once("trial", "1/search/30/0", "1", asked("1"), lambda: pytest.fail("again"))
    assert again["score"] == 93.0
    journal.begin_session(pid=2)
    assert journal.running() == ()
    train(journal, "4")
    journal.update(before.candidates[-1].ended(CandidateStatus.TRAINED))
    later = journal.changes(changes.cursor)
    assert [c.id for c in later.candidates] == [t.candidate for t in later.trials] == ["4"]
    assert observer.observe() == observe(journal)


def test_it_is_brought_up_to_date_once_whoever_comes_at_once(old: RunPaths) -> None:
    found: list[int] = []

    def read() -> None:
        with Journal.open(old) as opened:
            found.append(len(opened.candidates()))

    readers = [threading.Thread(target=read) for _ in range(8)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    assert found == [5] * 8
    connection = sqlite3.connect(old.journal)
    assert connection.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)
    connection.close()


@pytest.mark.parametrize("version", range(3))
def test_one_of_any_older_version_is_brought_up_to_date(tmp_path: Path, version: int) -> None:
    paths = RunPaths(tmp_path / "older")
    paths.root.mkdir()
    connection = sqlite3.connect(paths.journal, isolation_level=None)
    for script in MIGRATIONS[:version]:
        connection.executescript(script)
    connection.execute(f"PRAGMA user_version = {version}")
    if version:
        row = {**DEFAULTS, "id": "1", "sequence": 1000, "created": 5.0}
        lists = dict.fromkeys(("parents", "examples"), "[]") | {"recipe": "{}"}
        _insert(connection, "candidates", {**row, **lists, "rung": 0, "score": 9.0})
    connection.close()
    with Journal.open(paths) as journal:
        scores = [c.score for c in journal.candidates()]
        assert scores == ([9.0] if version else [])
        assert journal.facts.phase is Phase.BASELINE
