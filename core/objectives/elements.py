"""Scores of each element, or of each sample: what may be summed chunk by chunk."""

from __future__ import annotations

import numpy as np

from archwright.core.arrays import Array
from archwright.core.objectives.chunks import Chunk
from archwright.core.objectives.losses import option
from archwright.core.objectives.measures import Values

TOP: int = 5
_BLOCK: int = 1024
"""Samples whose neighbours are looked for at once."""


def accuracy(chunk: Chunk) -> Values:
    """Share of classes, or of labels, that are guessed right, in per cent."""
    return 100.0 * (chunk.guesses == chunk.labels), chunk.kept


def top_accuracy(chunk: Chunk) -> Values:
    """Share of classes among the `TOP` likeliest, in per cent; of equals the first comes first."""
    logits = chunk.predictions
    own = chunk.picked(logits)[..., None]
    earlier = np.arange(logits.shape[-1]) < chunk.labels[..., None]
    ahead = ((logits > own) | ((logits == own) & earlier)).sum(axis=-1)
    return 100.0 * (ahead < TOP), chunk.kept


def cross_entropy(chunk: Chunk) -> Values:
    """Cross entropy in nats."""
    return chunk.nats, chunk.kept


def bits(chunk: Chunk) -> Values:
    """Cross entropy in bits."""
    return chunk.nats / np.log(2.0), chunk.kept


def squared_error(chunk: Chunk) -> Values:
    """Squared error."""
    return _off(chunk) ** 2, chunk.kept


def absolute_error(chunk: Chunk) -> Values:
    """Absolute error."""
    return np.abs(_off(chunk)), chunk.kept


def _off(chunk: Chunk) -> Array:
    off: Array = chunk.predictions.astype(np.float64) - chunk.labels
    return off


def symmetric_error(chunk: Chunk) -> Values:
    """Symmetric absolute percentage error, from 0 to 200; 0 where both numbers are 0.

    Source: Makridakis 1993, "Accuracy measures: theoretical and practical concerns", in the form of
    the M4 competition.
    """
    sizes = np.abs(chunk.predictions.astype(np.float64)) + np.abs(chunk.labels)
    return 200.0 * np.abs(_off(chunk)) / np.where(sizes > 0, sizes, 1.0), chunk.kept


def quantile_loss(chunk: Chunk) -> Values:
    """Pinball loss, the mean over all quantiles that are predicted.

    Source: Koenker and Bassett 1978, "Regression Quantiles".
    """
    quantiles = np.array(option(chunk.problem.loss_options, "quantiles") or (0.5,))
    several = len(quantiles) > 1
    over = (chunk.labels[..., None] if several else chunk.labels) - chunk.predictions.astype(float)
    values = np.maximum(quantiles * over, (quantiles - 1) * over)
    return (values.mean(axis=-1) if several else values), chunk.kept


def dice(chunk: Chunk) -> Values:
    """Dice coefficient of each sample in per cent, the mean over the classes that are in it, or
    that it is said to have; of labels over each.

    Source: Dice 1945, "Measures of the Amount of Ecologic Association Between Species".
    """
    samples, classes = len(chunk.predictions), chunk.predictions.shape[-1]
    if chunk.problem.targets == "labels":
        true, guess = chunk.labels == 1, (chunk.guesses == 1) & chunk.kept
        rows = [part.reshape(samples, -1) for part in (true, guess, true & guess)]
        in_true, in_guess, in_both = (part.sum(axis=1)[:, None] for part in rows)
    else:
        rows = [part.reshape(samples, -1) for part in (chunk.labels, chunk.guesses, chunk.kept)]
        true, guess, kept = rows
        in_true = _counts(true, kept, classes)
        in_guess = _counts(guess, kept, classes)
        in_both = _counts(true, kept & (true == guess), classes)
    sizes = in_true + in_guess
    present = sizes > 0
    each = np.where(present, 2.0 * in_both / np.maximum(sizes, 1), 0.0)
    if chunk.problem.targets == "labels":  # nothing there, and nothing said to be
        some = np.asarray(chunk.kept.reshape(samples, -1).any(axis=1))
        return np.where(present, 100.0 * each, 100.0)[:, 0], some
    values = 100.0 * each.sum(axis=1) / np.maximum(present.sum(axis=1), 1)
    scored: Array = present.any(axis=1)
    return values, scored


