"""`archwright prompts show ROLE TASK`: exactly what would be sent."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from archwright.cli.options import HERE, AsJson, Folder, TaskName
from archwright.cli.output import emit

if TYPE_CHECKING:
    from archwright.agents.questions import ShownCandidate
    from archwright.runs.workspace.workspace import Workspace
    from archwright.tasks.loading import Task


def show(
    role: str,
    task: TaskName,
    /,
    *,
    examples: int | None = None,
    workspace: Folder = HERE,
    json: AsJson = False,
) -> None:
    """Render the prompt with this workspace's templates, examples and lessons.

    Args:
        role: Researcher, coder, debugger, evaluator or reviewer.
        examples: Examples from the knowledge base (default: 3).
    """
    from archwright.agents.backends import Request
    from archwright.agents.roles import Prompts, sample
    from archwright.agents.samples import Start
    from archwright.core.settings import RunSettings
    from archwright.runs.workspace.workspace import Workspace
    from archwright.tasks.loading import load_task

    loaded = load_task(task)
    place = Workspace.open(Path(workspace), writes=False)
    settings = RunSettings.load(place.paths.settings, {"examples": examples})
    remembered = _remembered(place, loaded, settings.examples)
    question = sample(role, Start(loaded.spec, settings.proposals, *remembered))
    prompts = Prompts(place.paths.prompts)
    text = prompts.render(role, question)
    document = {
        "role": role,
        "task": loaded.spec.name,
        "template": f"{role}.md",
        "hash": Request(role, text, {}, 0).prompt_hash,
        "prompt": text,
    }
    emit(json, document, lambda: print(text, end=""))


def _remembered(
    workspace: Workspace, task: Task, count: int
) -> tuple[tuple[ShownCandidate, ...], tuple[str, ...]]:
    """What the workspace's knowledge base gives a first proposal: examples and lessons."""
    from archwright.runs.memory import LESSONS, as_work
    from archwright.runs.workspace.knowing import knowledge_of

    with knowledge_of(workspace) as knowledge:
        found = knowledge.examples(task.key, count, task.spec.baseline)
        works = tuple(map(as_work, found))
        return works, tuple(knowledge.lessons(task.key, "the baseline", LESSONS))
