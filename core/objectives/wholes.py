"""Scores of the whole, as scikit-learn defines them: they are no mean over samples."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from archwright.core.arrays import Array
from archwright.core.objectives.chunks import Chunk
from archwright.core.objectives.measures import KeptSplit, Mean, OfRows, Values, Whole

OfPairs = Callable[[Array, Array, Array], float]
"""A score of true and guessed classes, with how often each pair of them occurs."""


class Counts(NamedTuple):
    """How often each class is guessed right, occurs, and is guessed."""

    right: Array
    true: Array
    guess: Array


OfCounts = Callable[[Counts], float]
"""The same of counts."""
OfRanking = Callable[[Array, Array], float]
"""A score of which samples are of a class, and of how likely each is said to be."""
OfRankings = Callable[[Array, Array], Array]
"""The same of several classes, a column each, where -1 is not scored."""


# --- of a mean ------------------------------------------------------------------------------------


def of_mean(function: Callable[[Chunk], Values], then: Callable[[float], float]) -> Whole:
    """A function of the mean over all elements, such as its root."""

    def keep(chunk: Chunk) -> Array:
        mean = Mean("", function)
        mean.add(chunk)
        return np.stack(mean.sums(), axis=1)

    def score_of(split: KeptSplit) -> OfRows:
        def score(rows: Array | None) -> float:
            total, count = (split.kept if rows is None else split.kept[rows]).sum(axis=0)
            return float(then(total / count)) if count else np.nan

        return score

    return Whole(keep, score_of, light=True)


# --- of pairs of classes --------------------------------------------------------------------------


def of_pairs(exact: OfPairs, quick: OfCounts) -> Whole:
    """A score of how often each class is taken for each; of labels, of those that are 1.

    `exact` is scikit-learn's; `quick` the same number, for hundreds of resamples.
    """

    def score_of(split: KeptSplit) -> OfRows:
        kept, (samples, codes, counts, (true, guess)) = split.kept, _pairs(split)
        classes = 1 + max(true.max(initial=0), guess.max(initial=0))

        def score(rows: Array | None) -> float:
            often = np.ones(len(kept)) if rows is None else np.bincount(rows, minlength=len(kept))
            total = np.bincount(codes, weights=counts * often[samples], minlength=len(true))
            if rows is None:
                there = total > 0
                return exact(true[there], guess[there], total[there]) if there.any() else np.nan
            sides = (np.where(true == guess, true, -1), true, guess)
            found = [
                np.bincount(side[side >= 0], weights=total[side >= 0], minlength=classes)
                for side in sides
            ]
            return quick(Counts(*found))

        return score

    return Whole(lambda chunk: chunk.guesses, score_of, light=True)


def _pairs(split: KeptSplit) -> tuple[Array, Array, Array, tuple[Array, Array]]:
    """How often each pair of a true and a guessed class occurs in each sample.

    Returns:
        For each pair that a sample has the sample, the pair's place and its count; and the true and
        the guessed class of each place. Of labels, a class is a label that is 1, and -1 is none.
    """
    labels, guesses = split.labels, split.kept.reshape(split.labels.shape)
    samples = np.broadcast_to(
        np.arange(len(labels)).reshape(-1, *[1] * (labels.ndim - 1)), labels.shape
    )
    kept = labels >= 0
    true, guess, samples = labels[kept], guesses[kept].astype(np.int64), samples[kept]
    if split.problem.targets == "labels":
        names = np.broadcast_to(np.arange(labels.shape[-1]), labels.shape)[kept]
        true, guess = (np.where(side == 1, names, -1) for side in (true, guess))
    number = 2 + max(true.max(initial=0), guess.max(initial=0))
    codes = (true + 1).astype(np.int64) * number + guess + 1
    found, places = np.unique(codes, return_inverse=True)
    each, counts = np.unique(samples * len(found) + places, return_counts=True)
    pairs = (found // number - 1, found % number - 1)
    return each // len(found), each % len(found), counts, pairs


def balanced_accuracy(true: Array, guess: Array, counts: Array) -> float:
    """Mean over the classes of the share that is guessed right, in per cent."""
    from sklearn import metrics

    return _share(metrics.recall_score, true, guess, counts, np.unique(true))


def macro_f1(true: Array, guess: Array, counts: Array) -> float:
    """F1 in per cent, the mean over the classes (or labels) that occur or are guessed."""
    from sklearn import metrics

    return _share(metrics.f1_score, true, guess, counts, np.union1d(true, guess))


def mean_iou(true: Array, guess: Array, counts: Array) -> float:
    """Intersection over union in per cent, the mean over the classes that occur or are guessed."""
    from sklearn import metrics

    return _share(metrics.jaccard_score, true, guess, counts, np.union1d(true, guess))


def _share(
    function: Callable[..., float], true: Array, guess: Array, counts: Array, classes: Array
) -> float:
    names = classes[classes >= 0]
    if not names.size:  # no label is 1, and none is said to be
        return np.nan
    found = function(
        true, guess, labels=names, average="macro", sample_weight=counts, zero_division=0
    )
    return 100.0 * float(found)


def quick_balance(n: Counts) -> float:
    """As `balanced_accuracy`."""
    return _mean_share(n.right, n.true)


def quick_f1(n: Counts) -> float:
    """As `macro_f1`."""
    return _mean_share(2 * n.right, n.true + n.guess)


def quick_iou(n: Counts) -> float:
    """As `mean_iou`."""
    return _mean_share(n.right, n.true + n.guess - n.right)


def _mean_share(part: Array, whole: Array) -> float:
    """The mean share in per cent, over the classes that there are."""
    there = whole > 0
    return 100.0 * float((part[there] / whole[there]).mean()) if there.any() else np.nan


# --- of a ranking of samples ----------------------------------------------------------------------


def of_ranking(exact: OfRanking, quick: OfRankings, both: bool) -> Whole:
    """A score of how samples of a class are ranked before all others, the mean over the classes;
    of two classes that of the second alone.

    `exact` is scikit-learn's; `quick` the same number of all classes, for hundreds of resamples.
    `both` says whether it needs samples of other classes, too.
    """

    def score_of(split: KeptSplit) -> OfRows:
        kept, truth = split.kept, _truth(split)

        def score(rows: Array | None) -> float:
            true, said = (truth, kept) if rows is None else (truth[rows], kept[rows])
            true, said = (part.reshape(-1, kept.shape[-1]) for part in (true, said))
            there = (true == 1).any(axis=0)
            if both:
                there &= (true == 0).any(axis=0)
            if not there.any():
                return np.nan
            true, said = true[:, there], said[:, there]
            if rows is not None:
                return 100.0 * float(quick(true, said).mean())
            columns = zip(true.T, said.T, strict=True)
            return 100.0 * float(np.mean([exact(t[t >= 0], s[t >= 0]) for t, s in columns]))

        return score

    return Whole(_log_odds, score_of)


def _log_odds(chunk: Chunk) -> Array:
    """Log odds of each class as float32, which tell likely from likelier where probabilities are
    all 1; of two classes those of the second."""
    if chunk.problem.targets == "labels":
        return chunk.predictions
    logits = chunk.predictions.astype(np.float64)
    if logits.shape[-1] == 2:
        return (logits[..., 1:] - logits[..., :1]).astype(np.float32)
    logits -= logits.max(axis=-1, keepdims=True)
    logs = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
    rest = np.log(np.maximum(-np.expm1(logs), np.finfo(np.float64).tiny))
    odds: Array = (logs - rest).astype(np.float32)
    return odds


def _truth(split: KeptSplit) -> Array:
    """Whether each element is of each class or label; -1 where it is not scored. As `kept`."""
    labels, classes = split.labels, split.kept.shape[-1]
    truth: Array
    if split.problem.targets == "labels":
        truth = labels
    else:
        own = np.arange(classes) if classes > 1 else np.array([1])
        truth = np.where(labels[..., None] < 0, -1, labels[..., None] == own)
    return truth.astype(np.int8)


def area_under_curve(true: Array, said: Array) -> float:
    """Area under the receiver operating characteristic."""
    from sklearn import metrics

    return float(metrics.roc_auc_score(true, said))


def average_precision(true: Array, said: Array) -> float:
    """Area under the curve of precision by recall, step by step."""
    from sklearn import metrics

    return float(metrics.average_precision_score(true, said))


def quick_area(true: Array, said: Array) -> Array:
    """As `area_under_curve`, of each column: the pairs of a sample of the class and another that
    are in their order, of equal ones half."""
    true, right, wrong = _found(true, said)
    ones, zeros = (true == 1), (true == 0)
    below = (ones * (wrong[-1] - wrong)).sum(axis=0)
    above = (zeros * right).sum(axis=0)
    area: Array = (below + above) / 2 / (right[-1] * wrong[-1])
    return area


def quick_precision(true: Array, said: Array) -> Array:
    """As `average_precision`, of each column."""
    true, right, wrong = _found(true, said)
    precision = right / np.maximum(right + wrong, 1)
    found: Array = ((true == 1) * precision).sum(axis=0) / right[-1]
    return found


def _found(true: Array, said: Array) -> tuple[Array, Array, Array]:
    """The elements of each column, the likeliest first, and how many of its class and how many
    others are said to be at least so likely."""
    order = np.argsort(-said, axis=0)
    true, said = (np.take_along_axis(part, order, axis=0) for part in (true, said))
    last = np.arange(len(said))[:, None] * np.ones_like(order)
    last[:-1][said[:-1] == said[1:]] = len(said)  # not the last of those that are equal
    last = np.minimum.accumulate(last[::-1], axis=0)[::-1]
    sums = (np.cumsum(true == kind, axis=0) for kind in (1, 0))
    right, wrong = (np.take_along_axis(part, last, axis=0) for part in sums)
    return true, right, wrong


# --- of numbers -----------------------------------------------------------------------------------


def exponential(mean: float) -> float:
    """The perplexity of a cross entropy in nats; as large as a number can be, where it is worse."""
    return float(np.exp(min(mean, 700.0)))


def determination(split: KeptSplit) -> OfRows:
    """Coefficient of determination, the mean over the numbers of an output."""
    from sklearn import metrics

    said, true = (part.reshape(len(part), -1) for part in (split.kept, split.labels))

    def score(rows: Array | None) -> float:
        if rows is None:
            return float(metrics.r2_score(true, said))
        varies = len(np.unique(rows)) > 1
        return float(metrics.r2_score(true[rows], said[rows])) if varies else np.nan

    return score
