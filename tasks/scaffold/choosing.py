"""Which data a new task is made from, and which architecture it begins with."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from archwright.core import TaskError
from archwright.tasks.readers.tables import TargetKind
from archwright.tasks.scaffold.arrays import draft_of_arrays
from archwright.tasks.scaffold.hub import draft_of_hub
from archwright.tasks.scaffold.images import draft_of_images, draft_of_masks
from archwright.tasks.scaffold.ladder import draft_of_rung, rung_of
from archwright.tasks.scaffold.modules import baseline_of_class
from archwright.tasks.scaffold.scripts import write_script_task
from archwright.tasks.scaffold.series import draft_of_series
from archwright.tasks.scaffold.starter import free_folder, new_task
from archwright.tasks.scaffold.tables import draft_of_ranking, draft_of_table
from archwright.tasks.scaffold.texts import draft_of_text
from archwright.tasks.scaffold.writing import (
    Counter,
    Draft,
    limit_of,
    write_baseline,
    write_task,
)

DATA: Final = ("images", "csv", "npz", "text", "hf", "script")
NEEDS: Final = {
    "masks": ("images",),
    "size": ("images",),
    "target": ("csv",),
    "forecast": ("csv",),
    "window": ("forecast",),
    "time": ("forecast",),
    "group": ("csv",),
    "tokenizer": ("text", "ladder"),
    "length": ("text", "ladder"),
    "map": ("module",),
}
"""Options that mean something beside one of others alone."""


@dataclass(frozen=True, slots=True)
class Sources:
    """What a task is made from, as it is asked for; None is not."""

    images: Path | None = None
    masks: Path | None = None
    size: int | None = None
    csv: Path | None = None
    target: Sequence[str] | None = None
    kind: TargetKind | None = None
    forecast: int | None = None
    window: int | None = None
    time: str | None = None
    group: str | None = None
    npz: Path | None = None
    text: Path | None = None
    tokenizer: Path | None = None
    length: int | None = None
    hf: str | None = None
    ladder: str | None = None
    script: Path | None = None
    module: str | None = None
    map: Mapping[str, str] | None = None

    def __post_init__(self) -> None:
        """Refuse what does not go together.

        Raises:
            TaskError: two kinds of data, or an option without the one that it belongs to.
        """
        given = [name for name in DATA if getattr(self, name) is not None]
        if len(given) > 1:
            raise TaskError(f"--{given[0]} and --{given[1]} are two tasks: give one of them")
        for name, owners in NEEDS.items():
            if getattr(self, name) is not None and all(getattr(self, o) is None for o in owners):
                said = " or --".join(owners)
                raise TaskError(f"--{name} goes with --{said}: give that as well, or leave it out")
        if self.ladder is not None and given and given[0] not in ("text", "hf"):
            raise TaskError(f"--ladder is a language model: give --text or --hf, not --{given[0]}")
        if self.script is not None and self.module is not None:
            raise TaskError("--module is a network, and --script trains its own: give one of them")
        if self.csv is not None and not self.target:
            raise TaskError("--csv needs --target COLUMN: say which column is predicted")
        if self.forecast is not None and self.group is not None:
            raise TaskError("--forecast and --group are two tasks: give one of them")
        if self.ladder is not None and self.module is not None:
            raise TaskError("--module is a whole network, and --ladder has one: give one of them")


def new_task_from(folder: str | Path, sources: Sources, count: Counter) -> tuple[Path, list[str]]:
    """Write a task made from one's own data, or architecture.

    Args:
        folder: where it goes; named after it.
        sources: what it is made from.
        count: counts the baseline's parameters.

    Returns:
        The folder, and what was assumed, one line each.

    Raises:
        TaskError: the folder holds something, or the data cannot be made a task.
    """
    folder = free_folder(folder)
    if sources.script is not None:
        return write_script_task(folder, sources.script)
    draft = _draft(sources)
    if sources.module is None:
        if draft is None:
            return new_task(folder), []
        return write_task(folder, draft, count), draft.assumed
    if draft is None:
        return _starter_with(folder, sources, count)
    draft.baseline = baseline_of_class(sources.module, draft.keys, sources.map or {})
    draft.assumed.append(f"the baseline is {sources.module}, called as baseline.py says")
    return write_task(folder, draft, count), draft.assumed


def _draft(sources: Sources) -> Draft | None:
    if sources.ladder is not None:
        text = None if sources.text is None else _there(sources.text)
        rung = rung_of(sources.ladder)
        return draft_of_rung(rung, text, sources.hf, sources.tokenizer, sources.length)
    made: dict[str, Callable[[], Draft]] = {
        "images": lambda: _images(sources),
        "csv": lambda: _csv(sources),
        "npz": lambda: draft_of_arrays(_there(sources.npz), sources.kind),
        "text": lambda: draft_of_text(_there(sources.text), sources.tokenizer, sources.length),
        "hf": lambda: draft_of_hub(str(sources.hf), sources.kind),
    }
    for name, make in made.items():
        if getattr(sources, name) is not None:
            return make()
    return None


def _images(sources: Sources) -> Draft:
    folder = _there(sources.images)
    if sources.masks is None:
        return draft_of_images(folder, sources.size)
    return draft_of_masks(folder, _there(sources.masks), sources.size)


def _csv(sources: Sources) -> Draft:
    file, target = _there(sources.csv), list(sources.target or ())
    if sources.forecast is not None:
        return draft_of_series(file, target, sources.forecast, sources.window, sources.time)
    if sources.group is not None:
        return draft_of_ranking(file, target, sources.group)
    return draft_of_table(file, target, sources.kind)


def _there(path: Path | None) -> Path:
    assert path is not None
    found = path.expanduser().resolve()
    if not found.exists():
        raise TaskError(f"{path} does not exist: give the path of an existing file or folder")
    return found


def _starter_with(folder: Path, sources: Sources, count: Counter) -> tuple[Path, list[str]]:
    """The generated task with a baseline of the user's own."""
    keys = {"input_shape": [2], "output_shape": [3]}
    baseline = baseline_of_class(str(sources.module), keys, sources.map or {})
    new_task(folder)
    write_baseline(folder, baseline)
    most, _ = limit_of(folder, count)
    text = (folder / "task.toml").read_text(encoding="utf-8")
    text = text.replace("max_params = 20_000", f"max_params = {most:_}")
    if baseline.packages:
        names = ", ".join(f'"{name}"' for name in baseline.packages)
        text += f"\n[sandbox]\npackages = [{names}]\n"
    (folder / "task.toml").write_text(text, encoding="utf-8")
    return folder, ["the data are the generated spirals: put your own into task.py"]
