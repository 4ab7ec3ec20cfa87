"""Models at the scripted server, and whole runs against it."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from archwright.agents.backends.llm import LlmBackend, Patience
from archwright.agents.backends.opening import BackendSource, open_llm
from archwright.core.settings import RunSettings
from archwright.runs.backends import source_of
from archwright.runs.journal import Journal
from archwright.runs.phases import discover as conduct
from archwright.runs.session import carry_out
from archwright.runs.starting import begin
from archwright.runs.workspace.finding import find_run
from archwright.runs.workspace.paths import RunPaths
from archwright.runs.workspace.workspace import Workspace
from archwright.sandbox.in_process import InProcessSandbox
from archwright.tasks.loading import load_task

QUICK = Patience(first_seconds=0.01, longest_seconds=0.05, outage_seconds=20.0, contact_seconds=1.0)
PLAIN = {
    "seed": 3,
    "workers": 2,
    "max_trials": 400,
    "finalists": 0,
    "baseline_seeds": 2,
    "control": 0.0,
    "search_seeds": 1,
    "models": ("toy",),
    "model_share": 1.0,
    "prices": ("1,2",),
}


@dataclass
class Runs:
    """Begins and carries out runs of the spirals task in one workspace."""

    task: Path
    workspace: Path

    def begin(self, url: str, **changes: Any) -> RunPaths:
        """A new run against a server."""
        place = Workspace.open(self.workspace)
        settings = RunSettings(**{**PLAIN, "base_url": url, **changes})
        return begin(place, load_task(self.task), settings, self.task)

    def carry_out(self, paths: RunPaths, patient: bool = False) -> Journal:
        """See a run through; its journal, open. `patient` leaves it the backend that it opens."""
        place = Workspace.open(self.workspace)
        with Journal.open(paths) as journal:
            settings = RunSettings(**journal.facts.settings)
            backend = quick_backend(settings, journal) if settings.models and not patient else None
            carry_out(
                place,
                load_task(self.task),
                paths,
                conduct,
                backend=backend,
                sandbox=InProcessSandbox(),
            )
        return Journal.open(paths)

    def run(self, url: str, **changes: Any) -> Journal:
        """Begin and see through."""
        return self.carry_out(self.begin(url, **changes))

    def find(self, name: str = "latest") -> RunPaths:
        """A run by name."""
        return find_run(Workspace.open(self.workspace), name)


def quick_backend(settings: RunSettings, journal: Journal) -> LlmBackend:
    """The backend that a run would open, with less patience."""
    return open_llm(replace(source_of(settings, journal, threading.Event()), patience=QUICK))


def open_models(
    url: str,
    stop: threading.Event | None = None,
    patience: Patience = QUICK,
    notices: list[str] | None = None,
    **changes: Any,
) -> LlmBackend:
    """Models at a server, without a run; what the backend says goes to `notices`."""
    settings = RunSettings(**{**PLAIN, "base_url": url, **changes})
    notify = (notices if notices is not None else list[str]()).append
    return open_llm(BackendSource(settings, notify, stop or threading.Event(), patience=patience))
