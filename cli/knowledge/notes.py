"""`archwright knowledge seed`: notes on known architectures, to start from."""

from __future__ import annotations

from archwright.cli.options import HERE, AsJson, Folder, open_knowledge
from archwright.cli.output import emit
from archwright.knowledge.notes.shelf import seed_notes


def seed(*, workspace: Folder = HERE, json: AsJson = False) -> None:
    """Add the notes that come with Archwright; a second time adds nothing."""
    with open_knowledge(workspace) as knowledge:
        added, known = seed_notes(knowledge)
    said = f"{added} notes added, {known} were there already"
    emit(json, {"added": added, "known": known}, lambda: print(said))
