"""Steering: whose turn it is, from what, and that a resumed run hears the same."""

from __future__ import annotations

import pytest
from parts import Parts, enter

from archwright.core import BASELINE, CONTROL, Candidate, Measurement
from archwright.runs.proposing.arms import CONTROL_ARM
from archwright.runs.steering import Choice, Move


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
