"""How much of the project one step of the discovery loop enters, and what the loop imports.

    python benchmarks/framework/step.py [--task digits] [--trials 60] [--seed 3] [--json]

Runs the symbolic backend in a process sandbox and traces each `Loop.step` in its own thread: the
project's files of which a function was called, and the functions.
"""

from __future__ import annotations

import argparse
import ast
import json
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from statistics import median
from types import FrameType
from typing import Any

import archwright
from archwright.runs import loop

ROOT = Path(archwright.__file__).resolve().parents[1]
LIMITS = {"files": 30, "imports": 8}


def measure(task: str, trials: int, seed: int) -> dict[str, Any]:
    """Files and functions of each step of one run."""
    steps: list[tuple[set[str], int]] = []
    plain = loop.Loop.step

    def traced(self: loop.Loop, *given: Any) -> Any:
        seen: set[tuple[str, str]] = set()

        def note(frame: FrameType, event: str, _: object) -> None:
            if event == "call":
                seen.add((frame.f_code.co_filename, frame.f_code.co_qualname))

        sys.setprofile(note)
        try:
            return plain(self, *given)
        finally:
            sys.setprofile(None)
            own = {(name, function) for file, function in seen if (name := _own(file))}
            steps.append(({name for name, _ in own}, len(own)))

    loop.Loop.step = traced  # type: ignore[method-assign,assignment]
    try:
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run(["git", "init", "-q", folder], check=True)
            archwright.discover(
                task, workspace=folder, max_trials=trials, seed=seed, workers=2, sandbox="process"
            )
    finally:
        loop.Loop.step = plain  # type: ignore[method-assign]
    counts, entered = [len(files) for files, _ in steps], Counter(f for s, _ in steps for f in s)
    return {
        "steps": len(steps),
        "files": {"least": min(counts), "median": median(counts), "most": max(counts)},
        "functions": median(count for _, count in steps),
        "imports": sorted(_imports(Path(loop.__file__))),
        "entered": {file: n / len(steps) for file, n in sorted(entered.items())},
        "limits": LIMITS,
    }


def _own(file: str) -> str:
    """The path of a file of the project within it; empty for any other."""
    if not file.endswith(".py"):
        return ""
    path = Path(file).resolve()
    inside = path.is_relative_to(ROOT) and "site-packages" not in path.relative_to(ROOT).parts
    return path.relative_to(ROOT).as_posix() if inside and path != Path(__file__) else ""


def _imports(path: Path) -> set[str]:
    """The project's modules that a file imports."""
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    found = (node.module or "" for node in nodes if isinstance(node, ast.ImportFrom))
    return {module for module in found if module.startswith("archwright")}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--task", default="digits")
    parser.add_argument("--trials", type=int, default=60)
    parser.add_argument("--seed", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    found = measure(args.task, args.trials, args.seed)
    if args.json:
        print(json.dumps(found, indent=2))
        return
    files = found["files"]
    for file, share in found["entered"].items():
        print(f"{100 * share:4.0f} %  {file}")
    print(
        f"{found['steps']} steps: {files['least']} to {files['most']} files each, median "
        f"{files['median']:g} (limit {LIMITS['files']}); {found['functions']:g} functions; "
        f"the loop imports {len(found['imports'])} modules (limit {LIMITS['imports']})"
    )


if __name__ == "__main__":
    main()
