"""`archwright fingerprint FILE… --task TASK`: the levels of a fingerprint, and what they match."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import Any

from archwright.cli.choosing import add_workspace_argument
from archwright.cli.output import emit
from archwright.cli.try_ import read_file
from archwright.core import Status, WorkspaceError
from archwright.knowledge.store import Knowledge
from archwright.runs.results.wording import clean
from archwright.runs.workspace.workspace import Workspace
from archwright.sandbox import Sandbox
from archwright.sandbox.opening import open_sandbox
from archwright.source.fingerprint import fingerprint, read_source
from archwright.tasks.loading import Task, load_task


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `archwright fingerprint`."""
    parser.add_argument("files", nargs="+", metavar="FILE")
    parser.add_argument("--task", required=True, metavar="TASK")
    parser.add_argument("--sandbox", choices=("auto", "docker", "process"), default="auto")
    add_workspace_argument(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def run(args: argparse.Namespace) -> int:
    """Print each file's text, tree and graph hash; the graph needs the file to build."""
    task = load_task(args.task)
    sources = [(name, read_file(Path(name))) for name in args.files]
    knowledge = _open_knowledge(Path(args.workspace))
    with open_sandbox(args.sandbox, 1) as sandbox:
        rows = [_row(name, source, task, sandbox, knowledge) for name, source in sources]
    if knowledge is not None:
        knowledge.close()
    emit(args, rows, lambda: _print(rows))
    return 0


def _open_knowledge(folder: Path) -> Knowledge | None:
    """What is known in the workspace; outside of one, nothing is."""
    try:
        return Knowledge(Workspace.open(folder).paths.knowledge)
    except WorkspaceError:
        return None


def _row(
    name: str, source: str, task: Task, sandbox: Sandbox, knowledge: Knowledge | None
) -> dict[str, Any]:
    spec = task.spec
    parsed = read_source(source, spec.problem, spec.recipe)
    report = sandbox.check(source, spec.problem)
    print_ = fingerprint(parsed, parsed.recipe, report.graph)
    matches = knowledge.match(task.key, print_, None) if knowledge else []
    row = {"file": name, **asdict(print_), "matches": [asdict(m) for m in matches]}
    if report.status is not Status.OK:
        row["error"] = report.error
    return row


def _print(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        print(clean(row["file"]))
        for level in ("text", "tree", "graph"):
            print(f"  {level:5}  {row[level] or 'not built: ' + clean(row.get('error', ''))}")
        for match in row["matches"]:
            print(
                f"  same {match['level']} as {match['run']}/{match['candidate']}: "
                f"{clean(match['title'])}, which ended {match['end']}"
            )
