"""A baseline that is spread over files beside it becomes the one file that a candidate is."""

from __future__ import annotations

from pathlib import Path

import pytest

from archwright.sandbox.in_process import InProcessSandbox
from archwright.tasks.loading import Task, load_task
from archwright.tasks.siblings import with_siblings

HEAD = """\"\"\"Parts.\"\"\"
from __future__ import annotations

from torch import nn

from sizes import WIDTH


def part(size: int) -> nn.Module:
    return nn.Sequential(nn.Linear(size, WIDTH), nn.ReLU())


if __name__ == "__main__":
    print(part(3))
"""
SIZES = "WIDTH = 24\n"
BASELINE = """\"\"\"The baseline.\"\"\"
from math import prod

from torch import nn
from parts import part as make
from sizes import WIDTH


class Model(nn.Module):
    def __init__(self, input_shape, output_shape):
        super().__init__()
        self.net = nn.Sequential(make(prod(input_shape)), nn.Linear(WIDTH, output_shape[0]))

    def forward(self, x):
        return self.net(x.flatten(1))
"""


@pytest.fixture
def folder(spirals: Path) -> Path:
    (spirals / "parts.py").write_text(HEAD)
    (spirals / "sizes.py").write_text(SIZES)
    (spirals / "baseline.py").write_text(BASELINE)
    return spirals


def test_what_it_imports_from_files_beside_it_is_put_in(folder: Path) -> None:
    task = load_task(folder)
    source = task.spec.baseline
    assert source.count("WIDTH = 24") == 1
    assert "from parts" not in source
    assert "print(" not in source
    assert source.startswith("from __future__ import annotations")
    report = InProcessSandbox().check(source, task.spec.problem)
    assert report.status == "ok", report.error
    assert report.parameters == 3 * 24 + 25 * task.spec.problem.output_shape[0]


def test_a_change_beside_it_is_a_change_of_the_task(folder: Path) -> None:
    before = load_task(folder).digest()
    (folder / "sizes.py").write_text("WIDTH = 25\n")
    assert load_task(folder).digest() != before
    (folder / "unused.py").write_text("WIDTH = 26\n")
    assert load_task(folder).digest() != before


def test_a_baseline_of_one_file_stays_as_it_is(spirals: Path) -> None:
    source = (spirals / "baseline.py").read_text()
    assert with_siblings(source, spirals) == (source, [])
    assert Task(load_task(spirals).spec).spec.baseline == source


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("import parts", "baseline.py line 1: it imports parts, a file beside it"),
        ("import parts as p", "write `from parts import NAME` at the top"),
        ("from . import parts", "it imports parts"),
        ("def late():\n    from parts import part", "baseline.py line 2: it imports parts"),
        ("from task import load", "it imports task, a file beside it"),
        ("from parts import part\nWIDTH = 3", "WIDTH is defined in baseline.py, too"),
    ],
)
def test_what_cannot_be_put_in_is_one_line(folder: Path, line: str, said: str) -> None:
    source, faults = with_siblings(f"{line}\n", folder)
    assert said in faults[0]
    assert "\n" not in faults[0]
    assert source == f"{line}\n"
