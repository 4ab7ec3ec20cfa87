"""Samples that splits share: what is a leak, and what is chance."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from archwright.cli import main
from archwright.tasks.checking import look_over
from archwright.tasks.readers.sharing import shared_samples

Break = Callable[[str, str, str], Path]
RNG = np.random.default_rng(0)
ROWS = RNG.normal(size=(900, 4)).astype(np.float32)
WAVE = (np.arange(100)[:, None] + np.arange(4)) % 9
IMAGES = RNG.integers(0, 255, (300, 1, 5, 5)).astype(np.uint8)


def split(train: Any, validation: Any, test: Any) -> list[tuple[str, bool]]:
    return [*shared_samples({"train": train, "validation": validation, "test": test})]


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ((ROWS[:400], ROWS[:100], ROWS[500:600]), "100 of 100 inputs of validation are in train"),
        ((ROWS[:400], ROWS[360:460], ROWS[500:600]), "40 of 100 inputs of validation are in train"),
        ((ROWS[:400], ROWS[400:500], ROWS[499:399:-1]), "of test are in validation"),
        ((ROWS[:40], ROWS[:0:-9], ROWS), "40 of 40 inputs of train are in test"),
        ((ROWS[:20], ROWS[10:30], ROWS[500:600]), "10 of 20 inputs of validation are in train"),
        ((IMAGES[:200], IMAGES[200:250], IMAGES[:200][::4]), "50 of 50 inputs of test are in"),
        (
            tuple(
                {"a": ROWS[own], "b": IMAGES[own]} for own in (slice(0, 99), [100], slice(9, 60))
            ),
            "51 of 51 inputs of test are in train",
        ),
    ],
)
def test_a_leak_is_a_fault(parts: Any, said: str) -> None:
    found = split(*parts)
    assert any(said in line for line, is_fault in found if is_fault), found


def draws(levels: int, columns: int, *sizes: int) -> list[np.ndarray]:
    rng = np.random.default_rng(levels)
    return [rng.integers(levels, size=(size, columns)).astype(np.float32) for size in sizes]


@pytest.mark.parametrize(
    "parts",
    [
        draws(2, 3, 300, 60, 60),
        draws(2, 8, 400, 100, 100),
        draws(5, 4, 1000, 200, 200),
        draws(3, 2, 8, 6, 6),
        draws(10, 3, 60, 50, 200),
        [WAVE[:70], WAVE[75:85], WAVE[88:100]],
        [ROWS[:400], ROWS[400:500], ROWS[500:600]],
        [{"a": ROWS[n : n + 99], "b": IMAGES[:99]} for n in (0, 100, 200)],
    ],
)  # fmt: skip
def test_few_different_inputs_are_no_leak(parts: Any) -> None:
    assert not [line for line, is_fault in split(*parts) if is_fault]


def test_a_few_copies_are_noted() -> None:
    assert split(ROWS[:400], ROWS[398:500], ROWS[500:600]) == [
        ("2 of 102 inputs of validation are in train as well", False)
    ]


def test_the_command_says_faults_and_notes(
    folder: Path, change: Break, capsys: pytest.CaptureFixture[str]
) -> None:
    old = "return "
    text = (folder / "task.py").read_text()
    last = [line for line in text.splitlines() if line.strip().startswith(old)][-1]
    x, y = last.strip().removeprefix(old).split(", ", 1)
    mixed = (
        f"    x, y = {x}, {y}\n    if split == 'test':\n        own = load('train', 0)\n"
        "        x[:N], y[:N] = own[0][:N], own[1][:N]\n    return x, y"
    )
    change("task.py", last, mixed.replace("N", "1"))
    found = look_over(folder)
    assert found.faults == []
    assert "1 of" in found.notes[0]
    assert main(["task", "check", str(folder), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["notes"] == found.notes
    change(
        "task.py",
        "[:1], y[:1] = own[0][:1], own[1][:1]",
        "[:99], y[:99] = own[0][:99], own[1][:99]",
    )
    assert main(["task", "check", str(folder)]) == 2
    assert "99 of" in capsys.readouterr().out
