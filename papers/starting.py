"""A reproduction as a run of its own kind: how it begins, and how its work is done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from archwright.agents.plans import PaperQuestion
from archwright.core import InputError, TaskSpec
from archwright.knowledge.papers.folder import Kept, PaperFolder
from archwright.papers.coding import carried_experiment, write_experiment
from archwright.papers.experiment import Experiment, read_experiment
from archwright.papers.facts import EXPERIMENT, PAPER, RESULT
from archwright.papers.landing import land_reproduction
from archwright.papers.plans import make_plan
from archwright.papers.reproduction import Reproduction, document_of
from archwright.runs.backends import open_agents
from archwright.runs.conduct import Conductor
from archwright.runs.journal.calls import spent_so_far
from archwright.runs.journal.journal import Journal
from archwright.runs.session import sit
from archwright.runs.settings import RunSettings
from archwright.runs.starting import begin
from archwright.runs.trainer import Trainer
from archwright.runs.workspace.paths import RunPaths
from archwright.runs.workspace.workspace import Workspace
from archwright.tasks.loading import Task


def begin_reproduction(
    workspace: Workspace, task: Task, task_name: str | Path, settings: RunSettings, kept: Kept
) -> RunPaths:
    """A new run that reproduces a paper on a task; no training was done yet.

    A paper that carries code needs no model. Of one without, a model reads the plan and writes the
    code, as the run's first steps.

    Raises:
        InputError: the paper carries no code and no model was named, or its claims do not fit.
    """
    experiment = _at_hand(workspace, task.spec, settings, kept)
    facts = {
        PAPER: {"id": kept.id, "title": kept.paper.title},
        EXPERIMENT: experiment.to_json() if experiment else None,
        "rungs": experiment.steps if experiment else task.spec.rungs[-1:],
        RESULT: {},
    }
    # Its trainings are bounded by its arms, seeds and stages.
    unbounded = replace(settings, max_trials=None, hours=None, finalists=0)
    return begin(workspace, task, unbounded, task_name, facts)


def reproduce(conductor: Conductor) -> None:
    """Whatever of the reproduction the journal does not hold yet; `conductor` says with what.

    Raises:
        Stopped: the run was asked to stop; the journal holds all that was done.
        ArchwrightError: it cannot go on, for the reason said.
    """
    task = conductor.task
    with sit(conductor.paths, task, conductor.sandbox, conductor.stop) as journal:
        if journal.fact("phase") == "done":
            return
        settings = RunSettings(**journal.fact("settings"))
        experiment = _settle_experiment(conductor, journal, settings)
        task = Task(replace(task.spec, rungs=experiment.steps))
        trainer = Trainer(task, conductor.sandbox, journal, conductor.paths)
        work = Reproduction(task, experiment, settings, conductor.sandbox, trainer, journal)
        done = document_of(work.carry_out(), experiment, task.spec)
        document = {"paper": journal.fact(PAPER), **done}
        branch = land_reproduction(conductor.workspace, journal, task.spec, experiment, document)
        journal.note(RESULT, {**document, "branch": branch})
        journal.note("phase", "done")


def read_result(journal: Journal) -> dict[str, Any]:
    """What a reproduction came to; without a `verdict` as long as it goes on."""
    ((trials,),) = journal.query(
        "SELECT COUNT(*) FROM steps WHERE kind = 'trial' AND state = 'finished'"
    )
    found: Mapping[str, Any] = journal.fact(RESULT, {})
    spent = spent_so_far(journal)
    notices = [row["text"] for row in journal.query("SELECT text FROM notices ORDER BY rowid")]
    return {
        "run": journal.paths.name,
        "state": journal.fact("state"),
        "paper": journal.fact(PAPER),
        "task": journal.fact("task"),
        **found,
        "trials": trials,
        "spend": {
            "usd": spent.usd,
            "tokens": spent.tokens,
            "seconds": journal.seconds_alive(),
        },
        "notices": notices,
    }


def _at_hand(
    workspace: Workspace, spec: TaskSpec, settings: RunSettings, kept: Kept
) -> Experiment | None:
    """The experiment that a paper brings; None where a model has to read it, or to write code."""
    experiment = read_experiment(kept.paper, spec)
    if experiment is None and kept.paper.code:
        by_rule = replace(settings, models=(), backend="symbolic")
        plan = make_plan(kept, by_rule, workspace.paths, lambda _: None)
        if plan.claims or not settings.models:
            experiment = carried_experiment(kept.paper, plan, spec)
    if experiment is None and not settings.models:
        raise InputError(
            f"{kept.id} brings no code that fits the task: name a model that writes it (--model "
            "NAME), or put it into a folder code/ beside the paper and add the paper again"
        )
    return experiment


def _settle_experiment(conductor: Conductor, journal: Journal, settings: RunSettings) -> Experiment:
    """The experiment that the run began with; what a model has to read and write is done now."""
    if (document := journal.fact(EXPERIMENT)) is not None:
        return Experiment.from_json(document)
    journal.note("phase", "reading")
    spec, id = conductor.task.spec, journal.fact(PAPER)["id"]
    paper = PaperFolder(conductor.workspace.paths.papers).get(id)
    agents = open_agents(conductor.backend, journal, conductor.workspace.paths)
    plan = agents.read(f"{id}/plan", PaperQuestion.of(id, paper), settings.seed)
    experiment = carried_experiment(paper, plan, spec)
    if experiment is None:
        journal.note("phase", "coding")
        experiment = write_experiment(
            *(plan, spec, agents, conductor.sandbox, journal),
            *(settings.seed, settings.repairs),
        )
    journal.note(EXPERIMENT, experiment.to_json())
    return experiment
