"""The plan by which a paper is reproduced: made once, by rule or by a model, and kept beside it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Final

from archwright.agents.backends import Reply, Request
from archwright.agents.backends.opening import BackendSource, open_backend, symbolic
from archwright.agents.plans import PaperPlan, PaperQuestion
from archwright.agents.roles import READER, Agents, Prompts, Recorder
from archwright.core import WorkspaceError
from archwright.core.files import write_whole
from archwright.core.settings import RunSettings
from archwright.knowledge.papers.folder import Kept, PaperFolder
from archwright.runs.workspace.paths import WorkspacePaths

_SEED: Final = 0
CALLS: Final = "calls"
"""The folder in a paper's own that holds what models answered."""


def make_plan(
    kept: Kept, settings: RunSettings, workspace: WorkspacePaths, notify: Callable[[str], None]
) -> PaperPlan:
    """The reader's plan of a paper, every claim of it through the quote gate.

    A model's answer is kept with the paper, and the same question is not paid for again.

    Raises:
        InputError: the model cannot be had.
        BackendError: it gave no usable answer.
    """
    home = PaperFolder(workspace.papers).home(kept.id)
    model = settings.models[0] if settings.models else ""
    reader = BackendSource(settings.changed(models=settings.models[:1]), notify)
    backend = open_backend(reader) if model else symbolic()
    record = _keep_calls(home / CALLS, model) if model else _ask
    agents = Agents(backend, Prompts(workspace.prompts), record)
    return agents.ask(READER, f"{kept.id}/plan", PaperQuestion.of(kept.id, kept.paper), _SEED)


def _ask(_: str, __: Request, ask: Callable[[], Reply]) -> Reply:
    return ask()


def _keep_calls(folder: Path, model: str) -> Recorder:
    """Answers from the folder what was asked of this model before; a failure is asked again."""

    def record(_: str, request: Request, ask: Callable[[], Reply]) -> Reply:
        name = hashlib.sha256(f"{model}\n{request.hash}".encode()).hexdigest()[:24]
        file = folder / f"{name}.json"
        try:
            if file.is_file():
                return Reply(**json.loads(file.read_text(encoding="utf-8")))
            reply = ask()
            if not reply.error:
                folder.mkdir(exist_ok=True)
                write_whole(file, json.dumps(asdict(reply)))
        except OSError as error:
            raise WorkspaceError(f"{file} cannot be used ({error.strerror}): fix it") from error
        return reply

    return record
