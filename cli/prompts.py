"""`archwright prompts show ROLE TASK`: exactly what would be sent."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from archwright.cli.choosing import add_workspace_argument
from archwright.cli.output import emit

if TYPE_CHECKING:
    from archwright.agents.questions import Work
    from archwright.runs.workspace.workspace import Workspace
    from archwright.tasks.loading import Task


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `archwright prompts`."""
    actions = parser.add_subparsers(metavar="ACTION", dest="action", required=True)
    summary = "print the prompt of a role's first question about a task"
    show = actions.add_parser("show", help=summary, description=summary)
    show.add_argument(
        "role", metavar="ROLE", help="researcher, coder, debugger, evaluator or reviewer"
    )
    show.add_argument("task", metavar="TASK", help="a built-in task's name, or a task folder")
    show.add_argument(
        "--operator", default="swap_block", metavar="NAME", help="the operator that is asked for"
    )
    show.add_argument(
        "--examples", type=int, metavar="N", help="examples from the knowledge base (default: 3)"
    )
    add_workspace_argument(show)
    show.add_argument("--json", action="store_true", help="print one JSON document")


def run(args: argparse.Namespace) -> int:
    """Render the prompt with this workspace's templates, examples and lessons."""
    from archwright.agents.backends import Request
    from archwright.agents.prompting import Prompts
    from archwright.agents.samples import sample
    from archwright.core import InputError
    from archwright.runs.settings import RunSettings
    from archwright.runs.workspace.workspace import Workspace
    from archwright.search.operators.operators import OPERATORS
    from archwright.tasks.loading import load_task

    if args.operator not in OPERATORS:
        raise InputError(
            f"there is no operator {args.operator!r}; there are {', '.join(OPERATORS)}"
        )
    task = load_task(args.task)
    workspace = Workspace.open(Path(args.workspace))
    settings = RunSettings.load(workspace.paths.settings, {"examples": args.examples})
    question = sample(args.role, task.spec, args.operator)
    if args.role == "researcher":
        examples, lessons = _remembered(workspace, task, settings.examples)
        question = sample(args.role, task.spec, args.operator, examples, lessons)
    prompts = Prompts(workspace.paths.prompts)
    text = prompts.render(args.role, question)
    document = {
        "role": args.role,
        "task": task.spec.name,
        "operator": args.operator,
        "template": prompts.template_of(args.role, question),
        "hash": Request(args.role, text, {}, 0).prompt_hash,
        "prompt": text,
    }
    emit(args, document, lambda: print(text, end=""))
    return 0


def _remembered(
    workspace: Workspace, task: Task, count: int
) -> tuple[tuple[Work, ...], tuple[str, ...]]:
    """What the workspace's knowledge base gives a first proposal: examples and lessons."""
    from archwright.knowledge.store import Knowledge
    from archwright.runs.memory import LESSONS, as_work

    with Knowledge(workspace.paths.knowledge) as knowledge:
        found = knowledge.examples(task.key, count, task.spec.baseline)
        works = tuple(map(as_work, found))
        return works, tuple(knowledge.lessons(task.key, "the baseline", LESSONS))
