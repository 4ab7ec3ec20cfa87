"""The inputs of a task as it gives them, turned into the arrays that its `task.toml` promises."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from archwright.core import Array, Arrays, Part, TaskError, TaskSpec
from archwright.core.arrays import chunks, each_array

NUMBERS: Final = ("float32", "float16", "uint8", "int8", "int16", "int32", "int64", "bool")
TOKENS: Final = ("int64", "int32", "int16", "uint16", "uint8")
MASK: Final = "mask"


def arranged(spec: TaskSpec, x: Any, y: Any) -> tuple[Any, Any]:
    """What `load` gave, with a dictionary for several parts, and unequal lengths padded with 0.

    Raises:
        TaskError: it is not of the form that the spec promises.
    """
    parts = spec.problem.inputs
    if not parts:
        return x, y
    if spec.lengths_vary:
        return _padded(spec, x, y)
    if isinstance(x, (tuple, list)) and parts[0].name == "0":
        x = {str(place): array for place, array in enumerate(x)}
    names = [part.name for part in parts]
    if not isinstance(x, Mapping) or set(x) != set(names):
        given = ", ".join(map(str, x)) if isinstance(x, Mapping) else type(x).__name__
        raise TaskError(f"x must hold {', '.join(names)}, as input_shape says, not {given}")
    return {name: x[name] for name in names}, y


def _padded(spec: TaskSpec, x: Any, y: Any) -> tuple[Any, Any]:
    sequence, mask = spec.problem.inputs
    length, width = sequence.shape[0], sequence.shape[1:]
    if not isinstance(x, (list, np.ndarray)) or (isinstance(x, np.ndarray) and x.dtype != object):
        raise TaskError("with lengths_vary x must be a list of arrays (length, ...), one a sample")
    rows = [np.asarray(row) for row in x]
    for place, row in enumerate(rows):
        if row.shape[1:] != width or not 1 <= row.shape[0] <= length:
            raise TaskError(
                f"x[{place}] has the shape {row.shape}; with input_shape = "
                f"{list(sequence.shape)} it must be (1 to {', '.join(map(str, sequence.shape))})"
            )
    kinds = {row.dtype for row in rows}
    if len(kinds) > 1:
        raise TaskError(f"x holds arrays of several types: {', '.join(sorted(map(str, kinds)))}")
    out = np.zeros((len(rows), *sequence.shape), dtype=kinds.pop() if kinds else np.float32)
    there = np.zeros((len(rows), length), dtype=bool)
    for place, row in enumerate(rows):
        out[place, : len(row)], there[place, : len(row)] = row, True
    return {sequence.name: out, mask.name: there}, _padded_labels(spec, rows, y)


def _padded_labels(spec: TaskSpec, rows: Sequence[Array], y: Any) -> Any:
    """Labels for each position, with -1, which is not scored, where there is none."""
    if not isinstance(y, list) or not len(y) or np.ndim(y[0]) == 0:
        return y
    if len(y) != len(rows) or any(len(own) != len(row) for own, row in zip(y, rows, strict=False)):
        raise TaskError("y must have one label for each position of each x")
    labels = np.full((len(rows), spec.problem.inputs[0].shape[0]), -1, dtype=np.int64)
    for place, own in enumerate(y):
        labels[place, : len(own)] = own
    return labels


def input_faults(spec: TaskSpec, x: Any) -> list[str]:
    """What is wrong with one split's inputs, one line each."""
    problem = spec.problem
    parts = problem.inputs or (Part("", problem.input_shape, problem.vocabulary),)
    arrays: Mapping[str, Any] = x if problem.inputs else {"": x}
    faults = [fault for part in parts for fault in _part_faults(spec, part, arrays[part.name])]
    lengths = {len(array) for array in arrays.values()} if not faults else set()
    if len(lengths) > 1:
        faults.append(f"the parts of x have {', '.join(map(str, sorted(lengths)))} samples")
    return faults


def _part_faults(spec: TaskSpec, part: Part, array: Any) -> list[str]:
    name = f"x[{part.name!r}]" if part.name else "x"
    wanted = spec.input_types.get(part.name) or ("float32" if part.vocabulary is None else "int64")
    faults = form_faults(name, array, "bool" if part.mask else wanted, part.shape, part.vocabulary)
    if not faults and part.vocabulary is not None:
        return range_faults(name, array, 0, part.vocabulary, "tokens")
    return faults or finite_faults(name, array)


def form_faults(
    name: str, array: Any, dtype: str, shape: tuple[int, ...], vocabulary: int | None = None
) -> list[str]:
    """What is wrong with the type and the shape of an array."""
    if not isinstance(array, np.ndarray):
        return [f"{name} must be a numpy array, not {type(array).__name__}"]
    faults = []
    if np.ma.is_masked(array):
        faults.append(f"{name} is masked in places, and masks are not read; use .filled(VALUE)")
    if array.dtype != dtype:
        allowed = NUMBERS if vocabulary is None else TOKENS
        key = name == "x" and array.dtype.name in allowed and array.dtype.name != dtype
        say = f', or say input_type = "{array.dtype.name}" in task.toml' if key else ""
        faults.append(f"{name} must be {dtype}, not {array.dtype}; use .astype(np.{dtype}){say}")
    if array.shape[1:] != shape or array.ndim == 0:
        wanted = ", ".join(["N", *map(str, shape)])
        faults.append(f"{name} must have the shape ({wanted}), not {array.shape}")
    elif len(array) == 0:
        faults.append(f"{name} is empty")
    return faults


def finite_faults(name: str, array: Array) -> list[str]:
    """Whether an array has numbers that are none."""
    if array.dtype.kind != "f":
        return []
    wrong = sum(int(np.sum(~np.isfinite(part))) for part in chunks(array))
    return [f"{name} has {wrong} values that are NaN or infinite"] if wrong else []


def range_faults(name: str, array: Array, low: int, end: int, what: str) -> list[str]:
    """Whether whole numbers lie in `low` to `end - 1`."""
    bounds = [(int(part.min()), int(part.max())) for part in chunks(array)]
    lowest, highest = min(b[0] for b in bounds), max(b[1] for b in bounds)
    if low <= lowest and highest < end:
        return []
    span = f"{lowest} to {highest}"
    return [f"{name} holds {what} {span}; they must lie in {low} to {end - 1}"]


def count_of(arrays: Arrays) -> int:
    """How many samples there are."""
    return len(next(array for _, array in each_array(arrays)))
