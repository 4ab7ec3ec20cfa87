"""A trained network as a module, in this process."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from archwright.core import InputError
from archwright.runs.shipping.folder import TrainedFolder
from archwright.runs.shipping.winner import BRANCHES, default_folder, find_winner
from archwright.runs.workspace.workspace import Workspace

if TYPE_CHECKING:
    from torch import nn


def trained_folder(name: str | Path, workspace: str | Path = ".") -> TrainedFolder:
    """The folder that is meant: one that `archwright train` wrote, or that of a branch.

    Raises:
        InputError: there are no weights; the message says how to make them.
    """
    if str(name).startswith(BRANCHES) and not Path(name).is_dir():
        place = Workspace.open(Path(workspace))
        folder = default_folder(find_winner([str(name)], place), place)
        if not folder.is_dir():
            raise InputError(f"{name} has no weights yet: `archwright train {name} --steps N`")
        return TrainedFolder.open(folder)
    if not Path(name).is_dir():
        raise InputError(
            f"{name} is neither a folder that `archwright train` wrote nor a branch "
            "archwright/RUN/NAME"
        )
    return TrainedFolder.open(Path(name))


def load_network(folder: TrainedFolder) -> nn.Module:
    """The network with its weights, in eval mode. The candidate's code runs in this process.

    Raises:
        InputError: it does not build, or the weights are not of this architecture.
    """
    from archwright.sandbox.inside.faults import ContractError
    from archwright.sandbox.inside.model.layout import Packed
    from archwright.sandbox.inside.shipping.converting import restore

    asked = folder.record.asked
    if not folder.weights.exists():
        raise InputError(f"{folder.path} has no weights yet: its training was stopped at once")
    try:
        model = restore(folder.source, asked.problem, asked.seed, folder.weights)
    except ContractError as error:
        raise InputError(f"{folder.path}: {error}") from None
    return model.inner if isinstance(model, Packed) else model
