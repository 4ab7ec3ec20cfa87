"""A training script as the task, and the bundle: several files as one text.

A bundle is what a candidate's source is where the task is a script. Each file stands behind a line
`# ==== file: PATH ====`. Python files stand there as they are; every line of another file begins
with `#| `, so that the whole is Python, too, and can be read, compared and edited as one source.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from archwright.core.errors import SourceError

_HEADER: Final = re.compile(r"^# ==== file: (\S(?:.*\S)?) ====[ \t]*$", re.MULTILINE)
_QUOTE: Final = "#|"
PREDICTIONS: Final = (".npy", ".npz", ".csv")
"""How a file of predictions may end."""
BUDGET_WORD, SEED_WORD = "{budget}", "{seed}"
"""What a command says where the harness puts in the budget and the seed."""


@dataclass(frozen=True, slots=True)
class Script:
    """How a training script is run. Paths are relative to its repository, with `/`."""

    command: tuple[str, ...]
    """The words behind `python`."""
    files: tuple[str, ...]
    """The files that may change."""
    predictions: tuple[tuple[str, str], ...]
    """Of each split the file that the script must leave."""
    reads: tuple[tuple[str, str], ...] = ()
    """What it finds beside the files of a candidate: where it finds it, and the absolute path."""
    baseline: str = ""
    """The bundle of the files that may change, as the repository has them."""
    beside: str = ""
    """The Python files that it reads, as a bundle, for whoever changes the others."""
    check_budget: int | None = None
    """Budget of the short run that checks a candidate; None where there is none."""


def is_bundle(source: str) -> bool:
    """Whether a source begins with the line that names a file."""
    return _HEADER.match(source.lstrip()) is not None


def is_python(path: str) -> bool:
    """Whether a file of a bundle is Python."""
    return path.endswith(".py")


def write_bundle(files: Mapping[str, str]) -> str:
    """Several files as one text, in their order.

    Raises:
        SourceError: a line of a file looks like the line that names one.
    """
    parts = []
    for path, text in files.items():
        content = text.removeprefix("\ufeff").replace("\r\n", "\n").strip("\n")
        if _HEADER.search(content):
            raise SourceError(f"{path} has a line that names a file of a bundle: change that line")
        if not is_python(path):
            lines = content.split("\n")
            content = "\n".join(f"{_QUOTE} {line}" if line else _QUOTE for line in lines)
        parts.append(f"# ==== file: {path} ====\n{content}\n")
    return "\n".join(parts)


def read_bundle(source: str) -> dict[str, str]:
    """The files of a bundle by path, in their order; of two under one path the later one.

    Raises:
        SourceError: there is no file, or something stands before the first one.
    """
    before, *parts = _HEADER.split(source)
    if before.strip() or not parts:
        raise SourceError("a bundle begins with a line `# ==== file: PATH ====`")
    return {path: _content(path, text) for path, text in zip(parts[::2], parts[1::2], strict=True)}


def _content(path: str, text: str) -> str:
    lines = text.strip("\n").split("\n")
    if not is_python(path) and all(line.startswith(_QUOTE) for line in lines if line.strip()):
        lines = [line.removeprefix(_QUOTE).removeprefix(" ") for line in lines]
    return "\n".join(lines) + "\n"
