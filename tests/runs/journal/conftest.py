"""What the tests of the journal share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from archwright.runs.journal import Journal
from archwright.runs.workspace.paths import RunPaths


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    """A new journal."""
    facts = {"settings": {"seed": 3}, "metric": "accuracy", "rungs": (10, 30)}
    with Journal.create(RunPaths(tmp_path / "run-1"), facts) as made:
        yield made
