"""A shared knowledge base as workspaces see it: what one writes the other reads, and bad days."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from postgresql_server import LOCKED, SECRET, Server, start_server

from archwright.core import CandidateStatus, Fingerprint, InputError, KnowledgeError, Stopped
from archwright.core.settings import RunSettings
from archwright.knowledge.shared.directory import FILE, DirectoryStore
from archwright.knowledge.shared.mirror import SharedKnowledge
from archwright.knowledge.shared.opening import open_shared, open_store
from archwright.knowledge.shared.postgresql import PostgresStore
from archwright.knowledge.store import Entry

PRINT = Fingerprint("text", "tree", "graph")


@pytest.fixture
def open_in(lab: Path, tmp_path: Path) -> Iterator[Callable[..., SharedKnowledge]]:
    """Opens the shared knowledge base in a workspace."""
    opened = []

    def open_(workspace: str, **given: Any) -> SharedKnowledge:
        state = tmp_path / workspace
        state.mkdir(exist_ok=True)
        opened.append(SharedKnowledge(DirectoryStore(lab), state, **given))
        return opened[-1]

    yield open_
    for knowledge in opened:
        knowledge.close()


def entry(candidate: str, **facts: Any) -> Entry:
    return Entry(**{"run": "r", "candidate": candidate, "task": "digits", **facts})


def lessons(knowledge: SharedKnowledge) -> dict[str, str]:
    return {e.candidate: e.lesson for e in knowledge.current()}


@contextmanager
def attended(knowledge: SharedKnowledge, said: list[str], run: str = "r") -> Iterator[None]:
    with knowledge.attended(run, said.append, threading.Event()):
        yield


def wait_until(condition: Callable[[], object]) -> None:
    until = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)


# --- one knowledge base -------------------------------------------------------------------------


def test_what_one_writes_the_other_reads(open_in: Callable[..., SharedKnowledge]) -> None:
    first = open_in("first")
    full = entry("1", title="spiral net", source="x = 1", fingerprint=PRINT, score=91.5, gain=2.0)
    first.record_all([full, entry("2", lesson="wide is good", kind="note")])
    first.close()
    with open_in("second") as second:
        (match,) = second.match("digits", PRINT)
        known = second.show(match.id)
        assert replace(known, id=0, created=0.0) == full
        assert [hit.entry.candidate for hit in second.search("spiral")] == ["1"]
        assert second.lessons("digits", "", 5) == ["wide is good"]


def test_a_run_sees_what_was_there_when_it_began(open_in: Callable[..., SharedKnowledge]) -> None:
    first, second = open_in("first"), open_in("second")
    until = first.high_water()
    second.record(entry("1", fingerprint=PRINT))
    second.close()
    first.exchange()
    assert first.match("digits", PRINT, until) == []
    assert first.match("digits", PRINT) != []


def test_all_come_to_know_the_same(open_in: Callable[..., SharedKnowledge]) -> None:
    """Also where both wrote of one candidate, and in whatever order they learn of it."""
    first, second = open_in("first"), open_in("second")
    first.record_all([entry("1", lesson="a"), entry("2", lesson="a")])
    second.record_all([entry("1", lesson="b"), entry("3", lesson="b")])
    second.exchange()
    first.exchange()
    second.exchange()
    third = open_in("third")
    assert lessons(first) == lessons(second) == lessons(third) == {"1": "a", "2": "a", "3": "b"}


def test_a_review_reaches_the_others_and_stays(open_in: Callable[..., SharedKnowledge]) -> None:
    first, second = open_in("first"), open_in("second")
    first.record(entry("1"))
    first.exchange()
    second.exchange()
    second.set_status("r", "1", "rejected", "too large")
    second.exchange()
    first.exchange()
    first.record(entry("1", lesson="measured again"))
    first.exchange()
    second.exchange()
    for knowledge in (first, second):
        (known,) = knowledge.current()
        assert (known.status, known.lesson) == ("rejected", "measured again")


def test_what_was_cut_short_is_handed_over_once(
    open_in: Callable[..., SharedKnowledge], lab: Path
) -> None:
    """The process may die between the shared place's commit and its own."""
    first = open_in("first")
    first.record(entry("1"))
    DirectoryStore(lab).append(first.current())
    first.exchange()
    assert len(DirectoryStore(lab).since(0, 10)) == 1
    assert first.high_water() == 1


