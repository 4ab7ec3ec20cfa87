"""From paired scores to a ruling, and to a rubric: pure functions."""

from __future__ import annotations

import random

import pytest

from archwright.core import METRICS
from archwright.papers.experiment import Arm, ClaimDirection, ComparedClaim, Experiment
from archwright.papers.rubric import ArmReport, fill_rubric
from archwright.papers.verdict import ClaimResult, Ruling, rule, rule_all

ACCURACY, LOSS = METRICS["accuracy"], METRICS["cross_entropy"]


def claim(direction: ClaimDirection, margin: float = 2.0) -> ComparedClaim:
    return ComparedClaim("c1", "method", "baseline", direction, margin, "as it is said")


def scores(mean: float, sd: float, seed: int, count: int = 12) -> list[float]:
    rng = random.Random(seed)
    return [rng.gauss(mean, sd) for _ in range(count)]


@pytest.mark.parametrize(
    ("direction", "mean", "ruling"),
    [
        ("better", 60.0, "reproduced"),
        ("better", 50.0, "not reproduced"),
        ("better", 40.0, "not reproduced"),
        ("worse", 40.0, "reproduced"),
        ("worse", 50.0, "not reproduced"),
        ("worse", 60.0, "not reproduced"),
        ("equal", 50.0, "reproduced"),
        ("equal", 60.0, "not reproduced"),
        ("equal", 40.0, "not reproduced"),
    ],
)
def test_clear_differences_are_ruled(
    direction: ClaimDirection, mean: float, ruling: Ruling
) -> None:
    found = rule(ACCURACY, claim(direction), scores(mean, 0.5, 1), scores(50.0, 0.5, 2), 1)
    assert found.ruling == ruling
    assert found.effect == pytest.approx(mean - 50.0, abs=1.0)
    assert found.interval[0] <= found.effect <= found.interval[1]
    assert found.seeds == 12


@pytest.mark.parametrize("direction", ["better", "worse", "equal"])
def test_noise_beyond_the_margin_leaves_it_undecided(direction: ClaimDirection) -> None:
    found = rule(ACCURACY, claim(direction), scores(50, 20, 3, 6), scores(50, 20, 4, 6), 1)
    assert found.ruling == "undecided"


def test_better_means_lower_where_lower_is_better() -> None:
    found = rule(LOSS, claim("better", 0.1), scores(1.0, 0.05, 1), scores(2.0, 0.05, 2), 1)
    assert found.ruling == "reproduced"
    assert found.effect > 0


def test_equal_to_the_last_digit_is_equal_and_not_better() -> None:
    same = [100.0] * 6
    assert rule(ACCURACY, claim("equal"), same, same, 1).ruling == "reproduced"
    assert rule(ACCURACY, claim("better"), same, same, 1).ruling == "not reproduced"


def test_more_claims_ask_for_more() -> None:
    method, baseline = scores(51.0, 1.0, 5, 6), scores(50.0, 1.0, 6, 6)
    alone = rule(ACCURACY, claim("better"), method, baseline, 1)
    among = rule(ACCURACY, claim("better"), method, baseline, 20)
    assert among.interval[0] < alone.interval[0]
    assert among.interval[1] > alone.interval[1]


def test_a_claim_without_effect_is_seldom_reproduced() -> None:
    rng = random.Random(7)
    rulings = []
    for _ in range(400):
        method = [rng.gauss(50.0, 1.0) for _ in range(6)]
        baseline = [rng.gauss(50.0, 1.0) for _ in range(6)]
        rulings.append(rule(ACCURACY, claim("better"), method, baseline, 1).ruling)
    assert rulings.count("reproduced") <= 0.02 * 400


def test_a_paper_is_reproduced_when_all_its_claims_are() -> None:
    def found(*rulings: Ruling) -> list[ClaimResult]:
        return [ClaimResult(f"c{i}", ruling, "") for i, ruling in enumerate(rulings)]

    assert rule_all(found("reproduced", "reproduced")) == "reproduced"
    assert rule_all(found("reproduced", "undecided")) == "undecided"
    assert rule_all(found("undecided", "not reproduced")) == "not reproduced"


def test_the_rubric_earns_by_what_was_executed_and_measured() -> None:
    arms = (Arm("baseline", "baseline", "", 10), Arm("method", "method", "", 10))
    experiment = Experiment(arms, (claim("better"),))
    sound = ArmReport((("parses", ""), ("causality", "")), (1.0, 2.0))
    broken = ArmReport((("parses", ""), ("causality", "the past moved")))
    lost = ArmReport(sound.checks, (1.0, None), "it diverged")
    yes, no = ClaimResult("c1", "reproduced", ""), ClaimResult("c1", "not reproduced", "")

    def score(reports: dict[str, ArmReport], found: list[ClaimResult]) -> float:
        return fill_rubric(experiment, reports, found).score

    both = {"baseline": sound, "method": sound}
    assert score(both, [yes]) == 1.0
    assert score(both, [no]) == pytest.approx(0.5)
    assert score(both, []) == pytest.approx(0.5)
    assert score({"baseline": sound, "method": lost}, []) == pytest.approx(0.25 + 0.125)
    half = fill_rubric(experiment, {"baseline": sound, "method": broken}, [])
    assert half.score == pytest.approx(0.25 * 0.75 + 0.25 * 0.5)
    assert half.items[0].state == "failed"
    assert score({}, []) == 0.0
