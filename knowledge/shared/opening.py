"""The shared place behind an address."""

from __future__ import annotations

from pathlib import Path

from archwright.core.groups.places import is_postgresql
from archwright.knowledge.shared.directory import DirectoryStore
from archwright.knowledge.shared.mirror import SharedKnowledge
from archwright.knowledge.shared.postgresql import PostgresStore
from archwright.knowledge.shared.store import SharedStore


def open_store(address: str, lasting: bool = True) -> SharedStore:
    """The place at an address: a folder, or `postgresql://USER@HOST/DATABASE`.

    Args:
        lasting: as `SharedStore` has it.

    Raises:
        KnowledgeError: it cannot be reached or written; the message names the fix.
    """
    if is_postgresql(address):
        return PostgresStore(address, lasting=lasting)
    return DirectoryStore(Path(address).expanduser(), lasting=lasting)


def open_shared(address: str, folder: Path) -> SharedKnowledge:
    """The knowledge base at an address, with a copy of it in a workspace's state folder.

    Raises:
        KnowledgeError: it cannot be reached or written; the message names the fix.
    """
    return SharedKnowledge(open_store(address), folder)
