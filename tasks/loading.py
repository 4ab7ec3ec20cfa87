"""A task by its built-in name or from a folder, and its data, validated before anyone sees it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np

from archwright.core import TaskError, TaskSpec
from archwright.core.arrays import chunks, each_array
from archwright.tasks.arrays import array_faults, lone_value_faults
from archwright.tasks.inputs import arranged
from archwright.tasks.scripts import is_script, read_script_spec
from archwright.tasks.source import (
    Load,
    baseline_folder,
    import_labels,
    import_load,
    is_suite,
    run_task_code,
)
from archwright.tasks.spec import read_spec
from archwright.tasks.streams import Batches, Spool
from archwright.tasks.suite import SUITE_FILES, read_suite

SPLITS: Final = ("train", "validation", "test")
SCORED: Final = SPLITS[1:]
FILES: Final[tuple[str, ...]] = ("task.toml", "task.py", "baseline.py")

_BUILT_IN: Final = ("digits", "recall", "pydoc-lm", "sequence-mixers")
_HERE: Final = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Task:
    """A task folder that was read. A task's code is trusted: it runs in this process.

    Where the task is a script, `task.py` gives the labels of the splits that are scored, and in
    place of their inputs stand the numbers of their rows. A suite has no data of its own, but that
    of its problems.
    """

    spec: TaskSpec

    @cached_property
    def parts(self) -> tuple[Task, ...]:
        """The problems that a candidate is trained on: those of a suite, or the task itself."""
        return tuple(Task(member.spec) for member in self.spec.members) or (self,)

    @property
    def splits(self) -> tuple[str, ...]:
        """The splits that it has."""
        return SPLITS if self.spec.problem.script is None else SCORED

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
            TaskError: `task.py` raised, or gave other arrays than the spec promises; or it is a
                suite.
        """
        if self.spec.members:
            names = ", ".join(member.name for member in self.spec.members)
            raise TaskError(
                f"task {self.spec.name} is a suite without data of its own: take the folder of one "
                f"of its problems in {self.spec.folder} ({names})"
            )
        if split not in self.splits:
            raise TaskError(f"no split {split!r}; there are {', '.join(self.splits)}")
        try:
            pair = run_task_code(self._file, lambda: self._give(split, seed))
            x, y = arranged(self.spec, *_as_pair(pair))
            faults = array_faults(self.spec, x, y)
            if not faults and split == "train":
                faults = lone_value_faults(self.spec, y)
            if faults:
                raise TaskError(faults[0])
        except TaskError as error:
            raise TaskError(f"task {self.spec.name}, {split} data: {error}") from error
        return x, y

    def digest(self) -> str:
        """SHA-256 over the task's files as they are now and all arrays at seed 0."""
        total, content = hashlib.sha256(), b""
        for name, file in self._files():
            content = file.read_bytes()
            total.update(f"{name} {len(content)}\n".encode() + content)
        if self.spec.baseline.encode() not in content:  # more than one file went into it
            total.update(self.spec.baseline.encode())
        if self.spec.members:
            total.update("".join(part.digest() for part in self.parts).encode())
            return total.hexdigest()
        for split in self.splits:
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
        if _HERE in self.spec.folder.parents:
            return self.spec.name
        return f"{self.spec.name}@{self.digest()[:8]}"

    def _files(self) -> Iterator[tuple[str, Path]]:
        folder, names = self.spec.folder, FILES
        if self.spec.members:
            names = SUITE_FILES
        elif self.spec.problem.script is not None:
            names = FILES[:2]
        homes = {"baseline.py": baseline_folder(folder)}
        yield from ((name, homes.get(name, folder) / name) for name in names)
        yield from self.read_files()

    def read_files(self) -> Iterator[tuple[str, Path]]:
        """The files that a script reads beside those that may change, each with its name."""
        script = self.spec.problem.script
        for path, place in script.reads if script else ():
            inner = sorted(Path(place).rglob("*")) if Path(place).is_dir() else [Path(place)]
            yield from ((f"{path}/{file.name}", file) for file in inner if file.is_file())

    @property
    def _file(self) -> Path:
        return self.spec.folder / "task.py"

    @cached_property
    def _functions(self) -> tuple[Load | None, Batches | None]:
        return functions_of(self.spec.folder)

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


def is_built_in(name_or_path: str | Path) -> bool:
    """Whether it is the name of a built-in task, or of a problem of one: `SUITE/PROBLEM`."""
    first = str(name_or_path).partition("/")[0]
    return first in _BUILT_IN and (_HERE / name_or_path / "task.toml").is_file()


def load_task(name_or_path: str | Path) -> Task:
    """A built-in task by its name, or a user's own by its folder.

    Raises:
        TaskError: there is no such task, or the folder is not a task; the message is one line.
    """
    folder = task_folder(name_or_path)
    spec, faults = read_folder(folder)
    if spec is None or faults:
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        fix = f"; `archwright task check {name_or_path}` lists them" if more else ""
        raise TaskError(f"task {name_or_path}: {faults[0]}{more}{fix}")
    task = Task(spec)
    try:
        for part in task.parts:
            part._functions  # noqa: B018 - a broken task.py is said now, not in the middle of a run
    except TaskError as error:
        raise TaskError(f"task {name_or_path}: {error}") from error
    return task


def task_folder(name_or_path: str | Path) -> Path:
    """The folder of a task, whether or not its content is sound; a built-in suite's problem is
    `SUITE/PROBLEM`.

    Raises:
        TaskError: neither a built-in name nor a folder.
    """
    if not str(name_or_path).strip():
        raise TaskError(f"name a task: {', '.join(_BUILT_IN)}, or the path of a task folder")
    if is_built_in(name_or_path):
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


def functions_of(folder: Path) -> tuple[Load | None, Batches | None]:
    """What a folder's `task.py` gives data by, of either kind of task.

    Raises:
        TaskError: the file is missing, does not import, or defines no such function.
    """
    file = folder / "task.py"
    return (import_labels(file), None) if is_script(folder) else import_load(file)


def read_folder(folder: Path) -> tuple[TaskSpec | None, list[str]]:
    """What a task folder says of itself, of any kind; and all its faults, one line each."""
    if is_suite(folder):
        return read_suite(folder)
    return read_script_spec(folder) if is_script(folder) else read_spec(folder)


def _as_pair(value: Any) -> tuple[Any, Any]:
    if not isinstance(value, tuple) or len(value) != 2:
        raise TaskError(f"load must return a pair (x, y), not {type(value).__name__}")
    return value[0], value[1]
