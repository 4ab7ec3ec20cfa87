"""What it takes to use a winner: its file, and the exact lines that load, train and export it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from archwright.core import Problem, TaskSpec
from archwright.knowledge.decisions.folder import slugify
from archwright.runs.results.wording import command_line
from archwright.source.code import classes, code_of
from archwright.source.constructor import arguments_of

LONGER: Final = 10
"""Times the run's top rung that a longer training is suggested for."""

WORDS: Final[Mapping[str, str]] = {
    "file": "the architecture, in its branch",
    "import": "import it, in the file's folder",
    "train": "train it longer, and keep the weights",
    "load": "load it with its weights, in Python",
    "export": "export it (also onnx, pt2)",
}
"""What each line of a usage is for, in the order in which they are shown."""


def usage_of(spec: TaskSpec, branch: str, source: str) -> dict[str, str]:
    """The lines for a discovery on a branch, by the keys of `WORDS`; none of a script's.

    Args:
        source: the discovery's own.
    """
    problem = spec.problem
    if problem.script is not None:
        return {}
    steps = str(LONGER * spec.rungs[-1])
    return {
        "file": f"discoveries/{slugify(spec.name)}/architecture.py",
        "import": f"from architecture import {problem.entry}; {_construction(problem, source)}",
        "train": command_line(".", "train", branch, "--steps", steps),
        "load": f'import archwright; archwright.load("{branch}")',
        "export": command_line(".", "export", branch, "--to", "DIR", "--format", "transformers"),
    }


def _construction(problem: Problem, source: str) -> str:
    """The call that makes the architecture."""
    entry = classes(code_of(source).tree).get(problem.entry)
    return f"{problem.entry}({', '.join(map(str, arguments_of(entry, problem)))})"


def readme_of(title: str, summary: str, usage: Mapping[str, str]) -> str:
    """The README.md beside the architecture."""
    line = " ".join(title.split())
    parts = [
        f"# {line}",
        f"{' '.join(summary.split())}. What was measured is in `results.json`, and why it was kept "
        "in the decision record under `docs/decisions`.",
        f"File: `{usage['file']}`",
        f"Import it, in this folder:\n\n```python\n{usage['import']}\n```",
        f"Train it longer, and keep the weights:\n\n```sh\n{usage['train']}\n```",
        f"Then load it with its weights:\n\n```python\n{usage['load']}\n```",
        f"Export it (`--format transformers`, `onnx` or `pt2`):\n\n```sh\n{usage['export']}\n```",
    ]
    return "\n\n".join(parts) + "\n"
