"""The journal: steps happen once, whatever interrupts them."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from archwright.core import CandidateStatus, Fingerprint, RunError
from archwright.runs.journal import MIGRATIONS, Journal
from archwright.runs.workspace.control import hold, is_held, request_stop, stop_requested
from archwright.runs.workspace.paths import RunPaths


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal.create(RunPaths(tmp_path / "run-1"), {"settings": {"seed": 3}})


def _row(number: int) -> dict[str, object]:
    return {
        "id": str(number),
        "sequence": number * 1000,
        "title": f"candidate {number}",
        "rationale": "",
        "operator": "draft",
        "source": "",
        "created": 1.0,
        "parents": [],
        "recipe": {},
        "examples": [],
    }


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
        seen.extend(row["state"] for row in journal.query("SELECT state FROM steps"))
        return {}

    journal.once("trial", "1/search/60/0", "1", {}, act)

    assert seen == ["started"]
    assert [r["state"] for r in journal.query("SELECT state FROM steps")] == ["finished"]


def test_a_step_that_failed_did_not_happen(journal: Journal) -> None:
    def fail() -> dict[str, int]:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        journal.once("trial", "1", "1", {}, fail)

    assert journal.query("SELECT * FROM steps") == []
    assert journal.once("trial", "1", "1", {}, lambda: {"score": 1.0}) == {"score": 1.0}


def test_taking_a_run_up_drops_what_was_in_flight(journal: Journal) -> None:
    journal.once("trial", "done", "1", {}, lambda: {"score": 1.0})
    journal.write(
        "INSERT INTO steps VALUES ('trial', 'lost', '2', 'started', '{}', NULL, 1.0, NULL)"
    )

    journal.begin_session(pid=1)

    assert [r["key"] for r in journal.query("SELECT key FROM steps")] == ["done"]


def test_what_was_written_is_there_for_another_reader(journal: Journal) -> None:
    journal.note("phase", "search")
    journal.propose(_row(1))

    with Journal.open(journal.paths, readonly=True) as other:
        assert other.fact("phase") == "search"
        assert other.fact("absent", "default") == "default"
        assert [r["id"] for r in other.query("SELECT id FROM candidates")] == ["1"]


def test_a_candidate_is_born_once(journal: Journal) -> None:
    journal.propose(_row(1))
    journal.end("1", CandidateStatus.TRAINED, "")
    journal.propose({**_row(1), "title": "another title"})

    (row,) = journal.query("SELECT title, end FROM candidates")
    assert (row["title"], row["end"]) == ("candidate 1", "trained")


def test_matches_look_back_only(journal: Journal) -> None:
    for number in (1, 2):
        journal.propose(_row(number))
        journal.update(str(number), text="t", tree=f"tree{number}", graph="g")

    level, row = journal.match(Fingerprint("t", "other"), before=2000) or ("", {})
    assert (level, row["id"]) == ("text", "1")
    assert journal.match(Fingerprint("t", "tree1", "g"), before=1000) is None
    found = journal.match(Fingerprint("x", "y", "g"), before=3000)
    assert found is not None
    assert found[0] == "graph"
    assert journal.match(Fingerprint("x", "y", ""), before=3000) is None


def test_reviews_survive_a_second_judgement(journal: Journal) -> None:
    journal.judge("1", {"verdict": "discovery"})
    journal.set_review("1", "accepted", "good")
    journal.judge("1", {"verdict": "discovery", "branch": "b"})

    (row,) = journal.query("SELECT review FROM verdicts")
    assert row["review"] == "accepted"


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
    journal.note("kept", True)
    (pages,) = journal.query("PRAGMA page_count")[0]
    journal.write(f"PRAGMA max_page_count = {pages}")

    with pytest.raises(RunError, match=r"full.*archwright resume run-1"):
        journal.note("big", "x" * 100_000)

    journal.write("PRAGMA max_page_count = 1000000")
    assert journal.fact("kept") is True
    assert journal.fact("big") is None


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
