"""Arrays and plain data, as types; and arrays that may be larger than memory, bit by bit."""

from __future__ import annotations

import mmap
from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Json = Mapping[str, Any]
Arrays = Array | Mapping[str, Array]
"""One array, or several by name: the parts of an input or of labels, of equal length."""

CHUNK_BYTES: Final = 32 << 20


def chunks(array: Array) -> Iterator[Array]:
    """Consecutive rows, a few at a time. Of a memory map nothing stays resident."""
    pace = max(1, CHUNK_BYTES // max(1, array[:1].nbytes))
    for start in range(0, len(array), pace):
        yield np.asarray(array[start : start + pace])
        if isinstance(array, np.memmap):
            _let_go(array)


def _let_go(array: np.memmap[Any, Any]) -> None:
    mapped = getattr(array, "_mmap", None)
    if mapped is not None and hasattr(mmap, "MADV_DONTNEED"):
        mapped.madvise(mmap.MADV_DONTNEED)


def each_array(arrays: Arrays) -> Iterator[tuple[str, Array]]:
    """Every array with its name, which is empty for one alone."""
    if isinstance(arrays, Mapping):
        yield from arrays.items()
    else:
        yield "", arrays


def equal(one: Arrays, other: Arrays) -> bool:
    """Whether both hold the same numbers."""
    pairs = zip(each_array(one), each_array(other), strict=False)
    return all(
        a.shape == b.shape and all(map(np.array_equal, chunks(a), chunks(b)))
        for (_, a), (_, b) in pairs
    )
