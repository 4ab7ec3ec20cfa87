"""What the journal of a run says about the paper that it is about."""

from __future__ import annotations

from archwright.runs.journal import Journal
from archwright.runs.workspace.paths import RunPaths


def is_reproduction(paths: RunPaths) -> bool:
    """Whether a run reproduces a paper."""
    with Journal.open(paths) as journal:
        return journal.facts.reproduction is not None
