"""What a trial may read, and what judges it, as files and digests."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Any, Final

import numpy as np

from archwright.core import Arrays
from archwright.core.arrays import chunks, each_array
from archwright.tasks.export import write_inputs, write_train
from archwright.tasks.loading import Task


class TrialData:
    """Writes what a trial may read, once per seed and set of splits.

    Labels of validation and test stay in this process.
    """

    def __init__(self, task: Task, root: Path) -> None:
        self._task = task
        self._root = root
        self._lock = threading.Lock()
        self._labels: dict[str, Any] = {}

    def folder(self, seed: int, splits: Sequence[str]) -> Path:
        """A folder with the training set of `seed` and the inputs of `splits`; a script has its
        own training set."""
        is_script = self._task.spec.problem.script is not None
        folder = self._root / "-".join(["script" if is_script else f"seed-{seed}", *splits])
        done = folder / "complete"
        with self._lock:
            if not done.exists():
                folder.mkdir(parents=True, exist_ok=True)
                if not is_script:
                    write_train(self._task, seed, folder, self._root / "arrays")
                for split in splits:
                    self._link_inputs(split, folder)
                done.touch()
        return folder

    def _link_inputs(self, split: str, folder: Path) -> None:
        shared = self._root / "inputs"
        if not list(shared.glob(f"{split}_x*.npy")):
            write_inputs(self._task, split, shared, self._root / "arrays")
        for file in shared.glob(f"{split}_x*.npy"):
            (folder / file.name).unlink(missing_ok=True)
            os.link(file, folder / file.name)

    def digest(self, folder: Path, split: str) -> str:
        """SHA-256 of what judges a trial: the task's code, the trial's data, the split's labels.

        Taken before a trial and after it; a trial during which it changed does not count.
        """
        total = hashlib.sha256()
        for _, array in each_array(self.labels(split)):
            total.update(np.ascontiguousarray(array).data)
        spec = self._task.spec.folder
        for file in (spec / "task.toml", spec / "task.py", *sorted(folder.glob("*.npy"))):
            total.update(file.name.encode() + _content_mark(file))
        for name, file in self._task.read_files():
            total.update(name.encode() + _content_mark(file))
        return total.hexdigest()

    def labels(self, split: str) -> Any:
        """The labels of a split, for scoring outside the jail."""
        with self._lock:
            if split not in self._labels:
                self._labels[split] = self._task.load(split, 0)[1]
            return self._labels[split]


HASHED_BYTES: Final = 64 << 20
"""Larger files are known by size and time of change: they would be read twice for each trial."""


def _content_mark(file: Path) -> bytes:
    """What changes when a file does."""
    known = file.stat()
    if known.st_size <= HASHED_BYTES:
        return file.read_bytes()
    return f"{known.st_ino} {known.st_size} {known.st_mtime_ns}".encode()


def split_key(*pairs: tuple[Arrays, Arrays]) -> str:
    """A split by its content: inputs and labels, of each problem of a suite."""
    total = hashlib.sha256()
    for arrays in chain.from_iterable(pairs):
        for name, array in each_array(arrays):
            total.update(f"{name}{array.dtype.str} {array.shape}\n".encode())
            for part in chunks(array):
                total.update(np.ascontiguousarray(part).data)
    return total.hexdigest()[:16]