def test_two_processes_of_a_workspace_use_one_copy(
    open_in: Callable[..., SharedKnowledge],
) -> None:
    one, two, elsewhere = open_in("here"), open_in("here"), open_in("elsewhere")
    elsewhere.record_all(entry(str(n)) for n in range(40))
    elsewhere.exchange()
    threads = [threading.Thread(target=k.exchange) for k in (one, two)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert one.high_water() == two.high_water() == 40


# --- it goes away and comes back ----------------------------------------------------------------


def test_a_folder_that_is_unmounted_loses_nothing(
    open_in: Callable[..., SharedKnowledge], lab: Path
) -> None:
    said: list[str] = []
    with open_in("first", beat_seconds=0.05) as knowledge, attended(knowledge, said):
        knowledge.record(entry("1"))
        wait_until(lambda: DirectoryStore(lab).since(0, 10))
        away = lab.rename(lab.with_name("away"))
        lab.mkdir()  # an empty mount point must not become a new knowledge base
        wait_until(lambda: said)
        knowledge.record_all([entry("2"), entry("3")])
        assert knowledge.claim("digits", PRINT, "r", "2", "") is None
        knowledge.settle("r", "2", "trained")
        assert not list(lab.iterdir())
        lab.rmdir()
        away.rename(lab)
        wait_until(lambda: len(said) > 1)
    lost, back = said
    assert str(lab) in lost
    assert "mount what it is on" in lost
    assert "waits in" in lost
    assert back == "the shared knowledge base is back, and has all that was recorded here"
    assert [found.candidate for _, found in DirectoryStore(lab).since(0, 9) if found] == list("123")


def test_how_a_candidate_ended_is_said_once_the_place_is_back(
    open_in: Callable[..., SharedKnowledge], lab: Path
) -> None:
    said: list[str] = []
    first, second = open_in("first", beat_seconds=0.05), open_in("second")
    others = [Fingerprint(f"text {n}", f"tree {n}", "") for n in range(2)]
    with attended(first, said, "one"):
        for n, print_ in enumerate(others):
            assert first.claim("digits", print_, "one", str(n), "") is None
        away = lab.rename(lab.with_name("away"))
        wait_until(lambda: said)
        first.settle("one", "0", "trained")
        first.settle("one", "1", "")
        away.rename(lab)
        wait_until(lambda: len(said) > 1)
    held = second.claim("digits", others[0], "two", "5", "")
    assert held is not None
    assert held.status == "trained"
    assert second.claim("digits", others[1], "two", "6", "") is None


def test_what_waits_is_sent_by_the_next_command(
    open_in: Callable[..., SharedKnowledge], lab: Path
) -> None:
    said: list[str] = []
    with open_in("first") as knowledge:
        away = lab.rename(lab.with_name("away"))
        with attended(knowledge, said):
            knowledge.record(entry("1"))
    assert "still out of reach: what is recorded (1 entries so far) waits in" in said[-1]
    away.rename(lab)
    open_in("first").close()
    assert len(DirectoryStore(lab).since(0, 10)) == 1


def test_a_command_that_could_not_send_says_so(
    open_in: Callable[..., SharedKnowledge], lab: Path
) -> None:
    knowledge = open_in("first")
    knowledge.record(entry("1"))
    away = lab.rename(lab.with_name("away"))
    with pytest.raises(KnowledgeError, match=r"1 entries so far.* waits in .*next command"):
        knowledge.close()
    knowledge.close()
    away.rename(lab)


def test_a_look_waits_for_the_place(open_in: Callable[..., SharedKnowledge], lab: Path) -> None:
    knowledge = open_in("first")
    away = lab.rename(lab.with_name("away"))
    back = threading.Timer(0.5, lambda: away.rename(lab))
    back.start()
    assert knowledge.change_looks(lambda looks: looks.append({"number": 1}) or len(looks)) == 1
    assert DirectoryStore(lab).change_looks(list) == [{"number": 1}]


def test_a_look_waits_no_longer_than_it_may(
    open_in: Callable[..., SharedKnowledge], lab: Path
) -> None:
    knowledge = open_in("first", patience_seconds=0.1)
    away = lab.rename(lab.with_name("away"))
    with pytest.raises(KnowledgeError, match="mount"):
        knowledge.change_looks(list)
    stop = threading.Event()
    stop.set()
    with knowledge.attended("r", lambda _: None, stop), pytest.raises(Stopped):
        knowledge.change_looks(list)
    away.rename(lab)


@pytest.fixture
def own_server() -> Iterator[Server]:
    """A server that a test may stop."""
    server = start_server()
    yield server
    server.remove()


@pytest.mark.xdist_group("pg")
def test_a_server_that_stops_and_one_that_freezes(own_server: Server, tmp_path: Path) -> None:
    said: list[str] = []
    store = PostgresStore(own_server.address(), answer_seconds=2.0)
    with SharedKnowledge(store, tmp_path, beat_seconds=0.1) as knowledge, attended(knowledge, said):
        knowledge.record(entry("1"))
        own_server.stop()
        wait_until(lambda: said)
        knowledge.record(entry("2"))
        own_server.start()
        wait_until(lambda: len(said) == 2)
        processes = own_server.processes()
        for process in processes:
            os.kill(process, signal.SIGSTOP)
        wait_until(lambda: len(said) == 3)
        knowledge.record(entry("3"))
        for process in processes:
            os.kill(process, signal.SIGCONT)
        wait_until(lambda: len(said) == 4)
    assert "start the server" in said[0]
    store = PostgresStore(own_server.address())
    assert [found.candidate for _, found in store.since(0, 9) if found] == ["1", "2", "3"]
    store.close()


# --- what is wrong with an address --------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("postgresql://me:hunter2@host/db", "leave it out of the address"),
        ("postgres://host/db?user=me&password=hunter2", "PGPASSWORD or ~/.pgpass"),
        ("lab/knowledge", "a folder from the root on"),
        ("mysql://host/db", "postgresql://USER@HOST/DATABASE"),
        ("POSTGRESQL://me:hunter2@host/db", "leave it out of the address"),
        ("postgresql://me:a/hunter2@host/db", "leave it out of the address"),
        ("postgresql://me:a?hunter2@host/db", "leave it out of the address"),
        ("postgresql://me%3Ahunter2@host/db", "leave it out of the address"),
        ("postgresql://host/db?user=me&p%61ssword=hunter2", "leave it out of the address"),
        ("postgresql://host/db?sslpassword=hunter2", "leave it out of the address"),
        ("host=db user=me password=hunter2", "postgresql://USER@HOST/DATABASE"),
        (["postgresql://me:hunter2@host/db"], "must be of type string, not list"),
    ],
)
def test_addresses_that_cannot_be(address: Any, said: str) -> None:
    with pytest.raises(InputError) as caught:
        RunSettings(knowledge=address)
    assert said in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://me@host:5433/db",
        "postgresql://me@one:1,two:2/db?target_session_attrs=read-write",
        "postgres:///db?host=/var/run&user=me",
        "postgresql://[::1]:5433/db",
        "/lab/knowledge:2026",
    ],
)
def test_addresses_without_a_password(address: str) -> None:
    assert RunSettings(knowledge=address).knowledge == address


