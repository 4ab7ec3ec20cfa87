"""`archwright run`, `resume` and `verify`: what works on a run, with a view beside it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from archwright.cli.options import (
    HERE,
    AsJson,
    AsLines,
    Budget,
    Cluster,
    Containers,
    Folder,
    Models,
    ModelsUsed,
    MovedTask,
    RunName,
    Search,
    Shared,
    TaskName,
    Unasked,
    Verification,
    given,
)
from archwright.cli.output import emit, say, write_page
from archwright.cli.run.consoles import attend, show
from archwright.cli.run.cost import confirm_cost, describe_backend
from archwright.core import ArchwrightError, JournalError, RunError, TaskError
from archwright.core.settings import RunSettings
from archwright.papers.facts import is_reproduction
from archwright.runs.amending import amend
from archwright.runs.journal import Journal
from archwright.runs.results.observing import observe
from archwright.runs.results.report import render_report
from archwright.runs.results.result import result_of
from archwright.runs.results.snapshot import Snapshot
from archwright.runs.results.wording import command_line
from archwright.runs.session import INTERRUPTED, Session, carry_out
from archwright.runs.starting import begin, task_of
from archwright.runs.workspace.control import is_held
from archwright.runs.workspace.finding import find_run
from archwright.runs.workspace.paths import RunPaths
from archwright.runs.workspace.workspace import Workspace
from archwright.tasks.loading import Task, load_task


def run(
    task: TaskName,
    /,
    *,
    budget: Budget = None,
    search: Search = None,
    models: Models = None,
    containers: Containers = None,
    cluster: Cluster = None,
    shared: Shared = None,
    verification: Verification = None,
    workspace: Folder = HERE,
    yes: Unasked = False,
    plain: AsLines = False,
    json: AsJson = False,
) -> int:
    """Start a run and see it through."""
    # What carries out a run takes longer to load than its help may take.
    from archwright.runs.phases import discover

    place = Workspace.open(Path(workspace))
    chosen = given(budget, search, models, containers, cluster, shared, verification)
    settings = RunSettings.load(place.paths.settings, chosen)
    loaded = load_task(task)
    confirm_cost(settings, place, loaded, yes)
    paths = begin(place, loaded, settings, task)
    who = describe_backend(settings)
    say(f"run {paths.name}, seed {settings.seed}, {settings.workers} workers, {who}")
    return work_on(paths, loaded, discover, workspace, plain, json)


def resume(
    run: RunName = "latest",
    /,
    *,
    budget: Budget = None,
    models: ModelsUsed = None,
    containers: Containers = None,
    cluster: Cluster = None,
    shared: Shared = None,
    task: MovedTask = None,
    workspace: Folder = HERE,
    yes: Unasked = False,
    plain: AsLines = False,
    json: AsJson = False,
) -> int:
    """Go on where the journal ends; with more budget also where the run was over.

    A limit is on all of the run, so `--max-trials 300` gives 100 more to one that had 200. What is
    found after a verification is verified in another round. On another machine the run may have
    other workers, GPUs or another sandbox. `--knowledge` says where the shared knowledge base that
    the run began with is now.
    """
    from archwright.runs.phases import discover

    del yes  # The cost was agreed to when the run began; the option stays, for scripts that say it.
    paths = find_run(Workspace.open(Path(workspace)), run)
    if is_reproduction(paths):
        # Its report is of another kind, and takes a moment to load.
        from archwright.cli.paper.working import work_on_paper

        return work_on_paper(paths, task_of(paths), workspace, plain, json)
    amend(paths, given(budget, models, containers, cluster, shared), task)
    return work_on(paths, task_of(paths), discover, workspace, plain, json)


def verify(
    run: RunName = "latest",
    /,
    *,
    force: bool = False,
    workspace: Folder = HERE,
    plain: AsLines = False,
    json: AsJson = False,
) -> int:
    """Verify on fresh seeds; a run ends with this by itself when its budget allows.

    Args:
        force: Open the test split again; shown as forced.
    """
    from archwright.runs import phases

    paths = find_run(Workspace.open(Path(workspace)), run)
    if is_reproduction(paths):
        raise RunError(
            f"{paths.name} reproduces a paper, and its test split stays sealed: "
            f"see `archwright report {paths.name}`, search on with `archwright paper improve`"
        )
    return work_on(paths, task_of(paths), lambda s: phases.verify(s, force), workspace, plain, json)


def work_on(
    paths: RunPaths,
    task: Task,
    work: Callable[[Session], None],
    workspace: str,
    plain: bool,
    as_json: bool,
) -> int:
    """Do the work with the view beside it, and print the result; returns the exit code."""
    ended = see_through(paths, task, work, workspace, plain)
    snapshot = ended or _look(paths)
    # The page before the result: whoever reads the result may end this process.
    said = _write_page(paths, snapshot, workspace) if snapshot.state == "finished" else ""
    emit(as_json, result_of(snapshot), lambda: show(render_report(snapshot, workspace)))
    if said:
        say(said)
    else:
        say_resume(paths, workspace)
    return 0 if ended else INTERRUPTED


def see_through(
    paths: RunPaths, task: Task, work: Callable[[Session], None], workspace: str, plain: bool
) -> Snapshot | None:
    """Do the work with the view beside it; None where it was interrupted."""

    def view(take: Callable[[], Snapshot], done: threading.Event) -> None:
        attend(take, done, plain)

    try:
        return carry_out(Workspace.open(Path(workspace)), task, paths, work, view)
    except KeyboardInterrupt:
        return None
    except (TaskError, JournalError):
        raise  # A task that was fixed is another one, for another run.
    except ArchwrightError:
        say_resume(paths, workspace)
        raise


def _look(paths: RunPaths) -> Snapshot:
    with Journal.open(paths) as journal:
        return observe(journal)


def _write_page(paths: RunPaths, snapshot: Snapshot, workspace: str) -> str:
    """The line that says where the page went, or why there is none."""
    # Drawing takes a moment to load, and only a run's end needs it.
    from archwright.runs.results.page import write_page as write

    with Journal.open(paths) as journal:
        return write_page(lambda: write(journal, snapshot, workspace=workspace))[1]


def say_resume(paths: RunPaths, workspace: str) -> None:
    """Say how a run goes on, unless another process is at it."""
    if not is_held(paths):
        say(f"nothing is lost; continue with: {command_line(workspace, 'resume', paths.name)}")
