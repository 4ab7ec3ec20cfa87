"""`archwright try` and `fingerprint`: what a run would make of a file."""

from __future__ import annotations

import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from archwright.cli.options import (
    HERE,
    AsJson,
    Folder,
    Gpus,
    SandboxOption,
    TaskName,
    check_seed,
    indices_of,
)
from archwright.cli.output import emit, say
from archwright.core import (
    Candidate,
    CheckReport,
    InputError,
    Outcome,
    Recipe,
    Status,
    TaskSpec,
    TrialSpec,
    WorkspaceError,
    write_bundle,
)
from archwright.core.settings import SandboxName
from archwright.knowledge.store import Knowledge
from archwright.runs.results.wording import clean, problem_lines
from archwright.runs.training.checking import check_all
from archwright.runs.training.course import Course, TrainingEnd
from archwright.runs.workspace.knowing import knowledge_of
from archwright.runs.workspace.workspace import Workspace
from archwright.sandbox import Sandbox
from archwright.sandbox.opening import open_sandbox
from archwright.source.fingerprint import fingerprint, read_source
from archwright.tasks.loading import Task, load_task


def try_(
    file: Path,
    /,
    *,
    task: TaskName,
    rung: int | None = None,
    seed: int = 0,
    sandbox: SandboxOption = "auto",
    gpus: Gpus = "",
    json: AsJson = False,
) -> int:
    """Exit code 0 when the trial ended well, 1 when the candidate failed.

    Args:
        file: A Python file that keeps the task's contract; for a script, a folder with the files
            that may change.
        rung: From 0 (default: the highest).
        seed: Seed of the weights and of the data's order.
    """
    loaded = load_task(task)
    source = read_candidate(file, loaded.spec)
    rungs = loaded.spec.rungs
    rung = len(rungs) - 1 if rung is None else rung
    if not 0 <= rung < len(rungs):
        raise InputError(f"--rung must be from 0 to {len(rungs) - 1}, not {rung}")
    check_seed(seed)
    recipe = read_source(source, loaded.spec.problem, loaded.spec.recipe).recipe
    opened = open_for(loaded.spec, sandbox, gpus)
    document = _try(loaded, source, recipe, rung, seed, opened) | {"recipe": recipe.to_json()}
    emit(json, document, lambda: _print_trial(document, loaded.spec))
    return 0 if document["status"] == Status.OK else 1


def open_for(spec: TaskSpec, kind: SandboxName, gpus: str = "", workers: int = 1) -> Sandbox:
    """A sandbox that trains what a task asks for, not yet entered.

    Raises:
        InputError: the task asks for a GPU and none was given, or these are no indices.
    """
    chosen = indices_of(gpus)
    if spec.training.device == "cuda" and not chosen:
        raise InputError(
            f"task {spec.name} is trained on cuda: give it a GPU (--gpus 0), or leave device out "
            "of its [training]"
        )
    return open_sandbox(kind, workers, gpus=chosen)


def read_candidate(path: Path, spec: TaskSpec) -> str:
    """The source of a candidate: a file's text, or the files of a script in a folder.

    Raises:
        InputError: something cannot be read.
    """
    script = spec.problem.script
    if script is None or not path.is_dir():
        return read_file(path)
    return write_bundle({name: read_file(path / name) for name in script.files})


def read_file(file: Path) -> str:
    """The text of an architecture file.

    Raises:
        InputError: it is not there, or no text.
    """
    try:
        return file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{file} cannot be read: {getattr(error, 'strerror', error)}") from None


def _try(
    task: Task, source: str, recipe: Recipe, rung: int, seed: int, closed: Sandbox
) -> dict[str, Any]:
    spec = task.spec
    with closed as sandbox, tempfile.TemporaryDirectory() as folder:
        if sandbox.choice:
            say(sandbox.choice)
        report = check_all(sandbox, source, spec)
        if report.status is not Status.OK:
            return _document(
                report, TrainingEnd(report.status, Outcome(report.status), report.error)
            )
        candidate = Candidate("", source=source, recipe=recipe)
        course = Course(task, sandbox, Path(folder))
        return _document(report, course.train(TrialSpec(candidate, rung, seed)))


def _document(report: CheckReport, ended: TrainingEnd) -> dict[str, Any]:
    problems = {name: asdict(score) for name, score in ended.problems.items()}
    return {
        "status": ended.status.value,
        "score": ended.score,
        "steps": ended.outcome.resources.steps,
        "seconds": ended.outcome.resources.seconds,
        "parameters": report.parameters,
        "checks": [asdict(c) for c in report.checks],
        "error": ended.error or report.error,
        **({"problems": problems} if problems else {}),
    }


def _print_trial(document: dict[str, Any], spec: TaskSpec) -> None:
    for check in document["checks"]:
        mark = "ok  " if check["ok"] else "FAIL"
        print(f"{mark} {clean(check['name'])} {clean(check['detail'])}".rstrip())
    print(f"status: {document['status']}")
    print(f"parameters: {document['parameters']}")
    print(f"recipe: {', '.join(f'{key} {value}' for key, value in document['recipe'].items())}")
    if document["score"] is not None:
        print(f"{spec.metric.name}: {document['score']:.4g} {spec.metric.unit} (validation)")
        for line in problem_lines(document.get("problems", {})):
            print(f"  {line}")
        print(f"{document['steps']} steps in {document['seconds']:.2f} s")
    if document["error"]:
        print(f"error: {clean(document['error'], 500)}")


# --- fingerprint ---------------------------------------------------------------------------------


def fingerprints(
    files: Annotated[list[str], Parameter(name="FILE")],
    /,
    *,
    task: TaskName,
    sandbox: SandboxOption = "auto",
    workspace: Folder = HERE,
    json: AsJson = False,
) -> None:
    """Print each file's text, tree and graph hash; the graph needs the file to build.

    Args:
        files: Python files that keep the task's contract; for a script, folders.
    """
    loaded = load_task(task)
    sources = [(name, read_candidate(Path(name), loaded.spec)) for name in files]
    knowledge = _open_knowledge(Path(workspace))
    with open_sandbox(sandbox, 1) as opened:
        rows = [_row(name, source, loaded, opened, knowledge) for name, source in sources]
    if knowledge is not None:
        knowledge.close()
    emit(json, rows, lambda: _print_prints(rows))


def _open_knowledge(folder: Path) -> Knowledge | None:
    """What is known in the workspace; outside of one, nothing is."""
    try:
        return knowledge_of(Workspace.open(folder))
    except WorkspaceError:
        return None


def _row(
    name: str, source: str, task: Task, sandbox: Sandbox, knowledge: Knowledge | None
) -> dict[str, Any]:
    spec = task.spec
    parsed = read_source(source, spec.problem, spec.recipe)
    report = check_all(sandbox, source, spec)
    print_ = fingerprint(parsed, parsed.recipe, report.graph)
    matches = knowledge.match(task.key, print_, None) if knowledge else []
    row = {"file": name, **asdict(print_), "matches": [asdict(m) for m in matches]}
    if report.status is not Status.OK:
        row["error"] = report.error
    return row


def _print_prints(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        print(clean(row["file"]))
        for level in ("text", "tree", "graph"):
            print(f"  {level:5}  {row[level] or 'not built: ' + clean(row.get('error', ''))}")
        for match in row["matches"]:
            print(
                f"  same {match['level']} as {match['run']}/{match['candidate']}: "
                f"{clean(match['title'])}, which ended {match['end']}"
            )
