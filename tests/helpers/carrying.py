"""A run carried out in a process of its own, to be killed: a fork of one that is warm."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from archwright.agents.backends import Backend
from archwright.runs.phases import discover as conduct
from archwright.runs.session import carry_out
from archwright.runs.starting import task_of
from archwright.runs.workspace.finding import find_run
from archwright.runs.workspace.workspace import Workspace
from archwright.sandbox.in_process import InProcessSandbox

# What a run imports on its way, which takes longer than all else that a small one does.
_WARM = ("archwright.runs.phases", "archwright.sandbox.inside.jobs", "torch._dynamo")
_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload([*_WARM, "scipy.stats", "sklearn.ensemble"])


def start(
    workspace: Path, model: Callable[[Path], Backend] | None = None, log: Path | None = None
) -> ForkServerProcess:
    """Go on with the latest run of a workspace, with trainings in that process itself.

    Args:
        model: makes what answers, from `log`; without it the run opens its own.
    """
    process = _CONTEXT.Process(target=_go_on, args=(workspace, model, log))
    process.start()
    return process


def _go_on(root: Path, model: Callable[[Path], Backend] | None, log: Path | None) -> None:
    workspace = Workspace.open(root)
    paths = find_run(workspace)
    sandbox, backend = InProcessSandbox(2), model(log or root) if model else None
    carry_out(workspace, task_of(paths), paths, conduct, backend=backend, sandbox=sandbox)
