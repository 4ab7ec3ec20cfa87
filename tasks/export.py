"""A task's arrays as files for the sandbox. Labels of validation and test are never among them."""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import IO, Any

import numpy as np

from archwright.core import Array, Arrays
from archwright.core.arrays import chunks, each_array
from archwright.core.files import write_whole
from archwright.tasks.loading import SPLITS, Task
from archwright.tasks.streams import is_whole_file


def write_train(task: Task, seed: int, folder: Path, store: Path | None = None) -> None:
    """Write `train_x.npy` and `train_y.npy`, or a file for each part: `train_x.NAME.npy`.

    Args:
        task: whose data it is.
        seed: of the training data.
        folder: where the files go.
        store: a folder that keeps each content once; the files are then links to it.

    Raises:
        TaskError: the task's data cannot be had.
    """
    x, y = task.load("train", seed)
    _write(folder, "train_x", x, store)
    _write(folder, "train_y", y, store)


def write_all(task: Task, seed: int, folder: Path) -> None:
    """As `write_train`, but with the samples of all splits one after the other.

    Raises:
        TaskError: the task's data cannot be had.
    """
    pairs = [task.load(split, seed if split == "train" else 0) for split in SPLITS]
    folder.mkdir(parents=True, exist_ok=True)
    for name, splits in zip(("train_x", "train_y"), zip(*pairs, strict=True), strict=True):
        for part, _ in each_array(splits[0]):
            arrays = [dict(each_array(split))[part] for split in splits]
            _save(folder / (f"{name}.{part}.npy" if part else f"{name}.npy"), *arrays)


def write_inputs(task: Task, split: str, folder: Path, store: Path | None = None) -> None:
    """Write `<split>_x.npy` of a split that is scored, without its labels.

    Raises:
        TaskError: the task's data cannot be had.
        ValueError: `split` is "train", which goes with its labels.
    """
    if split == "train":
        raise ValueError("training data is written by write_train")
    x, _ = task.load(split)
    _write(folder, f"{split}_x", x, store)


def _write(folder: Path, name: str, arrays: Arrays, store: Path | None) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for part, array in each_array(arrays):
        file = folder / (f"{name}.{part}.npy" if part else f"{name}.npy")
        file.unlink(missing_ok=True)
        if is_whole_file(array):
            with suppress(OSError):  # on another file system
                os.link(Path(array.filename).resolve(), file)  # type: ignore[attr-defined]
                continue
        if store is None:
            _save(file, array)
            continue
        kept = store / f"{content_digest(array)}.npy"
        if not kept.exists():
            store.mkdir(parents=True, exist_ok=True)
            _save(kept, array)
        os.link(kept, file)


def content_digest(array: Array) -> str:
    """SHA-256 of an array's type, shape and numbers."""
    total = hashlib.sha256(f"{array.dtype.str} {array.shape}\n".encode())
    for part in chunks(array):
        total.update(np.ascontiguousarray(part).data)
    return total.hexdigest()


def _save(file: Path, *arrays: Array) -> None:
    """Write the rows of one array, or of several one after the other."""
    array = arrays[0]

    def save(stream: IO[Any]) -> None:
        head = {
            "descr": np.lib.format.dtype_to_descr(array.dtype),
            "fortran_order": False,
            "shape": (sum(map(len, arrays)), *array.shape[1:]),
        }
        np.lib.format.write_array_header_1_0(stream, head)
        for part in chain.from_iterable(map(chunks, arrays)):
            stream.write(np.ascontiguousarray(part).tobytes())
        os.fchmod(stream.fileno(), 0o644)  # the jail may run as another user

    write_whole(file, save)
