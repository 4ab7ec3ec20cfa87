"""The place that several machines share, in a folder and on a PostgreSQL server alike."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from archwright.core import CandidateStatus, Fingerprint, KnowledgeError
from archwright.knowledge.entries import CandidateClaim, Entry
from archwright.knowledge.shared.directory import FILE, DirectoryStore
from archwright.knowledge.shared.opening import open_store
from archwright.knowledge.shared.postgresql import PostgresStore
from archwright.knowledge.shared.store import MIGRATIONS, TABLES, SharedStore

PRINT = Fingerprint("text", "tree", "graph")
MINE = CandidateClaim("mine", "1", "a net")
THEIRS = CandidateClaim("theirs", "7", "their Ünï\x00net")


@dataclass
class Place:
    """One of the places, that several may open."""

    address: str
    say: Callable[[str], None]
    """Carries out a statement behind the store's back."""

    def open(self, **given: Any) -> SharedStore:
        if self.address.startswith("postgresql"):
            return PostgresStore(self.address, **given)
        return DirectoryStore(Path(self.address), **given)


@pytest.fixture(params=["folder", pytest.param("postgresql", marks=pytest.mark.xdist_group("pg"))])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "folder":
        folder = tmp_path / "lab"
        folder.mkdir()

        def say(statement: str) -> None:
            with sqlite3.connect(folder / FILE) as connection:
                connection.execute(statement)
            connection.close()

        return Place(str(folder), say)
    server = request.getfixturevalue("postgresql")
    address = server.fresh()
    schema = address.rpartition("%3D")[2]
    return Place(address, lambda words: server.say(f"SET search_path = {schema}", words))


@pytest.fixture
def store(place: Place) -> Iterator[SharedStore]:
    opened = place.open()
    yield opened
    opened.close()


def entry(candidate: str, **facts: Any) -> Entry:
    return Entry(**{"run": "r", "candidate": candidate, "created": 1.8e9, **facts})


# --- entries ------------------------------------------------------------------------------------


def test_entries_come_back_whole_and_in_their_order(place: Place, store: SharedStore) -> None:
    odd = entry(
        "2",
        title="Ünï\x00code, 'quotes' and ? and %s",
        recipe={"learning_rate": 0.1},
        fingerprint=PRINT,
        score=91.5,
        gain=float("inf"),
        end=CandidateStatus.TRAINED,
    )
    store.append([entry("1"), odd])
    store.append([entry("3")])
    other = place.open()
    assert other.id == store.id
    assert other.since(0, 10) == [(1, entry("1")), (2, odd), (3, entry("3"))]
    assert [seq for seq, _ in other.since(1, 1)] == [2]
    other.close()


def test_the_same_again_is_not_added_again(store: SharedStore) -> None:
    for facts in ({}, {}, {"lesson": "more"}, {"lesson": "more"}, {}):
        store.append([entry("1", **facts)])
    assert [found.lesson for _, found in store.since(0, 10) if found] == ["", "more", ""]


@pytest.mark.parametrize("text", ["no JSON", "[]", '{"run": 1}', '{"run": "r"}', "[" * 5000])
def test_what_is_no_entry_is_passed_over(place: Place, store: SharedStore, text: str) -> None:
    place.say(f"INSERT INTO archwright_entries VALUES (1, 'x', 'y', '{text}')")
    store.append([entry("1")])
    assert store.since(0, 10) == [(1, None), (2, entry("1"))]


# --- test evaluations ---------------------------------------------------------------------------


def test_looks_are_changed_by_one_at_a_time(place: Place, store: SharedStore) -> None:
    others = [place.open() for _ in range(3)]

    def count(looks: list[dict[str, Any]]) -> int:
        looks.append({"number": len(looks) + 1})
        looks[0]["all"] = len(looks)
        return len(looks)

    with ThreadPoolExecutor(6) as threads:
        work = [threads.submit(s.change_looks, count) for _ in range(5) for s in (store, *others)]
        assert sorted(done.result() for done in work) == list(range(1, 21))
    assert store.change_looks(list)[0] == {"number": 1, "all": 20}
    for other in others:
        other.close()


