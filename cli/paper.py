"""`archwright paper`: read papers, list and show them; reproduce and improve what they claim."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archwright.cli import paper_improve, paper_reproduce
from archwright.cli.choosing import add_workspace_argument
from archwright.cli.output import emit, say
from archwright.core import InputError
from archwright.knowledge.papers.folder import Kept, PaperFolder
from archwright.knowledge.papers.passages import record_passages
from archwright.knowledge.papers.searching import find_papers
from archwright.knowledge.store import Knowledge
from archwright.runs.results.wording import clean
from archwright.runs.workspace.workspace import Workspace

if TYPE_CHECKING:
    from archwright.agents.plans import Plan

_READERS = min(4, os.cpu_count() or 1)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `archwright paper`. Each action sets `act(args, workspace) -> int`."""
    actions = parser.add_subparsers(metavar="ACTION", dest="action", required=True)
    adding = actions.add_parser("add", help="read PDF, LaTeX, HTML, Markdown or text")
    adding.add_argument(
        "files", nargs="+", metavar="FILE|DIR", help="a paper, an archive or folder of one, "
        "or a folder of papers; code is taken from a folder code/ beside it"
    )  # fmt: skip
    adding.set_defaults(act=_add)
    listing = actions.add_parser("list", help="all papers of the workspace")
    listing.set_defaults(act=_list)
    showing = actions.add_parser("show", help="what a paper holds, and what it claims")
    showing.add_argument("id", metavar="ID", help="its id, or how it begins")
    showing.add_argument("--plan", action="store_true", help="read it for what to reproduce")
    showing.add_argument("--model", metavar="NAME", help="an LLM that reads it (default: rules)")
    showing.add_argument("--base-url", metavar="URL", help="an OpenAI-compatible server")
    showing.add_argument("--max-usd", type=float, metavar="X", help="dollars for the model in all")
    showing.add_argument("--max-tokens", type=int, metavar="N", help="tokens of the model in all")
    showing.add_argument("--price", metavar="IN,OUT", help="dollars per million tokens")
    showing.set_defaults(act=_show)
    reproducing = actions.add_parser("reproduce", help="try its claims at this machine's scale")
    paper_reproduce.add_arguments(reproducing)
    reproducing.set_defaults(act=paper_reproduce.act)
    improving = actions.add_parser("improve", help="search from what was reproduced")
    paper_improve.add_arguments(improving)
    improving.set_defaults(act=paper_improve.act)
    for action in (adding, listing, showing, reproducing, improving):
        add_workspace_argument(action)
        action.add_argument("--json", action="store_true", help="print one JSON document")


def run(args: argparse.Namespace) -> int:
    """Do what the action says in the workspace."""
    code: int = args.act(args, Workspace.open(args.workspace))
    return code


# --- add ----------------------------------------------------------------------------------------


def _add(args: argparse.Namespace, workspace: Workspace) -> int:
    folder = PaperFolder(workspace.paths.papers)
    with Knowledge(workspace.paths.knowledge) as knowledge:
        rows = list(_add_all(args.files, folder, knowledge))
    failed = [row for row in rows if row["status"] == "failed"]
    if failed and len(rows) == 1:
        raise InputError(failed[0]["error"])
    for row in failed:
        say(f"archwright: {clean(row['error'], 500)}")
    added = [row for row in rows if row["status"] != "failed"]
    emit(args, rows, lambda: _print(added) if added else None)
    return 2 if failed else 0


def _add_all(
    files: list[str], folder: PaperFolder, knowledge: Knowledge
) -> Iterator[dict[str, Any]]:
    """One row for each paper; what cannot be read does not hold up the others."""
    with ThreadPoolExecutor(_READERS) as threads:
        pending: list[tuple[Path, Future[Kept]]] = []
        for path in map(Path, files):
            found = find_papers(path)
            for skipped in found.skipped:
                say(f"skipped {clean(str(skipped))}: it is no paper")
            pending += [(p, threads.submit(folder.add, p)) for p in found.papers]
        for path, future in pending:
            try:
                kept = future.result()
            except InputError as error:
                yield _failed(path, error)
                continue
            record_passages(knowledge, kept.id, kept.paper)
            yield {**_row(kept), "file": str(path), "known": kept.known}


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


def _failed(path: Path, error: InputError) -> dict[str, Any]:
    line = " ".join(str(error).split())
    row = {"id": "", "title": "", "pages": 0, "sections": 0, "status": "failed"}
    return {**row, "file": str(path), "error": line}


def _list(args: argparse.Namespace, workspace: Workspace) -> int:
    rows = [_row(kept) for kept in PaperFolder(workspace.paths.papers).list()]
    emit(args, rows, lambda: _print(rows))
    return 0


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


def _show(args: argparse.Namespace, workspace: Workspace) -> int:
    kept = PaperFolder(workspace.paths.papers).find(args.id)
    plan = _plan(args, workspace, kept) if args.plan or args.model else None
    document = {
        **_row(kept),
        "sections": [_section_row(section) for section in asdict(kept.paper)["sections"]],
        "references": list(kept.paper.references),
    }
    if plan is not None:
        document["plan"] = plan.model_dump(mode="json")
    emit(args, document, lambda: _print_paper(kept, plan))
    return 0


def _plan(args: argparse.Namespace, workspace: Workspace, kept: Kept) -> Plan:
    from archwright.papers.plans import make_plan
    from archwright.runs.settings import RunSettings

    given = {
        "base_url": args.base_url,
        "max_usd": args.max_usd,
        "max_tokens": args.max_tokens,
        "prices": (args.price,) if args.price else None,
    }
    if not args.model and any(value is not None for value in given.values()):
        raise InputError("limits, a price and an address are for a model: add --model NAME")
    # A model reads only where one is asked for here, whatever the workspace's runs use.
    settings = RunSettings.load(workspace.paths.settings, given)
    chosen = {"models": (args.model,)} if args.model else {"models": (), "backend": "symbolic"}
    return make_plan(kept, replace(settings, **chosen), workspace.paths, say)


def _section_row(section: dict[str, Any]) -> dict[str, Any]:
    return {**section, "text": section["text"].replace("\f", "\n")}


def _print_paper(kept: Kept, plan: Plan | None) -> None:
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


def _print_plan(plan: Plan) -> None:
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
