"""`archwright decision draft`: a decision for a situation, from the accepted ones most like it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

from cyclopts import Parameter

from archwright.cli.knowledge.facts import workspace_facts
from archwright.cli.options import (
    HERE,
    AsJson,
    Folder,
    ModelsUsed,
    Spending,
    Unasked,
    Words,
    given,
)
from archwright.cli.output import emit, say
from archwright.core import AnswerError, InputError
from archwright.core.settings import RunSettings
from archwright.knowledge.decisions.drafting import (
    RECORDS,
    fill_template,
    from_words,
    precedents,
    strike_unknown,
    with_origin,
)
from archwright.knowledge.decisions.folder import Decision, DecisionFolder, Option
from archwright.knowledge.decisions.importing import remember
from archwright.runs.workspace.knowing import knowledge_of
from archwright.runs.workspace.workspace import Workspace

if TYPE_CHECKING:
    from archwright.agents.backends import Reply, Request

CONTEXT_LIMIT_BYTES: Final = 100_000
TEMPLATE: Final = "a template without a model"


def draft(
    *,
    context: Words,
    count: Annotated[int, Parameter(name="-k")] = RECORDS,
    spending: Spending = None,
    models: ModelsUsed = None,
    yes: Unasked = False,
    workspace: Folder = HERE,
    json: AsJson = False,
) -> None:
    """Draft a record, strike what no journal holds, and write it as a proposed one.

    Args:
        context: A file with the situation in words; - reads stdin.
        count: Accepted records to go by (default: 3).
    """
    del yes  # A draft asks nothing; the option stays, for scripts that say it.
    if count < 0:
        raise InputError("-k must be at least 0")
    place = Workspace.open(workspace)
    folder = DecisionFolder(place.paths.decisions)
    situation = _read_context(context)
    records = precedents(folder, situation, count)
    if not records:
        say("note: no accepted decision shares a word with this situation")
    settings = RunSettings.load(place.paths.settings, given(spending, models))
    if settings.backend == "llm":
        texts = [folder.text(r.number) for r in records]
        words, author, spend = _ask(settings, place, situation, texts)
    else:
        words, author, spend = (
            fill_template(situation, records),
            TEMPLATE,
            {"usd": 0.0, "tokens": 0},
        )
    struck, unknown = strike_unknown(words, workspace_facts(place))
    path = folder.add(with_origin(struck, author, records, unknown))
    decision = folder.show(int(path.name.partition("-")[0]))
    with knowledge_of(place) as knowledge:
        remember(knowledge, [decision])
    document = {
        "number": decision.number,
        "file": str(path),
        "title": decision.title,
        "status": decision.status,
        "author": author,
        "from": [r.number for r in records],
        "unknown": list(unknown),
        "spend": spend,
    }
    emit(json, document, lambda: _print(document))


def _read_context(name: str) -> str:
    try:
        data = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    except OSError as error:
        raise InputError(f"{name} cannot be read ({error.strerror}): give a text file") from None
    if len(data) > CONTEXT_LIMIT_BYTES:
        raise InputError(f"{name} is longer than {CONTEXT_LIMIT_BYTES:,} bytes: shorten it")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise InputError(f"{name} is not UTF-8 text: save it as UTF-8") from None


def _print(document: dict[str, Any]) -> None:
    named = ", ".join(f"ADR-{n:04d}" for n in document["from"]) or "no record"
    print(f"decision {document['number']}, proposed: {document['file']}")
    print(f"  drafted by {document['author']} from {named}")
    if document["unknown"]:
        print(f"  struck out, as no journal here holds them: {', '.join(document['unknown'])}")
    if document["spend"]["tokens"]:
        spend = document["spend"]
        print(f"  it took {spend['tokens']:,} tokens, ${spend['usd']:.4f}")
    print(f"  read it: archwright decision show {document['number']}")


# --- with a model --------------------------------------------------------------------------------


def _ask(
    settings: RunSettings, workspace: Workspace, context: str, texts: Sequence[str]
) -> tuple[Decision, str, dict[str, float]]:
    """The draft of a model, its name, and what it cost."""
    from archwright.agents.backends.opening import BackendSource, open_backend
    from archwright.agents.questions import DraftQuestion
    from archwright.agents.roles import DRAFTER, Agents, Prompts

    backend = open_backend(BackendSource(settings, say))
    replies: list[Reply] = []

    def record(_key: str, _request: Request, ask: Any) -> Reply:
        replies.append(ask())
        return replies[-1]

    agents = Agents(backend, Prompts(workspace.paths.prompts), record)
    question = DraftQuestion(context=context, records=tuple(texts))
    try:
        said = agents.ask(DRAFTER, "draft", question, 0)
    except AnswerError as error:
        raise InputError(f"{error}; try another --model, or draft without one") from error
    words = from_words(
        context,
        said.title,
        [Option(o.name, o.why) for o in said.options],
        said.chosen,
        said.because,
        said.consequences,
    )
    spend = {"usd": sum(r.usd for r in replies), "tokens": sum(r.tokens for r in replies)}
    return words, replies[-1].model, spend
