"""The files of a task folder, from what was found out about its data."""

from __future__ import annotations

import json
import shutil
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from archwright.core import Problem, TaskError
from archwright.tasks.scaffold.starter import name_of
from archwright.tasks.spec import read_spec

SMALL_BYTES: Final = 1 << 20
"""A file of at most so much is copied into the task's folder; a larger one stays where it is."""
ROOM: Final = 4.0
"""The usual `Draft.room`."""
UNKNOWN_LIMIT: Final = 1_000_000
"""The limit where the baseline's parameters cannot be counted without running it."""

Counter = Callable[[str, Problem], int | None]
"""Parameters of a source, without running it; None where that cannot be told."""


@dataclass(slots=True)
class StartingPoint:
    """The architecture to beat: its text, and files that it imports from."""

    text: str
    beside: Mapping[str, str] = field(default_factory=dict)
    """Text by file name."""
    packages: Sequence[str] = ()
    """Installed packages that it imports."""


@dataclass(slots=True)
class Reading:
    """How `task.py` reads the data: a reader, and the choices that it is made with."""

    reader: str
    """Its class in `archwright.tasks.readers`."""
    files: dict[str, Any]
    """What it is given first, a path or a name, each with the name of its constant."""
    options: dict[str, Any]
    lazy: bool = False
    """Whether it is read in batches."""


@dataclass(slots=True)
class Draft:
    """A task before it is written."""

    summary: str
    contract: str
    reading: Reading
    metric: str
    keys: dict[str, Any]
    """Shapes and types, as `task.toml` has them."""
    baseline: StartingPoint
    train: int
    """How many training samples there are."""
    assumed: list[str]
    """What was assumed, one line each."""
    loss: str | None = None
    recipe: dict[str, Any] = field(default_factory=dict)
    sections: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Further sections of `task.toml`, each with its keys."""
    trial_seconds: float = 300.0
    memory_mb: int = 3072
    room: float = ROOM
    """How many times the baseline's parameters a candidate may have."""


def write_task(folder: Path, draft: Draft, count: Counter) -> Path:
    """Write a whole task.

    Raises:
        TaskError: it cannot be written, or is not sound in form.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _bring_small_files(folder, draft.reading)
        _write(folder / "task.py", task_code(draft.summary, draft.reading))
        write_baseline(folder, draft.baseline)
        _write(folder / "README.md", _readme(folder, draft))
        _write(folder / "task.toml", _settings(folder, draft, UNKNOWN_LIMIT, ""))
    except OSError as error:
        raise TaskError(f"{folder} cannot be written: {error.strerror}") from error
    most, said = limit_of(folder, count, draft.room)
    _write(folder / "task.toml", _settings(folder, draft, most, said))
    return folder


def write_baseline(folder: Path, baseline: StartingPoint) -> None:
    """Write `baseline.py`, and what it imports from beside it."""
    _write(folder / "baseline.py", baseline.text)
    for name, text in baseline.beside.items():
        _write(folder / name, text)


def limit_of(folder: Path, count: Counter, room: float = ROOM) -> tuple[int, str]:
    """A limit of parameters that the baseline keeps, and what is said about it.

    Raises:
        TaskError: the task that was written is not sound in form.
    """
    spec, faults = read_spec(folder)
    if spec is None or faults:
        raise TaskError(faults[0])
    own = count(spec.baseline, spec.problem)
    if not own:
        return UNKNOWN_LIMIT, "the baseline's were not counted: `archwright task check` does"
    most = round(room * own)
    step = 10 ** max(0, len(str(most)) - 2)
    return -(-most // step) * step, f"the baseline has {own:,}"


def _write(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8")


def _bring_small_files(folder: Path, reading: Reading) -> None:
    for name, file in reading.files.items():
        if isinstance(file, Path) and file.is_file() and file.stat().st_size <= SMALL_BYTES:
            shutil.copyfile(file, folder / file.name)
            reading.files[name] = Path(file.name)


# --- task.py --------------------------------------------------------------------------------------


def task_code(summary: str, reading: Reading) -> str:
    """The text of `task.py`."""
    constants, own = [], False
    for name, file in reading.files.items():
        if isinstance(file, str) or file.is_absolute():
            constants.append(f"{name} = {str(file)!r}")
        else:
            own = True
            constants.append(f"{name} = Path(__file__).parent / {str(file)!r}")
    arguments = [f"    {name},\n" for name in reading.files]
    arguments += [f"    {name}={value!r},\n" for name, value in reading.options.items()]
    imports = "from pathlib import Path\n\n" if own else ""
    given = "".join(f"{constant}\n" for constant in constants)
    batches = (
        "\n\ndef batches(split, seed, batch_size):\n"
        '    """The same, some at a time: they need not fit into memory."""\n'
        "    return DATA.batches(split, batch_size)\n"
    )
    load = (
        "\n\ndef load(split, seed):\n"
        '    """x and y of "train", "validation" or "test"; the same whatever the seed."""\n'
        "    return DATA.load(split)\n"
    )
    return (
        f'"""The data of this task: {summary}.\n\n'
        "This file is trusted and runs in Archwright's own process. Candidates never see it.\n"
        f'"""\n\n{imports}from archwright.tasks.readers import {reading.reader}\n\n'
        f"{given}{chr(10) if given else ''}DATA = {reading.reader}(\n{''.join(arguments)})\n"
        f"{batches if reading.lazy else load}"
    )


