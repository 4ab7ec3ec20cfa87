"""Scores, noise floors, promotion and paired comparison, against values computed by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from archwright.core import METRICS, Array, Floor, Metric, Problem, Scorer
from archwright.runs.verification.statistics import (
    SplitGains,
    compare,
    compare_on_test,
    over_random,
    predict,
    shrink,
)


def scored(metric: Metric, predictions: Array, labels: Array) -> Scorer:
    problem = Problem("Model", (1,), (1,), metric.loss, 1, targets=metric.targets[0])
    scorer = metric.scorer(problem)
    scorer.add(predictions, labels)
    return scorer


def score_of(metric: Metric, predictions: Array, labels: Array) -> float:
    return scored(metric, predictions, labels).score()


def test_accuracy_counts_only_what_is_scored() -> None:
    logits = np.array([[2.0, 1.0], [0.0, 3.0], [5.0, 0.0]])
    assert score_of(METRICS["accuracy"], logits, np.array([0, 0, -1])) == 50.0


def test_bits_per_character_of_a_fair_coin_is_one() -> None:
    logits = np.zeros((4, 7, 2), dtype=np.float32)
    labels = np.zeros((4, 7), dtype=np.int64)
    assert score_of(METRICS["bits_per_character"], logits, labels) == pytest.approx(1.0)
    assert score_of(METRICS["cross_entropy"], logits, labels) == pytest.approx(math.log(2))


def test_unnormalised_logits_gain_nothing() -> None:
    logits = np.array([[1.0, 0.0]])
    shifted = score_of(METRICS["cross_entropy"], logits + 1e4, np.array([0]))
    assert shifted == pytest.approx(score_of(METRICS["cross_entropy"], logits, np.array([0])))


def test_regression_metrics() -> None:
    predictions, labels = np.array([[1.0], [3.0]]), np.array([[0.0], [0.0]])
    assert score_of(METRICS["mean_squared_error"], predictions, labels) == 5.0
    assert score_of(METRICS["mean_absolute_error"], predictions, labels) == 2.0


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_predictions_that_are_not_finite_are_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        score_of(METRICS["accuracy"], np.array([[bad, 0.0]]), np.array([0]))


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="do not fit"):
        score_of(METRICS["accuracy"], np.zeros((3, 2)), np.zeros(2, dtype=np.int64))


def test_gain_is_positive_for_an_improvement_in_either_direction() -> None:
    floor = Floor(steps=1, mean=2.0, sd=0.5, scores=(), parameters=0)
    assert floor.gain(METRICS["accuracy"], 3.0) == 2.0
    assert floor.gain(METRICS["bits_per_character"], 1.0) == 2.0


def test_comparison_is_students_paired_t_with_bonferroni() -> None:
    gains = [1.0, 2.0, 1.5, 0.5, 2.5]
    effect = compare(gains, tests=3)

    reference = stats.ttest_1samp(gains, 0.0, alternative="greater")
    assert effect.mean == pytest.approx(1.5)
    assert effect.p == pytest.approx(3 * reference.pvalue)
    wide = stats.ttest_1samp(gains, 0.0).confidence_interval(1 - 0.05 / 3)
    assert effect.interval == pytest.approx((wide.low, wide.high))


def test_a_gain_without_any_spread_is_certain_and_no_gain_is_none() -> None:
    assert compare([1.0, 1.0], 2).p == 0.0
    assert compare([0.0, 0.0], 2).p == 1.0


def test_every_stage_and_every_finalist_is_paid_for() -> None:
    gains = [1.0, 2.0, 1.5, 0.5, 2.5]
    once, often = compare(gains), compare(gains, tests=6)
    assert often.p == pytest.approx(6 * once.p)
    assert often.interval[0] < once.interval[0]


def test_a_test_split_of_few_samples_proves_less() -> None:
    rng = np.random.default_rng(0)
    few = 1.0 + rng.normal(0.0, 4.0, (1, 20)) + rng.normal(0.0, 0.1, (6, 1))
    many = 1.0 + rng.normal(0.0, 4.0, (1, 2000)) + rng.normal(0.0, 0.1, (6, 1))
    assert compare_on_test(SplitGains(many)).p < 1e-4 < compare_on_test(SplitGains(few)).p


def test_the_test_split_is_judged_by_seeds_and_samples() -> None:
    by_seed = np.array([[0.9], [1.1], [1.0], [1.2], [0.8]]) * np.ones((1, 50))
    reference = stats.ttest_1samp(by_seed.mean(axis=1), 0.0, alternative="greater")
    assert compare_on_test(SplitGains(by_seed)).p == pytest.approx(reference.pvalue)


def test_shrinking_never_turns_a_gain_and_leaves_a_clear_one() -> None:
    assert shrink([0.1, 3.0, -2.0, 0.5]) == 0.0
    assert shrink([5.0, 5.1, 4.9, 5.0]) == pytest.approx(5.0, rel=1e-3)
    assert 0 < shrink([2.0, 0.1, 3.0, 1.0]) < 1.525


def test_a_prediction_interval_is_students() -> None:
    scores = [90.0, 91.0, 92.0, 93.0, 94.0]
    reach = stats.t.isf(0.025, 4) * np.std(scores, ddof=1) * math.sqrt(1.2)
    assert predict(scores) == pytest.approx((92.0 - reach, 92.0 + reach))


def test_relative_improvement_over_random() -> None:
    found = over_random([110.0, 112.0], [100.0, 102.0, 98.0], sign=1.0)
    assert found.percent == pytest.approx(11.0)
    assert found.interval[0] < 11.0 < found.interval[1]
    assert over_random([0.9, 0.9], [1.0, 1.0], sign=-1.0).percent == pytest.approx(10.0)
    assert over_random([0.0, 0.0], [1.0, 1.0], sign=-1.0).percent == pytest.approx(100.0)


def test_scores_per_sample_average_to_the_score() -> None:
    rng = np.random.default_rng(1)
    logits, labels = rng.normal(size=(6, 5, 3)), rng.integers(0, 3, (6, 5))
    for name in ("accuracy", "bits_per_character"):
        each = scored(METRICS[name], logits, labels).samples()
        assert each.shape == (6,)
        assert each.mean() == pytest.approx(score_of(METRICS[name], logits, labels))


def test_the_loss_is_measured_where_the_score_is_another() -> None:
    logits, labels = np.array([[0.0, 0.0], [0.0, 0.0]]), np.array([0, 1])
    assert scored(METRICS["accuracy"], logits, labels).loss() == pytest.approx(np.log(2.0))
    for name in ("bits_per_character", "bits_per_byte", "cross_entropy", "log_loss", "perplexity"):
        assert scored(METRICS[name], logits, labels).loss() is None
