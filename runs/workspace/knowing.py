"""The knowledge base that a workspace uses: its own, or one that it shares."""

from __future__ import annotations

from archwright.core import InputError
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


def check_place(run: str, place: str, knowledge: Knowledge, address: str) -> None:
    """See that a run goes on with the knowledge base that it began with, wherever that is now: what
    the run was shown goes by numbers that mean something there alone.

    Args:
        place: the one that it began with, by its name; "" where nobody noted it.
        address: where `knowledge` is.

    Raises:
        InputError: it is another one.
    """
    if place not in ("", knowledge.place):
        raise InputError(
            f"the knowledge base {address or 'of the workspace itself'} is not the shared one that "
            f"{run} began with: say where that is with `archwright resume {run} --knowledge PLACE`"
        )
