"""Memory: what a run takes from the knowledge base, and what it gives back."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import pytest
from parts import DRAFT, Parts, enter

from archwright.core import CONTROL, CandidateStatus, Comparison, Fingerprint, Verdict
from archwright.knowledge.entries import Entry
from archwright.knowledge.notes.shelf import seed_notes
from archwright.runs.budget.pace import NO_TIME
from archwright.runs.memory import NOTES, mixer_passage
from archwright.runs.steering import Choice
from archwright.search.mixers import names


def know(parts: Parts, candidate: str, gain: float | None, **changes: Any) -> None:
    """An entry of an earlier run on the same task."""
    source = parts.context.baseline.source.replace("16", str(20 + len(candidate)))
    values: dict[str, Any] = {
        "run": "old", "candidate": candidate, "task": parts.context.facts.task_key,
        "title": f"idea {candidate}", "source": f"{source}# {candidate}\n", "recipe": {},
        "fingerprint": Fingerprint(candidate, candidate, candidate), "family": "mlp",
        "metric": "accuracy", "score": None if gain is None else 70.0 + 2.0 * gain,
        "baseline": 70.0, "gain": gain, "parameters": 90, "end": CandidateStatus.PROMOTED,
        "steps": 45, "lesson": f"lesson {candidate}",
    }  # fmt: skip
    parts.knowledge.record(Entry(**{**values, **changes}))


def test_the_best_of_earlier_runs_on_this_task_can_be_parents(parts: Parts) -> None:
    know(parts, "a", 3.0)
    know(parts, "b", 5.0, task="another")
    parts.know_all()
    (inherited,) = parts.memory().inherited()
    assert inherited.title == "idea a"
    assert inherited.id.startswith("known:")
    assert (inherited.sequence, inherited.rung, inherited.gain) == (0, 1, 3.0)


@pytest.mark.parametrize(("steps", "rung"), [(15, 0), (45, 1), (30, None), (0, None)])
def test_a_gain_is_known_at_the_rung_of_its_steps_alone(
    parts: Parts, steps: int, rung: int | None
) -> None:
    know(parts, "a", 7.7, steps=steps)
    parts.know_all()
    (inherited,) = parts.memory().inherited()
    assert inherited.rung == rung
    assert inherited.gain == (None if rung is None else 7.7)


def test_the_verified_come_first_then_those_that_were_trained_longest(parts: Parts) -> None:
    know(parts, "a", 7.7, steps=15)
    know(parts, "bb", 2.5)
    know(parts, "ccc", 1.5, verdict="discovery")
    know(parts, "dddd", -3.0)
    parts.know_all()
    shown = parts.memory().inherited()
    assert [c.title for c in shown] == ["idea ccc", "idea bb", "idea a"]
    assert [c.rung for c in shown] == [1, 1, 0]


def test_a_verdict_takes_the_place_of_what_the_search_measured(parts: Parts) -> None:
    source = parts.context.baseline.source
    ended = enter(parts, "1", 6.0, source=source, parameters=90).ended(CandidateStatus.PROMOTED)
    parts.journal.update(ended)
    parts.memory().remember(ended)
    against = Comparison("the baseline", 82, 70.0, 3.0, (1.0, 5.0), 0.001)
    verdict = Verdict(
        *("1", "idea 1", "discovery", 3.0, (1.0, 5.0), 0.001, 6, "it beats it"),
        shrunk=2.5,
        comparisons=(against,),
    )
    parts.journal.judge("1", asdict(verdict))
    parts.memory().remember_verdict("1")
    entry = parts.knowledge.find(parts.context.run, "1")
    assert entry is not None
    assert (entry.verdict, entry.gain, entry.steps) == ("discovery", 2.5 / 2.0, 45)
    # A run that goes on afterwards repeats the search's own record.
    parts.memory().remember(ended)
    again = parts.knowledge.find(parts.context.run, "1")
    assert again == entry


def test_what_there_was_no_time_for_is_not_known_as_done(parts: Parts) -> None:
    ended = enter(parts, "1", source=parts.context.baseline.source)
    parts.memory().remember(ended.ended(CandidateStatus.TRAINED, NO_TIME))
    assert parts.knowledge.find(parts.context.run, "1") is None


def test_what_came_after_the_run_began_is_not_known_to_it(parts: Parts) -> None:
    know(parts, "a", 3.0)
    assert parts.memory().inherited() == ()
    assert parts.memory().retrieve(1, DRAFT, parts.campaign()).examples == ()


def test_what_was_retrieved_once_stays(parts: Parts) -> None:
    know(parts, "a", 3.0)
    parts.know_all()
    before = parts.memory().retrieve(1, DRAFT, parts.campaign()), parts.memory().inherited()
    assert [w.title for w in before[0].examples] == ["idea a"]
    assert before[0].lessons == ("lesson a",)
    know(parts, "bb", 9.0)
    parts.know_all()
    resumed = parts.memory()
    assert (resumed.retrieve(1, DRAFT, parts.campaign()), resumed.inherited()) == before
    assert len(resumed.retrieve(2, DRAFT, parts.campaign()).examples) == 2


def test_the_control_arm_is_shown_nothing(parts: Parts) -> None:
    know(parts, "a", 3.0)
    parts.know_all()
    found = parts.memory().retrieve(10, Choice(CONTROL, (), 0, 1), parts.campaign())
    assert not any(found)
    assert parts.journal.steps("retrieve") == []


def test_notes_of_the_shelf_are_shown_with_their_code_each_question_others(parts: Parts) -> None:
    seed_notes(parts.knowledge)
    parts.know_all()
    shown = [parts.memory().retrieve(n, DRAFT, parts.campaign()).passages for n in (1, 2)]
    ids = [passage.id for passages in shown for passage in passages]
    assert len(set(ids)) == len(ids) == 2 * NOTES
    for passage in (p for passages in shown for p in passages):
        assert passage.id.startswith("notes/")
        assert "(note)" in passage.citation
        assert "class " in passage.code
        assert "When: " in passage.text


def test_failures_like_what_is_at_hand_are_warnings(parts: Parts) -> None:
    know(parts, "a", None, end=CandidateStatus.CRASHED, reason="out of memory")
    parts.know_all()
    (warning,) = parts.memory().retrieve(1, DRAFT, parts.campaign()).warnings
    assert warning == "idea a: ended crashed (out of memory)"


def test_a_candidate_is_remembered_as_it_ended(parts: Parts) -> None:
    source = parts.context.baseline.source
    ended = enter(parts, "1", 2.0, source=source, lesson="wider pays", parameters=90)
    parts.memory().remember(ended.ended(CandidateStatus.PROMOTED))
    entry = parts.knowledge.find(parts.context.run, "1")
    assert entry is not None
    assert (entry.score, entry.baseline, entry.gain) == (74.0, 70.0, 2.0)
    assert (entry.end, entry.lesson, entry.parameters) == ("promoted", "wider pays", 90)
    assert (entry.task, entry.family) == (parts.context.facts.task_key, "mlp")


@pytest.mark.parametrize(
    "changes", [{"status": CandidateStatus.DUPLICATE}, {"status": "invalid", "source": ""}]
)
def test_nothing_is_learned_from_what_was_known_or_never_written(
    parts: Parts, changes: dict[str, Any]
) -> None:
    parts.memory().remember(replace(enter(parts, "1"), **changes))
    assert parts.knowledge.find(parts.context.run, "1") is None


def test_attempts_that_were_repaired_are_remembered_for_the_next_debugger(parts: Parts) -> None:
    invalid = {"status": CandidateStatus.INVALID}
    enter(parts, "3", reason="same text as the baseline", status=CandidateStatus.DUPLICATE)
    enter(parts, "3b", reason="shapes: (4, 3); repaired", **invalid)
    whole = enter(parts, "3c", 1.0, status=CandidateStatus.TRAINED)
    parts.memory().remember(whole)
    run = parts.context.run
    found = {i: parts.knowledge.find(run, i) for i in ("3", "3b", "3c")}
    assert found["3"] is None
    assert found["3b"] is not None
    assert (found["3b"].end, found["3b"].score) == ("invalid", None)
    assert found["3b"].reason == "shapes: (4, 3); repaired"
    assert found["3c"] is not None


def test_published_mixers_are_shown_in_turn() -> None:
    shown = [mixer_passage(turn) for turn in range(len(names()) + 1)]
    assert [passage.id for passage in shown[:-1]] == [f"mixer/{name}" for name in names()]
    assert shown[0] == shown[-1]
    assert all("class Mixer(nn.Module)" in passage.code for passage in shown)
    assert all(passage.text.endswith(".") for passage in shown)
