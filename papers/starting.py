"""A reproduction as a run of its own kind: how it begins, and how its work is done."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from archwright.agents.plans import PaperQuestion
from archwright.agents.roles import READER
from archwright.core import InputError, TaskSpec
from archwright.core.settings import RunSettings
from archwright.knowledge.papers.folder import Kept, PaperFolder
from archwright.papers.coding import carried_experiment, write_experiment
from archwright.papers.experiment import Experiment, read_experiment
from archwright.papers.landing import land_reproduction
from archwright.papers.plans import make_plan
from archwright.papers.reproduction import Reproduction, document_of
from archwright.runs.backends import open_agents
from archwright.runs.journal import Journal, Phase
from archwright.runs.session import Session
from archwright.runs.starting import begin
from archwright.runs.training.trainer import Trainer
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
        "paper": {"id": kept.id, "title": kept.paper.title},
        "experiment": experiment.to_json() if experiment else None,
        "rungs": experiment.steps if experiment else task.spec.rungs[-1:],
        "reproduction": {},
    }
    # Its trainings are bounded by its arms, seeds and stages.
    unbounded = settings.changed(max_trials=None, hours=None, finalists=0)
    return begin(workspace, task, unbounded, task_name, facts)


def reproduce(session: Session) -> None:
    """Whatever of the reproduction the journal does not hold yet.

    Raises:
        Stopped: the run was asked to stop; the journal holds all that was done.
        ArchwrightError: it cannot go on, for the reason said.
    """
    with session.open() as journal:
        if journal.facts.phase is Phase.DONE:
            return
        experiment = _settle_experiment(session, journal)
        task = Task(replace(session.task.spec, rungs=experiment.steps))
        trainer = Trainer(task, session.sandbox, journal)
        work = Reproduction(task, experiment, session.settings, session.sandbox, trainer, journal)
        done = document_of(work.carry_out(), experiment, task.spec)
        document = {"paper": journal.facts.paper, **done}
        branch = land_reproduction(session.workspace, journal, task.spec, experiment, document)
        journal.note(reproduction={**document, "branch": branch}, phase=Phase.DONE)


def read_result(journal: Journal) -> dict[str, Any]:
    """The result of a reproduction; without a `verdict` as long as it goes on."""
    facts, spent = journal.facts, journal.spend()
    return {
        "run": journal.paths.name,
        "state": facts.state,
        "paper": facts.paper,
        "task": facts.task,
        **(facts.reproduction or {}),
        "trials": spent.trials,
        "spend": {"usd": spent.usd, "tokens": spent.tokens, "seconds": spent.seconds},
        "notices": list(journal.notices()),
    }


def _at_hand(
    workspace: Workspace, spec: TaskSpec, settings: RunSettings, kept: Kept
) -> Experiment | None:
    """The experiment that a paper brings; None where a model has to read it, or to write code."""
    experiment = read_experiment(kept.paper, spec)
    if experiment is None and kept.paper.code:
        by_rule = settings.changed(models=(), backend="symbolic")
        plan = make_plan(kept, by_rule, workspace.paths, lambda _: None)
        if plan.claims or not settings.models:
            experiment = carried_experiment(kept.paper, plan, spec)
    if experiment is None and not settings.models:
        raise InputError(
            f"{kept.id} brings no code that fits the task: name a model that writes it (--model "
            "NAME), or put it into a folder code/ beside the paper and add the paper again"
        )
    return experiment


def _settle_experiment(session: Session, journal: Journal) -> Experiment:
    """The experiment that the run began with; what a model has to read and write is done now."""
    facts, settings, spec = journal.facts, session.settings, session.task.spec
    if facts.experiment is not None:
        return Experiment.from_json(facts.experiment)
    assert facts.paper is not None, "a reproduction is about a paper"
    journal.note(phase=Phase.READING)
    id = facts.paper["id"]
    paper = PaperFolder(session.workspace.paths.papers).get(id)
    agents = open_agents(session.backend, journal, session.workspace.paths)
    plan = agents.ask(READER, f"{id}/plan", PaperQuestion.of(id, paper), settings.seed)
    experiment = carried_experiment(paper, plan, spec)
    if experiment is None:
        journal.note(phase=Phase.CODING)
        experiment = write_experiment(
            *(plan, spec, agents, session.sandbox, journal),
            *(settings.seed, settings.repairs),
        )
    journal.note(experiment=experiment.to_json())
    return experiment
