"""The nine kinds of docs/tasks.md: made as they stand there, sound, and within the grammar."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from archwright.benchmarks.nine_kinds import TaskKind, task_kinds
from archwright.cli import main
from archwright.core import Status
from archwright.sandbox.in_process import InProcessSandbox
from archwright.search.grammar import draw
from archwright.tasks.loading import load_task

KINDS = list(task_kinds())
DRAWS = 3


def test_the_page_has_nine() -> None:
    assert len(KINDS) == 9
    assert all(kind.commands[1][:2] == ("run", kind.name) for kind in KINDS)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_kind_is_made_sound_and_drawn_for(
    kind: TaskKind,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    subprocess.run([sys.executable, "-c", kind.code], check=True)
    assert main([*kind.commands[0], "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert {"task.toml", "task.py", "baseline.py", "README.md"} <= set(made["files"])
    assert made["assumed"]
    assert main(["task", "check", kind.name, "--json"]) == 0, capsys.readouterr().out
    problem = load_task(kind.name).spec.problem
    sandbox = InProcessSandbox()
    for seed in range(DRAWS):
        report = sandbox.check(draw(problem, Random(seed)).source, problem)
        assert report.status is Status.OK, (seed, report.error, report.checks)
