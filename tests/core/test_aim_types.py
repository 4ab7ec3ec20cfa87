"""An aim at a cost: which settings state one, and what is said of those that do not fit."""

from __future__ import annotations

import re
from math import inf

import pytest

from archwright.core import METRICS, Aim, Candidate, InputError, cost_of

ACCURACY, BITS = METRICS["accuracy"], METRICS["bits_per_character"]


def test_a_cost_with_a_floor_is_an_aim() -> None:
    aim = Aim.of(("parameters",), 95.0, None, ACCURACY)
    assert aim is not None
    assert str(aim) == "the fewest parameters at 95 % or more"
    assert (aim.margin(96.0), aim.margin(94.0)) == (1.0, -1.0)
    assert aim.cost_text(1234) == "1,234 parameters"
    low = Aim.of(("latency",), None, 1.5, BITS)
    assert low is not None
    assert str(low) == "the fewest ms a sample at 1.5 bits or less"
    assert low.margin(1.0) == 0.5


def test_quality_among_the_objectives_is_no_aim() -> None:
    assert Aim.of(("quality",), None, None, ACCURACY) is None
    assert Aim.of(("quality", "parameters", "flops"), None, None, ACCURACY) is None


@pytest.mark.parametrize(
    ("objectives", "at_least", "at_most", "metric", "said"),
    [
        (("parameters",), None, None, ACCURACY, "SCORE, or search for --objective quality"),
        (("flops",), None, None, BITS, "add --at-most SCORE"),
        (("parameters",), None, 5.0, ACCURACY, "its aim is --at-least, not --at-most"),
        (("parameters",), 1.0, None, BITS, "its aim is --at-most, not --at-least"),
        (("quality",), 95.0, None, ACCURACY, "say --objective with one of parameters, flops"),
        (("quality", "flops"), 95.0, None, ACCURACY, "an aim at one cost alone"),
        (("parameters", "flops"), 95.0, None, ACCURACY, "an aim at one cost alone"),
        (("parameters",), 101.0, None, ACCURACY, "no accuracy is better than 100 %"),
        (("parameters",), None, -1.0, BITS, "no bits_per_character is better than 0 bits"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_said_in_a_line(
    objectives: tuple[str, ...],
    at_least: float | None,
    at_most: float | None,
    metric: object,
    said: str,
) -> None:
    with pytest.raises(InputError, match=re.escape(said)):
        Aim.of(objectives, at_least, at_most, metric)  # type: ignore[arg-type]


def test_a_cost_that_is_not_known_is_worse_than_any() -> None:
    candidate = Candidate("1", parameters=9, int8_bytes=21)
    assert [cost_of(candidate, name) for name in ("parameters", "int8", "flops", "latency")] == [
        9, 21, None, None,
    ]  # fmt: skip
    assert Aim("flops", 95.0, ACCURACY).cost(candidate) == inf
