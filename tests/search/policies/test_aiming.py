"""The least cost at a floor: who may still reach it, how candidates compare, how large they are."""

from __future__ import annotations

from dataclasses import replace
from math import log2
from random import Random

import pytest

from archwright.core import BASELINE, METRICS, Aim, Candidate, Floor, Measurement
from archwright.search.aiming import Prospect
from archwright.search.grammar.grammar import draw
from archwright.search.operators import edit_of
from archwright.search.policies import Choice
from archwright.search.sizing import SHRUNK, SPAN, STEP, Sizing
from archwright.source.counting import count_parameters
from archwright.tasks.loading import load_task

AIM = Aim("parameters", 90.0, METRICS["accuracy"])
FLOORS = (
    Floor(50, 80.0, 2.0, (80.0, 80.0), 1000),
    Floor(450, 95.0, 1.0, (95.0, 95.0), 1000),
)
BASE = Candidate(BASELINE, parameters=1000)
PROBLEM = load_task("digits").spec.problem


def shown(id_: str, parameters: int, *scores: float, **more: object) -> Candidate:
    rungs = {rung: Measurement(score, 0.0, 1) for rung, score in enumerate(scores)}
    made = Candidate(id_, sequence=1000 * int(id_), parameters=parameters, rungs=rungs)
    return replace(made, **more)  # type: ignore[arg-type]


def prospect(*measured: Candidate, top: float | None = None) -> Prospect:
    rungs = {} if top is None else {1: Measurement(top, 0.0, 4)}
    return Prospect(AIM, FLOORS, measured, replace(BASE, rungs=rungs))


def test_what_is_needed_below_the_top_follows_from_what_improved_there() -> None:
    # The baseline goes from 20 points left to 5: 10 are left at the floor, so 40 may be left below.
    assert prospect().needed(1) == 90.0
    assert prospect().needed(0) == pytest.approx(60.0)
    slow = [shown(str(n), 10, 80.0, 84.0) for n in range(1, 8)]
    assert prospect(*slow).needed(0) == pytest.approx(100 - 10 / 0.8)


def test_of_a_metric_without_a_best_score_what_is_needed_is_a_difference() -> None:
    unbounded = replace(AIM.metric, highest=float("inf"))
    aim = Aim("parameters", 90.0, unbounded)
    assert Prospect(aim, FLOORS, (), BASE).needed(0) == 75.0
    errors = Aim("parameters", 1.0, METRICS["mean_squared_error"])
    floors = (Floor(5, 4.0, 0.1, (4.0,), 9), Floor(9, 2.0, 0.1, (2.0,), 9))
    assert Prospect(errors, floors, (), BASE).needed(0) == 2.0


def test_small_ones_below_what_is_needed_may_be_the_best_of_their_size() -> None:
    known = shown("1", 500, 55.0)
    here = prospect(known)
    assert here.is_hopeful(shown("2", 400, 52.0))
    assert not here.is_hopeful(shown("3", 600, 52.0))  # the first is smaller and better
    assert here.is_hopeful(shown("4", 600, 58.0))
    assert not here.is_hopeful(shown("5", 20, 15.0))  # smallest, but far below any hope
    assert not here.is_hopeful(shown("6", 20, 55.0, 89.0))  # at the top there is no promotion


def test_one_at_the_floor_beyond_its_error_is_what_others_have_to_be_smaller_than() -> None:
    close, clear = shown("1", 300, 70.0, 90.5), shown("2", 400, 70.0, 93.0)
    here = prospect(close, clear, top=95.0)
    assert here.smallest() == clear
    assert here.too_costly(shown("3", 400)) == (
        "it has 400 parameters, and candidate 2 reaches the floor with 400 parameters"
    )
    assert not here.too_costly(shown("3", 399))
    assert prospect(top=95.0).too_costly(shown("3", 1000)).endswith("with 1,000 parameters")
    assert not prospect(top=80.0).too_costly(shown("3", 5000))
    assert not prospect().too_costly(shown("3", 5000))  # nobody knows of the baseline yet


def test_of_those_at_the_floor_the_smaller_is_better_and_of_others_the_nearer() -> None:
    pool = [
        shown("1", 400, 70.0, 99.0),
        shown("2", 100, 70.0, 91.0),
        shown("3", 5, 70.0, 88.0),
        shown("4", 900, 70.0, 89.0),
        shown("5", 0, 70.0, 99.0),
        shown("6", 50),
    ]
    ranked = prospect(*pool).rank(pool)
    gains = {c.id: c.gain for c in ranked}
    assert gains["2"] == pytest.approx(64 - log2(100))
    order = sorted((c for c in ranked if c.gain is not None), key=lambda c: -(c.gain or 0.0))
    assert [c.id for c in order] == ["2", "1", "4", "3", "5"]
    assert gains["6"] is None


# --- sizes ----------------------------------------------------------------------------------------


def test_drafts_are_spread_evenly_on_a_log_scale() -> None:
    sizes = [Sizing(PROBLEM).target(Choice("draft", (), seed)) or 0 for seed in range(300)]
    limit = PROBLEM.max_params
    assert limit / SPAN - 1 <= min(sizes) <= max(sizes) <= limit
    octaves = [sum(limit / 2 ** (n + 1) < s <= limit / 2**n for s in sizes) for n in range(8)]
    assert min(octaves) > 20
    choice = Choice("draft", (), 7)
    assert Sizing(PROBLEM).target(choice) == Sizing(PROBLEM).target(choice)


def test_drafts_stay_below_what_is_known_and_off_what_was_too_small() -> None:
    missed = [shown(str(n), size) for n, size in enumerate((20, 200, 300, 400, 90_000), start=1)]
    sizing = Sizing(PROBLEM, 4000, [shown("9", 4000)], missed)
    sizes = [sizing.target(Choice("draft", (), seed)) or 0 for seed in range(100)]
    assert (min(sizes) >= 200, max(sizes) < 4000) == (True, True)


def test_a_variation_bisects_between_its_parent_and_what_came_out_too_small() -> None:
    parent, failed = shown("1", 4000), shown("2", 2000, parents=("1",))
    for missed, least in (((), 4000 * SHRUNK / STEP), ((failed,), 2000)):
        sizing = Sizing(PROBLEM, 4000, [parent], missed)
        sizes = [sizing.target(Choice("widen", ("1",), seed)) or 0 for seed in range(100)]
        assert least - 1 <= min(sizes) <= max(sizes) <= 4000 * SHRUNK
    # Where that has become narrow, only another structure leads below.
    close = shown("3", 3700, parents=("1",))
    sizes = [
        Sizing(PROBLEM, 4000, [parent], [close]).target(Choice("widen", ("1",), s)) or 0
        for s in range(100)
    ]
    assert min(sizes) < 1000


@pytest.mark.parametrize("target", [200, 1500, 12_000])
def test_what_is_made_has_the_size_that_was_asked_for(target: int) -> None:
    counts = [
        count_parameters(draw(PROBLEM, Random(seed), target=target).source, PROBLEM) or 0
        for seed in range(8)
    ]
    assert max(counts) <= target
    assert sum(count > target / 2 for count in counts) >= 5
    parent = load_task("digits").spec.baseline
    made = edit_of("change_activation", (parent,), PROBLEM, 3, target)
    assert (count_parameters(made.source, PROBLEM) or 0) <= target
