"""The public interface for programs."""

from __future__ import annotations

from pathlib import Path

from archwright.agents.backends import Backend
from archwright.runs.result import RunResult
from archwright.session import View


def discover(
    task: str | Path,
    *,
    workspace: str | Path = ".",
    max_trials: int | None = None,
    hours: float | None = None,
    workers: int | None = None,
    sandbox: str | None = None,
    seed: int | None = None,
    examples: int | None = None,
    backend: Backend | None = None,
    view: View | None = None,
) -> RunResult:
    """Discover architectures for a task; what `archwright run --json` prints.

    Args:
        task: a built-in task's name, or a task folder.
        workspace: a git repository where discoveries land as branches; see `archwright init`.
        max_trials: trainings in all.
        hours: wall-clock time in all.
        workers: trainings at a time.
        sandbox: auto, process or docker.
        seed: of the whole run.
        examples: examples retrieved from the knowledge base for each proposal.
        backend: what answers the roles; None is the symbolic backend.
        view: shows the run while it goes on; None shows nothing.

    Raises:
        InputError: what was given cannot be used; the message names the mend.
        KeyboardInterrupt: a signal ended the run; it can be resumed.
    """
    from archwright.runs.beginning import begin
    from archwright.runs.conduct import Conductor
    from archwright.runs.result import result_of
    from archwright.runs.settings import RunSettings
    from archwright.runs.workspace import Workspace
    from archwright.session import carry_out
    from archwright.tasks.loading import load_task

    given = {
        "max_trials": max_trials,
        "hours": hours,
        "workers": workers,
        "sandbox": sandbox,
        "seed": seed,
        "examples": examples,
    }
    place = Workspace.open(Path(workspace))
    settings = RunSettings.load(place.paths.settings, given)
    loaded = load_task(task)
    paths = begin(place, loaded, settings, task)
    return result_of(carry_out(place, loaded, paths, Conductor.conduct, view, backend))
