"""Data that a task gives in batches, because it does not fit into memory: written to disk once."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any, Final

import numpy as np

from archwright.core import Array, Arrays, TaskError
from archwright.core.arrays import each_array

BATCH_SIZE: Final = 64
"""What `batches` is asked for; a task may give others."""
_HEADER_BYTES: Final = 256

Batches = Callable[[str, int, int], Iterable[Any]]


class Spool:
    """The files that a task's batches are written to. They go with this object."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="archwright-data-"))
        weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        self._known: dict[str, tuple[Arrays, Arrays]] = {}

    def drain(self, batches: Batches, split: str) -> tuple[Arrays, Arrays]:
        """All samples of a split as memory maps, in the order in which they came.

        Raises:
            TaskError: there are none, or one batch is unlike another.
        """
        if split not in self._known:
            sides = [_Side(self._folder, f"{split}_{name}") for name in "xy"]
            with ExitStack() as closing:
                for side in sides:
                    closing.callback(side.close)
                for place, batch in enumerate(batches(split, 0, BATCH_SIZE)):
                    if not isinstance(batch, tuple) or len(batch) != 2:
                        raise TaskError(f"batches must yield pairs (x, y); {place} is not one")
                    for side, arrays in zip(sides, batch, strict=True):
                        side.add(arrays, place)
                self._known[split] = sides[0].finish(), sides[1].finish()
        return self._known[split]


class _Side:
    """The inputs, or the labels: a file for each part."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder, self._name = folder, name
        self._files: dict[str, tuple[IO[bytes], Array]] = {}
        self._rows = 0

    def add(self, arrays: Any, place: int) -> None:
        if isinstance(arrays, tuple):
            arrays = {str(number): array for number, array in enumerate(arrays)}
        parts = {n: np.asarray(a) for n, a in each_array(arrays)}
        if not self._files:
            for name, array in parts.items():
                made: IO[bytes] = (self._folder / f"{self._name}.{name}.npy").open("wb")
                made.write(bytes(_HEADER_BYTES))
                self._files[name] = made, array
        for name, array in parts.items():
            file, first = self._files[name]
            if (array.dtype, array.shape[1:]) != (first.dtype, first.shape[1:]):
                raise TaskError(
                    f"batch {place} has {array.dtype} {array.shape}, the first had {first.dtype} "
                    f"{first.shape}; give all the same type and shape"
                )
            file.write(np.ascontiguousarray(array).data)
        self._rows += len(next(iter(parts.values())))

    def close(self) -> None:
        for file, _ in self._files.values():
            file.close()

    def finish(self) -> Arrays:
        if not self._rows:
            raise TaskError("batches yields nothing")
        maps: dict[str, Array] = {}
        for name, (file, first) in self._files.items():
            file.seek(0)
            file.write(_header(first.dtype, (self._rows, *first.shape[1:])))
            file.flush()
            maps[name] = np.load(file.name, mmap_mode="r", allow_pickle=False)
        return maps[""] if tuple(maps) == ("",) else maps


def _header(dtype: np.dtype[Any], shape: tuple[int, ...]) -> bytes:
    """The head of a `.npy` file, version 1.0, of a length that is known before the shape is."""
    fields = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    words = repr(fields).encode()
    room = _HEADER_BYTES - 10
    return np.lib.format.magic(1, 0) + room.to_bytes(2, "little") + words.ljust(room - 1) + b"\n"


def is_whole_file(array: Array) -> bool:
    """Whether an array is a memory map of all that a `.npy` file holds, so that the file can stand
    for it: nothing else, a label for instance, lies in it."""
    if not isinstance(array, np.memmap) or array.filename is None or not array.flags.c_contiguous:
        return False
    path = Path(array.filename)
    if path.suffix != ".npy" or not path.is_file():
        return False
    whole = np.load(path, mmap_mode="r", allow_pickle=False)
    same = whole.shape == array.shape and whole.dtype == array.dtype
    return same and bool(whole.offset == array.offset)
