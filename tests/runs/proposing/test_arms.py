"""The arms of a campaign: whose turn it is, by a share or by what came of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from parts import Parts

from archwright.core import CONTROL, Candidate, Measurement
from archwright.runs.proposing.arms import LEAST_RESULTS, MODEL, PERSON, SYMBOLIC, Arms


def arms(parts: Parts, **settings: Any) -> Arms:
    parts.change(proposer="one-call", **settings)
    return Arms(parts.context.settings, parts.journal)


def ended(proposer: str, *gains: float, **changes: Any) -> list[Candidate]:
    return [
        Candidate(str(n), proposer=proposer, trials=2, rungs={1: Measurement(0.0, gain)}, **changes)
        for n, gain in enumerate(gains, start=1)
    ]


def test_without_a_model_all_is_the_symbolic_engines(parts: Parts) -> None:
    alone = Arms(parts.context.settings, parts.journal)
    assert not alone.are_models_asked
    assert {alone.choose(n, []) for n in range(1, 9)} == {SYMBOLIC}


@pytest.mark.parametrize(("share", "of_models"), [(0.0, 0), (0.25, 5), (0.8, 16), (1.0, 20)])
def test_a_share_is_kept_to(parts: Parts, share: float, of_models: int) -> None:
    chosen = arms(parts, model_share=share)
    found = Counter(chosen.choose(n, []) for n in range(1, 21))
    assert (found[MODEL], found[SYMBOLIC]) == (of_models, 20 - of_models)


def test_both_take_turns_until_each_has_shown_something(parts: Parts) -> None:
    chosen = arms(parts)
    assert [chosen.choose(n, []) for n in range(1, 7)] == [MODEL, SYMBOLIC] * 3
    shown = [*ended("one-call", *[9.0] * 40), *ended(SYMBOLIC, *[0.0] * (LEAST_RESULTS - 1))]
    assert {chosen.choose(n, shown) for n in range(7, 9)} == {MODEL, SYMBOLIC}


@pytest.mark.parametrize(("better", "worse"), [("one-call", SYMBOLIC), (SYMBOLIC, "one-call")])
def test_then_the_one_that_gains_more_for_its_cost_has_most(
    parts: Parts, better: str, worse: str
) -> None:
    shown = [*ended(better, *[8.0] * 30), *ended(worse, *[0.5] * 30)]
    wanted = SYMBOLIC if better == SYMBOLIC else MODEL
    assert arms(parts).choose(61, shown) == wanted


def test_a_model_that_is_dear_gives_way_at_equal_gain(parts: Parts) -> None:
    shown = [*ended("one-call", *[5.0] * 20), *ended(SYMBOLIC, *[5.0] * 20)]
    chosen = arms(parts, max_usd=1.0, max_trials=100)
    parts.journal.once(
        *("call", "1/researcher", "1", {"role": "researcher"}),
        lambda: {"model": "m", "usd": 0.9, "tokens": 1},
    )
    assert chosen.choose(41, shown) == SYMBOLIC


def test_controls_and_a_persons_own_count_for_nobody(parts: Parts) -> None:
    """Neither what they gained, nor that there is something to go by."""
    few = [*ended("one-call", *[1.0] * 9), *ended(SYMBOLIC, 1.0)]
    others = [*ended(PERSON, *[9.0] * 9), *ended(SYMBOLIC, *[9.0] * 9, operator=CONTROL)]
    assert {arms(parts).choose(1, [*few, *others]), arms(parts).choose(1, few)} == {MODEL}
    plain = [*ended("one-call", *[0.1] * 30), *ended(SYMBOLIC, *[0.2] * 30)]
    best = replace(ended(PERSON, 9.0)[0], id="99")
    assert arms(parts).choose(61, plain) == arms(parts).choose(61, [*plain, best])


def test_once_models_are_dead_it_is_said_once_and_stays_so(parts: Parts) -> None:
    chosen = arms(parts, model_share=1.0)
    assert chosen.are_models_asked
    chosen.end_models("the quota is exhausted")
    chosen.end_models("the quota is exhausted")
    assert not chosen.are_models_asked
    assert {chosen.choose(n, []) for n in range(1, 9)} == {SYMBOLIC}
    said = [n for n in parts.journal.notices() if "symbolic engine continues alone" in n]
    assert said == ["the quota is exhausted: the symbolic engine continues alone"]
