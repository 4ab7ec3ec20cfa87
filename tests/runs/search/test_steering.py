"""Steering: whose turn it is, from what, and that a resumed run hears the same."""

from __future__ import annotations

from dataclasses import replace

import pytest
from parts import Parts, enter

from archwright.core import BASELINE, CONTROL, AtPlateau, Candidate, CandidateStatus, Measurement
from archwright.runs.context import Campaign
from archwright.runs.guiding import record_word
from archwright.runs.proposing.arms import CONTROL_ARM, MODEL
from archwright.runs.steering import PRESSED, SMALLER, STAGES, Choice, Move
from archwright.search.operators.operators import edit_of
from archwright.search.plateau import PLATEAU
from archwright.search.source_space import SHORTLIST


def test_one_in_ten_is_a_control_that_goes_to_the_top_at_once(parts: Parts) -> None:
    steering, campaign = parts.steering(), parts.campaign()
    chosen = [steering.choose(number, campaign) for number in range(1, 21)]
    assert chosen[9] == chosen[19] == Move(Choice(CONTROL, (), 0, 1), CONTROL_ARM)
    assert CONTROL not in {m.choice.operator for m in (*chosen[:9], *chosen[10:19])}
    asked = {step.key for step in parts.journal.steps("choice")}
    assert asked == {str(n) for n in range(1, 20) if n != 10}, "a control is nobody's choice"


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_the_share_of_the_control_arm_is_a_setting(parts: Parts, share: float) -> None:
    parts.change(control=share)
    steering = parts.steering()
    chosen = [steering.choose(n, parts.campaign()).choice.operator for n in range(1, 9)]
    assert chosen.count(CONTROL) == 8 * share


def test_what_was_chosen_stays_chosen(parts: Parts) -> None:
    before = [parts.steering().choose(1, parts.campaign())]
    parts.change(seed=99, policy="random")
    assert [parts.steering().choose(1, parts.campaign())] == before


def _measured(parts: Parts, rung: int) -> list[Candidate]:
    """Enough candidates for a policy to begin from what it knows, the last one the best."""
    source = parts.context.baseline.source
    return [
        enter(
            parts,
            str(n),
            source=source.replace("16", str(16 + n)),
            rungs={rung: Measurement(70.0 + n, n / 10, 1)},
        )
        for n in range(1, 9)
    ]


def test_fewer_proposals_are_compared_where_slots_are_about_to_wait(parts: Parts) -> None:
    parts.change(control=0.0)
    steering, campaign = parts.steering(), parts.campaign(*_measured(parts, 1))
    made = []
    for number, is_pressed in ((20, False), (21, True), (22, False)):
        before = edit_of.cache_info().misses
        steering.choose(number, campaign, is_pressed=is_pressed)
        made.append(edit_of.cache_info().misses - before)
    assert min(made[0], made[2]) >= SHORTLIST
    assert 1 <= made[1] <= 2 * PRESSED


def test_a_model_is_told_what_is_expected_of_those_that_are_still_under_way(parts: Parts) -> None:
    for number in (1, 2, 3):
        made = enter(parts, str(number))
        if number == 2:
            parts.journal.update(made.ended(CandidateStatus.TRAINED))
    move = Move(Choice("draft", (), 0), MODEL, ranking=("3", "2", "1"))
    assert parts.viewer().for_many(4, move, parts.campaign(), "").ranking == ("3", "1")


def _parents(parts: Parts, *candidates: Candidate) -> list[str]:
    """First parents of what a greedy policy chooses next, and next."""
    parts.change(policy="greedy", control=0.0)
    steering, campaign = parts.steering(), parts.campaign(*candidates)
    return [p for n in range(20, 40) for p in steering.choose(n, campaign).choice.parents[:1]]


def test_parents_are_what_can_be_started_from(parts: Parts) -> None:
    unreadable = enter(parts, "9", 99.0, source="x = 1\n")
    assert set(_parents(parts, *_measured(parts, 1), unreadable)) == {"8"}


def test_what_was_known_before_the_search_counts_at_the_top(parts: Parts) -> None:
    """So the baseline, which gained nothing, is better than all that only showed a gain below."""
    assert set(_parents(parts, *_measured(parts, 0))) == {BASELINE}


