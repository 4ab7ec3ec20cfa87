"""What the journal of a run says about the paper that it is about."""

from __future__ import annotations

from typing import Final

from archwright.runs.journal.journal import Journal
from archwright.runs.workspace.paths import RunPaths

PAPER: Final = "paper"
EXPERIMENT: Final = "experiment"
RESULT: Final = "reproduction"
"""What the reproduction came to: there, but empty, as long as it goes on."""


def is_reproduction(paths: RunPaths) -> bool:
    """Whether a run reproduces a paper."""
    with Journal.open(paths, readonly=True) as journal:
        return journal.fact(RESULT) is not None
