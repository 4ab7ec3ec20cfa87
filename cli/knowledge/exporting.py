"""`archwright knowledge export`: what was proved and decided, to tune a local model on."""

from __future__ import annotations

import json as jsons
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from cyclopts import Parameter

from archwright.agents.roles import Prompts
from archwright.cli.options import HERE, AsJson, Folder
from archwright.cli.output import emit, say
from archwright.core import InputError, RunError, TaskError
from archwright.core.files import write_whole
from archwright.knowledge.decisions.folder import DecisionFolder
from archwright.runs.journal import Journal
from archwright.runs.tuning.examples import (
    TuningExample,
    TuningSets,
    decision_examples,
    proposal_examples,
    split_sets,
)
from archwright.runs.tuning.scrubbing import Scrubber
from archwright.runs.workspace.finding import list_runs
from archwright.runs.workspace.workspace import Workspace

FILE: Final = "fine-tuning.jsonl"
SHARE: Final = 0.1


def export(
    *,
    purpose: Annotated[Literal["fine-tuning"], Parameter("--for")],
    out: Annotated[Path, Parameter(("--out", "-o"))] = Path(FILE),
    validation: float = SHARE,
    workspace: Folder = HERE,
    json: AsJson = False,
) -> None:
    """Write chats as JSON lines, without secrets and names: one file to tune on, one to validate.

    Args:
        purpose: What it is for: fine-tuning.
        out: The file to tune on (default: fine-tuning.jsonl); the other one lies beside it, as
            NAME.validation.jsonl.
        validation: Share of the runs that is kept for validation (default: 0.1).
    """
    del purpose  # There is one so far.
    if not 0 <= validation < 1:
        raise InputError("--validation must be a share of the runs, from 0 to below 1")
    place = Workspace.open(Path(workspace))
    facts: list[str] = []
    sets = split_sets(list(_examples(place, facts)), validation)
    if not sets.train:
        raise InputError(
            "nothing to export: no run here has a verified gain, and no decision is accepted; "
            "`archwright run TASK` and `archwright review` bring both"
        )
    texts = [t for e in (*sets.train, *sets.validation) for t in (e.prompt, e.answer)]
    scrubber = Scrubber.of([place.root, *facts], place.identity(), texts)
    beside = out.with_name(f"{out.stem}.validation{out.suffix}")
    _write(out, sets.train, scrubber)
    _write(beside, sets.validation, scrubber)
    document = _document(sets, out, beside)
    emit(json, document, lambda: _print(document))


def _examples(place: Workspace, folders: list[str]) -> Iterator[TuningExample]:
    """All that the workspace holds; the folders of its runs are added to `folders`."""
    prompts = Prompts(place.paths.prompts)
    for paths in list_runs(place):
        try:
            with Journal.open(paths) as journal:
                folders += [f for f in (journal.facts.workspace, journal.facts.task_from) if f]
                yield from proposal_examples(journal, prompts)
        except (RunError, TaskError) as error:
            say(f"left out: run {paths.name}: {error}")
    yield from decision_examples(DecisionFolder(place.paths.decisions).list(), prompts)


def _write(path: Path, examples: Sequence[TuningExample], scrubber: Scrubber) -> None:
    lines = (jsons.dumps(scrubber.clean_all(e.to_json()), ensure_ascii=False) for e in examples)
    try:
        write_whole(path, "".join(f"{line}\n" for line in lines))
    except OSError as error:
        raise InputError(
            f"{path} cannot be written ({error.strerror}): name another file with -o"
        ) from error


def _document(sets: TuningSets, out: Path, beside: Path) -> dict[str, Any]:
    both = (*sets.train, *sets.validation)
    return {
        "train": {"file": str(out), "examples": len(sets.train)},
        "validation": {"file": str(beside), "examples": len(sets.validation)},
        "proposals": sum(e.kind == "proposal" for e in both),
        "decisions": sum(e.kind == "decision" for e in both),
        "duplicates": sets.duplicates,
    }


def _print(document: dict[str, Any]) -> None:
    for name in ("train", "validation"):
        print(f"{document[name]['examples']:>5}  {document[name]['file']}")
    print(
        f"{document['proposals']} verified proposals and {document['decisions']} accepted decisions"
        f"; {document['duplicates']} were there already"
    )
