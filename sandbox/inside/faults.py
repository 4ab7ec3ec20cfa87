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
_PLACED: Final = "leave out .cuda() and .to(device): the network and its input are placed for it"
_ADVICE: Final[tuple[tuple[type[BaseException], str, str], ...]] = (
    (
        ModuleNotFoundError,
        "",
        "a candidate is one file and may import the standard library, torch, numpy and the task's "
        "packages: put what it needs of others into it",
    ),
    (
        ImportError,
        "relative import",
        "a candidate is one file: put what it needs of others into it",
    ),
    (
        OSError,
        "",
        "a candidate has no network, no other processes and no files: make all that it needs in "
        "its own lines",
    ),
    (Exception, "CUDA enabled", _PLACED),
    (Exception, "NVIDIA driver", _PLACED),
    (Exception, "CUDA GPU", _PLACED),
    (Exception, "CUDA-capable", _PLACED),
    (Exception, "mps device", _PLACED),
    (Exception, "graph a second time", "detach what is kept from one call to the next: x.detach()"),
)
"""What is raised, words that it has, and what a candidate is to do."""
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
    advice = _advice(error) if file == FILE else ""
    lines.append(f"{type(error).__name__}: {error}" + (f"; {advice}" if advice else ""))
    return clean("\n".join(lines))


def _advice(error: BaseException) -> str:
    said = str(error)
    fitting = (
        advice for kind, words, advice in _ADVICE if isinstance(error, kind) and words in said
    )
    return next(fitting, "")


def listed(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    more = f" and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else ""
    return ", ".join(names[:_NAMES_SHOWN]) + more


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an allocation failed, as Python or as torch says it."""
    if isinstance(error, MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(mark in str(error) for mark in _OUT_OF_MEMORY)
