"""The knowledge base: versions, moments, duplicates, what is shown, and bad days."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from archwright.core import CandidateStatus, Fingerprint, InputError, WorkspaceError
from archwright.knowledge.entries import MIGRATIONS, Database
from archwright.knowledge.retrieval import FullText, VectorIndex
from archwright.knowledge.shared.opening import open_shared
from archwright.knowledge.store import Entry, Knowledge

CONV = "self.conv = nn.Conv2d(1, {0}, 3)\nself.norm = nn.BatchNorm2d({0})\nreturn self.norm(x)"
GRU = "self.cell = nn.GRU({0}, {0}, batch_first=True)\nreturn self.cell(x.flatten(2))[0].mean(1)"
ATTENTION = "self.mix = nn.MultiheadAttention({0}, 4)\ny, _ = self.mix(x, x, x)\nreturn x + y"


@pytest.fixture(
    params=["own", "folder", pytest.param("postgresql", marks=pytest.mark.xdist_group("pg"))]
)
def knowledge(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Knowledge]:
    """A workspace's own, and ones that are shared."""
    state = tmp_path / "state"
    if request.param == "own":
        opened = Knowledge(state / "knowledge.db")
    elif request.param == "folder":
        (tmp_path / "lab").mkdir()
        opened = open_shared(str(tmp_path / "lab"), state)
    else:
        opened = open_shared(request.getfixturevalue("postgresql").fresh(), state)
    with opened:
        yield opened


def entry(candidate: str, **facts: object) -> Entry:
    usual = {"run": "r1", "candidate": candidate, "task": "digits", "title": f"net {candidate}"}
    return Entry(**{**usual, "end": CandidateStatus.TRAINED, **facts})  # type: ignore[arg-type]


# --- versions and moments -----------------------------------------------------------------------


def test_what_was_recorded_is_read_back(knowledge: Knowledge) -> None:
    full = entry(
        "c1",
        source="x = 1",
        recipe={"learning_rate": 0.1},
        fingerprint=Fingerprint("a", "b", "c"),
        family="conv",
        metric="accuracy",
        score=91.5,
        baseline=90.0,
        gain=3.0,
        parameters=1234,
        reason="it held",
        lesson="wider is better",
    )
    read = knowledge.show(knowledge.record(full))
    assert read.created > 0
    assert replace(read, id=0, created=0.0) == full


def test_the_same_twice_is_one_entry(knowledge: Knowledge) -> None:
    first = knowledge.record(entry("c1", gain=1.0))
    assert knowledge.record(entry("c1", gain=1.0)) == first
    assert knowledge.high_water() == first


def test_other_facts_are_a_new_version_of_the_same_entry(knowledge: Knowledge) -> None:
    first = knowledge.record(entry("c1", end=CandidateStatus.OPEN))
    second = knowledge.record(entry("c1", gain=2.0))
    assert second > first
    assert knowledge.stats()["entries"] == 1
    assert knowledge.show(first).end is CandidateStatus.OPEN
    assert knowledge.show(second).created == knowledge.show(first).created


def test_until_sees_exactly_what_was_known_then(knowledge: Knowledge) -> None:
    levels = Fingerprint("t", "r")
    source = CONV.format(8)
    usual = {"fingerprint": levels, "source": source, "lesson": "early"}
    knowledge.record(entry("c1", **usual, gain=1.0))
    then = knowledge.high_water()

    def look() -> tuple[object, ...]:
        return (
            knowledge.match("digits", levels, then),
            knowledge.examples("digits", 3, until=then),
            knowledge.lessons("digits", "early late", 5, until=then),
            knowledge.warnings("digits", source, until=then),
            knowledge.search("early", until=then),
        )

    before = look()
    knowledge.record(
        entry("c1", **{**usual, "lesson": "late"}, gain=9.0, end=CandidateStatus.PROMOTED)
    )
    knowledge.record(entry("c2", **usual, gain=5.0))
    knowledge.record(entry("c3", source=source, end=CandidateStatus.CRASHED))
    knowledge.set_status("r1", "c1", "rejected", "no")
    assert look() == before
    assert [m.candidate for m in knowledge.match("digits", levels)] == ["c1", "c2"]
    assert knowledge.lessons("digits", "", 5) == ["late", "early"]


