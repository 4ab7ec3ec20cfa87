"""`archwright knowledge copy`: from a workspace's own into a shared one, and back."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from archwright.cli.options import HERE, AsJson, Folder
from archwright.cli.output import emit
from archwright.core import InputError
from archwright.core.groups.places import known_place
from archwright.runs.verification.account import open_account
from archwright.runs.workspace.knowing import knowledge_of
from archwright.runs.workspace.workspace import Workspace

OWN: Final = "own"


def copy(source: str, target: str, /, *, workspace: Folder = HERE, json: AsJson = False) -> None:
    """Add what one knows to the other; a second time adds nothing.

    Args:
        source: Where from: own (the workspace's), a folder, or postgresql://USER@HOST/DATABASE.
        target: Where to, in the same words.
    """
    origin, goal = _address(source), _address(target)
    if origin == goal:
        raise InputError(f"{source} cannot be copied to itself: name two places")
    place = Workspace.open(Path(workspace))
    with knowledge_of(place, origin) as known, knowledge_of(place, goal) as taught:
        before, entries = taught.high_water(), known.current()
        taught.record_all(entries)
        added = taught.high_water() - before
        looks = open_account(place.paths, known).looks()
        entered = open_account(place.paths, taught).take_in(looks)
    document = {"entries": len(entries), "added": added, "looks": entered}
    said = f"{added} of {len(entries)} entries, {entered} test evaluations added"
    emit(json, document, lambda: print(said))


def _address(words: str) -> str:
    """Of a place; "" for the workspace's own."""
    if words == OWN:
        return ""
    if not words:
        raise InputError(f"a place is {OWN}, a folder or postgresql://USER@HOST/DATABASE")
    return known_place(words)
