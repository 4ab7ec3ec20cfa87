"""What is left of a measurement that is killed: nothing."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from archwright.bench.cells import COLUMNS, OPERATIONS


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """All cells of NAS-Bench-201, of equal quality."""
    file = tmp_path / "cells.csv"
    lines = [",".join(COLUMNS)]
    for number in range(len(OPERATIONS) ** 6):
        a, b, c, d, e, f = (OPERATIONS[number // 5**place % 5] for place in range(6))
        lines.append(f"|{a}~0|+|{b}~0|{c}~1|+|{d}~0|{e}~1|{f}~2|,90,100,90,70,40")
    file.write_text("\n".join(lines))
    return file


@pytest.mark.parametrize("forks", [True, False])
def test_no_process_outlives_the_command(table: Path, forks: bool) -> None:
    long = ["nas201", "--table", str(table), "--policies", "guided", "--evaluations", "4000"]
    words = long if forks else ["calibration"]
    command = [sys.executable, "-m", "archwright", "bench", *words, "--workers", "2"]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        parent = psutil.Process(process.pid)
        while len(family := parent.children(recursive=True)) < 2 and process.poll() is None:
            time.sleep(0.1)
        process.kill()
    assert len(family) >= 2
    _, left = psutil.wait_procs(family, timeout=20)
    assert left == []
