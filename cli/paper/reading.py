"""`archwright paper add`, `list` and `show`: read papers, and look at what they hold."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from archwright.cli.options import HERE, AsJson, Folder, ModelsKnown, Spending, given
from archwright.cli.output import emit, say
from archwright.core import InputError
from archwright.core.settings import RunSettings
from archwright.knowledge.papers.folder import Kept, PaperFolder
from archwright.knowledge.papers.given import find_given, one_of_each
from archwright.knowledge.papers.passages import record_passages
from archwright.knowledge.papers.web.library import WebLibrary
from archwright.knowledge.papers.web.repositories import is_repository, paper_of, read_repository
from archwright.knowledge.store import Knowledge
from archwright.runs.results.wording import clean
from archwright.runs.workspace.knowing import knowledge_of
from archwright.runs.workspace.workspace import Workspace

if TYPE_CHECKING:
    from archwright.agents.plans import PaperPlan

_READERS = min(4, os.cpu_count() or 1)


def add(
    files: Annotated[list[str], Parameter(name="FILE|DIR|ADDRESS")],
    /,
    *,
    paper: Annotated[str | None, Parameter(name="--for")] = None,
    main: Annotated[str | None, Parameter(name="--main")] = None,
    workspace: Folder = HERE,
    json: AsJson = False,
) -> int:
    """Read papers into the workspace and its knowledge base.

    Args:
        files: Papers, archives or folders of one, or folders of papers; arxiv:ID, doi:10.… or an
            http address of one; a git repository of a paper's code. Code is taken from a folder
            code/ beside a paper.
        paper: The paper whose code a repository holds. Without it the repository's README names it.
        main: The file of a folder or an archive that is the paper.
    """
    if main is not None and len(files) != 1:
        raise InputError("--main is the file of one paper: add the others without it")
    place = Workspace.open(workspace)
    folder = PaperFolder(place.paths.papers)
    words = [w for w in files if paper is None and not is_repository(w)]
    with knowledge_of(place) as knowledge:
        rows = list(_add_all(words, folder, knowledge, WebLibrary(place.paths.fetched), main))
    rows += [_link(word, folder, paper) for word in files if word not in words]
    failed = [row for row in rows if row["status"] == "failed"]
    if failed and len(rows) == 1:
        raise InputError(failed[0]["error"])
    for row in failed:
        say(f"archwright: {clean(row['error'], 500)}")
    added = [row for row in rows if row["status"] != "failed"]
    emit(json, rows, lambda: _print(added) if added else None)
    return 2 if failed else 0


def _add_all(
    files: list[str], folder: PaperFolder, knowledge: Knowledge, web: WebLibrary, main: str | None
) -> Iterator[dict[str, Any]]:
    """One row for each paper; what cannot be read does not hold up the others."""
    with ThreadPoolExecutor(_READERS) as threads:
        # What is fetched is read while the next is waited for.
        found = find_given(files, web, lambda line: say(clean(line, 300)), main)
        pending = [(item, threads.submit(item.read)) for item in found]
    failed = {item: error for item, future in pending if (error := future.exception())}
    read = [(item, future.result()) for item, future in pending if item not in failed]
    kept_papers = dict(one_of_each(read))
    for item, _ in pending:
        if isinstance(error := failed.get(item), InputError):
            yield _failed(item.word, error)
        elif error is not None:
            raise error
        elif item in kept_papers:
            read_paper = kept_papers[item]
            kept = folder.keep(read_paper.paper, read_paper.origin, item.address)
            record_passages(knowledge, kept.id, kept.paper)
            yield {**_row(kept), "file": item.word, "known": kept.known}


def _link(word: str, folder: PaperFolder, prefix: str | None) -> dict[str, Any]:
    """The row of a paper to which a repository's code was linked."""
    try:
        known = folder.find(prefix) if prefix is not None else None
        found = read_repository(word)
        kept = folder.link((known or paper_of(found, folder)).id, found.code)
    except InputError as error:
        return _failed(word, error)
    say(f"{clean(found.name)}: {len(found.code)} files are now code of {kept.id}")
    return {**_row(kept), "file": word, "known": True}


