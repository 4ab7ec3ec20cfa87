"""Non-dominated sorting and crowding, against the definitions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archwright.core import InputError, read_objectives
from archwright.search.objectives import (
    crowding,
    front_numbers,
    is_on_front,
    standing,
)

POINTS = st.integers(1, 4).flatmap(
    lambda width: st.lists(
        st.tuples(*[st.integers(0, 5).map(float)] * width), min_size=1, max_size=40
    )
)


def peel(points: np.ndarray) -> list[int]:
    """Fronts by their definition: take away what nothing dominates, again and again."""
    numbers = [-1] * len(points)
    number = 0
    while -1 in numbers:
        left = [i for i, n in enumerate(numbers) if n == -1]
        front = [
            i
            for i in left
            if not any(
                (points[j] >= points[i]).all() and (points[j] > points[i]).any() for j in left
            )
        ]
        for i in front:
            numbers[i] = number
        number += 1
    return numbers


@given(POINTS)
def test_fronts_are_those_of_the_definition(rows: list[tuple[float, ...]]) -> None:
    points = np.array(rows)
    numbers = front_numbers(points)
    assert numbers.tolist() == peel(points)
    first = {tuple(p) for p in points[numbers == 0]}
    assert {tuple(p) for p in points if is_on_front(tuple(p), points)} == first


@given(POINTS)
def test_standing_never_puts_the_dominated_first(rows: list[tuple[float, ...]]) -> None:
    points = np.array(rows)
    places, numbers = standing(points), front_numbers(points)
    assert np.array_equal(np.ceil(-places), numbers)
    assert len({(n, p) for n, p in zip(numbers, places, strict=True)}) == len(points)


def test_what_is_not_known_counts_as_the_worst() -> None:
    points = np.array([[1.0, np.nan], [1.0, -9.0], [2.0, np.nan]])
    assert front_numbers(points).tolist() == [1, 0, 0]


def test_crowding_of_a_front_by_hand() -> None:
    points = np.array([[0.0, 10.0], [1.0, 6.0], [4.0, 5.0], [10.0, 0.0]])
    # Of the second: (4 - 0) / 10 + (10 - 5) / 10; of the third: (10 - 1) / 10 + (6 - 0) / 10.
    assert crowding(points).tolist() == pytest.approx([np.inf, 0.9, 1.5, np.inf])


def test_ends_and_loners_of_a_front_stand_before_the_crowded() -> None:
    front = np.array([[0.0, 10.0], [4.9, 5.1], [5.0, 5.0], [5.1, 4.9], [9.0, 2.0], [10.0, 0.0]])
    order = np.argsort(-standing(front)).tolist()
    assert set(order[:2]) == {0, 5}
    assert order[-1] == 2


def test_one_objective_is_the_plain_order() -> None:
    values = np.array([[3.0], [1.0], [2.0]])
    assert np.argsort(-standing(values)).tolist() == [0, 2, 1]


def test_nothing_has_no_front() -> None:
    assert front_numbers(np.empty((0, 2))).tolist() == []
    assert is_on_front((1.0, 2.0), np.empty((0, 2)))


def test_quality_is_always_an_objective_and_order_does_not_matter() -> None:
    assert read_objectives(["latency", "parameters"]) == ("quality", "parameters", "latency")
    assert read_objectives([]) == ("quality",)
    with pytest.raises(InputError, match="choose from quality, parameters, flops, latency"):
        read_objectives(["beauty"])
