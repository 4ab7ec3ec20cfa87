"""What a gain at a low rung promises for the top one."""

from __future__ import annotations

import pytest

from archwright.core import Candidate, Measurement
from archwright.search.policies.outlook import SLOPE, WEIGHT, Outlook, fit_slopes


def _measured(number: int, *gains: float | None, first: int = 0) -> Candidate:
    rungs = {first + i: Measurement(0.0, gain) for i, gain in enumerate(gains)}
    return Candidate(str(number), sequence=1000 * number, rungs=rungs)


def _ranked(*candidates: Candidate) -> list[str]:
    outlook = Outlook()
    for candidate in candidates:
        outlook.add(candidate)
    return [c.id for c in outlook.ranked]


def test_at_one_rung_the_gain_decides_and_of_equals_the_first() -> None:
    assert _ranked(*(_measured(n, gain) for n, gain in enumerate([1.0, 3.0, 2.0, 3.0]))) == [
        *("1", "3", "2", "0")
    ]


def test_a_bad_start_at_a_high_rung_is_no_better_than_a_good_one_at_a_low() -> None:
    baseline = _measured(0, 0.0, 0.0, 0.0)
    child, draft = _measured(1, -17.0, first=1), _measured(2, -8.0)
    assert _ranked(baseline, child, draft) == ["0", "2", "1"]


def test_what_is_left_of_a_gain_is_learned() -> None:
    assert fit_slopes([]) == []
    assert fit_slopes([_measured(1, -8.0)]) == []
    assert fit_slopes([_measured(0, 0.0, 0.0, 0.0)]) == [SLOPE, SLOPE]
    assert fit_slopes([_measured(1, -8.0, None)]) == []
    pairs = [_measured(n, -10.0 * n, -1.0 * n) for n in range(1, 40)]
    few, many = fit_slopes(pairs[:1])[0], fit_slopes(pairs)[0]
    assert few == pytest.approx((0.1 + WEIGHT * SLOPE) / (1 + WEIGHT))
    assert 0.1 < many < 0.15 < few < SLOPE


def test_a_share_stays_one() -> None:
    """Gains that grow or turn do not make the order of a rung another one."""
    assert fit_slopes([_measured(n, 1.0, 90.0) for n in range(50)]) == [1.0]
    assert fit_slopes([_measured(n, 1.0, -90.0) for n in range(50)]) == [0.0]


def test_the_order_follows_the_slopes() -> None:
    """The more is made up for from rung to rung, the more a low rung promises."""
    outlook = Outlook()
    outlook.add(_measured(0, 0.0, 0.0))
    outlook.add(_measured(1, -4.0))
    outlook.add(_measured(2, -1.0, first=1))
    assert [c.id for c in outlook.ranked] == ["0", "2", "1"]
    for number in range(3, 20):
        outlook.add(_measured(number, -40.0, -2.0))
    ids = [c.id for c in outlook.ranked]
    assert ids.index("1") < ids.index("2")
    assert [outlook.of(c) for c in outlook.ranked] == sorted(map(outlook.of, outlook.ranked))[::-1]