def _row(kept: Kept) -> dict[str, Any]:
    paper = kept.paper
    return {
        "id": kept.id,
        "title": paper.title,
        "pages": paper.pages,
        "sections": len(paper.sections),
        "status": paper.status,
        "kind": paper.kind,
        "code": [file.path for file in paper.code],
        "notices": list(paper.notices),
        "instructions": list(paper.instructions),
    }


def _failed(word: str, error: InputError) -> dict[str, Any]:
    line = " ".join(str(error).split())
    row = {"id": "", "title": "", "pages": 0, "sections": 0, "status": "failed"}
    return {**row, "file": word, "error": line}


def list_papers(*, workspace: Folder = HERE, json: AsJson = False) -> None:
    """Print one line for each paper."""
    rows = [
        _row(kept)
        for kept in PaperFolder(Workspace.open(workspace, writes=False).paths.papers).list()
    ]
    emit(json, rows, lambda: _print(rows))


def _print(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        pages = f"{row['pages']} pages" if row["pages"] else row["kind"]
        print(
            f"{row['id']}  {pages:>9}  {row['sections']:>3} sections  "
            f"{clean(row['title'], 80)}{' (known)' if row.get('known') else ''}"
        )
        if row["instructions"]:
            print(f"  suspicious: it addresses its reader: {clean(row['instructions'][0], 120)!r}")
        for notice in row["notices"]:
            print(f"  {clean(notice, 120)}")
    if not rows:
        print("no papers yet: `archwright paper add FILE` reads one")


# --- show ---------------------------------------------------------------------------------------


def show(
    id: str,
    /,
    *,
    plan: bool = False,
    spending: Spending = None,
    models: ModelsKnown = None,
    workspace: Folder = HERE,
    json: AsJson = False,
) -> None:
    """Print a paper's outline; what it claims where that is asked for. Without a model rules read.

    Args:
        id: Its id, or how it begins.
        plan: Read it for what to reproduce.
    """
    place = Workspace.open(workspace, writes=plan)
    kept = PaperFolder(place.paths.papers).find(id)
    said = given(spending, models)
    found = _plan(said, place, kept) if plan or said else None
    document = {
        **_row(kept),
        "sections": [_section_row(section) for section in asdict(kept.paper)["sections"]],
        "references": list(kept.paper.references),
    }
    if found is not None:
        document["plan"] = found.model_dump(mode="json")
    emit(json, document, lambda: _print_paper(kept, found))


def _plan(said: dict[str, Any], workspace: Workspace, kept: Kept) -> PaperPlan:
    from archwright.papers.plans import make_plan

    if said and not said.get("models"):
        raise InputError("limits, a price and an address are for a model: add --model NAME")
    settings = RunSettings.load(workspace.paths.settings, said)
    if not said:
        # A model reads only where one is asked for here, whatever the workspace's runs use.
        settings = settings.changed(models=(), backend="symbolic")
    return make_plan(kept, settings, workspace.paths, say)


def _section_row(section: dict[str, Any]) -> dict[str, Any]:
    return {**section, "text": section["text"].replace("\f", "\n")}


def _print_paper(kept: Kept, plan: PaperPlan | None) -> None:
    paper = kept.paper
    _print([_row(kept)])
    for section in paper.sections:
        page = f"p. {section.page}" if section.page else ""
        tables = f"(tables: {len(section.tables)})" if section.tables else ""
        print(
            f"  {page:>6}  {'  ' * (section.level - 1)}{clean(section.name, 80)}  {tables}".rstrip()
        )
    print(f"  {len(paper.references)} references, {len(paper.code)} files of code")
    for file in paper.code:
        print(f"    {clean(file.path)}")
    if plan is not None:
        _print_plan(plan)


def _print_plan(plan: PaperPlan) -> None:
    print(f"\nproblem: {clean(plan.problem, 400)}")
    for name in ("method", "architecture", "data"):
        for line in getattr(plan, name):
            print(f"{name}: {clean(line, 300)}")
    for key, value in plan.recipe.items():
        print(f"recipe: {clean(key)} = {clean(str(value))}")
    for claim in plan.claims:
        print(f"{claim.id}: {clean(claim.words, 200)}")
        print(f"    {clean(claim.quote, 300)!r} ({clean(claim.place, 100)})")
        for other in claim.conflicts:
            print(f"    contradicts {other}")
    for gap in plan.missing:
        print(f"missing: {clean(gap.what, 200)} ({clean(gap.reason, 200)})")