def _counts(classes: Array, kept: Array, number: int) -> Array:
    """How often each class occurs in each sample where it is kept: `(n, number)`."""
    places = np.arange(len(classes))[:, None] * number + np.where(kept, classes, 0)
    counts = np.bincount(places[kept], minlength=len(classes) * number)
    return counts.reshape(len(classes), number)


# --- ranking --------------------------------------------------------------------------------------


def ndcg(chunk: Chunk, k: int) -> Values:
    """Normalised discounted cumulative gain of the first `k` items of each sample, in per cent.

    Of equal scores the less relevant item counts as the earlier, so that saying nothing earns
    nothing. A sample without a relevant item is not scored.

    Source: Järvelin and Kekäläinen 2002, "Cumulated Gain-Based Evaluation of IR Techniques".
    """
    gains, rank = _relevance(chunk), _ranked(chunk)
    discount = 1.0 / np.log2(np.arange(2, gains.shape[-1] + 2))
    discount[k:] = 0.0
    found = (np.take_along_axis(gains, rank, axis=-1) * discount).sum(axis=-1)
    best = (-np.sort(-gains, axis=-1) * discount).sum(axis=-1)
    return 100.0 * found / np.where(best > 0, best, 1.0), best > 0


def recall(chunk: Chunk, k: int) -> Values:
    """Share of a sample's relevant items that are among its first `k`, in per cent; see `ndcg`."""
    relevant = _relevance(chunk) > 0
    found = np.take_along_axis(relevant, _ranked(chunk)[..., :k], axis=-1).sum(axis=-1)
    total = relevant.sum(axis=-1)
    return 100.0 * found / np.maximum(total, 1), total > 0


def _relevance(chunk: Chunk) -> Array:
    """How relevant each item is; one of -1 is not there."""
    gains: Array = np.maximum(chunk.labels, 0).astype(np.float64)
    return gains


def _ranked(chunk: Chunk) -> Array:
    """The items of each sample, the best first; what is not there comes last."""
    scores = np.where(chunk.kept, chunk.predictions, -np.inf)
    order: Array = np.lexsort((chunk.labels, -scores), axis=-1)
    return order


def neighbour_recall(chunk: Chunk, k: int) -> Values:
    """Whether one of the `k` nearest samples by cosine is of the same group, in per cent.

    Of equally near ones those of other groups count as nearer. A sample that is alone in its group
    is not scored.

    Source: Jégou et al. 2011, "Product Quantization for Nearest Neighbor Search" (recall@k), as
    used for embeddings by Song et al. 2016, "Deep Metric Learning via Lifted Structured Feature
    Embedding".
    """
    points = chunk.predictions.astype(np.float64)
    points /= np.maximum(np.linalg.norm(points, axis=1, keepdims=True), 1e-12)
    groups, hits = chunk.labels, np.zeros(len(points), bool)
    alone = np.zeros(len(points), bool)
    for start in range(0, len(points), _BLOCK):
        here = np.arange(start, min(start + _BLOCK, len(points)))
        near = points[here] @ points.T
        same = groups[here, None] == groups
        same[np.arange(len(here)), here] = False
        other = (groups[here, None] != groups) & chunk.kept
        best = np.where(same, near, -np.inf).max(axis=1)
        hits[here] = (other & (near >= best[:, None])).sum(axis=1) < k
        alone[here] = ~same.any(axis=1)
    return 100.0 * (hits & ~alone), chunk.kept & ~alone
