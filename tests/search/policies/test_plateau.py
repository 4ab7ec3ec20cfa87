"""Where a search stands: still gaining, at the metric's ceiling, or on a plateau."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from archwright.core import CONTROL, METRICS, Candidate, Floor, Measurement, TaskSpec
from archwright.search.plateau import PLATEAU, stage_of
from archwright.tasks.loading import load_task

SPEC = replace(load_task("digits").spec, rungs=(10, 30))
FLOORS = [
    Floor(10, 80.0, 3.0, (80.0,), 9),
    Floor(30, 90.0, 0.5, (90.0,), 9),
]


def top(*gains: float | None, score: float = 91.0) -> list[Candidate]:
    """Candidates at the top rung with these gains, in order."""
    return [
        Candidate(str(n), rungs={0: Measurement(80.0, 9.0), 1: Measurement(score, gain)})
        for n, gain in enumerate(gains, start=1)
    ]


def stage(
    measured: Sequence[Candidate], floors: Sequence[Floor] = FLOORS, spec: TaskSpec = SPEC
) -> str:
    return stage_of(measured, floors, replace(spec, plateau="cost"))


def test_it_searches_while_little_is_known() -> None:
    assert stage([]) == "search"
    assert stage([], floors=()) == "search", "the noise floor may still be under way"
    assert stage(top(*[0.0] * (PLATEAU - 1))) == "search"
    low = [Candidate(str(n), rungs={0: Measurement(99.9, 0.0)}) for n in range(3 * PLATEAU)]
    assert stage(low) == "search", "only the top rung says it"


def test_as_many_without_a_gain_over_the_baseline_are_a_plateau() -> None:
    assert stage(top(*[0.9] * PLATEAU)) == "cost"
    assert stage(top(1.1, *[0.9] * (PLATEAU - 1))) == "search"


def test_a_plateau_is_left_by_a_gain_over_the_best_before() -> None:
    before = [0.0, 1.0, 4.0]
    assert stage(top(*before, *[4.0] * PLATEAU)) == "cost", "a tie is no gain"
    assert stage(top(*before, *[4.0] * (PLATEAU - 1))) == "search"
    assert stage(top(*before, *[2.0] * PLATEAU, 5.0)) == "cost", "within the noise"
    assert stage(top(*before, *[2.0] * PLATEAU, 5.1)) == "search"
    assert stage(top(*before, *[2.0] * PLATEAU, 5.1, *[2.0] * (PLATEAU - 1))) == "search"
    assert stage(top(*before, *[2.0] * PLATEAU, 5.1, *[2.0] * PLATEAU)) == "cost"


def test_small_gains_add_up() -> None:
    assert stage(top(*[0.1 * n for n in range(PLATEAU)])) == "search"


def test_what_has_no_gain_and_what_is_a_control_does_not_count() -> None:
    assert stage(top(*[None] * 2 * PLATEAU)) == "search"
    assert stage(top(*[None] * PLATEAU, *[0.0] * (PLATEAU - 1))) == "search"
    drawn = [replace(c, operator=CONTROL) for c in top(*[0.0] * PLATEAU, score=100.0)]
    assert stage(drawn) == "search"


@pytest.mark.parametrize(
    ("metric", "score", "expected"),
    [
        ("accuracy", 99.5, "cost"),
        ("accuracy", 100.0, "cost"),
        ("accuracy", 99.4, "search"),
        ("cross_entropy", 0.5, "cost"),
        ("cross_entropy", 0.6, "search"),
        ("mean_squared_error", 0.0, "cost"),
    ],
)
def test_the_ceiling_is_within_the_noise_of_the_best_there_can_be(
    metric: str, score: float, expected: str
) -> None:
    spec = replace(SPEC, metric=METRICS[metric])
    assert stage(top(0.0, score=score), spec=spec) == expected
    unbounded = replace(METRICS[metric], direction="maximize", highest=float("inf"))
    assert stage(top(0.0, score=score), spec=replace(SPEC, metric=unbounded)) == "search"


@pytest.mark.parametrize("wanted", ["broaden", "cost", "stop"])
def test_the_task_says_what_follows(wanted: str) -> None:
    spec = replace(SPEC, plateau=wanted)  # type: ignore[arg-type]
    assert stage_of(top(0.0, score=100.0), FLOORS, spec) == wanted
