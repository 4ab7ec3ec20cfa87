"""What distinguishes a model's mistakes, in a line that the next proposal can be made from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from archwright.core.arrays import Array
from archwright.core.objective import Metric, score_elements

LENGTH_LIMIT: Final = 200
"""Characters."""
_SHOWN: Final = 3
_QUARTERS: Final = 4


def errors_in_words(metric: Metric, predictions: Array, labels: Array) -> str:
    """Where predictions went wrong, in at most `LENGTH_LIMIT` characters.

    Of classes the most frequent confusions, `true→predicted ×count`, and the worst classes; of
    sequences of them the score by position as well; of numbers the error by quarter of the target,
    and its bias. Shapes are those of `score`; empty where the two do not fit or nothing is scored.
    """
    try:
        values, kept = score_elements(metric, predictions, labels)
        if not kept.any():
            return ""
        if metric.loss != "cross_entropy":
            said = _of_numbers(metric, values, predictions, labels)
        else:
            said = _of_classes(metric, values, kept, np.argmax(predictions, axis=-1), labels)
        return "; ".join(said)[:LENGTH_LIMIT]
    except (ValueError, IndexError, TypeError):  # no array of numbers, or no batch of them
        return ""


def _of_classes(
    metric: Metric, values: Array, kept: Array, guesses: Array, labels: Array
) -> Iterator[str]:
    true, guess = labels[kept].astype(np.int64), guesses[kept]
    wrong = true != guess
    if not wrong.any():
        yield f"none of {true.size} is wrong"
        return
    pairs, counts = np.unique(np.stack([true, guess])[:, wrong], axis=1, return_counts=True)
    most = np.argsort(-counts, kind="stable")[:_SHOWN]
    yield ", ".join(f"{pairs[0, i]}→{pairs[1, i]} ×{counts[i]}" for i in most)
    if labels.ndim == 1:
        yield f"worst classes: {_worst_classes(true, wrong)}"
    else:
        yield f"{metric.name} at positions {_by_position(metric, values, kept)}"


def _worst_classes(true: Array, wrong: Array) -> str:
    """The classes with the largest share of mistakes, each with what of it was right."""
    totals, missed = np.bincount(true), np.bincount(true[wrong], minlength=true.max() + 1)
    share = missed / np.maximum(totals, 1)
    worst = [c for c in np.argsort(-share, kind="stable")[:_SHOWN] if missed[c]]
    return ", ".join(f"{c} {100 * (1 - share[c]):.0f} %" for c in worst)


def _by_position(metric: Metric, values: Array, kept: Array) -> str:
    """The score in each quarter of the positions that are scored at all."""
    rows, mask = values.reshape(len(values), -1), kept.reshape(len(values), -1)
    quarters = np.array_split(np.flatnonzero(mask.any(axis=0)), _QUARTERS)
    return ", ".join(
        f"{_span(part)} {_number(metric, rows[:, part][mask[:, part]].mean())}"
        for part in quarters
        if part.size
    )


def _span(positions: Array) -> str:
    first, last = positions[0], positions[-1]
    return f"{first}" if first == last else f"{first} to {last}"


def _of_numbers(metric: Metric, values: Array, predictions: Array, labels: Array) -> Iterator[str]:
    order = np.argsort(labels, axis=None, kind="stable")
    quarters = (part for part in np.array_split(values.ravel()[order], _QUARTERS) if part.size)
    shown = ", ".join(_number(metric, part.mean()) for part in quarters)
    yield f"{metric.name} by quarter of the target, low to high: {shown}"
    yield f"bias {float(np.mean(predictions.astype(np.float64) - labels)):+.3g}"


def _number(metric: Metric, value: float) -> str:
    return f"{value:.3g} {metric.unit}".rstrip()
