"""`archwright paper reproduce` and `improve`: try a paper's claims, and search on from there."""

from __future__ import annotations

from typing import Annotated, Final

from cyclopts import Parameter

from archwright.cli.options import (
    HERE,
    AsJson,
    AsLines,
    Budget,
    Containers,
    Folder,
    Models,
    ModelsUsed,
    Search,
    Spending,
    Unasked,
    Verification,
    given,
)
from archwright.cli.output import say
from archwright.core import InputError
from archwright.core.settings import RunSettings
from archwright.knowledge.papers.folder import Kept, PaperFolder
from archwright.knowledge.papers.passages import record_passages
from archwright.runs.workspace.knowing import knowledge_of
from archwright.runs.workspace.workspace import Workspace
from archwright.tasks.loading import built_in_names, load_task

LEAST_SEEDS: Final = 3
"""Fewer have no spread to speak of."""

PaperTask = Annotated[
    str | None, Parameter("--task", help="The task (default: the one the paper is written for).")
]


def reproduce(
    id: Annotated[str, Parameter(name="ID|FILE|NAME")],
    /,
    *,
    task: PaperTask = None,
    seeds: int | None = None,
    seed: int | None = None,
    spending: Spending = None,
    models: ModelsUsed = None,
    containers: Containers = None,
    yes: Unasked = False,
    plain: AsLines = False,
    workspace: Folder = HERE,
    json: AsJson = False,
) -> int:
    """Begin a reproduction and see it through.

    Args:
        id: A paper of the workspace, a file, or one of the shelf.
        seeds: Seeds of the first of three stages.
        seed: Seed of what a model writes.
    """
    # What carries out a run takes a moment to load, and the other actions have no need of it.
    from archwright.cli.paper.working import work_on_paper
    from archwright.papers.starting import begin_reproduction

    del yes  # A reproduction asks nothing; the option stays, for scripts that say it.
    if seeds is not None and seeds < LEAST_SEEDS:
        raise InputError(f"--seeds must be at least {LEAST_SEEDS}, not {seeds}")
    place = Workspace.open(workspace)
    kept = fetch(id, place)
    task_name = task_for(kept, task)
    chosen = {**given(spending, models, containers), "verify_seeds": seeds, "seed": seed}
    settings = RunSettings.load(place.paths.settings, chosen)
    loaded = load_task(task_name)
    paths = begin_reproduction(place, loaded, task_name, settings, kept)
    return work_on_paper(paths, loaded, workspace, plain, json)


def improve(
    id: Annotated[str, Parameter(name="ID|NAME")],
    /,
    *,
    task: PaperTask = None,
    budget: Budget = None,
    search: Search = None,
    models: Models = None,
    containers: Containers = None,
    verification: Verification = None,
    yes: Unasked = False,
    plain: AsLines = False,
    workspace: Folder = HERE,
    json: AsJson = False,
) -> int:
    """Start a discovery run from what was reproduced, and see it through.

    Args:
        id: A paper that was reproduced here.
    """
    from archwright.cli.run.cost import confirm_cost, describe_backend
    from archwright.cli.run.starting import work_on
    from archwright.papers.improvement import begin_improvement
    from archwright.runs.phases import discover as discover_run

    place = Workspace.open(workspace)
    kept = fetch(id, place)
    task_name = task_for(kept, task)
    chosen = given(budget, search, models, containers, verification)
    settings = RunSettings.load(place.paths.settings, chosen)
    loaded = load_task(task_name)
    confirm_cost(settings, place, loaded, yes)
    paths, loaded = begin_improvement(place, loaded, task_name, settings, kept.id)
    say(f"run {paths.name} from {kept.paper.title}, {describe_backend(settings)}")
    return work_on(paths, loaded, discover_run, workspace, plain, json)


def fetch(said: str, workspace: Workspace) -> Kept:
    """The paper that is meant; a new one joins the workspace and its knowledge base.

    Raises:
        InputError: there is none, or it cannot be read.
    """
    from archwright.papers.library import fetch_paper

    kept = fetch_paper(PaperFolder(workspace.paths.papers), said)
    if not kept.known:
        with knowledge_of(workspace) as knowledge:
            record_passages(knowledge, kept.id, kept.paper)
    return kept


def task_for(kept: Kept, said: str | None) -> str:
    """The task that was asked for, else the built-in one that the paper is written for, or the
    folder of the shelf's own of that name.

    A task's code is trusted, so that a paper cannot choose any other folder: a person has to.

    Raises:
        InputError: no task is said.
    """
    from archwright.papers.experiment import written_for
    from archwright.papers.library import shelf_task

    if said is not None:
        return said
    named = written_for(kept.paper)
    if named in built_in_names():
        return named
    if named and (own := shelf_task(named)):
        return str(own)
    which = f"is for {named!r}, which is not a built-in task" if named else "names no task"
    raise InputError(f"the paper {which}: name the one to use with --task TASK")
