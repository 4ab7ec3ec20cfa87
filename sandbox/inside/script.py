"""A training script in the jail: its tree laid out, the command run in this process, what it left.

The jail starts no process, so `python FILE …` and `python -m MODULE …` are run by `runpy` in the
process of the job itself.
"""

from __future__ import annotations

import csv
import errno
import importlib
import os
import runpy
import sys
import time
import traceback
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..contract import CheckFinding, CheckReply, ScriptOutput, ScriptRequest, TrainReply, clean
from .chance.seeding import owned, seed_everything
from .faults import ContractError, is_out_of_memory
from .frames import Sender

Array = NDArray[Any]

_FRAMES_SHOWN: Final = 4
CHECK: Final = "script"
"""The name of the check that runs a script for a short while."""


def lay_out(request: ScriptRequest) -> None:
    """Write the tree into the working folder, before the jail is closed: it allows no links."""
    for path, text in request.files.items():
        _within(path).write_text(text, encoding="utf-8")
    for path, target in request.links.items():
        _within(path).symlink_to(target)


def _within(path: str) -> Path:
    place = Path(path)
    if place.is_absolute() or ".." in place.parts:
        raise ValueError(f"{path} is not within the tree")
    place.parent.mkdir(parents=True, exist_ok=True)
    return place


def run_script(request: ScriptRequest, sender: Sender) -> dict[str, Any]:
    """Run the command, and send what it left: predictions by split; nothing for a check.

    Returns:
        The reply.

    Raises:
        ContractError: it failed, or did not leave what it must; in a line or two.
        BaseException: it was out of memory, as `is_out_of_memory` knows it.
    """
    reply = TrainReply("ok", steps=request.budget, first_step_at=time.monotonic())
    if not request.check:
        for split, predictions in _run(request).items():
            sender.block(split, 0, predictions)
        return asdict(reply)
    try:
        _run(request)
    except ContractError as error:
        found = CheckFinding(CHECK, False, str(error))
        return asdict(CheckReply("invalid", [found], error=str(error)))
    detail = f"ran with a budget of {request.budget}"
    return asdict(CheckReply("ok", [CheckFinding(CHECK, True, detail)]))


def _run(request: ScriptRequest) -> dict[str, Array]:
    home = str(Path.cwd())
    os.environ.update(ARCHWRIGHT_SEED=str(request.seed), ARCHWRIGHT_BUDGET=str(request.budget))
    importlib.invalidate_caches()
    with owned(request.seed):
        seed_everything(request.seed)
        try:
            _execute(request.command)
        except SystemExit as end:
            if end.code not in (None, 0):
                raise ContractError(f"the script ended with exit code {end.code}") from end
        except BaseException as error:
            if is_out_of_memory(error):
                raise
            raise ContractError(_described(error, home)) from error
    os.chdir(home)
    return {output.split: read_output(output) for output in request.outputs}


def _execute(command: tuple[str, ...]) -> None:
    """Do what `python` would do with these words."""
    by_name = command[0] == "-m"
    name, *arguments = command[1:] if by_name else command
    sys.path.insert(0, str(Path.cwd() if by_name else Path(name).resolve().parent))
    sys.argv = [name, *arguments]
    if by_name:
        runpy.run_module(name, run_name="__main__", alter_sys=True)
    elif Path(name).exists():
        runpy.run_path(name, run_name="__main__")
    else:
        raise FileNotFoundError(errno.ENOENT, "the command names no file of the tree", name)


def _described(error: BaseException, home: str) -> str:
    """The script's own lines of the traceback, then the error, and what it means in a jail."""
    frames = traceback.extract_tb(error.__traceback__)
    placed = [(Path(home, frame.filename), frame) for frame in frames]
    lines = [
        f"{path.relative_to(home)} line {frame.lineno}, in {frame.name}: {frame.line}"
        for path, frame in placed
        if path.is_relative_to(home) and path.is_file()
    ]
    said = f"{type(error).__name__}: {error}{_hint(error)}"
    return clean("\n".join([*lines[-_FRAMES_SHOWN:], said]))


def _hint(error: BaseException) -> str:
    if not isinstance(error, OSError):
        return ""
    if error.errno == errno.EFBIG:
        return " (it prints, or writes into one file, more than the sandbox takes)"
    if error.errno == errno.EACCES and error.filename:
        return " (the sandbox shows the files that the task names alone)"
    if error.errno == errno.EPERM and not error.filename:
        return " (the sandbox starts no process and reaches no network: use num_workers=0)"
    return ""


# --- what it left ---------------------------------------------------------------------------------


def read_output(output: ScriptOutput) -> Array:
    """The predictions of one split as float32.

    Raises:
        ContractError: they are not there, are no array of numbers, or have another shape.
    """
    file = Path(output.file)
    if not file.is_file():
        raise ContractError(f"the script left no {output.file}")
    try:
        found = _READERS[file.suffix](file, output.split)
        if np.iscomplexobj(found):
            raise TypeError("they are complex")
        array = np.ascontiguousarray(found, dtype=np.float32)
    except (OSError, ValueError, TypeError, KeyError, EOFError) as error:
        raise ContractError(f"{output.file} holds no array of numbers: {error}") from error
    shape = (output.shape[0] or len(np.atleast_1d(array)), *output.shape[1:])
    if file.suffix == ".csv" and array.size == np.prod(shape, dtype=np.int64):
        array = array.reshape(shape)
    if array.shape != shape:
        wanted = ", ".join(map(str, (output.shape[0] or "samples", *shape[1:])))
        raise ContractError(f"{output.file} has the shape {array.shape}, it must be ({wanted})")
    if not np.isfinite(array).all():
        raise ContractError(f"{output.file} has values that are not finite")
    return array


def _read_npz(file: Path, split: str) -> Array:
    """The array that is named as the split, or the only one."""
    with np.load(file, allow_pickle=False) as arrays:
        name = split if split in arrays.files or len(arrays.files) != 1 else arrays.files[0]
        array: Array = arrays[name]
        return array


def _read_csv(file: Path, split: str) -> Array:
    """A row a sample; a first row that is no numbers is a heading."""
    del split
    with file.open(newline="", encoding="utf-8") as stream:
        rows = [row for row in csv.reader(stream) if row]
    first = rows[:1]
    return np.array([[float(cell) for cell in row] for row in rows[_has_heading(first) :]])


def _has_heading(first: list[list[str]]) -> bool:
    try:
        for row in first:
            list(map(float, row))
    except ValueError:
        return True
    return False


_READERS: Final[Mapping[str, Any]] = {
    ".npy": lambda file, _: np.load(file, allow_pickle=False),
    ".npz": _read_npz,
    ".csv": _read_csv,
}
