"""A task from a folder with a training script: what is missing is written, to be filled in."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from archwright.core import TaskError
from archwright.tasks.scaffold.starter import name_of
from archwright.tasks.scaffold.writing import toml

SCRIPTS: Final = ("train.py", "main.py", "run.py")
SAMPLES: Final = 100
"""Of a split in the labels that are made up."""


def write_script_task(folder: Path, repository: Path) -> tuple[Path, list[str]]:
    """Write a task around a training script.

    Returns:
        The folder, and what was assumed, one line each.

    Raises:
        TaskError: the repository has no script, or the folder cannot be written.
    """
    place = repository.expanduser().resolve()
    if not place.is_dir():
        raise TaskError(f"--script takes the folder of a training script, and {repository} is none")
    found = sorted(file.name for file in place.glob("*.py"))
    script = next((name for name in (*SCRIPTS, *found) if name in found), None)
    if script is None:
        raise TaskError(f"{repository} holds no Python file: --script needs one that trains")
    settings = _settings(folder, place, script)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "task.toml").write_text(settings, encoding="utf-8")
        (folder / "task.py").write_text(_CODE, encoding="utf-8")
    except OSError as error:
        raise TaskError(f"{folder} cannot be written: {error.strerror}") from error
    return folder, [
        f"the script is {script} of {place}, and it alone may change",
        "it takes the budget and the seed as --budget and --seed: set command if it does not",
        "it leaves predictions/validation.npy and predictions/test.npy: two classes, as logits",
        "task.py has no labels yet: put yours in",
    ]


def _settings(folder: Path, repository: Path, script: str) -> str:
    return (
        'kind = "script"\n'
        f"name = {toml(name_of(folder))}\n"
        f'summary = "what {script} learns"\n'
        'metric = "accuracy"\n'
        "# Budgets in the unit that the script understands, put in for {budget}.\n"
        "rungs = [30, 90]\n"
        "# Shape of one prediction; classes stand on the last axis.\n"
        "output_shape = [2]\n\n"
        'contract = """\n'
        f"Make {script} reach a better score within its budget.\n"
        '"""\n\n'
        "[script]\n"
        f"repository = {toml(str(repository))}\n"
        f'command = "python {script} --budget {{budget}} --seed {{seed}}"\n'
        f"files = [{toml(script)}]            # those that may change\n"
        "reads = []                    # files that it may read beside them, never labels\n\n"
        "[script.predictions]\n"
        'validation = "predictions/validation.npy"\n'
        'test = "predictions/test.npy"\n\n'
        "[limits]\ntrial_seconds = 300.0\nmemory_mb = 3072\n"
    )


_CODE: Final = '''\
"""The labels that the script's predictions are scored on. Nothing of this file enters the sandbox.
"""

from pathlib import Path

import numpy as np

HERE = Path(__file__).parent


def labels(split):
    """int64 classes of "validation" or "test", in the order of the predictions."""
    return np.load(HERE / f"{split}_labels.npy")
'''