def test_a_change_that_fails_changes_nothing(store: SharedStore) -> None:
    def fail(looks: list[dict[str, Any]]) -> None:
        looks.append({"number": 1})
        raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011
        store.change_looks(fail)
    assert store.change_looks(list) == []


# --- claims -------------------------------------------------------------------------------------


def test_what_a_run_has_taken_up_no_other_run_gets(store: SharedStore) -> None:
    assert store.claim("digits", PRINT, THEIRS) is None
    assert store.claim("digits", PRINT, THEIRS) is None
    assert store.claim("digits", PRINT, MINE) == THEIRS
    assert store.claim("other task", PRINT, MINE) is None


@pytest.mark.parametrize("level", ["text", "tree", "graph"])
def test_one_equal_level_is_enough(store: SharedStore, level: str) -> None:
    store.claim("digits", PRINT, THEIRS)
    other = replace(Fingerprint("a", "b", "c"), **{level: level})
    assert store.claim("digits", other, MINE) == THEIRS
    assert store.claim("digits", Fingerprint("a", "b", "c"), MINE) is None


def test_levels_that_are_unknown_are_no_match(store: SharedStore) -> None:
    store.claim("digits", Fingerprint("a", "b", ""), THEIRS)
    assert store.claim("digits", Fingerprint("x", "y", ""), MINE) is None


def test_what_ended_stays_and_what_was_given_back_is_free(store: SharedStore) -> None:
    store.claim("digits", PRINT, THEIRS)
    store.settle("theirs", "7", "crashed")
    store.settle("theirs", "7", "")
    assert store.claim("digits", PRINT, MINE) == replace(THEIRS, status="crashed")
    store.claim("mixers", PRINT, THEIRS)
    store.settle("theirs", "7", "")
    assert store.claim("mixers", PRINT, MINE) is None


def test_claims_of_a_run_that_is_not_heard_of_fall(place: Place, store: SharedStore) -> None:
    store.claim("digits", PRINT, THEIRS)
    impatient = place.open(expiry_seconds=-1.0)
    assert impatient.claim("digits", PRINT, MINE) is None
    assert store.claim("digits", PRINT, THEIRS) == MINE
    store.settle("mine", "1", "trained")  # what ended does not fall
    assert impatient.claim("digits", PRINT, THEIRS) == replace(MINE, status="trained")
    impatient.close()


def test_a_beat_keeps_claims(place: Place, store: SharedStore) -> None:
    store.claim("digits", PRINT, THEIRS)
    place.say("UPDATE archwright_runs SET seen = 0")
    store.beat("theirs")
    assert store.claim("digits", PRINT, MINE) == THEIRS
    place.say("UPDATE archwright_runs SET seen = 0")
    assert store.claim("digits", PRINT, MINE) is None


def test_of_many_at_the_same_moment_one_gets_it(place: Place) -> None:
    stores = [place.open() for _ in range(6)]
    ready = threading.Barrier(len(stores))

    def claim(number: int) -> list[CandidateClaim | None]:
        mine, answers = CandidateClaim(f"run {number}", "1", "a net"), []
        for n in range(5):
            ready.wait(60)
            same = Fingerprint(f"text {n} of {number}", f"tree {n}", f"graph {n}")
            answers.append(stores[number].claim("digits", same, mine))
        return answers

    with ThreadPoolExecutor(len(stores)) as threads:
        answers = list(threads.map(claim, range(len(stores))))
    for asked in zip(*answers, strict=True):
        (winner,) = (number for number, answer in enumerate(asked) if answer is None)
        assert {answer.run for answer in asked if answer is not None} == {f"run {winner}"}
    for store in stores:
        store.close()


