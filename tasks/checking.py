"""All that is wrong with a task folder, one line each."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from archwright.core import Arrays, TaskError, TaskSpec
from archwright.core.arrays import equal
from archwright.tasks.loading import Task, functions_of, read_folder
from archwright.tasks.readers.sharing import shared_samples
from archwright.tasks.source import is_suite

Data = dict[str, tuple[Arrays, Arrays]]


@dataclass(slots=True)
class Findings:
    """What was found about a task folder, one line each."""

    faults: list[str] = field(default_factory=list)
    """What is wrong."""
    notes: list[str] = field(default_factory=list)
    """What may be meant."""


def check_folder(path: str | Path) -> list[str]:
    """What is wrong with a task folder, found without training: empty when it is sound."""
    return look_over(path).faults


def look_over(path: str | Path) -> Findings:
    """All that is to be said about a task folder, found without training.

    Goes on after a fault as far as the rest can still be judged: the keys of `task.toml`, the
    baseline's source, the arrays of every split, and how the splits stand to each other.
    """
    folder = Path(path).expanduser().resolve()
    if not folder.is_dir():
        said = f"{path} is not a folder; `archwright task new {path}` makes a complete task there"
        return Findings([said])
    spec, faults = read_folder(folder)
    found = Findings([*faults])
    if is_suite(folder):
        if spec is not None:
            _look_at_members(spec, found)
        return found
    try:
        functions_of(folder)
    except TaskError as error:
        found.faults.append(str(error))
        return found
    if spec is not None:
        _look_at_data(Task(spec), found)
    return found


def _look_at_members(suite: TaskSpec, found: Findings) -> None:
    """The code and the data of a suite's problems."""
    for member in suite.members:
        own = look_over(member.spec.folder)
        found.faults += [f"problem {member.name}: {fault}" for fault in own.faults]
        found.notes += [f"problem {member.name}: {note}" for note in own.notes]


def _look_at_data(task: Task, found: Findings) -> None:
    data: Data = {}
    for split in task.splits:
        try:
            data[split] = task.load(split)
        except TaskError as error:
            found.faults.append(str(error).removeprefix(f"task {task.spec.name}, "))
    if task.spec.problem.script is None:  # whose inputs are not seen here
        for shared in shared_samples({split: x for split, (x, _) in data.items()}):
            (found.faults if shared.is_fault else found.notes).append(shared.line)
    found.faults += _seed_faults(task, data)


def _seed_faults(task: Task, data: Data) -> list[str]:
    """Scores only compare where everyone is judged on the same samples."""
    faults = []
    for split in data:
        seed = 0 if split == "train" else 1
        try:
            again = task.load(split, seed)
        except TaskError as error:
            faults.append(f"{str(error).removeprefix(f'task {task.spec.name}, ')} (seed {seed})")
            continue
        if not all(map(equal, data[split], again)):
            cause = (
                "differs between two loads with seed 0" if seed == 0 else "changes with the seed"
            )
            fix = "draw from a generator of the seed alone" if seed == 0 else "use a fixed seed"
            faults.append(f"{split} data {cause}; {fix}")
    return faults
