"""A run carried out in a process of its own, to be killed: a fork of one that is warm."""

from __future__ import annotations

import multiprocessing
from multiprocessing.context import ForkServerProcess
from pathlib import Path

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


def start(workspace: Path) -> ForkServerProcess:
    """Go on with the latest run of a workspace, with trainings in that process itself."""
    process = _CONTEXT.Process(target=_go_on, args=(workspace,))
    process.start()
    return process


def _go_on(root: Path) -> None:
    workspace = Workspace.open(root)
    paths = find_run(workspace)
    sandbox = InProcessSandbox(2)
    carry_out(workspace, task_of(paths), paths, conduct, sandbox=sandbox)
