"""`archwright try FILE --task TASK`: check and train one file exactly as a run would."""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from archwright.cli.output import emit, say
from archwright.core import CheckReport, InputError, Outcome, Status, TaskSpec, TrialJob, score
from archwright.runs.results.wording import clean
from archwright.runs.trainer import TrialData
from archwright.sandbox.opening import Kind, open_sandbox
from archwright.source.fingerprint import read_source
from archwright.tasks.loading import Task, load_task


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `archwright try`."""
    parser.add_argument("file", metavar="FILE", help="a Python file that keeps the task's contract")
    parser.add_argument("--task", required=True, metavar="TASK")
    parser.add_argument("--sandbox", choices=("auto", "docker", "process"), default="auto")
    parser.add_argument("--seed", type=int, default=0, metavar="N")
    parser.add_argument("--rung", type=int, metavar="N", help="from 0; default: the highest")
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def run(args: argparse.Namespace) -> int:
    """Exit code 0 when the trial ended well, 1 when the candidate failed."""
    task = load_task(args.task)
    source = read_file(Path(args.file))
    rungs = task.spec.rungs
    rung = len(rungs) - 1 if args.rung is None else args.rung
    if not 0 <= rung < len(rungs):
        raise InputError(f"--rung must be from 0 to {len(rungs) - 1}, not {rung}")
    document = _try(task, source, rung, args.seed, args.sandbox)
    emit(args, document, lambda: _print(document, task.spec))
    return 0 if document["status"] == Status.OK else 1


def read_file(file: Path) -> str:
    """The text of an architecture file.

    Raises:
        InputError: it is not there, or no text.
    """
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{file} cannot be read: {getattr(error, 'strerror', error)}") from None


def _try(task: Task, source: str, rung: int, seed: int, sandbox_kind: Kind) -> dict[str, Any]:
    spec = task.spec
    recipe = read_source(source, spec.problem, spec.recipe).recipe
    with open_sandbox(sandbox_kind, 1) as sandbox, tempfile.TemporaryDirectory() as folder:
        if sandbox.choice:
            say(sandbox.choice)
        report = sandbox.check(source, spec.problem)
        if report.status is not Status.OK:
            return _document(report, Outcome(report.status, error=report.error), None)
        data = TrialData(task, Path(folder))
        job = TrialJob(
            source=source,
            problem=spec.problem,
            recipe=recipe,
            steps=spec.rungs[rung],
            seed=seed,
            data=data.folder(seed, ("validation",)),
            seconds_limit=spec.trial_seconds,
            memory_mb=spec.memory_mb,
        )
        outcome = sandbox.train(job)
        if outcome.status is not Status.OK:
            return _document(report, outcome, None)
        try:
            value = score(spec.metric, outcome.predictions["validation"], data.labels("validation"))
        except ValueError as error:
            return _document(report, Outcome(Status.INVALID, error=str(error)), None)
        return _document(report, outcome, value)


def _document(report: CheckReport, outcome: Outcome, value: float | None) -> dict[str, Any]:
    return {
        "status": outcome.status.value,
        "score": value,
        "steps": outcome.resources.steps,
        "seconds": outcome.resources.seconds,
        "parameters": report.parameters,
        "checks": [asdict(c) for c in report.checks],
        "error": outcome.error or report.error,
    }


def _print(document: dict[str, Any], spec: TaskSpec) -> None:
    for check in document["checks"]:
        mark = "ok  " if check["ok"] else "FAIL"
        print(f"{mark} {clean(check['name'])} {clean(check['detail'])}".rstrip())
    print(f"status: {document['status']}")
    print(f"parameters: {document['parameters']}")
    if document["score"] is not None:
        print(f"{spec.metric.name}: {document['score']:.4g} {spec.metric.unit} (validation)")
        print(f"{document['steps']} steps in {document['seconds']:.2f} s")
    if document["error"]:
        print(f"error: {clean(document['error'], 500)}")
