"""What is promising: the surrogate where it is trusted, else expectations, as they fared."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest

from archwright.core import CONTROL, Candidate, Measurement
from archwright.runs.proposing.ranking import ALIKE, LEAST_PAIRS, Promise, expected_gain

MLP = "import torch.nn as nn\nclass Model(nn.Module):\n    f = nn.Linear(2, 2)\n"
CONV = "import torch.nn as nn\nclass Model(nn.Module):\n    f = nn.Conv2d(2, 2, 3)\n"


def proposed(expected: float | None = None, **changes: object) -> Candidate:
    fields = {"id": "99", "source": MLP, "proposer": "one-call", "expected": expected}
    return Candidate(**{**fields, **changes})  # type: ignore[arg-type]


def reached(gain: float | None, expected: float | None = None, **changes: object) -> Candidate:
    """One that has ended."""
    rungs = {} if gain is None else {1: Measurement(0.0, gain)}
    return proposed(expected, id="1", rungs=rungs, trials=1, **changes)


def promise(ended: Sequence[Candidate] = (), believed: float | None = None) -> Promise:
    return Promise(lambda _: believed, lambda: ended, lambda: 2.0)


# --- what a proposer expects ----------------------------------------------------------------------


def test_before_anything_is_known_half_of_what_is_expected_is_believed() -> None:
    assert expected_gain(proposed(6.0), [], 2.0) == 0.5 * 6.0 / 2.0
    assert expected_gain(proposed(), [], 2.0) == 0.0
    assert expected_gain(proposed(6.0), [], None) == 0.0, "the noise is not measured yet"


def test_what_says_nothing_is_as_good_as_its_proposers_others_were() -> None:
    ended = [reached(2.0), reached(4.0), reached(None), reached(90.0, proposer="symbolic")]
    assert expected_gain(proposed(), ended, 2.0) == 3.0
    assert expected_gain(proposed(proposer="symbolic"), ended, 2.0) == 90.0


def test_expectations_that_came_true_are_believed_and_more_so_with_each() -> None:
    def slope(count: int) -> float:
        ended = [reached(float(n), 2.0 * n) for n in range(count)]
        high, low = (expected_gain(proposed(e), ended, 2.0) for e in (8.0, 6.0))
        return high - low

    assert slope(LEAST_PAIRS) == pytest.approx(0.5)
    assert 0.5 < slope(20) < slope(100) < 1.0


def test_expectations_that_were_the_wrong_way_round_decide_nothing() -> None:
    ended = [reached(float(-n), 2.0 * n) for n in range(12)]
    high, low = (expected_gain(proposed(e), ended, 2.0) for e in (20.0, 0.0))
    assert high == low == pytest.approx(-5.5)


def test_one_who_always_expects_the_same_is_believed_to_reach_the_mean() -> None:
    ended = [reached(float(n), 4.0) for n in range(12)]
    assert expected_gain(proposed(40.0), ended, 2.0) == pytest.approx(5.5)


# --- the rank -------------------------------------------------------------------------------------


def test_controls_and_a_persons_own_go_first() -> None:
    assert promise()(proposed(operator=CONTROL)) == math.inf
    assert promise()(proposed(proposer="person")) == math.inf


def test_the_surrogate_is_asked_first() -> None:
    ended = [reached(float(n), 2.0 * n, source=CONV) for n in range(12)]
    assert promise(ended, believed=1.25)(proposed(50.0)) == 1.25
    assert promise(ended)(proposed(50.0)) > 5.5


def test_another_of_what_was_tried_last_is_less_promising() -> None:
    ended = [*[reached(0.0, source=CONV)] * 40, *[reached(0.0)] * LEAST_PAIRS]
    rank = promise(ended, believed=1.0)
    assert rank(proposed()) == pytest.approx(1.0 - ALIKE / 2)
    assert rank(proposed(source=CONV)) == pytest.approx(1.0 - ALIKE / 2)
    untrained = [reached(0.0), *[proposed()] * 40]
    assert promise(untrained, believed=1.0)(proposed()) == 1.0, "it was not paid for"