def test_folders_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for name in ("missing", "file"):
        with pytest.raises(KnowledgeError, match=r"no folder .*mkdir -p .* or mount"):
            open_shared(str(tmp_path / name), tmp_path)
    with pytest.raises(KnowledgeError, match="make the folder and its files writable"):
        open_shared("/proc", tmp_path)
    (tmp_path / FILE).write_text("no database" * 100)
    with pytest.raises(KnowledgeError, match="move the file away"):
        open_shared(str(tmp_path), tmp_path / "state")


@pytest.mark.skipif(os.getuid() != 0, reason="takes root, which can be another user")
def test_a_folder_that_others_may_only_read(lab: Path, tmp_path: Path) -> None:
    DirectoryStore(lab)
    tmp_path.chmod(0o755)
    for above in list(tmp_path.parents)[:3]:
        above.chmod(above.stat().st_mode | 0o055)
    os.seteuid(65534)
    try:
        with pytest.raises(KnowledgeError, match="make the folder and its files writable"):
            DirectoryStore(lab)
    finally:
        os.seteuid(0)


@pytest.mark.skipif(os.getuid() != 0, reason="takes root, to mount a small disk")
def test_a_disk_that_is_full_or_cannot_be_written(
    open_in: Callable[..., SharedKnowledge], lab: Path
) -> None:
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", lab]).returncode:
        pytest.skip("nothing can be mounted here")
    said: list[str] = []
    try:
        with open_in("first", beat_seconds=0.05) as knowledge, attended(knowledge, said):
            knowledge.record(entry("1", source="x" * 400_000))
            wait_until(lambda: said)
            assert knowledge.claim("digits", PRINT, "r", "2", "") is None
            subprocess.run(["mount", "-o", "remount,size=4m", lab], check=True)
            wait_until(lambda: len(said) == 2)
            subprocess.run(["mount", "-o", "remount,ro", lab], check=True)
            wait_until(lambda: len(said) == 3)
            knowledge.record(entry("2"))
            subprocess.run(["mount", "-o", "remount,rw", lab], check=True)
            wait_until(lambda: len(said) == 4)
        found = [e.candidate for _, e in DirectoryStore(lab).since(0, 9) if e]
    finally:
        subprocess.run(["umount", "-l", lab], check=True)
    assert "free some space there" in said[0]
    assert "make the folder and its files writable" in said[2]
    assert found == ["1", "2"]


