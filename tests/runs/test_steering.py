"""Steering: whose turn it is, from what, and that a resumed run hears the same."""

from __future__ import annotations

from dataclasses import replace

import pytest
from parts import Parts, enter

from archwright.core import BASELINE, CONTROL
from archwright.runs.steering import Choice


def test_one_in_ten_is_a_control_that_goes_to_the_top_at_once(parts: Parts) -> None:
    steering, campaign = parts.steering(), parts.campaign()
    chosen = [steering.choose(number, campaign) for number in range(1, 21)]
    assert chosen[9] == chosen[19] == Choice(CONTROL, (), 0, 1)
    assert CONTROL not in {c.operator for c in (*chosen[:9], *chosen[10:19])}
    asked = {step.key for step in parts.journal.steps("choice")}
    assert asked == {str(n) for n in range(1, 20) if n != 10}, "a control is nobody's choice"


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_the_share_of_the_control_arm_is_a_setting(parts: Parts, share: float) -> None:
    parts.context.settings = replace(parts.context.settings, control=share)
    steering = parts.steering()
    chosen = [steering.choose(n, parts.campaign()).operator for n in range(1, 9)]
    assert chosen.count(CONTROL) == 8 * share


def test_what_was_chosen_stays_chosen(parts: Parts) -> None:
    before = [parts.steering().choose(1, parts.campaign())]
    parts.context.settings = replace(parts.context.settings, seed=99, policy="random")
    assert [parts.steering().choose(1, parts.campaign())] == before


def test_parents_are_what_can_be_started_from(parts: Parts) -> None:
    parts.context.settings = replace(parts.context.settings, policy="greedy", control=0.0)
    source = parts.context.baseline.source.replace("16", "24")
    best = enter(parts, "1", 3.0, source=source)
    unreadable = enter(parts, "2", 9.0, source="x = 1\n")
    steering, campaign = parts.steering(), parts.campaign(best, unreadable)
    parents = {p for n in range(3, 30) for p in steering.choose(n, campaign).parents}
    assert parents
    assert parents <= {BASELINE, best.id}


def test_a_gain_below_counts_less_than_one_above(parts: Parts) -> None:
    """What was known before the search, the baseline too, counts at the top rung."""
    parts.context.settings = replace(parts.context.settings, policy="greedy", control=0.0)
    below = parts.context.baseline.source.replace("16", "24")
    low = enter(parts, "1", source=below)
    from archwright.core import Measurement

    low = replace(low, rungs={0: Measurement(99.0, 9.0, 1)})
    steering, campaign = parts.steering(), parts.campaign(low)
    for number in range(2, 30):
        steering.choose(number, campaign)
    told = steering._read_all(campaign)
    assert max(told, key=lambda r: r.fitness).id == BASELINE
