"""Search in a base that grows, changes and is larger than one exact look allows."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from archwright.benchmarks.knowledge.retrieval import MadeUp, measure_recall
from archwright.core import Fingerprint
from archwright.knowledge import retrieval
from archwright.knowledge.entries import MIGRATIONS, Database
from archwright.knowledge.retrieval import VectorIndex, embed, fold, pack
from archwright.knowledge.store import Entry, Knowledge


@pytest.fixture
def knowledge(tmp_path: Path) -> Iterator[Knowledge]:
    with Knowledge(tmp_path / "knowledge.db") as opened:
        yield opened


def found(knowledge: Knowledge, text: str, **how: object) -> list[str]:
    return [hit.entry.candidate for hit in knowledge.search(text, **how)]  # type: ignore[arg-type]


def lesson(candidate: str, words: str, **facts: object) -> Entry:
    return Entry(run="r", candidate=candidate, lesson=words, **facts)  # type: ignore[arg-type]


def test_what_another_hand_adds_is_found(tmp_path: Path, knowledge: Knowledge) -> None:
    knowledge.record(lesson("a", "wide kernels help"))
    assert found(knowledge, "wide kernels") == ["a"]
    with Knowledge(tmp_path / "knowledge.db") as other:
        other.record(lesson("b", "wide kernels cost"))
    for way in ("words", "vectors", "both"):
        assert set(found(knowledge, "wide kernels", by=way)) == {"a", "b"}


def test_a_replaced_version_is_seen_only_as_of_then(knowledge: Knowledge) -> None:
    knowledge.record(lesson("a", "momentum diverged"))
    then = knowledge.high_water()
    assert found(knowledge, "momentum diverged") == ["a"]
    knowledge.record(lesson("a", "attention forgets"))
    for way in ("words", "vectors"):
        assert found(knowledge, "momentum diverged", by=way) == []
        assert found(knowledge, "attention forgets", by=way) == ["a"]
        assert found(knowledge, "momentum diverged", by=way, until=then) == ["a"]
        assert found(knowledge, "attention forgets", by=way, until=then) == []


def test_what_came_later_is_not_even_read(tmp_path: Path, knowledge: Knowledge) -> None:
    knowledge.record(lesson("a", "wide kernels help"))
    then, database = knowledge.high_water(), Database(tmp_path / "knowledge.db")
    index = VectorIndex(database)
    knowledge.record_all(lesson(str(n), "wide kernels cost") for n in range(5))
    knowledge.record(lesson("a", "wide kernels cost, too"))
    asked = embed("wide kernels help")
    assert index.nearest(asked, None, then, 9, 0.1) == [1]
    assert len(index.visible(None, then)[0]) == 1
    # The replaced one is seen as of then alone, whatever was asked for first.
    assert len(index.nearest(asked, None, None, 9, 0.1)) == 6
    assert 1 not in index.nearest(asked, None, None, 9, 0.1)
    assert index.nearest(asked, None, then, 9, 0.1) == [1]
    database.close()


def test_what_is_asked_for_each_candidate_is_found_through_an_index(
    tmp_path: Path, knowledge: Knowledge
) -> None:
    asked: list[str] = []
    knowledge._database._connection.set_trace_callback(asked.append)
    knowledge.match("t", Fingerprint("text", "tree", "graph"), until=7)
    knowledge.find("r", "1", until=7)
    knowledge.rejections("t", "wide kernels", 2, until=7)
    connection = sqlite3.connect(tmp_path / "knowledge.db")
    wanted = [sql for sql in asked if sql.startswith("SELECT * FROM entries")]
    plans = [connection.execute(f"EXPLAIN QUERY PLAN {sql}").fetchone()[3] for sql in wanted]
    used = [plan.split("INDEX ")[1].split()[0] for plan in plans]
    levels = ["entries_text", "entries_tree", "entries_graph"]
    assert used == [*levels, "entries_named", "entries_kind"]
    connection.close()


def test_a_kind_is_searched_alone(knowledge: Knowledge) -> None:
    knowledge.record(lesson("a", "gated memory", kind="paper"))
    knowledge.record(lesson("b", "gated memory", kind="decision"))
    for way in ("words", "vectors"):
        assert found(knowledge, "gated memory", kind="paper", by=way) == ["a"]
        assert found(knowledge, "gated memory", kind="note", by=way) == []


def test_endings_do_not_hide_a_word(knowledge: Knowledge) -> None:
    knowledge.record(lesson("a", "Channels were filtered separately."))
    assert found(knowledge, "filtering a channel", by="words") == ["a"]


def test_many_records_are_searched_by_their_telling_words(knowledge: Knowledge) -> None:
    made = MadeUp(random.Random(0))
    everyone = (made.entry(index) for index in range(2_500))
    knowledge.record_all(
        Entry(run="r", candidate=e.candidate, title=f"{e.title} everywhere") for e in everyone
    )
    knowledge.record(lesson("needle", "zebra everywhere"))
    assert found(knowledge, "everywhere zebra", by="words", n=1) == ["needle"]
    assert found(knowledge, "everywhere", by="words", n=1) == ["needle"]
    assert len(found(knowledge, "everywhere", by="words", n=50)) == 50


ROW = (
    "INSERT INTO entries (kind, run, candidate, task, title, source, recipe, text_level,"
    ' tree_level, graph_level, family, metric, parameters, "end", reason, lesson, status,'
    " created, vector)"
    " VALUES (?, 'r', ?, '', ?, '', '{}', '', '', '', '', '', 0, 'open', '', ?, 'open', 1.0, ?)"
)


def test_the_coarse_look_keeps_the_nearest(tmp_path: Path) -> None:
    count = retrieval.EXACT_UPTO + 500
    drawn = np.random.default_rng(0).standard_normal((count, 256)).astype(np.float32)
    drawn /= np.linalg.norm(drawn, axis=1, keepdims=True)
    database = Database(tmp_path / "many.db")
    with database.writing() as connection:
        rows = (("note", str(n), "", "", pack(vector)) for n, vector in enumerate(drawn))
        connection.executemany(ROW, rows)
    index = VectorIndex(database)
    near = drawn + 0.03 * np.random.default_rng(1).standard_normal(drawn.shape).astype(np.float32)
    asked = range(0, count, 1000)
    assert [index.nearest(near[n], None, None, 1, 0.1) for n in asked] == [[n + 1] for n in asked]
    assert index.nearest(near[7], "paper", None, 1, 0.1) == []
    database.close()


def test_folding_is_hashing_into_fewer_bins() -> None:
    one, other = embed("wide kernels help"), embed("wide kernels cost more")
    assert fold(one).shape == (64,)
    assert np.allclose(fold(np.stack([one, other]))[1], fold(other))
    assert float(fold(one) @ fold(other)) == pytest.approx(float(one @ other), abs=0.35)


def test_a_base_of_the_first_version_is_brought_up(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    connection = sqlite3.connect(path)
    for statement in MIGRATIONS[0]:
        connection.execute(statement)
    connection.execute(ROW, ("note", "old", "t", "Wide kernels.", bytes(512)))
    connection.execute("PRAGMA user_version = 1")
    connection.commit()
    connection.close()
    with Knowledge(path) as knowledge:
        for way in ("words", "vectors"):
            assert found(knowledge, "widely used kernel wide", by=way) == ["old"]
        knowledge.record(lesson("new", "wide stems"))
        assert set(found(knowledge, "wide")) == {"old", "new"}


def test_the_set_is_whole_and_the_hybrid_holds_its_level() -> None:
    measured = measure_recall()
    assert measured["questions"] == 60
    ways = measured["ways"]
    for way in ways.values():
        assert way["recall@3"]["all"] <= way["recall@10"]["all"]
    assert ways["both"]["recall@10"]["all"] >= ways["words"]["recall@10"]["all"]
    assert ways["both"]["recall@10"]["all"] >= ways["vectors"]["recall@10"]["all"]


def test_every_answer_is_in_the_set() -> None:
    import tomllib

    from archwright.benchmarks.knowledge.retrieval import _entries

    text = (Path(__file__).parents[2] / "benchmarks/knowledge/retrieval_set.toml").read_text()
    loaded = tomllib.loads(text)
    names = {f"{e.run}/{e.candidate}" for e in _entries(loaded)}
    missing = [a for q in loaded["query"] for a in q["answers"] if a not in names]
    assert missing == []
    asked = [q["text"] for q in loaded["query"]]
    assert len(set(asked)) == len(asked)
