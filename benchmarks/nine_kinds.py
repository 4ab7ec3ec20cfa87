"""From data to a report: the nine kinds of task of docs/tasks.md, run as they stand there.

    python benchmarks/nine_kinds.py [--only NAME] [--folder DIR] [--json]

Each kind's lines of Python write its data, its two commands make the task and run it. Exit code 1
when one of them fails.
"""

from __future__ import annotations

import argparse
import json
import re
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

PAGE = Path(__file__).resolve().parents[1] / "docs" / "tasks.md"
_SECTION = re.compile(
    r"^### (?P<title>.+?)\n\n```python\n(?P<code>.+?)```\n\n```sh\n(?P<commands>.+?)```",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class TaskKind:
    """One section of the page."""

    title: str
    code: str
    """Writes the data into the working folder."""
    commands: tuple[tuple[str, ...], ...]
    """Words behind `archwright`."""

    @property
    def name(self) -> str:
        """The task's folder."""
        return self.commands[0][2]


@dataclass(frozen=True)
class KindResult:
    """What came of one kind."""

    title: str
    sound: bool
    metric: str = ""
    baseline: float | None = None
    best: float | None = None
    trials: int = 0
    seconds: float = 0.0
    error: str = ""


def task_kinds() -> Iterator[TaskKind]:
    """The kinds of the page, in its order."""
    for found in _SECTION.finditer(PAGE.read_text(encoding="utf-8")):
        lines = found["commands"].splitlines()
        yield TaskKind(
            found["title"], found["code"], tuple(tuple(shlex.split(w)[1:]) for w in lines)
        )


def run_kind(kind: TaskKind, folder: Path) -> KindResult:
    """Write the data of one kind, make the task, and run it in a workspace of its own."""
    folder.mkdir(parents=True)
    start = time.monotonic()
    subprocess.run([sys.executable, "-c", kind.code], cwd=folder, check=True)
    new, run = kind.commands
    for words in (("init", "."), new, ("task", "show", kind.name), run):
        done = _archwright(folder, *words)
        if done.returncode != 0:
            error = (done.stderr.strip().splitlines() or ["nothing was said"])[-1]
            return KindResult(kind.title, sound=False, error=f"{' '.join(words[:2])}: {error}")
        if words[:2] == ("task", "show"):
            metric: str = json.loads(done.stdout)["metric"]
    found: dict[str, Any] = json.loads(done.stdout)
    return KindResult(
        kind.title,
        sound=True,
        metric=metric,
        baseline=(found["baseline"] or {}).get("mean"),
        best=(found["best"] or {}).get("score"),
        trials=found["trials"],
        seconds=time.monotonic() - start,
    )


def _archwright(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "archwright", *words]
    command += [] if words[0] == "init" else ["--json"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def _line(result: KindResult) -> str:
    if not result.sound:
        return f"| {result.title} | {result.error} | | | | |"
    baseline, best = (
        "–" if score is None else f"{score:.3f}" for score in (result.baseline, result.best)
    )
    cells = (result.title, result.metric, baseline, best, result.trials, f"{result.seconds:.0f} s")
    return f"| {' | '.join(map(str, cells))} |"


def main() -> int:
    """Run the kinds one after the other."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", help="the name of one task of the page")
    parser.add_argument("--folder", type=Path, help="where the data and the runs are kept")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    kinds = [kind for kind in task_kinds() if given.only in (None, kind.name)]
    results = []
    with tempfile.TemporaryDirectory() as scratch:
        if not given.json:
            print("| kind | metric | baseline | best of the search | trials | time |", flush=True)
            print("| --- | --- | --- | --- | --- | --- |", flush=True)
        for kind in kinds:
            results.append(run_kind(kind, (given.folder or Path(scratch)) / kind.name))
            if not given.json:
                print(_line(results[-1]), flush=True)
    if given.json:
        print(json.dumps([asdict(result) for result in results], indent=2))
    return 0 if kinds and all(result.sound for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
