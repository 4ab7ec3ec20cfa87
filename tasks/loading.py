"""A task by its built-in name or from a folder, and its data, validated before anyone sees it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np

from archwright.core import TaskError, TaskSpec
from archwright.core.arrays import chunks, each_array
from archwright.tasks.arrays import array_faults
from archwright.tasks.inputs import arranged
from archwright.tasks.source import Load, import_load, run_task_code
from archwright.tasks.spec import read_spec
from archwright.tasks.streams import Batches, Spool

SPLITS: Final = ("train", "validation", "test")
FILES: Final = ("task.toml", "task.py", "baseline.py")

_BUILT_IN: Final = ("digits", "recall", "pydoc-lm")
_HERE: Final = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Task:
    """A task folder that was read. A task's code is trusted: it runs in this process."""

    spec: TaskSpec

    def load(self, split: str, seed: int = 0) -> tuple[Any, Any]:
        """The arrays of one split, validated.

        Args:
            split: "train", "validation" or "test".
            seed: of the training data; validation and test are always asked for with seed 0.

        Returns:
            x: float32 `(N, *input_shape)`, int64 tokens where there is a vocabulary, or what
                `input_type` says; a dictionary of arrays for an input of several parts.
            y: int64 classes `(N, *output_shape[:-1])`, or float32 `(N, *output_shape)`.

        Raises:
            TaskError: `task.py` raised, or gave other arrays than the spec promises.
        """
        if split not in SPLITS:
            raise TaskError(f"no split {split!r}; there are {', '.join(SPLITS)}")
        try:
            pair = run_task_code(self._file, lambda: self._give(split, seed))
            x, y = arranged(self.spec, *_as_pair(pair))
            faults = array_faults(self.spec, x, y)
            if faults:
                raise TaskError(faults[0])
        except TaskError as error:
            raise TaskError(f"task {self.spec.name}, {split} data: {error}") from error
        return x, y

    def digest(self) -> str:
        """SHA-256 over the task's three files as they are now and all arrays at seed 0."""
        total = hashlib.sha256()
        for name in FILES:
            content = (self.spec.folder / name).read_bytes()
            total.update(f"{name} {len(content)}\n".encode() + content)
        if self.spec.baseline.encode() not in content:  # more than one file went into it
            total.update(self.spec.baseline.encode())
        for split in SPLITS:
            for arrays in self.load(split, 0):
                for name, array in each_array(arrays):
                    total.update(f"{split}{name} {array.dtype.str} {array.shape}\n".encode())
                    for part in chunks(array):
                        total.update(np.ascontiguousarray(part).data)
        return total.hexdigest()

    @cached_property
    def key(self) -> str:
        """What the task is known by: a built-in's name; for a folder of the user's, which may be
        called like another or change, its name and the begin of its digest."""
        if self.spec.folder.parent == _HERE:
            return self.spec.name
        return f"{self.spec.name}@{self.digest()[:8]}"

    @property
    def _file(self) -> Path:
        return self.spec.folder / "task.py"

    @cached_property
    def _functions(self) -> tuple[Load | None, Batches | None]:
        return import_load(self._file)

    @cached_property
    def _spool(self) -> Spool:
        return Spool()

    def _give(self, split: str, seed: int) -> Any:
        """What the task's own code gives for a split; `batches` before `load` for training."""
        load, batches = self._functions
        if batches is not None and (load is None or split == "train"):
            return self._spool.drain(batches, split)
        assert load is not None
        return load(split, seed)


def built_in_names() -> tuple[str, ...]:
    """The tasks that come with Archwright, the quickest first."""
    return _BUILT_IN


def load_task(name_or_path: str | Path) -> Task:
    """A built-in task by its name, or a user's own by its folder.

    Raises:
        TaskError: there is no such task, or the folder is not a task; the message is one line.
    """
    folder = task_folder(name_or_path)
    spec, faults = read_spec(folder)
    if spec is None or faults:
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        fix = f"; `archwright task check {name_or_path}` lists them" if more else ""
        raise TaskError(f"task {name_or_path}: {faults[0]}{more}{fix}")
    task = Task(spec)
    try:
        task._functions  # noqa: B018 - a broken task.py is said now, not in the middle of a run
    except TaskError as error:
        raise TaskError(f"task {name_or_path}: {error}") from error
    return task


def task_folder(name_or_path: str | Path) -> Path:
    """The folder of a task, whether or not its content is sound.

    Raises:
        TaskError: neither a built-in name nor a folder.
    """
    if str(name_or_path) in _BUILT_IN:
        return _HERE / name_or_path
    folder = Path(name_or_path).expanduser()
    if folder.is_dir():
        return folder.resolve()
    close = get_close_matches(str(name_or_path).lower(), _BUILT_IN, n=2, cutoff=0.5)
    hint = f"did you mean {' or '.join(close)}? " if close else ""
    raise TaskError(
        f"no task {str(name_or_path)!r}: {hint}built in are {', '.join(_BUILT_IN)}; "
        "or give the path of a task folder (`archwright task new DIR` makes one)"
    )


def _as_pair(value: Any) -> tuple[Any, Any]:
    if not isinstance(value, tuple) or len(value) != 2:
        raise TaskError(f"load must return a pair (x, y), not {type(value).__name__}")
    return value[0], value[1]
