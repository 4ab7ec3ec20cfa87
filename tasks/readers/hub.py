"""A data set of the Hugging Face library `datasets`, from its hub or from a local folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np

from archwright.core import Array, TaskError
from archwright.tasks.readers.images import Colours, pixels
from archwright.tasks.readers.splitting import digest, scale_of, within
from archwright.tasks.readers.tables import TargetKind

HubForm = Literal["image", "text", "numbers"]


def open_hub_data(name: str) -> dict[str, Any]:
    """The splits of a data set, by their own names.

    Raises:
        TaskError: the package is not installed, or there is no such data set.
    """
    try:
        import datasets
    except ImportError:
        raise TaskError("--hf needs the package datasets: pip install 'archwright[hf]'") from None
    try:
        read = datasets.load_from_disk if Path(name).is_dir() else datasets.load_dataset
        found = read(name)
    except Exception as error:  # the library raises what its many sources raise
        words = " ".join(str(error).split())[:200]
        raise TaskError(f"no data set {name!r}: {words}") from error
    return dict(found) if isinstance(found, dict) else {"train": found}


class HubData:
    """A data set of the library `datasets`. Rows are read when they are needed.

    Args:
        name: on the hub, or a folder that `save_to_disk` wrote.
        splits: of "train", and of "validation" and "test" where they are there, what the data set
            calls them; what is left out is cut from train.
        form: what the inputs are: an image, a text as bytes, or columns of numbers.
        inputs: the columns.
        target: the column that is predicted.
        kind: what it holds: classes or values.
        classes: the values of the classes in their order.
        size, colours, white: of images.
        length: the most bytes of a text that are read.
    """

    def __init__(
        self,
        name: str,
        *,
        splits: Mapping[str, str],
        form: HubForm,
        inputs: Sequence[str],
        target: str,
        kind: TargetKind,
        classes: Sequence[Any] = (),
        size: Sequence[int] = (32, 32),
        colours: Colours = 3,
        white: float | None = None,
        length: int = 256,
    ) -> None:
        self._name, self._splits, self._form, self._inputs = name, splits, form, list(inputs)
        self._target, self._kind, self._classes = target, kind, list(classes)
        self._size, self._colours, self._white, self._length = size, colours, white, length

    @cached_property
    def _data(self) -> dict[str, Any]:
        found = open_hub_data(self._name)
        return {split: found[own] for split, own in self._splits.items()}

    @cached_property
    def _digests(self) -> dict[str, list[bytes]]:
        return {split: [digest(c) for c in self._contents(split)] for split in self._data}

    def _contents(self, split: str) -> Iterator[bytes]:
        data = self._data[split]
        if self._form == "image":
            for row in range(len(data)):
                yield self._pixels(data, row).tobytes()
        elif self._form == "text":
            for text in data[self._inputs[0]]:
                yield text.encode()
        else:
            for row in _numbers(data, self._inputs):
                yield row.tobytes()

    def _pixels(self, data: Any, row: int) -> Array:
        image = data[row][self._inputs[0]]
        return pixels(image, self._size, self._colours, self._white)

    def _rows(self, split: str) -> tuple[str, Array]:
        classes = self._data["train"][self._target] if self._kind == "classes" else None
        return within(self._digests, split, classes)

    def load(self, split: str) -> tuple[Any, Array]:
        """Images uint8 `(N, colours, height, width)`, texts as a list of uint8, or float32
        `(N, numbers)` standardised by train; and the target.
        """
        name, rows = self._rows(split)
        return self._read(name, rows)

    def batches(self, split: str, batch_size: int) -> Iterator[tuple[Any, Array]]:
        """The same, some at a time."""
        name, rows = self._rows(split)
        for start in range(0, len(rows), batch_size):
            yield self._read(name, rows[start : start + batch_size])

    def _read(self, name: str, rows: Array) -> tuple[Any, Array]:
        data = self._data[name]
        x: Any
        if self._form == "image":
            x = np.stack([self._pixels(data, int(row)) for row in rows])
        elif self._form == "text":
            texts = data.select(rows)[self._inputs[0]]
            x = [np.frombuffer(text.encode()[: self._length] or b" ", np.uint8) for text in texts]
        else:
            mean, spread = self._scale(self._inputs)
            x = ((_numbers(data, self._inputs)[rows] - mean) / spread).astype(np.float32)
        return x, self._labels(data, rows)

    def _labels(self, data: Any, rows: Array) -> Array:
        if self._kind == "values":
            mean, spread = self._scale([self._target])
            return ((_numbers(data, [self._target])[rows] - mean) / spread).astype(np.float32)
        places = {value: place for place, value in enumerate(self._classes)}
        found = data.select(rows)[self._target]
        unknown = set(found) - set(places)
        if unknown:
            raise TaskError(
                f"{self._target} of {self._name} holds {next(iter(unknown))!r}, which is not a "
                "class of train: leave the split or the samples out"
            )
        return np.array([places[value] for value in found], dtype=np.int64)

    def _scale(self, columns: Sequence[str]) -> tuple[Array, Array]:
        _, train = self._rows("train")
        return scale_of(_numbers(self._data["train"], columns)[train], 0)


def _numbers(data: Any, columns: Sequence[str]) -> Array:
    """float64 `(rows, numbers)`; a column may hold a list of numbers in each row."""
    parts = [np.asarray(data[name], dtype=np.float64) for name in columns]
    return np.concatenate([p[:, None] if p.ndim == 1 else p for p in parts], axis=1)
