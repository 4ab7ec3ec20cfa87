"""Scores by name: as scikit-learn has them, whether a split comes whole or in parts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn import metrics

from archwright.core import (
    METRICS,
    Array,
    Metric,
    Own,
    Problem,
    Scorer,
    TaskError,
    find_metric,
    split_scores,
)
from archwright.core.objectives.measures import KeptSplit, Whole

RNG = np.random.default_rng(3)
CLASSES = 7
LOGITS = RNG.normal(size=(60, CLASSES)).astype(np.float32)
TRUE = np.where(RNG.random(60) < 0.5, LOGITS.argmax(axis=1), RNG.integers(0, CLASSES, 60))
CHANCES = np.exp(LOGITS) / np.exp(LOGITS).sum(axis=1, keepdims=True)
SAID = RNG.normal(size=(50, 4)).astype(np.float32)
MARKS = (SAID + RNG.normal(size=SAID.shape) > 0.3).astype(np.int64)
VALUES = (SAID + 0.3 * RNG.normal(size=SAID.shape)).astype(np.float32)
MASKS = RNG.normal(size=(8, 5, 6, 3)).astype(np.float32)
AREAS = RNG.integers(0, 3, (8, 5, 6))


def problem(targets: Any, shape: tuple[int, ...], **changes: Any) -> Problem:
    loss = {"classes": "cross_entropy", "labels": "binary_cross_entropy"}.get(targets, "mse")
    return Problem(
        "Model", (3,), shape, **{"loss": loss, "max_params": 9, **changes}, targets=targets
    )


def scorer(name: str | Metric, targets: Any, said: Array, true: Array, **changes: Any) -> Scorer:
    """One that was given a split in parts of 7 samples."""
    metric = find_metric(name) if isinstance(name, str) else name
    assert metric is not None
    found = metric.scorer(problem(targets, said.shape[1:], **changes))
    for start in range(0, len(said), 7):
        found.add(said[start : start + 7], true[start : start + 7])
    return found


def by_class(function: Any) -> float:
    each = [function(c == TRUE, CHANCES[:, c]) for c in range(CLASSES)]
    return float(np.mean(each))


GUESS = LOGITS.argmax(axis=1)
HITS = (SAID > 0).astype(int)
FLAT = (AREAS.ravel(), MASKS.argmax(axis=-1).ravel())
TOP = metrics.top_k_accuracy_score(TRUE, LOGITS, k=5)
PINBALL = metrics.mean_pinball_loss(VALUES, SAID, alpha=0.5)
AS_SKLEARN = {
    "accuracy": ("classes", LOGITS, TRUE, metrics.accuracy_score(TRUE, GUESS), 100),
    "balanced_accuracy": (
        "classes", LOGITS, TRUE, metrics.balanced_accuracy_score(TRUE, GUESS), 100,
    ),
    "top5_accuracy": ("classes", LOGITS, TRUE, TOP, 100),
    "macro_f1": ("classes", LOGITS, TRUE, metrics.f1_score(TRUE, GUESS, average="macro"), 100),
    "auroc": ("classes", LOGITS, TRUE, by_class(metrics.roc_auc_score), 100),
    "average_precision": ("classes", LOGITS, TRUE, by_class(metrics.average_precision_score), 100),
    "log_loss": ("classes", LOGITS, TRUE, metrics.log_loss(TRUE, CHANCES), 1),
    "perplexity": ("classes", LOGITS, TRUE, np.exp(metrics.log_loss(TRUE, CHANCES)), 1),
    "multilabel_f1": ("labels", SAID, MARKS, metrics.f1_score(MARKS, HITS, average="macro"), 100),
    "mean_average_precision": (
        "labels", SAID, MARKS, metrics.average_precision_score(MARKS, SAID, average="macro"), 100,
    ),
    "mean_squared_error": ("values", SAID, VALUES, metrics.mean_squared_error(VALUES, SAID), 1),
    "mean_absolute_error": ("values", SAID, VALUES, metrics.mean_absolute_error(VALUES, SAID), 1),
    "root_mean_squared_error": (
        "values", SAID, VALUES, np.sqrt(metrics.mean_squared_error(VALUES, SAID)), 1,
    ),
    "r2": ("values", SAID, VALUES, metrics.r2_score(VALUES, SAID), 1),
    "quantile_loss": ("values", SAID, VALUES, PINBALL, 1),
    "mean_iou": ("classes", MASKS, AREAS, metrics.jaccard_score(*FLAT, average="macro"), 100),
    "ndcg@3": ("labels", SAID, MARKS, metrics.ndcg_score(MARKS, SAID, k=3), 100),
}  # fmt: skip


@pytest.mark.parametrize("name", AS_SKLEARN)
def test_a_score_is_scikit_learns(name: str) -> None:
    targets, said, true, wanted, times = AS_SKLEARN[name]
    if name == "ndcg@3":  # scikit-learn scores 0 where there is nothing to find
        there = true.any(axis=1)
        wanted = metrics.ndcg_score(true[there], said[there], k=3)
    assert scorer(name, targets, said, true).score() == pytest.approx(times * wanted, rel=1e-5)


def test_two_classes_are_ranked_by_the_second() -> None:
    logits, true = LOGITS[:, :2], TRUE % 2
    found = scorer("auroc", "classes", logits, true).score()
    wanted = 100 * metrics.roc_auc_score(true, logits[:, 1] - logits[:, 0])
    assert found == pytest.approx(wanted)
    # Where all probabilities are 1 to a float's precision, their order still counts.
    sure = scorer("auroc", "classes", logits * 100 + [0, 1000], true).score()
    assert sure == pytest.approx(wanted)


@pytest.mark.parametrize("name", AS_SKLEARN)
def test_what_is_not_scored_does_not_count(name: str) -> None:
    targets, said, true, *_ = AS_SKLEARN[name]
    if targets == "values":
        pytest.skip("numbers are all scored")
    more, none = np.concatenate([said, said[:9]]), np.full_like(true[:9], -1)
    found = scorer(name, targets, more, np.concatenate([true, none])).score()
    assert found == pytest.approx(scorer(name, targets, said, true).score())


def test_what_was_scored_before_scores_the_same_to_the_last_bit() -> None:
    logits = RNG.normal(size=(400, 30, 9)).astype(np.float32)
    labels = RNG.integers(-1, 9, (400, 30))
    wide = logits.astype(np.float64)
    wide = wide - wide.max(axis=-1, keepdims=True)
    picked = np.take_along_axis(wide, np.where(labels >= 0, labels, 0)[..., None], axis=-1)[..., 0]
    nats = np.log(np.exp(wide).sum(axis=-1)) - picked
    off = logits.astype(np.float64) - logits[::-1]
    rows, mask = (nats / np.log(2.0)), labels >= 0
    assert scorer("cross_entropy", "classes", logits, labels).score() == float(nats[mask].mean())
    bits = scorer("bits_per_character", "classes", logits, labels)
    assert bits.score() == float(np.mean(rows[mask]))
    assert (
        bits.samples().tolist()
        == (np.where(mask, rows, 0.0).sum(axis=1) / np.maximum(1, mask.sum(axis=1))).tolist()
    )
    squares = scorer("mean_squared_error", "values", logits, logits[::-1])
    assert squares.score() == float(np.mean(off**2))


def test_the_dice_of_a_sample_is_f1_over_the_classes_that_it_has() -> None:
    found = scorer("dice", "classes", MASKS, AREAS, loss="dice").samples()
    guess = MASKS.argmax(axis=-1)
    wanted = [
        metrics.f1_score(a.ravel(), g.ravel(), average="macro")
        for a, g in zip(AREAS, guess, strict=True)
    ]
    assert found == pytest.approx(100 * np.array(wanted))
    one = scorer("dice", "labels", MASKS[..., 0], (AREAS == 0).astype(np.int64), loss="dice")
    wanted = [
        metrics.f1_score((a == 0).ravel(), (m[..., 0] > 0).ravel())
        for a, m in zip(AREAS, MASKS, strict=True)
    ]
    assert one.samples() == pytest.approx(100 * np.array(wanted))


def test_saying_nothing_earns_nothing() -> None:
    """Items that lie ordered by relevance are not found by scores that are all the same."""
    marks = np.tile([1, 1, 0, 0, 0, 0], (5, 1))
    for name in ("ndcg@2", "recall@2"):
        assert scorer(name, "labels", np.zeros((5, 6), np.float32), marks).score() == 0.0
    groups = np.arange(12) // 2
    collapsed = scorer("neighbour_recall@1", "groups", np.ones((12, 4), np.float32), groups)
    assert collapsed.score() == 0.0


def test_recall_counts_what_is_there() -> None:
    said = np.array([[3.0, 2.0, 1.0, 0.0], [0.0, 1.0, 2.0, 9.0]], np.float32)
    marks = np.array([[1, 0, 1, 1], [0, 0, 1, -1]])
    assert scorer("recall@2", "labels", said, marks).samples().tolist() == pytest.approx(
        [100 / 3, 100.0]
    )


def test_neighbours_of_ones_group_are_found() -> None:
    groups = np.repeat(np.arange(4), 5)
    points = np.eye(4, dtype=np.float32)[groups] + 0.1 * RNG.normal(size=(20, 4)).astype("f4")
    assert scorer("neighbour_recall@1", "groups", points, groups).score() == 100.0
    alone = np.arange(20)
    alone[1] = 0
    far = scorer("neighbour_recall@1", "groups", points, alone)
    assert set(far.samples().tolist()) <= {0.0, 50.0, 100.0}


def test_several_quantiles_are_scored_together() -> None:
    said = np.sort(RNG.normal(size=(30, 3)), axis=1).astype(np.float32)
    true = RNG.normal(size=30).astype(np.float32)
    found = scorer(
        "quantile_loss", "values", said, true, loss_options=(("quantiles", (0.1, 0.5, 0.9)),)
    )
    wanted = [
        metrics.mean_pinball_loss(true, said[:, i], alpha=q) for i, q in enumerate((0.1, 0.5, 0.9))
    ]
    assert found.score() == pytest.approx(np.mean(wanted))
    assert found.errors() == ""


def test_the_symmetric_error_is_bounded() -> None:
    said = np.array([[1.0], [0.0], [2.0]], np.float32)
    true = np.array([[-1.0], [0.0], [2.0]], np.float32)
    assert scorer("smape", "values", said, true).samples().tolist() == [200.0, 0.0, 0.0]


def test_a_bound_that_is_not_there_is_none_in_a_journal() -> None:
    for metric in (METRICS["r2"], METRICS["accuracy"], METRICS["perplexity"]):
        known = Metric.from_json(metric.to_json())
        assert (known.name, known.lowest, known.highest) == (
            metric.name,
            metric.lowest,
            metric.highest,
        )
    assert METRICS["r2"].clamp((-3.0, 1.4)) == (-3.0, 1.0)
    assert METRICS["perplexity"].ideal == 1.0


# --- of the whole ---------------------------------------------------------------------------------

WHOLES = [name for name, m in METRICS.items() if isinstance(m.measure, Whole)]


@pytest.mark.parametrize("name", WHOLES)
def test_a_score_of_the_whole_is_resampled(name: str) -> None:
    targets, said, true, *_ = AS_SKLEARN[name]
    found = scorer(name, targets, said, true)
    metric = METRICS[name]
    about = problem(targets, said.shape[1:])
    scores = split_scores(metric, about, found.kept(), true)
    assert scores.mean == found.score()
    assert scores.each.shape == (200,)
    middle, spread = np.nanmean(scores.each), np.nanstd(scores.each)
    assert spread > 0
    assert abs(middle - scores.mean) < 3 * spread
    same = split_scores(metric, about, found.kept(), true)
    assert np.array_equal(same.each, scores.each, equal_nan=True)
    with pytest.raises(TaskError, match="it has no value a sample"):
        found.samples()


def test_few_numbers_are_drawn_where_a_sample_has_many() -> None:
    said = RNG.normal(size=(400, 200)).astype(np.float32)
    true = (RNG.random((400, 200)) < 0.1).astype(np.int64)
    found = scorer("mean_average_precision", "labels", said, true)
    about = problem("labels", (200,))
    assert split_scores(METRICS["mean_average_precision"], about, found.kept(), true).share == 0.5


@pytest.mark.parametrize("name", WHOLES)
def test_a_resample_is_scored_as_scikit_learn_would(name: str) -> None:
    targets, said, true, *_ = AS_SKLEARN[name]
    said, measure = np.round(said, 1), METRICS[name].measure  # with equal ones
    assert isinstance(measure, Whole)
    about, rows = problem(targets, said.shape[1:]), RNG.integers(0, len(said), len(said))
    kept = scorer(name, targets, said, true).kept()
    wanted = scorer(name, targets, said[rows], true[rows]).score()
    assert measure.of_rows(KeptSplit(about, kept, true))(rows) == pytest.approx(wanted)


def test_a_class_that_is_missing_leaves_a_score_undefined() -> None:
    with pytest.raises(TaskError, match="auroc is not defined on this split"):
        scorer("auroc", "classes", LOGITS[:, :2], np.zeros(60, np.int64)).score()


# --- the task's own -------------------------------------------------------------------------------


def own(function: Any) -> Metric:
    return Metric("score", "maximize", "points", -np.inf, measure=Own(function))


def test_a_task_may_score_by_its_own_code() -> None:
    each = own(lambda said, true: (said.argmax(axis=1) == true) * 2)
    found = scorer(each, "classes", LOGITS, TRUE)
    assert found.samples().tolist() == ((GUESS == TRUE) * 2.0).tolist()
    assert found.score() == pytest.approx(2 * metrics.accuracy_score(TRUE, GUESS))
    whole = own(lambda said, true: metrics.f1_score(true, said.argmax(axis=1), average="macro"))
    found = scorer(whole, "classes", LOGITS, TRUE)
    assert 100 * found.score() == scorer("macro_f1", "classes", LOGITS, TRUE).score()
    scores = split_scores(whole, problem("classes", (CLASSES,)), found.kept(), TRUE)
    assert scores.mean == found.score()
    assert scores.each.std() > 0


def test_a_task_may_take_labels_of_any_kind() -> None:
    true = {"a": TRUE, "b": VALUES[:1].repeat(60, axis=0)}
    metric = own(lambda said, y: (said.sum(axis=1) > 0) + y["a"] + y["b"][:, 0])
    found = metric.scorer(problem("own", (CLASSES,)))
    for start in range(0, 60, 20):
        part = slice(start, start + 20)
        found.add(LOGITS[part], {name: array[part] for name, array in true.items()})
    assert found.samples().shape == (60,)


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (lambda *_: "much", "score must return numbers, not str"),
        (lambda *_: None, "score returned nothing for 60 samples"),
        (lambda said, _: said, "score returned the shape (60, 7) for 60 samples"),
        (lambda *_: float("nan"), "it is not finite"),
        (lambda said, _: said[:, 0] / 0 * 0, "60 of its values are not finite"),
    ],
)
@pytest.mark.filterwarnings("ignore:divide by zero", "ignore:invalid value")
def test_the_own_code_of_a_task_is_blamed_for_what_it_returns(function: Any, words: str) -> None:
    with pytest.raises(TaskError) as error:
        scorer(own(function), "classes", LOGITS, TRUE).score()
    assert words in str(error.value)