def test_a_review_stays_when_the_result_is_recorded_again(knowledge: Knowledge) -> None:
    knowledge.record(entry("c1", gain=1.0))
    knowledge.set_status("r1", "c1", "accepted", "good")
    latest = knowledge.show(knowledge.record(entry("c1", gain=2.0)))
    assert (latest.status, latest.gain) == ("accepted", 2.0)


def test_a_review_of_the_unknown_is_refused(knowledge: Knowledge) -> None:
    with pytest.raises(InputError, match="r1/c9"):
        knowledge.set_status("r1", "c9", "accepted", "")


def test_an_unknown_id_is_refused(knowledge: Knowledge) -> None:
    with pytest.raises(InputError, match="no entry 7"):
        knowledge.show(7)


# --- duplicates ---------------------------------------------------------------------------------


def test_matches_come_strictest_first_and_once_each(knowledge: Knowledge) -> None:
    knowledge.record(entry("graph", fingerprint=Fingerprint("1", "2", "C")))
    knowledge.record(
        entry("copy", fingerprint=Fingerprint("A", "B", "C"), end=CandidateStatus.DUPLICATE)
    )
    knowledge.record(
        entry("tree", fingerprint=Fingerprint("3", "B", "C"), end=CandidateStatus.CRASHED)
    )
    knowledge.record(
        entry("text", fingerprint=Fingerprint("A", "B", "C"), end=CandidateStatus.INVALID)
    )
    knowledge.record(entry("elsewhere", fingerprint=Fingerprint("A", "B", "C"), task="recall"))
    found = knowledge.match("digits", Fingerprint("A", "B", "C"))
    assert [(m.candidate, m.level) for m in found] == [
        ("text", "text"), ("tree", "tree"), ("graph", "graph"), ("copy", "text"),
    ]  # fmt: skip
    assert found[0].end is CandidateStatus.INVALID


def test_an_empty_level_matches_nothing(knowledge: Knowledge) -> None:
    knowledge.record(entry("c1", fingerprint=Fingerprint("A", "", "")))
    assert knowledge.match("digits", Fingerprint("B", "", "")) == []


@pytest.mark.parametrize("level", ["text", "tree", "graph"])
def test_a_lookup_uses_the_index(knowledge: Knowledge, level: str) -> None:
    knowledge.record(entry("c1"))
    plan = knowledge._database.read(
        f"EXPLAIN QUERY PLAN SELECT * FROM entries WHERE {level}_level = ? AND"
        f" {level}_level != '' AND task = ? AND kind = 'result' AND id <= ?",
        *("x", "digits", 1),
    )
    assert f"entries_{level}" in plan[0][3]


# --- what is shown ------------------------------------------------------------------------------


def test_examples_are_good_and_unlike_each_other(knowledge: Knowledge) -> None:
    for index in range(6):
        source = CONV.format(16 + index)
        knowledge.record(entry(f"conv{index}", source=source, gain=6.0 - 0.1 * index))
    knowledge.record(entry("gru", source=GRU.format(16), gain=4.0))
    knowledge.record(entry("attention", source=ATTENTION.format(16), gain=3.0))
    shown = [e.candidate for e in knowledge.examples("digits", 3)]
    assert shown[0] == "conv0"
    assert set(shown) == {"conv0", "gru", "attention"}


def test_examples_are_unlike_what_the_reader_has(knowledge: Knowledge) -> None:
    knowledge.record(entry("conv", source=CONV.format(16), gain=3.0))
    knowledge.record(entry("gru", source=GRU.format(16), gain=2.9))
    assert knowledge.examples("digits", 1, CONV.format(17))[0].candidate == "gru"


def test_examples_leave_out_failures_and_the_rejected(knowledge: Knowledge) -> None:
    knowledge.record(entry("crashed", source=CONV.format(16), end=CandidateStatus.CRASHED))
    knowledge.record(entry("rejected", source=GRU.format(16), gain=9.0))
    knowledge.set_status("r1", "rejected", "rejected", "it cheats")
    knowledge.record(entry("nothing", gain=9.0))
    assert knowledge.examples("digits", 3) == []


