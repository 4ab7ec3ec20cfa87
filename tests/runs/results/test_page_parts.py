"""What the page computes: lineage and diffs, scorecard, Pareto front, evidence, sentences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from page_journals import RUNGS, fill_journal

from archwright.core import Candidate, CandidateStatus, Measurement
from archwright.runs.journal import Journal
from archwright.runs.results.evidence import (
    Evidence,
    finalists,
    gather_evidence,
    mean_curve,
)
from archwright.runs.results.headline import tell, title_of
from archwright.runs.results.observing import observe
from archwright.runs.results.page.lineage import (
    MOST_LINES,
    STEPS_SHOWN,
    diff_lines,
    fold_lineage,
    trace_lineage,
)
from archwright.runs.results.page.scorecard import score_run
from archwright.runs.results.page.search_charts import count_text
from archwright.runs.results.snapshot import Snapshot

lines = st.lists(st.sampled_from(["", "a = 1", "b = 2", "+ c", "- d", "@@ e", "? f"]), max_size=12)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with fill_journal(tmp_path, 40) as filled:
        yield filled


def row(name: str, parents: tuple[str, ...] = (), score: float = 90.0) -> Candidate:
    return Candidate(
        id=name,
        title=name,
        operator="widen",
        parents=parents,
        status=CandidateStatus.PROMOTED,
        rungs={1: Measurement(score)},
        parameters=10,
        source=f"# {name}\n",
    )


def family(snapshot: Snapshot, *rows: Candidate) -> Snapshot:
    """A run of these candidates, of which the best three are the finalists."""
    return replace(snapshot, candidates=rows, best=rows[-1], verdicts=())


def walk(snapshot: Snapshot, evidence: Evidence) -> list[tuple[str, str, int]]:
    return [(node.id, node.parent, node.depth) for node in trace_lineage(snapshot, evidence)]


# --- lineage ------------------------------------------------------------------------------------


def test_a_tree_stands_under_its_first_parents(journal: Journal) -> None:
    snapshot = family(
        observe(journal),
        row("1", ("baseline",), score=80.0),
        row("2", ("1",)),
        row("3", ("1", "2")),
        row("4", ("3",), score=70.0),
        row("5", ("3", "known:9"), score=95.0),
    )
    evidence = Evidence(
        origins={"baseline": Candidate("baseline", "the baseline", "# old\n")},
        sources={row.id: row.source for row in snapshot.candidates},
    )
    assert walk(snapshot, evidence) == [
        ("baseline", "", 0),
        ("1", "baseline", 0),
        ("2", "1", 1),
        ("3", "1", 1),
        ("5", "3", 1),
        ("known:9", "", 0),
    ]
    nodes = {node.id: node for node in trace_lineage(snapshot, evidence)}
    assert (nodes["3"].others, nodes["5"].others) == (("2",), ("known:9",))
    assert nodes["known:9"].title == "not in the journal"
    assert [(d.kind, d.text) for d in nodes["1"].diff] == [
        ("place", "@@ -1 +1 @@"),
        ("removed", "# old"),
        ("added", "# 1"),
    ]


def test_a_lineage_that_bites_its_tail_ends(journal: Journal) -> None:
    snapshot = family(observe(journal), row("1", ("2",)), row("2", ("1",)), row("3", ("3",)))
    assert walk(snapshot, Evidence()) == [("1", "", 0), ("2", "1", 0), ("3", "", 0)]


def test_a_long_way_is_folded_but_for_its_ends(journal: Journal) -> None:
    chain = [row("0")] + [row(str(n), (str(n - 1),), score=n / 100) for n in range(1, 2000)]
    snapshot = family(
        observe(journal), *(replace(r, rungs={1: Measurement(float(r.id))}) for r in chain)
    )
    nodes = trace_lineage(snapshot, Evidence())
    assert [node.id for node in nodes] == [r.id for r in chain]
    groups = fold_lineage(nodes)
    assert [node for group, _ in groups for node in group] == nodes
    assert [folded for _, folded in groups] == [False, True, False]
    assert len(groups[-1][0]) == STEPS_SHOWN + 3


@given(lines, lines)
def test_a_diff_holds_both_sides(before: list[str], after: list[str]) -> None:
    shown = diff_lines("\n".join(before), "\n".join(after))
    old, new = ("\n".join(side).splitlines() for side in (before, after))
    if not "\n".join(before):
        assert [line.text for line in shown] == new
        return
    for side, kind in ((old, "removed"), (new, "added")):
        # What a side has to itself, and the context, are lines of it in their order.
        rest = iter(side)
        assert all(line.text in rest for line in shown if line.kind in ("same", kind))
    changes = Counter(line.kind for line in shown)
    assert changes["added"] - changes["removed"] == len(new) - len(old)


def test_a_long_diff_is_cut_and_says_so() -> None:
    shown = diff_lines("", "x\n" * (MOST_LINES + 5))
    assert len(shown) == MOST_LINES + 1
    assert shown[-1].text == "… 5 more lines"


# --- scorecard ----------------------------------------------------------------------------------


def test_ten_criteria_are_computed_from_the_journal(journal: Journal) -> None:
    snapshot = observe(journal)
    snapshot = replace(snapshot, spend=replace(snapshot.spend, seconds=200.0))
    evidence = gather_evidence(journal, snapshot)
    card = {c.name: c.value for c in score_run(snapshot, evidence)}
    searched = journal.trials(purpose="search")
    names = {t.candidate for t in searched}
    share = sum(t.steps for t in searched) / (len(names) * RUNGS[-1])
    assert card["novelty"] == "85% of 40 proposals were new"
    assert (
        card["solution quality"] == "+2.50 points (+1.00 to +4.00), p 0.02 on the sealed test split"
    )
    assert card["efficiency"].startswith(f"{share:.0%} of the steps")
    assert "over random" not in card["efficiency"]  # 4 draws are too few
    assert card["stability"] == "sd 0.707 over 5 seeds, the baseline's 0.8"
    assert card["interpretability"].startswith("19 of 19 trained candidates")
    assert card["interpretability"].endswith(f"{evidence.lines:.0f} lines of source")
    assert card["reproducibility"].startswith("1 of 1 discovery with branch")
    assert card["engineering quality"].startswith(f"0 of {len(journal.trials())} trials")
    busy = snapshot.spend.training_seconds / 400
    assert card["scalability"].startswith(f"2 workers, {busy:.0%} busy")
    assert card["generalizability"].startswith("+1.75 points on the sealed test split")
    assert "energy not measured" in card["eco-friendliness"]
    assert len(card) == 10


def test_what_was_not_measured_is_said_so(tmp_path: Path) -> None:
    with fill_journal(tmp_path, 0) as journal:
        snapshot = replace(observe(journal), settings={})
        card = score_run(snapshot, Evidence())
    assert [c.value for c in card] == ["not measured"] * 10
    assert not any(c.measured for c in card)


# --- evidence and words -------------------------------------------------------------------------


def test_evidence_is_what_the_journal_holds(journal: Journal) -> None:
    snapshot = observe(journal)
    evidence = gather_evidence(journal, snapshot)
    assert evidence.rungs == RUNGS
    trials = journal.trials()
    assert evidence.trainings.count == len(trials) == snapshot.spend.trials
    assert evidence.trainings.seconds == pytest.approx(snapshot.spend.training_seconds)
    assert evidence.trainings.seeds.total() == len(journal.trials(purpose="search"))
    for finalist, seconds in evidence.reached.items():
        first = next(t for t in trials if t.candidate == finalist and t.steps == RUNGS[-1])
        before = trials[: trials.index(first) + 1]
        assert seconds == pytest.approx(sum(t.resources.seconds for t in before))
    assert evidence.reached.keys() == {v.candidate for v in snapshot.verdicts}
    assert evidence.sources.keys() >= set(finalists(snapshot))
    assert all(source == journal.candidate(id_).source for id_, source in evidence.sources.items())
    assert set(evidence.curves) == {"baseline", *finalists(snapshot)}
    assert {len(curves) for curves in evidence.curves.values()} == {5}
    ((call),) = evidence.calls
    assert (call.count, call.tokens, call.usd) == (40, 4_000, pytest.approx(0.4))
    assert evidence.test_evaluations == 1
    assert evidence.origins["baseline"].source.startswith("class Model")


def test_works_of_earlier_runs_are_origins(journal: Journal) -> None:
    work = {"id": "known:4", "title": "an old one", "source": "# old\n", "score": 90.0}
    journal.once("retrieve", "1", "", {}, lambda: {"examples": [work], "lessons": []})
    evidence = gather_evidence(journal, observe(journal))
    assert evidence.origins["known:4"] == Candidate("known:4", "an old one", "# old\n")


def test_a_mean_curve_spans_the_steps_that_all_have() -> None:
    curves = (((10, 1.0), (20, 0.5)), ((10, 3.0), (20, 1.5), (30, 9.0)))
    assert mean_curve(curves) == [(10, 2.0, 1.0, 3.0), (20, 1.0, 0.5, 1.5)]


def test_the_sentences_fit_what_was_found(journal: Journal) -> None:
    snapshot = observe(journal)
    lost = tuple(replace(v, verdict="no gain") for v in snapshot.verdicts)
    for shown, title, words in (
        (snapshot, "1 discovery", "over the baseline"),
        (replace(snapshot, verdicts=lost), "No discovery", "were verified: 3 no gain."),
        (replace(snapshot, verdicts=()), "Nothing verified", "scores of the search are"),
        (replace(snapshot, verdicts=(), best=None), "Nothing found", "Only random draws were"),
        (
            replace(snapshot, candidates=(), verdicts=(), best=None),
            "Nothing found",
            "No candidate has",
        ),
        (snapshot, "1 discovery", "4 random draws are too few"),
    ):
        assert title_of(shown) == title
        assert words in " ".join(tell(shown))


@pytest.mark.parametrize(
    ("value", "text"), [(950, "950"), (12_600, "12.6k"), (2e6, "2M"), (3.25e9, "3.25G")]
)
def test_large_numbers_are_short(value: float, text: str) -> None:
    assert count_text(value) == text


def test_verification_is_offered_only_where_it_would_not_be_refused(journal: Journal) -> None:
    journal.note(unverified=["3", "9"])
    (note,) = [n for n in observe(journal).notices if "left to verify" in n]
    opened = bool(journal.steps("test"))
    assert opened
    assert note.startswith(
        "the budget had no trials left to verify candidates 3, 9: the test split"
    )
    assert note.endswith(f"`archwright verify {journal.run} --force` would, as weaker evidence")
