"""What tests of the agents share: whole runs against the scripted server."""

from __future__ import annotations

from pathlib import Path

import pytest
from server_runs import Runs


@pytest.fixture
def runs(spirals: Path, workspace: Path) -> Runs:
    """Runs of the spirals task."""
    return Runs(spirals, workspace)
