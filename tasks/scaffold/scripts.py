"""A task from a folder with a training script: what is missing is written, to be filled in."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from archwright.core import TaskError
from archwright.tasks.scaffold.starter import name_of
from archwright.tasks.scaffold.writing import toml

SCRIPTS: Final = ("train.py", "main.py", "run.py")
BUDGETS: Final = ("--budget", "--seconds", "--steps", "--iterations", "--epochs")
"""Options that a script may take its budget by."""
_RESULT: Final = re.compile(r"[\"']([\w./-]+\.(?:npy|npz|csv))[\"']")


def write_script_task(folder: Path, repository: Path) -> tuple[Path, list[str]]:
    """Write a task around a training script.

    Returns:
        The folder, and what was assumed, one line each.

    Raises:
        TaskError: the repository has no script, or the folder cannot be written.
    """
    place = repository.expanduser().resolve()
    if not place.is_dir():
        raise TaskError(
            f"--script takes the folder of a training script, and {repository} is not a folder"
        )
    found = sorted(file.name for file in place.glob("*.py"))
    script = next((name for name in (*SCRIPTS, *found) if name in found), None)
    if script is None:
        raise TaskError(f"{repository} holds no Python file: --script needs one that trains")
    others = [name for name in found if name != script]
    text = (place / script).read_text(encoding="utf-8", errors="replace")
    budget = next((flag for flag in BUDGETS if f'"{flag}"' in text or f"'{flag}'" in text), None)
    command = f"python {script}" + (f" {budget} {{budget}}" if budget else "")
    command += " --seed {seed}" if re.search(r"[\"']--seed[\"']", text) else ""
    predictions = {split: _left(text, split) for split in ("validation", "test")}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        settings = _settings(name_of(folder), place, script, command, others, predictions)
        (folder / "task.toml").write_text(settings, encoding="utf-8")
        (folder / "task.py").write_text(_CODE, encoding="utf-8")
    except OSError as error:
        raise TaskError(f"{folder} cannot be written: {error.strerror}") from error
    how = f"takes its budget as {budget}" if budget else "reads its budget from ARCHWRIGHT_BUDGET"
    return folder, [
        f"the script is {script} of {place}: it alone may change, and it {how}",
        f"it may read {', '.join(others) or 'no other file'}: add its data to reads, never labels",
        f"it leaves {' and '.join(predictions.values())}: logits of 2 classes (output_shape)",
        "labels(split) in task.py gives zeros: put your labels there",
    ]


def _left(text: str, split: str) -> str:
    """The file of predictions that a script seems to leave."""
    named = [name for name in _RESULT.findall(text) if split[:5] in Path(name).stem]
    return named[-1] if named else f"{split}.npy"


def _settings(
    name: str,
    repository: Path,
    script: str,
    command: str,
    reads: list[str],
    predictions: dict[str, str],
) -> str:
    return (
        'kind = "script"\n'
        f"name = {toml(name)}\n"
        f'summary = "what {script} learns"\n'
        'metric = "accuracy"\n'
        "# Budgets in the unit that the script understands.\n"
        "rungs = [30, 90]\n"
        "# Shape of one prediction; classes stand on the last axis.\n"
        "output_shape = [2]\n\n"
        f'contract = """\nMake {script} reach a better score within its budget.\n"""\n\n'
        "[script]\n"
        f"repository = {toml(str(repository))}\n"
        f"command = {toml(command)}\n"
        "# The files that may change, and those that it may read beside them: never labels.\n"
        f"files = [{toml(script)}]\n"
        f"reads = {toml(reads)}\n"
        f"predictions = {toml(predictions)}\n\n"
        "[limits]\ntrial_seconds = 300.0\nmemory_mb = 3072\n"
    )


_CODE: Final = '''\
"""The labels that the script's predictions are scored on. Nothing of this file enters the sandbox.
"""

import numpy as np

SAMPLES = {"validation": 100, "test": 100}


def labels(split):
    """int64 classes of "validation" or "test", in the order of the predictions: put yours here."""
    return np.zeros(SAMPLES[split], dtype=np.int64)
'''
