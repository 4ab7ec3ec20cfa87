"""Lineage: the baseline, then every ancestor before its children, the discovery last."""

from __future__ import annotations

from parts import Parts, enter

from archwright.core import BASELINE, Verdict
from archwright.knowledge.entries import Entry
from archwright.runs.results.branches.branches import LineageCommit


def lineage(parts: Parts, candidate: str) -> list[LineageCommit]:
    verdict = Verdict(
        candidate, f"idea {candidate}", "discovery", 4.0, (2.0, 6.0), 0.01, 3, "", mean=74.0
    )
    return parts.lineage().of(verdict, "effect: +4")


def names(commits: list[LineageCommit]) -> list[str]:
    return [commit.candidate.id for commit in commits]


def test_ancestors_come_before_their_children_and_once(parts: Parts) -> None:
    enter(parts, "1", parents=(BASELINE,))
    enter(parts, "2", parents=("1",))
    enter(parts, "3", parents=("1", BASELINE))
    enter(parts, "4", 2.0, parents=("2", "3"))
    enter(parts, "5", parents=("4",))
    assert names(lineage(parts, "4")) == [BASELINE, "1", "2", "3", "4"]


def test_a_draft_stands_on_the_baseline_alone(parts: Parts) -> None:
    enter(parts, "1", 2.0)
    first, last = lineage(parts, "1")
    assert first.candidate.source == parts.context.baseline.source
    assert first.candidate.title == "Baseline of spirals"
    assert first.candidate.created == parts.context.facts.created
    assert last.candidate.parents == ()


def test_an_ancestor_of_an_earlier_run_comes_from_the_knowledge_base(parts: Parts) -> None:
    known = Entry(
        run="old", candidate="7", title="an old one", source="# old\n", score=73.0, steps=45
    )
    key = f"known:{parts.knowledge.record(known)}"
    enter(parts, "1", 2.0, parents=(key,))
    _, old, _ = lineage(parts, "1")
    assert (old.candidate.id, old.candidate.title) == (key, "an old one")
    assert old.candidate.source == "# old\n"
    assert old.evidence == "Found by an earlier run; see the knowledge base."
    assert old.results["score"] == 73.0


def test_only_what_was_trained_as_long_as_the_baseline_has_a_gain_over_it(parts: Parts) -> None:
    enter(parts, "1", 1.0, lesson="wider pays")
    low = {0: next(iter(enter(parts, "9", 3.0).rungs.values()))}
    enter(parts, "2", parents=("1",), rungs=low)
    enter(parts, "3", 2.0, parents=("2",))
    commits = lineage(parts, "3")
    gains = {c.candidate.id: [m.gain for m in c.measures] for c in commits}
    assert gains == {BASELINE: [None], "1": [2.0], "2": [None], "3": [4.0]}
    assert commits[1].evidence == "wider pays"
    assert [c.results.get("rung_steps") for c in commits] == [None, 45, 15, 45]


def test_the_discovery_carries_what_verification_measured(parts: Parts) -> None:
    enter(parts, "1", 9.0)
    *_, found = lineage(parts, "1")
    assert found.evidence == "effect: +4"
    (measure,) = found.measures
    assert (measure.value, measure.gain, measure.interval) == (74.0, 4.0, (2.0, 6.0))
    assert found.results["verification"]["p"] == 0.01
    assert found.results["score"] == 88.0
