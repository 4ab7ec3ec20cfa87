"""The knowledge base that a workspace uses: its own, or one that it shares."""

from __future__ import annotations

from archwright.core.settings import RunSettings
from archwright.knowledge.store import Knowledge
from archwright.runs.workspace.workspace import Workspace


def knowledge_of(workspace: Workspace, address: str | None = None) -> Knowledge:
    """The knowledge base at an address; where that is "", the workspace's own.

    Args:
        address: of a run's settings. Without it that of the workspace's `archwright.toml`.

    Raises:
        InputError: `archwright.toml` is broken.
        KnowledgeError: it is shared, and cannot be reached or written.
    """
    paths = workspace.paths
    if address is None:
        address = RunSettings.load(paths.settings, {}).knowledge
    if not address:
        return Knowledge(paths.knowledge)
    from archwright.knowledge.shared.opening import open_shared

    return open_shared(address, paths.state)
