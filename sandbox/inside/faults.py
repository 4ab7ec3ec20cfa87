"""What went wrong in a candidate, in a few clean lines."""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from typing import Final

from ..contract import clean

FILE: Final = "candidate.py"
"""The name under which a candidate's source is compiled."""

TASK_FILE: Final = "task.py"
"""The name under which the task's own code is compiled."""

_FRAMES_SHOWN: Final = 4
_NAMES_SHOWN: Final = 5
_OUT_OF_MEMORY: Final = ("can't allocate memory", "not enough memory", "out of memory", "bad_alloc")


class ContractError(Exception):
    """The candidate does not do what its contract asks; the message says what."""


class TaskFaultError(Exception):
    """The task's own code does not do what it must: no fault of the candidate."""


def describe(error: BaseException, file: str = FILE) -> str:
    """The lines of the traceback in the candidate, or another file, then the error."""
    if isinstance(error, ContractError | TaskFaultError):
        return clean(str(error))
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename == file]
    lines = [f"line {f.lineno}, in {f.name}: {f.line}" for f in frames[-_FRAMES_SHOWN:]]
    return clean("\n".join([*lines, f"{type(error).__name__}: {error}"]))


def listed(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    more = f" and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else ""
    return ", ".join(names[:_NAMES_SHOWN]) + more


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an allocation failed, as Python or as torch says it."""
    if isinstance(error, MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(mark in str(error) for mark in _OUT_OF_MEMORY)
