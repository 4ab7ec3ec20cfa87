"""The journal: steps happen once, whatever interrupts them."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from archwright.core import (
    Candidate,
    CandidateStatus,
    Fingerprint,
    Measurement,
    Recipe,
    RunError,
    Verdict,
)
from archwright.runs.journal import Changes, Facts, Journal, Phase
from archwright.runs.journal.schema import MIGRATIONS, connect
from archwright.runs.workspace.control import hold, is_held, request_stop, stop_requested
from archwright.runs.workspace.paths import RunPaths

TRIAL = {"candidate": "1", "purpose": "search", "rung": 0, "steps": 60, "seed": 0, "title": "t"}


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal.create(RunPaths(tmp_path / "run-1"), {"settings": {"seed": 3}})


def _candidate(number: int, **changes: Any) -> Candidate:
    return Candidate(str(number), f"candidate {number}", sequence=number * 1000, **changes)


def test_a_step_that_was_done_is_not_done_again(journal: Journal) -> None:
    done: list[int] = []

    def act() -> dict[str, int]:
        done.append(1)
        return {"answer": 42}

    first = journal.once("call", "1/researcher", "1", {}, act)
    second = journal.once("call", "1/researcher", "1", {}, act)

    assert first == second == {"answer": 42}
    assert len(done) == 1


def test_a_step_is_written_before_it_is_done(journal: Journal) -> None:
    seen: list[str] = []

    def act() -> dict[str, int]:
        seen.extend(trial.candidate for trial in journal.running())
        return {}

    journal.once("trial", "1/search/60/0", "1", TRIAL, act)

    assert seen == ["1"]
    assert journal.running() == ()
    assert [trial.candidate for trial in journal.trials()] == ["1"]


def test_a_step_that_failed_did_not_happen(journal: Journal) -> None:
    def fail() -> dict[str, int]:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        journal.once("trial", "1", "1", {}, fail)

    assert journal.running() == ()
    assert journal.steps("trial") == []
    assert journal.once("trial", "1", "1", {}, lambda: {"score": 1.0}) == {"score": 1.0}


def test_taking_a_run_up_drops_what_was_in_flight(journal: Journal) -> None:
    journal.once("trial", "done", "1", TRIAL, lambda: {"score": 1.0})
    with sqlite3.connect(journal.paths.journal) as connection:
        connection.execute(
            "INSERT INTO steps (kind, key, candidate, state, request, started) "
            "VALUES ('trial', 'lost', '1', 'started', ?, 1.0)",
            (json.dumps(TRIAL),),
        )
    connection.close()
    assert len(journal.running()) == 1

    journal.begin_session(pid=1)

    assert journal.running() == ()
    assert [step.key for step in journal.steps("trial")] == ["done"]


def test_what_was_written_is_there_for_another_reader(journal: Journal) -> None:
    journal.note(phase=Phase.SEARCH)
    journal.propose(_candidate(1))

    with Journal.open(journal.paths) as other:
        assert other.facts.phase is Phase.SEARCH
        assert other.facts.task == Facts().task
        assert [c.id for c in other.candidates()] == ["1"]


def test_a_fact_that_the_model_does_not_have_is_refused(journal: Journal) -> None:
    with pytest.raises(TypeError, match="no fact 'phrase'"):
        journal.note(phrase="search")


def test_a_candidate_is_born_once(journal: Journal) -> None:
    born = journal.propose(_candidate(1, created=1.0))
    journal.update(born.ended(CandidateStatus.TRAINED))
    again = journal.propose(replace(born, title="another title", created=2.0))

    assert again.created == 1.0
    (kept,) = journal.candidates()
    assert (kept.title, kept.status) == ("candidate 1", "trained")


def test_a_candidate_that_ended_stays_ended(journal: Journal) -> None:
    born = journal.propose(_candidate(1))
    journal.update(born.ended(CandidateStatus.CRASHED, "out of luck"))
    journal.update(born)
    assert journal.candidates() == [born.ended(CandidateStatus.CRASHED, "out of luck")]


def test_a_candidate_comes_back_as_it_was_written(journal: Journal) -> None:
    whole = _candidate(
        2,
        parents=("1", "baseline"),
        recipe=Recipe(batch_size=16),
        rungs={0: Measurement(1.0, 0.5, 2), 1: Measurement(2.0, None, 1)},
        fingerprint=Fingerprint("a", "b", "c"),
        proxies={"snip": 0.5},
        latency_ms=1.5,
        trials=3,
        reason="ended \ud800 badly",
    )
    journal.propose(whole)
    assert journal.candidate("2") == replace(whole, reason="ended ? badly")
    assert journal.candidate("3") is None
    assert journal.last_number() == 2


def test_who_watches_reads_what_is_new_and_not_everything(journal: Journal) -> None:
    first, second = (journal.propose(_candidate(n)) for n in (1, 2))
    seen = journal.changes()
    assert [c.id for c in seen.candidates] == ["1", "2"]
    assert journal.changes(seen.cursor).candidates == ()
    journal.update(replace(second, lesson="wider is better"))
    journal.once("trial", "1", "1", TRIAL, lambda: {"score": 1.0})
    new = journal.changes(seen.cursor)
    assert [c.lesson for c in new.candidates] == ["wider is better"]
    assert [t.score for t in new.trials] == [1.0]
    assert journal.changes(new.cursor) == Changes(new.cursor, (), ())
    assert first.id == "1"


def test_what_a_run_cost_is_counted_once_however_often_it_is_asked(journal: Journal) -> None:
    for number in (1, 2):
        journal.once("call", str(number), "1", {}, lambda: {"usd": 0.5, "tokens": 10})
        resources = {"resources": {"seconds": 2.0}}
        journal.once("trial", str(number), "1", TRIAL, lambda r=resources: r)
        for _ in range(2):
            spend = journal.spend()
            assert (spend.usd, spend.tokens) == (0.5 * number, 10 * number)
            assert (spend.trials, spend.training_seconds) == (number, 2.0 * number)


def test_trials_are_found_by_what_they_were_for(journal: Journal) -> None:
    for number, purpose in enumerate(("search", "baseline", "search")):
        asked = {**TRIAL, "purpose": purpose, "seed": number, "candidate": str(number)}
        journal.once("trial", str(number), str(number), asked, lambda: {"score": 1.0})
    assert [t.seed for t in journal.trials(purpose="search")] == [0, 2]
    assert [t.seed for t in journal.trials("1")] == [1]
    assert journal.trials(steps=61) == []


def test_matches_look_back_only(journal: Journal) -> None:
    for number in (1, 2):
        print_ = Fingerprint("t", f"tree{number}", "g")
        journal.propose(_candidate(number, fingerprint=print_))

    match = journal.match(Fingerprint("t", "other"), before=2000)
    assert match is not None
    assert (match[0], match[1].id) == ("text", "1")
    assert journal.match(Fingerprint("t", "tree1", "g"), before=1000) is None
    found = journal.match(Fingerprint("x", "y", "g"), before=3000)
    assert found is not None
    assert found[0] == "graph"
    assert journal.match(Fingerprint("x", "y", ""), before=3000) is None


def test_reviews_survive_a_second_judgement(journal: Journal) -> None:
    verdict = Verdict("1", "wider", "discovery", 1.0, (0.5, 1.5), 0.01, 5, "it gained")
    journal.judge("1", asdict(verdict))
    journal.set_review("1", "accepted", "good")
    journal.judge("1", asdict(replace(verdict, branch="b")))

    assert journal.verdicts() == (replace(verdict, branch="b", review="accepted"),)


def test_a_missing_or_foreign_journal_is_said_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="archwright runs"):
        Journal.open(RunPaths(tmp_path / "none"))
    folder = tmp_path / "foreign"
    folder.mkdir()
    (folder / "journal.db").write_text("this is no database, it is a text of some length\n" * 9)
    with pytest.raises(RunError, match="archwright resume foreign"):
        Journal.open(RunPaths(folder))


def test_a_journal_of_a_newer_version_is_refused(journal: Journal) -> None:
    journal.close()
    with sqlite3.connect(journal.paths.journal) as connection:
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    connection.close()

    with pytest.raises(RunError, match="upgrade"):
        Journal.open(journal.paths)


def test_a_full_disk_is_one_line_and_loses_nothing(journal: Journal) -> None:
    journal.note(task="kept")
    full = _limited(journal)

    with pytest.raises(RunError, match=r"full.*archwright resume run-1"):
        full.note(error="x" * 100_000)

    full.close()
    assert (journal.facts.task, journal.facts.error) == ("kept", "")


def _limited(journal: Journal) -> Journal:
    """The same journal on a disk that has no page left: as SQLite sees it."""
    connection = connect(journal.paths)
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages}")
    return Journal(journal.paths, connection)


def test_only_one_process_holds_a_run(journal: Journal) -> None:
    assert not is_held(journal.paths)
    with hold(journal.paths):
        assert is_held(journal.paths)
        with pytest.raises(RunError, match="archwright stop run-1"), hold(journal.paths):
            pass
    assert not is_held(journal.paths)


def test_a_stop_request_is_forgotten_when_the_run_is_taken_up_again(journal: Journal) -> None:
    request_stop(journal.paths)
    assert stop_requested(journal.paths)
    with hold(journal.paths):
        assert not stop_requested(journal.paths)
