"""The folders of arrays that trials read, and the labels that never go there."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Sequence
from pathlib import Path

from archwright.core import Array
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
        self._labels: dict[str, Array] = {}

    def folder(self, seed: int, splits: Sequence[str]) -> Path:
        """A folder with the training set of `seed` and the inputs of `splits`."""
        folder = self._root / "-".join([f"seed-{seed}", *splits])
        done = folder / "complete"
        with self._lock:
            if not done.exists():
                folder.mkdir(parents=True, exist_ok=True)
                write_train(self._task, seed, folder)
                for split in splits:
                    self._link_inputs(split, folder)
                done.touch()
        return folder

    def _link_inputs(self, split: str, folder: Path) -> None:
        shared = self._root / "inputs"
        name = f"{split}_x.npy"
        if not (shared / name).exists():
            shared.mkdir(parents=True, exist_ok=True)
            write_inputs(self._task, split, shared)
        (folder / name).unlink(missing_ok=True)
        os.link(shared / name, folder / name)

    def digest(self, folder: Path, split: str) -> str:
        """SHA-256 of what judges a trial: the task's code, the trial's data, the split's labels.

        Taken before a trial and after it; a trial during which it changed does not count.
        """
        total = hashlib.sha256(self.labels(split).tobytes())
        spec = self._task.spec.folder
        for file in (spec / "task.toml", spec / "task.py", *sorted(folder.glob("*.npy"))):
            total.update(file.name.encode() + file.read_bytes())
        return total.hexdigest()

    def labels(self, split: str) -> Array:
        """The labels of a split, for scoring outside the jail."""
        with self._lock:
            if split not in self._labels:
                self._labels[split] = self._task.load(split, 0)[1]
            return self._labels[split]