# --- two processes ------------------------------------------------------------------------------

WORKER = """
import sys
from archwright.core import Fingerprint
from archwright.knowledge.entries import CandidateClaim, Entry
from archwright.knowledge.shared.opening import open_store
store, run = open_store(sys.argv[1]), sys.argv[2]
for n in range(int(sys.argv[3])):
    if store.claim("t", Fingerprint(f"f{n}", "", ""), CandidateClaim(run, str(n), "")) is None:
        store.append([Entry(run=run, candidate=str(n))])
        store.change_looks(lambda looks: looks.append({"number": len(looks) + 1, "net": n}))
        store.settle(run, str(n), "trained")
    print(n, flush=True)
"""


def start(address: str, run: str, count: int) -> subprocess.Popen[str]:
    words = [sys.executable, "-c", WORKER, address, run, str(count)]
    return subprocess.Popen(words, stdout=subprocess.PIPE, text=True)


def test_two_processes_and_one_is_killed(place: Place, store: SharedStore) -> None:
    with start(place.address, "a", 10_000) as killed, start(place.address, "b", 40) as other:
        assert killed.stdout is not None
        while killed.stdout.readline() != "10\n":
            pass
        killed.send_signal(signal.SIGKILL)
        assert killed.wait() == -signal.SIGKILL
        assert other.communicate(timeout=120)[0].split()[-1] == "39"
    # All but what the dead run was at is trained once, and looked at once.
    looks = store.change_looks(list)
    assert [look["number"] for look in looks] == list(range(1, len(looks) + 1))
    trained = [found.candidate for _, found in store.since(0, 10_000) if found]
    assert len(set(trained)) == len(trained)
    assert len(set(range(40)) - {int(name) for name in trained}) <= 1
    assert len({look["net"] for look in looks}) == len(looks) >= len(trained) - 1
    store.close()
    impatient = place.open(expiry_seconds=-1.0)
    held = [
        n
        for n in range(40)
        if impatient.claim("t", Fingerprint(f"f{n}", "", ""), CandidateClaim("c", str(n), ""))
        is None
    ]
    assert len(held) <= 1
    impatient.close()


# --- what is wrong ------------------------------------------------------------------------------


def test_a_newer_place_is_refused(place: Place, store: SharedStore) -> None:
    place.say(f"UPDATE archwright_store SET version = {len(MIGRATIONS) + 1}")
    store.close()
    with pytest.raises(KnowledgeError, match=r"written by a newer archwright .*: upgrade"):
        place.open()


def test_an_older_place_is_brought_up_and_keeps_what_it_has(place: Place) -> None:
    place.open().close()
    place.say("DELETE FROM archwright_store")
    place.say("INSERT INTO archwright_store VALUES ('of old', 0)")
    for table in TABLES[1:]:
        place.say(f"DROP TABLE {table}")
    store = place.open()
    assert (store.id, store.version) == ("of old", 0)
    store.append([entry("1")])
    store.close()
    store = place.open()
    assert (store.id, store.version) == ("of old", len(MIGRATIONS))
    assert store.since(0, 9) == [(1, entry("1"))]
    store.close()


def test_what_is_only_looked_at_stays_as_it_is(place: Place) -> None:
    for _ in range(2):
        looked = place.open(lasting=False)
        assert looked.version == 0
        assert abs(looked.clock_ahead()) < 60  # of this very machine
        looked.close()
    place.say("CREATE TABLE archwright_store (none_is_there BIGINT)")


def test_two_may_begin_at_once(place: Place) -> None:
    with ThreadPoolExecutor(4) as threads:
        stores = list(threads.map(lambda _: place.open(), range(4)))
    assert len({store.id for store in stores}) == 1
    for store in stores:
        store.close()


def test_an_address_says_which_place_it_is(place: Place) -> None:
    store = open_store(place.address)
    assert str(store) == place.address
    store.close()
    store.close()