def test_who_may_write_into_the_folder_may_write_into_its_files(lab: Path) -> None:
    lab.chmod(0o770)
    DirectoryStore(lab)
    assert {path.stat().st_mode & 0o777 for path in lab.iterdir()} == {0o660}


@pytest.mark.xdist_group("pg")
def test_servers_that_cannot_be(postgresql: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(address: str) -> str:
        with pytest.raises(KnowledgeError) as caught:
            open_store(address)
        assert SECRET not in str(caught.value)
        assert "\n" not in str(caught.value)
        return str(caught.value)

    locked = postgresql.address(LOCKED)
    assert "start the server" in wrong("postgresql://me@/db?host=/nowhere")
    assert "start the server" in wrong("postgresql://me@127.0.0.1:1/db")
    assert "`createdb`" in wrong(postgresql.address(database="nothing"))
    assert "`createuser`" in wrong(postgresql.address("nobody-at-all"))
    assert "PGPASSWORD or ~/.pgpass" in wrong(locked)
    monkeypatch.setenv("PGPASSWORD", "wrong")
    assert "its password in PGPASSWORD" in wrong(locked)
    monkeypatch.setenv("PGPASSWORD", SECRET)
    assert "grant the user USAGE and CREATE" in wrong(locked)
    open_store(postgresql.address()).close()
    assert "all rights on the tables" in wrong(locked)
    postgresql.say(
        f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {LOCKED}",
        f"REVOKE DELETE ON archwright_claims FROM {LOCKED}",
    )
    assert "all rights on the tables" in wrong(locked)
    postgresql.say(f"GRANT ALL ON archwright_claims TO {LOCKED}")
    open_store(locked).close()


def test_psycopg_that_is_missing_is_said() -> None:
    program = (
        "import sys; sys.modules['psycopg'] = None\n"
        "from archwright.knowledge.shared.opening import open_store\n"
        "open_store('postgresql://me@host/db')"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert "pip install 'archwright[postgresql]'" in done.stderr.splitlines()[-1]


def test_ends_are_known_to_the_other(open_in: Callable[..., SharedKnowledge]) -> None:
    first, second = open_in("first"), open_in("second")
    assert first.claim("digits", PRINT, "one", "1", "a net") is None
    held = second.claim("digits", PRINT, "two", "5", "the same")
    assert held is not None
    assert (held.run, held.candidate, held.status) == ("one", "1", "")
    first.settle("one", "1", CandidateStatus.TRAINED.value)
    held = second.claim("digits", PRINT, "two", "5", "the same")
    assert held is not None
    assert held.status == "trained"
