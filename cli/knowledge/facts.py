"""What the journals of a workspace hold, for checking what a draft says."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Final

from archwright.knowledge.decisions.drafting import KnownFacts
from archwright.knowledge.decisions.folder import DecisionFolder
from archwright.runs.journal import Journal
from archwright.runs.workspace.workspace import Workspace

# Of a trial's result, what would make nearly any number appear to be measured.
_SKIPPED: Final = frozenset({"curve", "predictions", "started", "finished", "created", "sequence"})


def workspace_facts(workspace: Workspace) -> KnownFacts:
    """Numbers and ids in all journals, and the numbers of the decision records.

    Raises:
        RunError: a journal is broken, or from a newer version.
    """
    numbers: set[float] = set()
    ids = {f"ADR-{d.number:04d}" for d in DecisionFolder(workspace.paths.decisions).list()}
    runs = workspace.paths.runs
    for folder in sorted(runs.iterdir()) if runs.is_dir() else []:
        paths = workspace.paths.run(folder.name)
        if not paths.journal.is_file():
            continue
        with Journal.open(paths) as journal:
            ids.add(paths.name)
            for candidate in journal.candidates(first=0):
                # What it came from and was shown is known as well, `known:3` included.
                ids.update((candidate.id, *candidate.parents, *candidate.examples))
                numbers.update({float(candidate.id)} if candidate.id.isdecimal() else ())
                numbers.update(_numbers(candidate.rung))
            for document in journal.documents():
                numbers.update(_numbers(document))
    return KnownFacts(tuple(sorted(numbers)), frozenset(ids))


def _numbers(value: Any) -> Iterator[float]:
    if isinstance(value, int | float) and not isinstance(value, bool):
        if math.isfinite(value):
            yield float(value)
    elif isinstance(value, dict):
        for key, inner in value.items():
            if key not in _SKIPPED:
                yield from _numbers(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _numbers(inner)
