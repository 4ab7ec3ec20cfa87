"""A task's arrays as files for the sandbox. Labels of validation and test are never among them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO

import numpy as np

from archwright.core import Array
from archwright.core.files import write_whole
from archwright.tasks.loading import Task


def write_train(task: Task, seed: int, folder: Path) -> None:
    """Write `train_x.npy` and `train_y.npy`.

    Raises:
        TaskError: the task's data cannot be had.
    """
    x, y = task.load("train", seed)
    _write(folder / "train_x.npy", x)
    _write(folder / "train_y.npy", y)


def write_inputs(task: Task, split: str, folder: Path) -> None:
    """Write `<split>_x.npy` of a split that is scored, without its labels.

    Raises:
        TaskError: the task's data cannot be had.
        ValueError: `split` is "train", which goes with its labels.
    """
    if split == "train":
        raise ValueError("training data is written by write_train")
    x, _ = task.load(split)
    _write(folder / f"{split}_x.npy", x)


def _write(file: Path, array: Array) -> None:
    def save(stream: IO[bytes]) -> None:
        np.save(stream, array, allow_pickle=False)
        os.fchmod(stream.fileno(), 0o644)  # the jail may run as another user

    file.parent.mkdir(parents=True, exist_ok=True)
    write_whole(file, save)
