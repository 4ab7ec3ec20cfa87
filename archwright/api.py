"""The public interface for programs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from archwright.agents.backends import Backend
from archwright.keywords import Keywords
from archwright.runs.results.result import RunResult
from archwright.runs.session import View

if TYPE_CHECKING:
    from torch import nn


def discover(
    task: str | Path,
    *,
    workspace: str | Path = ".",
    backend: Backend | str | None = None,
    view: View | None = None,
    **settings: Unpack[Keywords],
) -> RunResult:
    """Discover architectures for a task; what `archwright run --json` prints.

    Args:
        task: a built-in task's name, or a task folder.
        workspace: a git repository where discoveries land as branches; see `archwright init`.
        backend: what answers the roles, an object or a name such as `replay:RUN`; None is the
            models where they are named, else the symbolic engine.
        view: shows the run while it goes on; None shows nothing.
        settings: every setting of a run, explained at `archwright.RunSettings` and by
            `archwright run --help`. What is left out or None is as the workspace has it.

    Raises:
        InputError: what was given cannot be used; the message names the fix.
        KeyboardInterrupt: a signal ended the run; it can be resumed.
    """
    from archwright.core.settings import RunSettings
    from archwright.runs.phases import discover as discover_run
    from archwright.runs.results.result import result_of
    from archwright.runs.session import carry_out
    from archwright.runs.starting import begin
    from archwright.runs.workspace.workspace import Workspace
    from archwright.tasks.loading import load_task

    name, answers = (backend, None) if isinstance(backend, str) else (None, backend)
    place = Workspace.open(Path(workspace))
    chosen = RunSettings.load(place.paths.settings, {**settings, "backend": name})
    loaded = load_task(task)
    paths = begin(place, loaded, chosen, task)
    return result_of(carry_out(place, loaded, paths, discover_run, view, answers))


def load(name: str | Path, workspace: str | Path = ".") -> nn.Module:
    """A trained network with its weights, in eval mode.

    The candidate's code runs in this process, outside of any sandbox: read it first.

    Args:
        name: a branch `archwright/RUN/NAME`, or a folder that `archwright train` wrote.
        workspace: where the branch is.

    Raises:
        InputError: there is no such branch or folder, or it has no weights yet.
    """
    from archwright.runs.shipping.loading import load_network, trained_folder

    return load_network(trained_folder(name, workspace))


def result(run: str = "latest", workspace: str | Path = ".") -> RunResult:
    """The result of a run that is there, in any state, as `discover` returns it.

    Args:
        run: its name, or how it begins.

    Raises:
        WorkspaceError: `workspace` is none.
        RunError: no run, or several, are called so; its journal cannot be read; or it reproduces a
            paper, whose report is of another kind.
    """
    from archwright.core import RunError
    from archwright.papers.facts import is_reproduction
    from archwright.runs.journal import Journal
    from archwright.runs.results.observing import observe
    from archwright.runs.results.result import result_of
    from archwright.runs.workspace.finding import find_run
    from archwright.runs.workspace.workspace import Workspace

    paths = find_run(Workspace.open(Path(workspace)), run)
    if is_reproduction(paths):
        raise RunError(f"{paths.name} reproduces a paper: see `archwright report {paths.name}`")
    with Journal.open(paths) as journal:
        return result_of(observe(journal))