@pytest.mark.parametrize("rung", [0, None])
def test_a_gain_of_another_rung_wins_nothing(parts: Parts, rung: int | None) -> None:
    """What gained 7.7 at few steps, or at steps that this run has no rung for, is no match for what
    gained 0.1 at the top."""
    source = parts.context.baseline.source
    rungs = {} if rung is None else {rung: Measurement(90.0, 7.7)}
    known = Candidate("known:3", "old", source.replace("16", "60"), rungs=rungs)
    best = enter(parts, "1", 0.1, source=source.replace("16", "61"))
    assert set(_parents(parts, *_measured(parts, 0)[1:], best, known)) == {"1"}


# --- models, a person, a plateau ------------------------------------------------------------------


def test_an_answer_has_the_numbers_that_follow_but_the_control_arms(parts: Parts) -> None:
    parts.change(proposer="one-call", model_share=1.0, proposals=3, control=0.25)
    steering = parts.steering()
    moves = [steering.choose(n, parts.campaign(), room=9) for n in range(1, 9)]
    assert [m.arm for m in moves] == [*["model"] * 3, "control"] * 2
    shared = [(m.first, m.place, m.count) for m in moves if m.arm == "model"]
    assert shared == [(1, 0, 3), (1, 1, 3), (1, 2, 3), (5, 0, 3), (5, 1, 3), (5, 2, 3)]


def test_no_more_is_asked_for_than_there_is_room_for(parts: Parts) -> None:
    parts.change(proposer="one-call", model_share=1.0, proposals=4, control=0.0, max_candidates=6)
    steering = parts.steering()
    moves = [steering.choose(n, parts.campaign(), room=3 if n == 1 else 9) for n in range(1, 7)]
    assert [m.count for m in moves] == [3] * 6
    parts.change(proposer="one-call", model_share=1.0, proposals=4, control=0.0, max_candidates=7)
    assert parts.steering().choose(7, parts.campaign(), room=9).count == 1


def test_a_person_comes_first_and_an_answer_goes_on_after_them(parts: Parts) -> None:
    parts.change(proposer="one-call", model_share=1.0, proposals=2, control=0.0)
    steering, campaign = parts.steering(), parts.campaign()
    moves = [steering.choose(1, campaign, room=9)]
    for name in ("mine", "yours"):
        record_word(parts.journal, "seed", name, parts.wider())
    moves += [steering.choose(n, campaign, room=9) for n in range(2, 6)]
    assert [m.arm for m in moves] == ["model", "person", "person", "model", "model"]
    assert [m.seed for m in moves[1:3]] == [0, 1]
    assert (moves[3].first, moves[3].place) == (1, 1)
    again = parts.steering()
    assert [again.choose(n, campaign, room=9) for n in range(1, 6)] == moves


def _level(parts: Parts) -> Campaign:
    """So many at the top without a gain that it is a plateau."""
    source = parts.context.baseline.source
    return parts.campaign(
        *(
            enter(parts, str(n), n / 100, source=source.replace("16", str(n)), parameters=5 * n + 2)
            for n in range(1, PLATEAU + 1)
        )
    )


@pytest.mark.parametrize("plateau", ["broaden", "cost", "stop"])
def test_on_a_plateau_the_search_does_what_the_task_says(parts: Parts, plateau: AtPlateau) -> None:
    parts.context.spec = replace(parts.context.spec, plateau=plateau)
    steering, level = parts.steering(), _level(parts)
    assert steering.choose(1, parts.campaign()).stage == "search"
    moves = [steering.choose(n, level) for n in range(51, 59)]
    assert {m.stage for m in moves} == {plateau}
    assert steering.is_over(level) == (plateau == "stop")
    assert not steering.is_over(parts.campaign())
    assert STAGES[plateau] in parts.journal.notices()
    chosen = [m.choice for m in moves]
    if plateau == "cost":
        assert {c.operator for c in chosen} <= set(SMALLER)
        assert {c.parents for c in chosen} == {(str(PLATEAU),)}
    if plateau == "broaden":
        assert {(c.operator, c.parents) for c in chosen} == {("draft", ())}


def test_at_equal_score_fewer_parameters_are_promoted(parts: Parts) -> None:
    level = _level(parts)
    best = level.measured[-1]
    near = replace(best, id="99", parameters=40, rungs={1: Measurement(70.0, -0.5)})
    assert level.is_cheaper(near)
    assert not level.is_cheaper(replace(near, parameters=best.parameters))
    assert not level.is_cheaper(replace(near, rungs={1: Measurement(60.0, -1.0)}))
    assert not level.is_cheaper(replace(near, rungs={}))
