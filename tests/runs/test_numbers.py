"""Scores, noise floors, promotion and paired comparison, against values computed by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from archwright.domain import METRICS, score
from archwright.runs.noise import Floor, climbs
from archwright.runs.statistics import compare


def test_accuracy_counts_only_what_is_scored() -> None:
    logits = np.array([[2.0, 1.0], [0.0, 3.0], [5.0, 0.0]])
    assert score(METRICS["accuracy"], logits, np.array([0, 0, -1])) == 50.0


def test_bits_per_character_of_a_fair_coin_is_one() -> None:
    logits = np.zeros((4, 7, 2), dtype=np.float32)
    labels = np.zeros((4, 7), dtype=np.int64)
    assert score(METRICS["bits_per_character"], logits, labels) == pytest.approx(1.0)
    assert score(METRICS["cross_entropy"], logits, labels) == pytest.approx(math.log(2))


def test_unnormalised_logits_gain_nothing() -> None:
    logits = np.array([[1.0, 0.0]])
    shifted = score(METRICS["cross_entropy"], logits + 1e4, np.array([0]))
    assert shifted == pytest.approx(score(METRICS["cross_entropy"], logits, np.array([0])))


def test_regression_metrics() -> None:
    predictions, labels = np.array([[1.0], [3.0]]), np.array([[0.0], [0.0]])
    assert score(METRICS["mean_squared_error"], predictions, labels) == 5.0
    assert score(METRICS["mean_absolute_error"], predictions, labels) == 2.0


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_predictions_that_are_not_finite_are_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        score(METRICS["accuracy"], np.array([[bad, 0.0]]), np.array([0]))


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="do not fit"):
        score(METRICS["accuracy"], np.zeros((3, 2)), np.zeros(2, dtype=np.int64))


def test_gain_is_positive_for_an_improvement_in_either_direction() -> None:
    floor = Floor(steps=1, mean=2.0, sd=0.5, scores=(), parameters=0)
    assert floor.gain(METRICS["accuracy"], 3.0) == 2.0
    assert floor.gain(METRICS["bits_per_character"], 1.0) == 2.0


def test_promotion_takes_the_top_third() -> None:
    rivals = [0.0, 1.0, 2.0, 3.0, 4.0]
    assert climbs(5.0, rivals, 3)
    assert climbs(3.5, rivals, 3)
    assert not climbs(2.5, rivals, 3)


def test_with_few_rivals_promotion_needs_a_gain_over_the_baseline() -> None:
    assert climbs(0.1, [], 3)
    assert not climbs(-0.1, [-5.0], 3)


def test_comparison_is_students_paired_t_with_bonferroni() -> None:
    gains = [1.0, 2.0, 1.5, 0.5, 2.5]
    effect = compare(gains, tried=3)

    reference = stats.ttest_1samp(gains, 0.0, alternative="greater")
    assert effect.mean == pytest.approx(1.5)
    assert effect.p == pytest.approx(3 * reference.pvalue)
    wide = stats.ttest_1samp(gains, 0.0).confidence_interval(1 - 0.05 / 3)
    assert effect.interval == pytest.approx((wide.low, wide.high))


def test_a_gain_without_any_spread_is_certain_and_no_gain_is_none() -> None:
    assert compare([1.0, 1.0], 2).p == 0.0
    assert compare([0.0, 0.0], 2).p == 1.0
