"""Whole runs whose model is a script, with trainings in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from archwright.agents.backends import Request
from archwright.agents.backends.scripted import Answer, ScriptedBackend
from archwright.agents.backends.symbolic import SymbolicBackend
from archwright.core.settings import RunSettings
from archwright.runs.journal import Journal
from archwright.runs.phases import discover as conduct
from archwright.runs.results.snapshot import Snapshot
from archwright.runs.session import carry_out
from archwright.runs.starting import begin, task_of
from archwright.runs.workspace.paths import RunPaths
from archwright.runs.workspace.workspace import Workspace
from archwright.sandbox.in_process import InProcessSandbox
from archwright.tasks.loading import load_task

SMALL = {
    "proposer": "one-call",
    "model_share": 1.0,
    "max_trials": 24,
    "workers": 1,
    "control": 0.0,
    "finalists": 0,
    "baseline_seeds": 2,
    "search_seeds": 1,
    "patience": 6,
}


def begin_models(task: Path, workspace: Path, **settings: Any) -> RunPaths:
    """A small run in which models propose all, begun."""
    place = Workspace.open(workspace)
    return begin(place, load_task(task), RunSettings(**{**SMALL, **settings}), task)


def go_on(workspace: Path, paths: RunPaths, backend: ScriptedBackend | None = None) -> Snapshot:
    """See a run through, or to where it is stopped; without a backend it opens its own."""
    place, sandbox = Workspace.open(workspace), InProcessSandbox()
    return carry_out(place, task_of(paths), paths, conduct, backend=backend, sandbox=sandbox)


def scripted(**script: Answer) -> ScriptedBackend:
    """A model that says this of a role; rules answer for the other roles."""
    return ScriptedBackend(script, otherwise=SymbolicBackend())


def proposals(
    source: Callable[[str, int], str], **fields: Any
) -> Callable[[Request], dict[str, Any]]:
    """A researcher whose proposals are `source(baseline, n)`, with another n for each one of a run;
    `fields` are the same for all."""

    def answer(request: Request) -> dict[str, Any]:
        asked = request.context
        numbers = range(asked["number"], asked["number"] + asked["count"])
        said = [
            {"title": f"idea {n}", "source": source(asked["baseline"]["source"], n), **fields}
            for n in numbers
        ]
        return {"proposals": said}

    return answer


def wide(baseline: str, number: int) -> str:
    """A baseline that bends, of a width of its own."""
    bent = baseline.replace("16),", f"{20 + number}),\n            nn.ReLU(),")
    return bent.replace("nn.Linear(16,", f"nn.Linear({20 + number},")


@contextmanager
def finished_run(
    task: Path, workspace: Path, backend: ScriptedBackend, **settings: Any
) -> Iterator[Journal]:
    """The journal of a run that was seen through."""
    paths = begin_models(task, workspace, **settings)
    go_on(workspace, paths, backend)
    with Journal.open(paths) as journal:
        yield journal
