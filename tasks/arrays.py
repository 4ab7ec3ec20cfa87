"""Whether a split's arrays are what the task's spec promises."""

from __future__ import annotations

from typing import Any

import numpy as np

from archwright.core import Problem, TaskSpec
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
        y: int64 classes `(N, *output_shape[:-1])` where -1 is not scored, or for a regression
            float32 `(N, *output_shape)`.
    """
    faults = [*input_faults(spec, x), *_label_faults(spec.problem, y)]
    if not faults and count_of(x) != count_of(y):
        faults.append(f"x has {count_of(x)} samples, y has {count_of(y)}")
    return faults


def _label_faults(problem: Problem, y: Any) -> list[str]:
    if problem.loss != "cross_entropy":
        return form_faults("y", y, "float32", problem.output_shape) or finite_faults("y", y)
    faults = form_faults("y", y, "int64", problem.output_shape[:-1])
    faults = faults or range_faults("y", y, -1, problem.output_shape[-1], "classes")
    if not faults and not np.any(y >= 0):
        return ["y is -1 throughout, so nothing would be scored"]
    return faults