def test_other_tasks_fill_up_with_what_gained_there(knowledge: Knowledge) -> None:
    knowledge.record(entry("own", source=CONV.format(16), gain=-1.0))
    knowledge.record(entry("far", source=GRU.format(16), gain=7.0, task="recall"))
    knowledge.record(entry("worse", source=ATTENTION.format(16), gain=-7.0, task="recall"))
    assert [e.candidate for e in knowledge.examples("digits", 3)] == ["own", "far"]


def test_examples_shake_by_seed(knowledge: Knowledge) -> None:
    for index, form in enumerate([CONV, GRU, ATTENTION] * 4):
        knowledge.record(entry(f"c{index}", source=form.format(index + 2), gain=float(index)))

    def shown(seed: int) -> list[str]:
        return [e.candidate for e in knowledge.examples("digits", 3, rng=random.Random(seed))]

    assert shown(1) == shown(1)
    assert len({tuple(shown(seed)) for seed in range(8)}) > 1


def test_a_users_architecture_is_an_example(knowledge: Knowledge) -> None:
    knowledge.record(entry("mine", kind="example", source=GRU.format(8), end=CandidateStatus.OPEN))
    assert [e.candidate for e in knowledge.examples("digits", 3)] == ["mine"]


def test_warnings_are_failures_that_look_alike(knowledge: Knowledge) -> None:
    knowledge.record(
        entry("c1", source=CONV.format(16), end=CandidateStatus.CRASHED, reason="shape")
    )
    knowledge.record(entry("c2", source=GRU.format(16), end=CandidateStatus.INVALID))
    knowledge.record(entry("c3", source=CONV.format(17), end=CandidateStatus.TRAINED))
    found = knowledge.warnings("digits", CONV.format(18))
    assert [(m.candidate, m.level, m.reason) for m in found] == [("c1", "similar", "shape")]
    assert 0.6 <= found[0].similarity <= 1.0


def test_lessons_are_of_the_task_first_and_told_once(knowledge: Knowledge) -> None:
    knowledge.record(entry("c1", lesson="attention needs warmup", gain=0.1))
    knowledge.record(entry("c2", lesson="wide kernels help", gain=8.0))
    knowledge.record(entry("c3", lesson="wide kernels help", gain=7.0))
    knowledge.record(entry("c4", lesson="depth hurts recall", gain=50.0, task="recall"))
    told = knowledge.lessons("digits", "does attention pay", 5)
    assert sorted(told[:2]) == ["attention needs warmup", "wide kernels help"]
    assert told[2:] == ["depth hurts recall"]


# --- search -------------------------------------------------------------------------------------


def test_search_finds_by_words_and_by_code(knowledge: Knowledge) -> None:
    knowledge.record(entry("conv", source=CONV.format(16), title="plain"))
    knowledge.record(entry("gru", source=GRU.format(16), title="plain", lesson="gates forget"))
    assert knowledge.search("forget gates")[0].entry.candidate == "gru"
    assert knowledge.search(CONV.format(31))[0].entry.candidate == "conv"
    assert knowledge.search("plain", kind="note") == []
    assert len(knowledge.search("plain", n=1)) == 1