# --- task.toml ------------------------------------------------------------------------------------


def toml(value: Any) -> str:
    """A value as TOML writes it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{name} = {toml(item)}" for name, item in value.items()) + " }"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(toml, value)) + "]"
    return f"{value:_}" if isinstance(value, int) and value >= 10_000 else repr(value)


def rungs_of(samples: int, batch_size: int) -> list[int]:
    """Budgets in steps: about five passes over the data, within bounds, and three times that."""
    low = min(max(5 * samples // batch_size, 60), 120)
    low = round(low / 10) * 10
    return [low, 3 * low]


def _settings(folder: Path, draft: Draft, max_params: int, said: str) -> str:
    recipe = {
        "optimizer": "adamw",
        "learning_rate": 2e-3,
        "weight_decay": 0.01,
        "batch_size": 32 if draft.train < 2_000 else 64,
        "schedule": "cosine",
        **draft.recipe,
    }
    keys = {
        "name": name_of(folder),
        "summary": draft.summary,
        "metric": draft.metric,
        **({} if draft.loss is None else {"loss": draft.loss}),
        "rungs": rungs_of(draft.train, recipe["batch_size"]),
        **draft.keys,
    }
    packages = list(draft.baseline.packages)
    sandbox = f"\n[sandbox]\npackages = {toml(packages)}\n" if packages else ""
    return (
        "# Written by `archwright task new`. Everything may be changed;\n"
        "# `archwright task check DIR` says what is wrong then.\n#\n"
        "# Assumed:\n"
        + "".join(f"# - {line}\n" for line in draft.assumed)
        + "\n"
        + _lines(keys)
        + f'\ncontract = """\n{textwrap.fill(draft.contract, 100)}\n"""\n'
        + f"\n[limits]\nmax_params = {toml(max_params)}"
        + (f"  # {said}" if said else "")
        + f"\ntrial_seconds = {draft.trial_seconds}\nmemory_mb = {draft.memory_mb}\n"
        + sandbox
        + "".join(f"\n[{name}]\n{_lines(values)}" for name, values in draft.sections.items())
        + f"\n[recipe]\n{_lines(recipe)}"
    )


def _lines(values: Mapping[str, Any]) -> str:
    return "".join(f"{name} = {toml(value)}\n" for name, value in values.items())


def _readme(folder: Path, draft: Draft) -> str:
    return (
        f"# {name_of(folder)}\n\n{draft.summary[:1].upper()}{draft.summary[1:]}.\n\n"
        "| file | holds |\n| --- | --- |\n"
        "| `task.toml` | metric, budgets, shapes, limits, and what was assumed |\n"
        "| `task.py` | how the data are read and split |\n"
        "| `baseline.py` | the architecture to beat |\n\n"
        "Assumed:\n\n" + "".join(f"- {line}\n" for line in draft.assumed)
    )
