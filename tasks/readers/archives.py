"""Arrays in a `.npz` file."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np

from archwright.core import Array, TaskError
from archwright.tasks.readers.splitting import digest, digests, scale_of, within
from archwright.tasks.readers.tables import TargetKind

CHANNELS: Final = (1, 3, 4)
_UNREADABLE: Final = (
    OSError, ValueError, EOFError, ImportError, AttributeError, zipfile.BadZipFile
)  # fmt: skip
WHOLE: Final = {"train": "{}"}
"""Names of arrays, where the file holds one of each."""


def read_archive(file: str | Path) -> dict[str, Array]:
    """The arrays of a `.npz` file. Rows of unequal lengths lie in it as Python objects, so that a
    file of unknown origin must not be read.

    Raises:
        TaskError: it is none.
    """
    try:
        if not zipfile.is_zipfile(file):
            raise ValueError("write one with numpy.savez(FILE, x=..., y=...)")
        with np.load(file, allow_pickle=True) as archive:
            return {name: _plain(archive[name]) for name in archive.files}
    except _UNREADABLE as error:
        raise TaskError(f"{file} is not a .npz file of arrays: {error}") from error


def _plain(array: Array) -> Array:
    """Numbers that lie in a table of objects, as a data frame gives them, as numbers."""
    if array.dtype != object or array.ndim < 2:
        return array
    try:
        return array.astype(np.float64)
    except (TypeError, ValueError):
        return array


def one_each(y: Array) -> Array:
    """A column of targets as the numbers in it: a class for each sample, not for each place."""
    return y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y


class Archive:
    """Arrays in a `.npz` file, one sample for each place of their first axis.

    Floats are standardised by train and become float32; uint8 images stay as they are, with their
    channels first; other integers of one axis a sample are tokens; rows of unequal lengths are an
    array of type object.

    Args:
        file: the archive.
        inputs: names of the arrays that are given; of several each is a part of the input.
        target: name of the array that is predicted.
        kind: what the target holds: classes, labels of 0 and 1, or values.
        classes: the values of the classes in their order, where they are not 0, 1, 2 …
        names: how an array is called in each split, such as "{}_train"; what is left out is cut
            from train.
    """

    def __init__(
        self,
        file: str | Path,
        *,
        inputs: Sequence[str],
        target: str,
        kind: TargetKind,
        classes: Sequence[Any] = (),
        names: Mapping[str, str] = WHOLE,
    ) -> None:
        self._file, self._inputs, self._target = Path(file), list(inputs), target
        self._kind, self._classes, self._names = kind, list(classes), names

    @cached_property
    def _arrays(self) -> dict[str, Array]:
        return read_archive(self._file)

    def _raw(self, name: str, split: str) -> Array:
        array = self._arrays[self._names[split].format(name)]
        return one_each(array) if name == self._target else array

    @cached_property
    def _digests(self) -> dict[str, list[bytes]]:
        found = {}
        for split in self._names:
            arrays = [self._raw(name, split) for name in self._inputs]
            if arrays[0].dtype == object:
                found[split] = [digest(np.asarray(row).tobytes()) for row in arrays[0]]
            else:
                found[split] = digests(*arrays)
        return found

    def _rows(self, split: str) -> tuple[str, Array]:
        y = self._raw(self._target, "train")
        return within(self._digests, split, y.tolist() if self._by_class(y) else None)

    def _by_class(self, y: Array) -> bool:
        return self._kind == "classes" and y.ndim == 1

    def load(self, split: str) -> tuple[Any, Array]:
        """Inputs: an array, a dictionary of them by name, or a list of arrays of unequal lengths;
        and the target.
        """
        name, rows = self._rows(split)
        _, train = self._rows("train")
        made = {
            part: as_input(self._raw(part, name), rows, self._raw(part, "train"), train)
            for part in self._inputs
        }
        x = made if len(made) > 1 else next(iter(made.values()))
        return x, self._labels(self._raw(self._target, name), rows, train)

    def _labels(self, y: Array, rows: Array, train: Array) -> Array:
        if self._kind == "values":
            fitted = np.asarray(self._raw(self._target, "train")[train], dtype=np.float64)
            mean, spread = scale_of(fitted, 0)
            values = ((y[rows].astype(np.float64) - mean) / spread).astype(np.float32)
            return values[:, None] if values.ndim == 1 else values
        if not self._classes:
            return y[rows].astype(np.int64)
        places = {value: place for place, value in enumerate(self._classes)}
        return np.array([places[value] for value in y[rows].tolist()], dtype=np.int64)


def as_input(array: Array, rows: Array, whole: Array, train: Array) -> Any:
    """Some rows as a network takes them; `whole` and `train` are what they are standardised by."""
    if array.dtype == object:
        return _sequences([array[row] for row in rows], [whole[row] for row in train])
    found = array[rows]
    if found.dtype == np.uint8 and found.ndim >= 3:
        return _channels_first(found)
    if found.dtype.kind in "iu" and found.ndim == 2:
        return found.astype(np.int64)
    fitted = whole[train].astype(np.float64)
    axes = (0,) if found.ndim <= 3 else tuple(range(found.ndim))
    axes = (0, 1) if found.ndim == 3 else axes
    mean, spread = scale_of(fitted, axes)
    made = ((found.astype(np.float64) - mean) / spread).astype(np.float32)
    return _channels_first(made) if made.ndim == 4 else made[:, None] if made.ndim == 1 else made


def _channels_first(images: Array) -> Array:
    if images.ndim == 3:
        return images[:, None]
    last, first = images.shape[-1], images.shape[1]
    moved = last in CHANNELS and first not in CHANNELS
    return np.ascontiguousarray(np.moveaxis(images, -1, 1)) if moved else images


def _sequences(rows: Sequence[Any], train: Sequence[Any]) -> list[Array]:
    arrays = [np.asarray(row) for row in rows]
    if arrays[0].dtype.kind in "iu" and arrays[0].ndim == 1:
        return [array.astype(np.int64) for array in arrays]
    columns = [array[:, None] if array.ndim == 1 else array for array in arrays]
    fitted = [np.asarray(row, dtype=np.float64) for row in train]
    fitted = [row[:, None] if row.ndim == 1 else row for row in fitted]
    mean, spread = scale_of(np.concatenate(fitted), 0)
    return [((array - mean) / spread).astype(np.float32) for array in columns]
