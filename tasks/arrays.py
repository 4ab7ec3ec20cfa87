"""Whether a split's arrays are what the task's spec promises."""

from __future__ import annotations

from typing import Any

import numpy as np

from archwright.core import Array, Problem


def array_faults(problem: Problem, x: Any, y: Any) -> list[str]:
    """What is wrong with one split's arrays, one line each.

    Args:
        problem: gives the shapes, the loss and the vocabulary.
        x: float32 `(N, *input_shape)`, or int64 tokens where there is a vocabulary.
        y: int64 classes `(N, *output_shape[:-1])` where -1 is not scored, or for a regression
            float32 `(N, *output_shape)`.
    """
    faults = [*_input_faults(problem, x), *_label_faults(problem, y)]
    if not faults and len(x) != len(y):
        faults.append(f"x has {len(x)} samples, y has {len(y)}")
    return faults


def _input_faults(problem: Problem, x: Any) -> list[str]:
    dtype = "float32" if problem.vocabulary is None else "int64"
    faults = _form_faults("x", x, dtype, problem.input_shape)
    if not faults and problem.vocabulary is not None:
        return _range_faults("x", x, 0, problem.vocabulary, "tokens")
    return faults or _finite_faults("x", x)


def _label_faults(problem: Problem, y: Any) -> list[str]:
    if problem.loss != "cross_entropy":
        return _form_faults("y", y, "float32", problem.output_shape) or _finite_faults("y", y)
    faults = _form_faults("y", y, "int64", problem.output_shape[:-1])
    faults = faults or _range_faults("y", y, -1, problem.output_shape[-1], "classes")
    if not faults and not np.any(y >= 0):
        return ["y is -1 throughout, so nothing would be scored"]
    return faults


def _form_faults(name: str, array: Any, dtype: str, shape: tuple[int, ...]) -> list[str]:
    if not isinstance(array, np.ndarray):
        return [f"{name} must be a numpy array, not {type(array).__name__}"]
    faults = []
    if array.dtype != dtype:
        faults.append(f"{name} must be {dtype}, not {array.dtype}; use .astype(np.{dtype})")
    if array.shape[1:] != shape or array.ndim == 0:
        wanted = ", ".join(["N", *map(str, shape)])
        faults.append(f"{name} must have the shape ({wanted}), not {array.shape}")
    elif len(array) == 0:
        faults.append(f"{name} is empty")
    return faults


def _finite_faults(name: str, array: Array) -> list[str]:
    wrong = int(np.sum(~np.isfinite(array)))
    return [f"{name} has {wrong} values that are NaN or infinite"] if wrong else []


def _range_faults(name: str, array: Array, low: int, end: int, what: str) -> list[str]:
    lowest, highest = int(array.min()), int(array.max())
    if low <= lowest and highest < end:
        return []
    span = f"{lowest} to {highest}"
    return [f"{name} holds {what} {span}; they must lie in {low} to {end - 1}"]