HOSTILE = [
    "", " ", '"', "'", "\0", "a\0b", "NEAR(", "AND OR NOT", "title:", "* ^", "a-b", "-", "( (",
    "'; DROP TABLE entries; --", "é ü 漢字", "\ud800", "x" * 100_000, "a " * 10_000, "{}[]\\/",
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_queries_do_no_harm(knowledge: Knowledge, text: str) -> None:
    knowledge.record(entry("c1", source=CONV.format(16)))
    knowledge.search(text)
    knowledge.lessons("digits", text, 3)
    knowledge.examples("digits", 3, text)
    assert knowledge.stats()["entries"] == 1


def test_hostile_text_can_be_stored(knowledge: Knowledge) -> None:
    for index, text in enumerate(HOSTILE):
        knowledge.record(entry(f"c{index}", title=text, source=text, lesson=text))
    assert knowledge.stats()["entries"] == len(HOSTILE)


def test_stats_count_by_kind_task_and_end(knowledge: Knowledge) -> None:
    knowledge.record(entry("c1", gain=1.5))
    knowledge.record(entry("c2", end=CandidateStatus.CRASHED))
    knowledge.record(entry("c3", kind="note", task=""))
    stats = knowledge.stats()
    assert stats["kinds"] == {"note": 1, "result": 2}
    assert stats["tasks"] == {"digits": {"ends": {"crashed": 1, "trained": 1}, "best_gain": 1.5}}


# --- several at once, and bad days --------------------------------------------------------------

WRITER = """
import sys
from pathlib import Path
from archwright.core import CandidateStatus
from archwright.knowledge.store import Entry, Knowledge
with Knowledge(Path(sys.argv[1])) as knowledge:
    for index in range(60):
        knowledge.record(Entry(run=sys.argv[2], candidate=str(index), end=CandidateStatus.TRAINED))
        knowledge.record(Entry(run="both", candidate=str(index), title=sys.argv[2]))
"""


def test_two_processes_write_at_once(tmp_path: Path) -> None:
    path = tmp_path / "knowledge.db"
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(path), name]) for name in ("a", "b")
    ]
    assert [writer.wait(timeout=60) for writer in writers] == [0, 0]
    with Knowledge(path) as knowledge:
        assert knowledge.stats()["entries"] == 180
        ids = [knowledge.show(id).id for id in range(1, knowledge.high_water() + 1)]
    assert ids == list(range(1, len(ids) + 1))


def test_threads_share_one_base(knowledge: Knowledge) -> None:
    def write(name: str) -> None:
        for index in range(30):
            knowledge.record(entry(f"{name}{index}"))
            knowledge.match("digits", Fingerprint("x", "y", "z"))

    threads = [threading.Thread(target=write, args=(name,)) for name in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert knowledge.stats()["entries"] == 90


def test_many_entries_are_written_whole_or_not_at_all(knowledge: Knowledge) -> None:
    broken = replace(entry("c2"), parameters=2**80)
    with pytest.raises(OverflowError):
        knowledge.record_all([entry("c1"), broken])
    assert knowledge.high_water() == 0
    assert len(knowledge.record_all([entry("c1"), entry("c2")])) == 2


def test_a_full_disk_is_one_clear_line(tmp_path: Path) -> None:
    with Knowledge(tmp_path / "knowledge.db") as knowledge:
        pages = knowledge._database.read("PRAGMA page_count")[0][0]
        knowledge._database.read(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(WorkspaceError, match="full; free some disk space"):
            knowledge.record_all(entry(f"c{i}", source="x" * 5000) for i in range(50))
        assert knowledge.high_water() == 0


def test_a_file_that_is_no_database_is_one_clear_line(tmp_path: Path) -> None:
    path = tmp_path / "knowledge.db"
    path.write_text("not a database, by any reading of the word" * 50)
    with pytest.raises(WorkspaceError, match="move the file away"):
        Knowledge(path)


def test_a_path_that_cannot_be_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(WorkspaceError, match="file"):
        Knowledge(tmp_path / "file" / "knowledge.db")


def test_a_newer_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "knowledge.db"
    with Knowledge(path) as knowledge:
        knowledge._database.read(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    with pytest.raises(WorkspaceError, match="upgrade archwright"):
        Knowledge(path)


def test_words_found_before_their_entry_is_visible_are_left_out(tmp_path: Path) -> None:
    with Knowledge(tmp_path / "knowledge.db") as knowledge:
        knowledge.record(entry("c1", title="tall spirals"))
    database, late = Database(tmp_path / "knowledge.db"), Database(tmp_path / "other.db")
    with closing(database), closing(late):
        assert FullText(database, VectorIndex(database)).ranked("spirals", None, None, 5) == [1]
        assert FullText(database, VectorIndex(late)).ranked("spirals", None, None, 5) == []
