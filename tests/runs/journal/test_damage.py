"""A journal whose bytes, or whose clock, are not what they were."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from archwright.core import JournalError
from archwright.runs.journal import Journal
from archwright.runs.workspace.paths import RunPaths


def test_damage_is_said_before_anything_is_spent_on_it(tmp_path: Path) -> None:
    paths = RunPaths(tmp_path / "run-1")
    with Journal.create(paths, {"settings": {}}) as journal:
        for number in range(300):
            journal.append("note", {"text": f"{number} {'words ' * 40}"})
    with sqlite3.connect(paths.journal) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    content = bytearray(paths.journal.read_bytes())
    assert len(content) > 40 * 4096
    content[30 * 4096 : 31 * 4096] = b"\xa5" * 4096
    paths.journal.write_bytes(content)
    with Journal.open(paths) as journal:
        assert journal.facts.settings == {}  # not all of it is damaged
        with pytest.raises(JournalError, match="is damaged"):
            journal.begin_session(1)


def test_a_text_that_is_none_is_damage_and_is_not_printed(tmp_path: Path) -> None:
    paths = RunPaths(tmp_path / "run-1")
    with Journal.create(paths, {"settings": {}, "task": "digits"}) as journal:
        journal.notice("said")
    with sqlite3.connect(paths.journal) as connection:
        connection.execute("UPDATE facts SET value = CAST(X'2264696769ff7473221b5b' AS TEXT)")
    connection.close()
    with Journal.open(paths) as journal, pytest.raises(JournalError) as error:
        assert journal.facts
    assert "is damaged" in str(error.value)
    assert "dig" not in str(error.value)


def test_a_clock_that_was_set_back_takes_no_time_away(journal: Journal) -> None:
    journal.begin_session(1)
    journal.begin_session(2)
    with sqlite3.connect(journal.paths.journal) as connection:
        connection.execute("UPDATE sessions SET seen = started + 90 WHERE pid = 1")
        connection.execute("UPDATE sessions SET seen = started - 5000 WHERE pid = 2")
    connection.close()
    assert journal.seconds_alive() == pytest.approx(90)
