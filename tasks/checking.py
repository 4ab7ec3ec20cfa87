"""All that is wrong with a task folder, one line each."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

from archwright.core import Arrays, TaskError, TaskSpec
from archwright.core.arrays import equal
from archwright.tasks.loading import Task, functions_of, read_folder
from archwright.tasks.source import is_suite

Data = dict[str, tuple[Arrays, Arrays]]


def check_folder(path: str | Path) -> list[str]:
    """What is wrong with a task folder, found without training: empty when it is sound.

    Goes on after a fault as far as the rest can still be judged: the keys of `task.toml`, the
    baseline's source, the arrays of every split, and how the splits stand to each other.
    """
    folder = Path(path).expanduser().resolve()
    if not folder.is_dir():
        return [f"{path} is not a folder; `archwright task new {path}` makes a complete task there"]
    spec, faults = read_folder(folder)
    if is_suite(folder):
        return faults if spec is None else [*faults, *_member_faults(spec)]
    try:
        functions_of(folder)
    except TaskError as error:
        return [*faults, str(error)]
    return faults if spec is None else [*faults, *_data_faults(Task(spec))]


def _member_faults(suite: TaskSpec) -> list[str]:
    """What is wrong with the code and the data of a suite's problems."""
    return [
        f"problem {member.name}: {fault}"
        for member in suite.members
        for fault in check_folder(member.spec.folder)
    ]


def _data_faults(task: Task) -> list[str]:
    faults: list[str] = []
    data: Data = {}
    for split in task.splits:
        try:
            data[split] = task.load(split)
        except TaskError as error:
            faults.append(str(error).removeprefix(f"task {task.spec.name}, "))
    if task.spec.problem.script is None:  # whose inputs are not seen here
        faults += _sharing_faults(data)
    return [*faults, *_seed_faults(task, data)]


def _sharing_faults(data: Data) -> list[str]:
    return [
        f"{one} and {other} are the same inputs; each split needs samples of its own"
        for one, other in combinations(data, 2)
        if equal(data[one][0], data[other][0])
    ]


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
