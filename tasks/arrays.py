"""Whether a split's arrays are what the task's spec promises."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from archwright.core import Array, TaskSpec
from archwright.core.objectives import label_shape
from archwright.tasks.inputs import (
    count_of,
    finite_faults,
    form_faults,
    input_faults,
    range_faults,
)


def array_faults(spec: TaskSpec, x: Any, y: Any) -> list[str]:
    """What is wrong with one split's arrays, one line each.

    Args:
        spec: gives the shapes, the loss and the vocabulary.
        x: float32 `(N, *input_shape)`, or int64 tokens where there is a vocabulary, or what
            `input_type` says; a dictionary of such arrays for an input of several parts.
        y: int64 classes `(N, *output_shape[:-1])` where -1 is not scored; labels of 0 and 1, int64
            or float32, or float32 values `(N, *output_shape)`; what the task's own code takes.
    """
    faults = [*input_faults(spec, x), *_label_faults(spec, y)]
    if not faults and count_of(x) != count_of(y):
        faults.append(f"x has {count_of(x)} samples, y has {count_of(y)}")
    return faults


def lone_value_faults(spec: TaskSpec, y: Any) -> list[str]:
    """Of the labels of train: one that is alone, as a class of labels of -1 and 1 is, too."""
    targets = spec.problem.targets
    if targets not in ("classes", "labels", "values"):
        return []
    scored = y if targets == "values" else y[y >= 0]
    if scored.min() < scored.max():
        return []
    if targets != "classes":
        return [f"y is {scored.flat[0]:g} throughout, so that there is nothing to learn"]
    rest = ", and -1 is not scored" if len(scored) < y.size else ""
    return [f"y holds the class {scored[0]} alone{rest}: number two classes or more from 0"]


def _label_faults(spec: TaskSpec, y: Any) -> list[str]:
    problem = spec.problem
    shape = label_shape(problem, problem.output_shape)
    if shape is None:
        return _own_faults(y)
    if problem.targets == "values":
        return form_faults("y", y, "float32", shape) or finite_faults("y", y)
    if problem.targets == "labels":
        faults = _mark_faults(y, shape)
    else:
        faults = form_faults("y", y, "int64", shape)
        if not faults and problem.targets == "classes":
            faults = range_faults("y", y, -1, problem.output_shape[-1], "classes")
    if not faults and not np.any(y >= 0):
        return ["y is -1 throughout, so nothing would be scored"]
    return faults or _metric_faults(spec, y)


def _mark_faults(y: Any, shape: tuple[int, ...]) -> list[str]:
    """Of labels that are 0 or 1, and -1 where nobody knows."""
    stored = getattr(y, "dtype", None)
    faults = form_faults("y", y, "int64" if stored != "float32" else "float32", shape)
    if faults or finite_faults("y", y):
        return faults or finite_faults("y", y)
    wrong = np.setdiff1d(np.unique(y), (-1, 0, 1))
    if wrong.size:
        return [
            f"y holds {', '.join(f'{value:g}' for value in wrong[:3])}; labels must be 0 or 1, "
            "and -1 where they are not scored"
        ]
    return []


def _own_faults(y: Any) -> list[str]:
    """Of labels that only the task's own code reads."""
    arrays = y if isinstance(y, Mapping) else {"": y}
    return [
        fault
        for name, array in arrays.items()
        for fault in _any_faults(f"y[{name!r}]" if name else "y", array)
    ]


def _any_faults(name: str, array: Any) -> list[str]:
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "biuf":
        kind = getattr(array, "dtype", type(array).__name__)
        return [f"{name} must be a numpy array of numbers, or a dictionary of them, not {kind}"]
    if array.ndim == 0 or not len(array):
        return [f"{name} is empty"]
    return finite_faults(name, array)


def _metric_faults(spec: TaskSpec, y: Array) -> list[str]:
    """Labels that leave a metric undefined."""
    name, shape = spec.metric.name, spec.problem.output_shape
    if name == "auroc":
        if spec.problem.targets == "classes":
            names, missing = "class", np.setdiff1d(np.arange(shape[-1]), y)
        else:
            columns = y.reshape(-1, y.shape[-1])
            both = (columns == 0).any(axis=0) & (columns == 1).any(axis=0)
            names, missing = "label", np.flatnonzero(~both)
        if missing.size:
            lacks = "no sample" if names == "class" else "not both 0 and 1"
            return [
                f"y has {lacks} of {names} {missing[0]}; auroc needs it in every split: split by "
                "class, or use another metric"
            ]
    if name.startswith(("ndcg@", "recall@")) and not np.any(y > 0):
        return [f"y has no relevant item (above 0), so {name} would score nothing"]
    if name.startswith("neighbour_recall@") and np.unique(y[y >= 0]).size == np.sum(y >= 0):
        return ["y has no group of two samples, so no neighbour could be found"]
    return []
