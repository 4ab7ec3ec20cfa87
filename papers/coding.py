"""A paper without claims of its own: one is taken from the reader's plan, with its quote.

Code that came with the paper is used as it is; else the coder writes the method from the plan, and
the debugger fixes it.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Final

from archwright.agents.plans import PaperPlan
from archwright.agents.questions import (
    Brief,
    CodeQuestion,
    Idea,
    RepairQuestion,
    report_to_json,
)
from archwright.agents.roles import CODER, DEBUGGER, Agents
from archwright.core import CheckReport, InputError, Status, TaskSpec
from archwright.knowledge.papers.paper import Paper
from archwright.papers.experiment import Arm, ComparedClaim, Experiment
from archwright.runs.journal import Journal
from archwright.sandbox import Sandbox

METHOD: Final = "method"
BASELINE: Final = "task-baseline"
OWN_BASELINE: Final = "baseline"
"""How a file that holds the paper's own baseline is called, at the start of its name."""
MARGIN: Final = 1.0
MARGIN_SHARE: Final = 0.02
"""The difference that matters where nobody said: in points of a percentage, or this share of 1 in
another unit."""


def claim_of(plan: PaperPlan) -> tuple[str, str]:
    """Quote and conditions of the claim that a reproduction tests: the first that compares.

    Raises:
        InputError: the plan has no claim that passed the quote gate.
    """
    claims = sorted(plan.claims, key=lambda claim: not claim.baseline)
    if not claims:
        raise InputError(
            "no claim with a quote was found in the paper: write one into its code as claims.toml, "
            "or have it read by a model (--model NAME)"
        )
    return claims[0].quote, claims[0].words


def write_experiment(
    plan: PaperPlan,
    spec: TaskSpec,
    agents: Agents,
    sandbox: Sandbox,
    journal: Journal,
    seed: int,
    repairs: int,
) -> Experiment:
    """The method as a model writes it, against the task's own baseline; every call is journalled.

    Raises:
        InputError: the plan has no claim.
        AnswerError: no usable code was written.
    """
    claim_of(plan)  # before code is paid for
    source = _write(plan, spec, agents, seed)
    for attempt in range(1, repairs + 1):
        report = _check(source, spec, sandbox, journal, attempt)
        if report["status"] == Status.OK.value:
            break
        question = RepairQuestion(
            brief=Brief.of(spec),
            title=plan.problem or "the paper's method",
            source=source,
            report=report,
            attempt=attempt,
        )
        fixed = agents.ask(DEBUGGER, f"{METHOD}/{attempt}", question, seed).source
        if not fixed:
            break
        source = fixed
    method = Arm(METHOD, "the paper's method, as a model wrote it", source, spec.rungs[-1])
    return _compare(plan, spec, method, None)


def carried_experiment(paper: Paper, plan: PaperPlan, spec: TaskSpec) -> Experiment | None:
    """The method that came with a paper against the baseline that did, or the task's; None where no
    single file of its code defines what the task asks for. A repository that was linked to it keeps
    to no task's contract.

    Raises:
        InputError: the plan has no claim.
    """
    entry = re.compile(rf"^class {spec.problem.entry}\b", re.MULTILINE)
    own_code = (f for f in paper.code if f.origin != "repository")
    files = [f for f in own_code if f.path.endswith(".py") and entry.search(f.text)]
    own = [f for f in files if PurePosixPath(f.path).name.startswith(OWN_BASELINE)]
    methods = [f for f in files if f not in own]
    if len(methods) != 1 or len(own) > 1:
        return None
    method = Arm(METHOD, f"the paper's {methods[0].path}", methods[0].text, spec.rungs[-1])
    return _compare(plan, spec, method, own[0].text if own else None)


def _compare(plan: PaperPlan, spec: TaskSpec, method: Arm, own_baseline: str | None) -> Experiment:
    """One claim: the method is better than the baseline."""
    quote, conditions = claim_of(plan)
    if own_baseline is None:
        baseline = Arm(BASELINE, "the task's baseline", spec.baseline, method.steps)
    else:
        baseline = Arm(OWN_BASELINE, "the paper's baseline", own_baseline, method.steps)
    margin = MARGIN if spec.metric.unit == "%" else MARGIN_SHARE
    claim = ComparedClaim("c1", method.id, baseline.id, "better", margin, quote, conditions)
    scale = {key: str(value) for key, value in plan.recipe.items()}
    if plan.data:
        scale["data"] = "; ".join(plan.data)
    return Experiment((baseline, method), (claim,), scale)


def _write(plan: PaperPlan, spec: TaskSpec, agents: Agents, seed: int) -> str:
    parts = (*plan.method, *plan.architecture)
    idea = Idea(
        operator="draft",
        title=plan.problem or "the paper's method",
        rationale="\n".join(parts) or plan.problem,
    )
    question = CodeQuestion(brief=Brief.of(spec), idea=idea, works=())
    # By the coder alone, whatever answers in its place elsewhere: a network drawn by rule is not
    # the paper's method.
    return agents.begin(CODER, METHOD, question, seed).answer().source


def _check(
    source: str, spec: TaskSpec, sandbox: Sandbox, journal: Journal, attempt: int
) -> dict[str, object]:
    def act() -> dict[str, object]:
        report: CheckReport = sandbox.check(source, spec.problem)
        return report_to_json(report)

    return journal.once("check", f"{METHOD}/{attempt}", METHOD, {}, act)
