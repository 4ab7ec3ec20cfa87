"""The samples of a training: arrays in memory, or rows of a file where they are many."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...contract import ProblemProjection, TrainRequest
from ..faults import ContractError
from ..model.layout import Layout

RESIDENT_BYTES: Final = 256 << 20
"""Arrays up to this size are read whole."""
_WIDE: Final = (np.uint16, np.uint32, np.uint64)
"""What torch does not calculate with."""

_DRAW: Final = np.random.default_rng
"""Taken before any candidate's code runs; unseeded, what it draws cannot be known."""

Array = NDArray[Any]


class FileRows:
    """The rows of a large `.npy` file, read when they are asked for. Its pages are not mapped, so
    that what was read once does not stay."""

    def __init__(self, path: Path) -> None:
        mapped = np.load(path, mmap_mode="r", allow_pickle=False)
        self.shape: tuple[int, ...] = mapped.shape
        self.dtype = mapped.dtype
        self._start, self._row_bytes = int(mapped.offset), int(mapped[:1].nbytes)
        if not mapped.flags.c_contiguous:
            raise ValueError(f"{path.name} is not in C order")
        self._file = path.open("rb", buffering=0)

    def __del__(self) -> None:
        self._file.close()

    def __len__(self) -> int:
        return int(self.shape[0])

    @property
    def nbytes(self) -> int:
        """What all rows take."""
        return len(self) * self._row_bytes

    def __getitem__(self, picked: slice | Array) -> Array:
        """The picked rows, as a fresh array."""
        indices = range(*picked.indices(len(self))) if isinstance(picked, slice) else picked
        out = np.empty((len(indices), *self.shape[1:]), dtype=self.dtype)
        flat = out.reshape(len(indices), -1).view(np.uint8)
        for place, index in enumerate(indices):
            self._read(flat[place], int(index))
        return out

    def _read(self, row: Array, index: int) -> None:
        at = self._start + index * self._row_bytes  # said with each read: several threads read
        if os.preadv(self._file.fileno(), [row.data], at) != self._row_bytes:
            raise ContractError("the data of this training was cut short")


Stored = Array | FileRows


class Samples:
    """Samples that consist of one array or of several, of equal length."""

    def __init__(self, arrays: Sequence[Stored], names: Sequence[str] = ()) -> None:
        self.arrays, self.names = tuple(arrays), tuple(names)

    def __len__(self) -> int:
        return len(self.arrays[0])

    @property
    def nbytes(self) -> int:
        """What all of them take as they are stored."""
        return sum(array.nbytes for array in self.arrays)

    def take(self, picked: slice | Array) -> list[Tensor]:
        """Fresh tensors of the picked samples, as they are stored."""
        return [_tensor(array[picked]) for array in self.arrays]


def _tensor(array: Array) -> Tensor:
    wanted = np.int64 if array.dtype in _WIDE else array.dtype
    return torch.from_numpy(np.array(array, dtype=wanted))


@dataclass(frozen=True, slots=True)
class Data:
    """All that a training reads: the inputs of each split by its name, `train` included, the labels
    of train, and the state that it goes on from, by name, if it does."""

    inputs: Mapping[str, Samples]
    labels: Samples
    state: Mapping[str, Array]


def load_data(job: TrainRequest) -> Data:
    """Read it, before any of the candidate's code runs and while files may still be opened."""
    folder, names = Path(job.data), job.problem.input_names
    found = {
        split: Samples([_open(folder / f"{split}_{name}.npy") for name in names])
        for split in ("train", *job.splits)
    }
    labels = {"": folder / "train_y.npy"}
    if not labels[""].exists():
        files = sorted(folder.glob("train_y.*.npy"))
        labels = {path.stem.removeprefix("train_y."): path for path in files}
    state: dict[str, Array] = {}
    if job.start:
        with np.load(job.start, allow_pickle=False) as stored:
            state = {name: stored[name] for name in stored.files}
    known = Samples([_open(path) for path in labels.values()], tuple(labels))
    return Data(found, known, state)


def _open(path: Path) -> Stored:
    if path.stat().st_size > RESIDENT_BYTES:
        return FileRows(path)
    array: Array = np.load(path, allow_pickle=False)
    return array


def draw_batches(samples: int, batch_size: int, seed: int) -> Iterator[Array]:
    """Endless batches of indices: one permutation after another, cut into `batch_size`."""
    generator = _DRAW(seed)
    stock = np.empty(0, dtype=np.int64)
    while True:
        while len(stock) < batch_size:
            stock = np.concatenate([stock, generator.permutation(samples)])
        yield stock[:batch_size]
        stock = stock[batch_size:]


def as_input(stored: Sequence[Tensor], problem: ProblemProjection) -> Tensor:
    """What a network is given of samples as they are stored, on the default device.

    Tokens as int64; all else as float32, bytes divided by 255. Several parts are packed into one
    tensor, as `Layout` has it.
    """
    device = torch.get_default_device()
    moved = [tensor.to(device) for tensor in stored]
    if problem.inputs:
        parts = zip(moved, problem.inputs, strict=True)
        return Layout(problem.inputs).pack([_numbers(t, p.vocabulary) for t, p in parts])
    return _numbers(moved[0], problem.vocabulary)


def _numbers(stored: Tensor, vocabulary: int | None) -> Tensor:
    if vocabulary is not None:
        return stored.to(torch.int64)
    numbers = stored.to(torch.float32)
    return numbers / 255 if stored.dtype == torch.uint8 else numbers


def as_target(stored: Sequence[Tensor], names: Sequence[str], problem: ProblemProjection) -> Any:
    """Labels on the default device: classes and groups as int64, labels and values as float32;
    what the task's own code takes as it is stored, several arrays by name."""
    moved = [tensor.to(torch.get_default_device()) for tensor in stored]
    if problem.targets == "own":
        return moved[0] if names == ("",) else dict(zip(names, moved, strict=True))
    whole = problem.targets in ("classes", "groups")
    return moved[0].to(torch.int64 if whole else torch.float32)
