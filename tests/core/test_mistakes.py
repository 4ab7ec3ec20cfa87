"""What is said of mistakes: of classes, of sequences, of numbers, and of what fits nowhere."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from archwright.core import METRICS, Metric, Problem, scored_elements
from archwright.core.objectives.mistakes import LENGTH_LIMIT

ACCURACY, BITS = METRICS["accuracy"], METRICS["bits_per_character"]
SQUARED = METRICS["mean_squared_error"]


def problem(metric: Metric) -> Problem:
    kind = metric.targets[0]
    return Problem("Model", (1,), (1,), metric.loss, 1, targets=kind)


def errors_in_words(metric: Metric, predictions: Any, labels: Any) -> str:
    scorer = metric.scorer(problem(metric))
    scorer.add(predictions, labels)
    return scorer.errors()


def logits(guesses: Any, classes: int) -> Any:
    return np.eye(classes, dtype=np.float32)[np.asarray(guesses)]


def test_confusions_and_the_worst_classes_are_named() -> None:
    labels = np.array([0] * 4 + [1] * 10 + [2] * 5)
    guesses = np.array([0] * 4 + [2] * 4 + [1] * 6 + [2] * 4 + [0])
    assert errors_in_words(ACCURACY, logits(guesses, 3), labels) == (
        "1→2 ×4, 2→0 ×1; worst classes: 1 60 %, 2 80 %"
    )


def test_what_is_not_scored_is_no_mistake() -> None:
    labels = np.array([0, 1, -1, -1])
    assert errors_in_words(ACCURACY, logits([0, 1, 1, 0], 2), labels) == "none of 2 is wrong"
    assert scored_elements(problem(ACCURACY), labels) == 2
    assert scored_elements(problem(SQUARED), np.zeros((3, 2))) == 6


def test_a_sequence_is_told_by_position() -> None:
    labels = np.full((10, 12), -1)
    labels[:, 4:] = 3
    guesses = np.full((10, 12), 3)
    guesses[:, 10:] = 1
    guesses[:5, 4] = 0
    assert errors_in_words(ACCURACY, logits(guesses, 4), labels) == (
        "3→1 ×20, 3→0 ×5; "
        "accuracy at positions 4 to 5 75 %, 6 to 7 100 %, 8 to 9 100 %, 10 to 11 0 %"
    )
    said = errors_in_words(BITS, 9 * logits(guesses, 4), labels)
    assert "bits_per_character at positions 4 to 5" in said
    assert said.endswith(" bits")


def test_few_positions_are_told_one_by_one() -> None:
    labels = np.array([[1, -1, 0], [1, -1, 0]])
    said = errors_in_words(ACCURACY, logits([[1, 1, 1], [0, 1, 1]], 2), labels)
    assert said == "0→1 ×2, 1→0 ×1; accuracy at positions 0 50 %, 2 0 %"


def test_numbers_are_told_by_quarter_of_the_target() -> None:
    labels = np.arange(8.0).reshape(8, 1)[::-1]
    predictions = labels + np.where(labels > 5, 2.0, 0.0)
    assert errors_in_words(SQUARED, predictions.astype(np.float32), labels) == (
        "mean_squared_error by quarter of the target, low to high: 0, 0, 0, 4; bias +0.5"
    )


def test_the_line_is_short_whatever_is_in_it() -> None:
    draw = np.random.default_rng(0)
    labels = draw.integers(10_000, size=(40, 3, 900))[..., 0]
    said = errors_in_words(ACCURACY, logits(draw.integers(10_000, size=(40, 3)), 10_000), labels)
    assert 0 < len(said) <= LENGTH_LIMIT
    assert "\n" not in said


@pytest.mark.parametrize("name", ["macro_f1", "auroc"])
def test_a_score_of_the_whole_is_told_by_accuracy(name: str) -> None:
    labels = np.array([[1, -1, 0], [1, -1, 0]])
    said = errors_in_words(METRICS[name], logits([[1, 1, 1], [0, 1, 1]], 2), labels)
    assert said == "0→1 ×2, 1→0 ×1; accuracy at positions 0 50, 2 0"


@pytest.mark.parametrize(
    ("predictions", "labels"),
    [
        (np.zeros((3, 2)), np.zeros(4, int)),
        (np.zeros((2, 3, 4)), np.ones((2, 3, 4))),
        (np.full((3, 2), np.nan), np.zeros(3, int)),
    ],
)
def test_what_does_not_fit_is_not_scored(predictions: Any, labels: Any) -> None:
    with pytest.raises(ValueError, match=r"do not fit|not finite"):
        errors_in_words(ACCURACY, predictions, labels)


def test_of_labels_there_is_nothing_to_say() -> None:
    assert errors_in_words(METRICS["multilabel_f1"], np.zeros((3, 2)), np.ones((3, 2), int)) == ""
