"""The list of metrics: one entry each."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Final

import numpy as np

from archwright.core.objectives import elements, wholes
from archwright.core.objectives.losses import Targets
from archwright.core.objectives.measures import Each, Joint, Measure, Whole
from archwright.core.objectives.metric import Metric

_SHARE: Final = (0.0, 100.0)
_ERROR: Final = (0.0, np.inf)
_CLASSES: Final[tuple[Targets, ...]] = ("classes", "labels")


def _share(
    name: str, targets: tuple[Targets, ...], measure: Measure, loss: str = "cross_entropy"
) -> Metric:
    """A metric in per cent, of which more is better."""
    return Metric(name, "maximize", "%", *_SHARE, targets, loss, measure)


def _error(
    name: str,
    unit: str,
    targets: tuple[Targets, ...],
    measure: Measure,
    loss: str,
    bounds: tuple[float, float] = _ERROR,
) -> Metric:
    """A metric of which less is better."""
    return Metric(name, "minimize", unit, *bounds, targets, loss, measure)


_CE: Final = "cross_entropy"
_BCE: Final = "binary_cross_entropy"

_BALANCE: Final = wholes.of_pairs(wholes.balanced_accuracy, wholes.quick_balance)
_F1: Final = wholes.of_pairs(wholes.macro_f1, wholes.quick_f1)
_IOU: Final = wholes.of_pairs(wholes.mean_iou, wholes.quick_iou)
_AREA: Final = wholes.of_ranking(wholes.area_under_curve, wholes.quick_area, both=True)
_PRECISION: Final = wholes.of_ranking(wholes.average_precision, wholes.quick_precision, both=False)

METRICS: Final[Mapping[str, Metric]] = {
    m.name: m
    for m in (
        _share("accuracy", _CLASSES, Each(elements.accuracy)),
        _error("bits_per_character", "bits", ("classes",), Each(elements.bits), _CE),
        _error("cross_entropy", "nats", ("classes",), Each(elements.cross_entropy), _CE),
        _error("mean_squared_error", "", ("values",), Each(elements.squared_error), "mse"),
        _error("mean_absolute_error", "", ("values",), Each(elements.absolute_error), "mae"),
        _share("balanced_accuracy", ("classes",), _BALANCE),
        _share("top5_accuracy", ("classes",), Each(elements.top_accuracy)),
        _share("macro_f1", ("classes",), _F1),
        _share("auroc", _CLASSES, _AREA),
        _share(
            "average_precision",
            _CLASSES,
            _PRECISION,
        ),
        _error("log_loss", "nats", _CLASSES, Each(elements.cross_entropy), _CE),
        _share("multilabel_f1", ("labels",), _F1, _BCE),
        _share(
            "mean_average_precision",
            ("labels",),
            _PRECISION,
            _BCE,
        ),
        _error(
            "root_mean_squared_error",
            "",
            ("values",),
            wholes.of_mean(elements.squared_error, np.sqrt),
            "mse",
        ),
        Metric(
            "r2",
            "maximize",
            "",
            -np.inf,
            1.0,
            ("values",),
            "mse",
            Whole(lambda chunk: chunk.predictions, wholes.determination),
        ),
        _error("quantile_loss", "", ("values",), Each(elements.quantile_loss), "quantile"),
        _error("smape", "%", ("values",), Each(elements.symmetric_error), "mae", (0.0, 200.0)),
        _share("mean_iou", _CLASSES, _IOU),
        _share("dice", _CLASSES, Each(elements.dice), "dice"),
        _error("bits_per_byte", "bits", ("classes",), Each(elements.bits), _CE),
        _error(
            "perplexity",
            "",
            ("classes",),
            wholes.of_mean(elements.cross_entropy, wholes.exponential),
            _CE,
            (1.0, np.inf),
        ),
    )
}

_AT_K: Final[Mapping[str, Callable[[str, int], Metric]]] = {
    "ndcg": lambda name, k: _share(
        name, ("labels", "values"), Each(partial(elements.ndcg, k=k)), _BCE
    ),
    "recall": lambda name, k: _share(name, ("labels",), Each(partial(elements.recall, k=k)), _BCE),
    "neighbour_recall": lambda name, k: _share(
        name, ("groups",), Joint(partial(elements.neighbour_recall, k=k)), "contrastive"
    ),
}
"""Metrics of the first k, which is a part of the name: `ndcg@10`."""
_NAME: Final = re.compile(r"([a-z_]+)@([1-9][0-9]{0,4})")


def metric_names() -> Iterator[str]:
    """All names, those of the first k with k for the number."""
    yield from METRICS
    yield from (f"{name}@k" for name in _AT_K)


def find_metric(name: str) -> Metric | None:
    """The metric of a name; None where there is none."""
    found = _NAME.fullmatch(name)
    if found is None or found[1] not in _AT_K:
        return METRICS.get(name)
    return _AT_K[found[1]](name, int(found[2]))
