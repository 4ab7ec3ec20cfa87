"""The Python files of a task folder: `baseline.py` looked at, `task.py` imported and called."""

from __future__ import annotations

import ast
import contextlib
import hashlib
import os
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import numpy as np

from archwright.core import BY_SHAPES, Array, EntryClass, InputError, TaskError
from archwright.core.words import parse_toml
from archwright.tasks.streams import Batches

Load = Callable[[str, int], Any]

# One at a time: a task's code need not be thread-safe, and stdout is turned aside meanwhile.
_RUNNING: Final = threading.RLock()


def read_text(file: Path) -> tuple[str, list[str]]:
    """The text of a file of the task, or empty and why it cannot be read, in one line."""
    if file.exists() and not (file.is_file() or file.is_dir()):
        return "", [f"{file.name} cannot be read: it is not a file, but a pipe or a device"]
    try:
        return file.read_text(encoding="utf-8-sig"), []
    except FileNotFoundError:
        return "", [f"{file.name} is missing; `archwright task new DIR` writes a complete task"]
    except UnicodeDecodeError as error:
        return "", [f"{file.name} is not UTF-8 (byte {error.start}); save it as UTF-8"]
    except OSError as error:
        return "", [f"{file.name} cannot be read: {error.strerror}"]


def is_suite(folder: Path) -> bool:
    """Whether a task folder says that it is a suite; one that cannot be read says nothing."""
    try:
        return "suite" in parse_toml(read_text(folder / "task.toml")[0])
    except InputError:
        return False


def baseline_folder(folder: Path) -> Path:
    """Where the baseline of a task lies: the problems of a suite share the suite's."""
    return folder.parent if is_suite(folder.parent) else folder


def baseline_faults(
    source: str, entry: EntryClass | None, constructor: str = BY_SHAPES
) -> list[str]:
    """What is wrong with a baseline's source, found without running it.

    Args:
        source: text of `baseline.py`.
        entry: the class that it must define; None (unknown) takes either.
        constructor: what the class should be constructed with.
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError) as error:
        return [f"baseline.py{_line(getattr(error, 'lineno', None))}: {_flat(error)}"]
    wanted = (entry,) if entry else ("Model", "Mixer")
    found = [n for n in tree.body if isinstance(n, ast.ClassDef) and n.name in wanted]
    if not found:
        return [f"baseline.py defines no `class {' or '.join(wanted)}(nn.Module)`"]
    if any(ast.unparse(base).rpartition(".")[2] != "Module" for base in found[-1].bases):
        return []  # what it inherits is seen when it is built
    methods = {n.name: n for n in found[-1].body if isinstance(n, ast.FunctionDef)}
    faults = []
    if "forward" not in methods:
        faults.append(f"baseline.py: class {found[-1].name} has no method forward(self, x)")
    if "__init__" not in methods or len(methods["__init__"].args.args) != 3:
        faults.append(f"baseline.py: class {found[-1].name} needs __init__(self, {constructor})")
    return faults


def import_load(file: Path) -> tuple[Load | None, Batches | None]:
    """The `load` and the `batches` of a `task.py`.

    Raises:
        TaskError: the file is missing, does not import, or defines neither function.
    """
    module = import_task(file)
    load, batches = (getattr(module, name, None) for name in ("load", "batches"))
    if not callable(load) and not callable(batches):
        raise TaskError("task.py defines no `load(split, seed)`")
    return (load if callable(load) else None), (batches if callable(batches) else None)


def import_labels(file: Path) -> Load:
    """The `labels(split)` of a script's `task.py`, as a `load` that gives the numbers of the rows
    in place of inputs: the script has its own.

    Raises:
        TaskError: the file is missing, does not import, or defines no such function.
    """
    labels = getattr(import_task(file), "labels", None)
    if not callable(labels):
        raise TaskError("task.py defines no `labels(split)`")

    def load(split: str, seed: int) -> tuple[Array, Array]:
        del seed
        y = labels(split)
        if not isinstance(y, np.ndarray) or not y.ndim:
            raise TypeError(f"labels must return a numpy array, not {type(y).__name__}")
        return np.arange(len(y), dtype=np.float32), y

    return load


def import_task(file: Path) -> ModuleType:
    """Import `task.py` from its path, under a name of its own.

    The file is compiled here rather than by the import system, so that no `__pycache__` is left in
    the user's folder and an edited file is never mistaken for its older self.

    Raises:
        TaskError: the file is missing, or does not import.
    """
    source, faults = read_text(file)
    if faults:
        raise TaskError(faults[0])
    digest = hashlib.sha256(os.fsencode(file) + b"\0" + source.encode()).hexdigest()
    module = ModuleType(f"archwright_task_{digest[:16]}")
    module.__file__ = str(file)
    sys.modules[module.__name__] = module  # where dataclasses and pickle look a class up
    run_task_code(file, lambda: exec(compile(source, str(file), "exec"), module.__dict__))
    return module


@dataclass(frozen=True)
class OwnScore:
    """The `score(predictions, y)` of a `task.py`, imported when it is first called.

    It raises TaskError where the task's code does.
    """

    file: Path

    @cached_property
    def _module(self) -> ModuleType:
        return import_task(self.file)

    def __call__(self, predictions: Any, labels: Any) -> Any:
        """What the task's code returns."""
        return run_task_code(self.file, lambda: self._module.score(predictions, labels))


_folders: Final[dict[Path, str]] = {}
"""Where task code that has changed the folder goes on, by file."""


@contextlib.contextmanager
def _own_folder(file: Path) -> Iterator[None]:
    """Task code that changes the folder finds itself there again; all others stay where they are:
    paths that a person typed mean what they meant."""
    try:
        here = os.getcwd()  # noqa: PTH109 - as text, for it may have been removed
    except OSError:
        yield
        return
    with contextlib.suppress(OSError):
        os.chdir(_folders.get(file, here))
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            there = os.getcwd()  # noqa: PTH109
            if there != here:
                _folders[file] = there
                os.chdir(here)


def run_task_code(file: Path, call: Callable[[], Any]) -> Any:
    """Call into a task's own code; what it prints goes to stderr, and where it goes it goes alone.

    Raises:
        TaskError: it raised; the line says what, and where in `task.py`.
    """
    with _RUNNING, contextlib.redirect_stdout(sys.stderr), _own_folder(file):
        try:
            return call()
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            raise TaskError(f"task.py{_line(_where(error, file))}: {_name(error)}") from error


def _where(error: BaseException, file: Path) -> int | None:
    if isinstance(error, SyntaxError) and error.filename == str(file):
        return error.lineno
    frames = traceback.extract_tb(error.__traceback__)
    return next((f.lineno for f in reversed(frames) if f.filename == str(file)), None)


def _line(number: int | None) -> str:
    return f" line {number}" if number else ""


def _name(error: BaseException) -> str:
    words = _flat(error)
    return f"{type(error).__name__}: {words}" if words else type(error).__name__


def _flat(error: BaseException) -> str:
    try:
        words = error.msg if isinstance(error, SyntaxError) else str(error)
    except Exception:  # noqa: BLE001 - its own `__str__` is the task's code as well.
        return ""
    return " ".join(words.split())[:300]
