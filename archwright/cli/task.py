"""`archwright task list|show|check|new`."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from archwright.cli.output import emit, say
from archwright.domain import CheckReport, InputError, Status, TaskSpec

FAULTY = 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`task` and its four verbs."""
    verbs = parser.add_subparsers(metavar="VERB", dest="verb", required=True)
    _add(verbs, "list", list_tasks, "the tasks that come with Archwright")
    show = _add(verbs, "show", show_task, "what a task asks for")
    show.add_argument("task", metavar="NAME", help="a built-in name, or a task folder")
    check = _add(verbs, "check", check_task, "say what is wrong with a task folder, one line each")
    check.add_argument("task", metavar="DIR", help="a task folder, or a built-in name")
    new = _add(verbs, "new", make_task, "write a small complete task, to be edited into your own")
    new.add_argument("folder", metavar="DIR", type=Path, help="a folder that is not there yet")


def run(args: argparse.Namespace) -> int:
    """Run the verb that was chosen."""
    code: int = args.verb_function(args)
    return code


def _add(
    verbs: Any, name: str, function: Callable[[argparse.Namespace], int], summary: str
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = verbs.add_parser(name, help=summary, description=summary)
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.set_defaults(verb_function=function)
    return parser


def list_tasks(args: argparse.Namespace) -> int:
    """The built-in tasks, one line each."""
    from archwright.tasks.loading import built_in_names, load_task

    specs = [load_task(name).spec for name in built_in_names()]

    def render() -> None:
        for spec in specs:
            print(f"{spec.name:10}  {spec.metric.name:18}  {spec.summary}")
        say("\nstart with: archwright run digits")

    emit(args, [_describe(spec) for spec in specs], render)
    return 0


def show_task(args: argparse.Namespace) -> int:
    """A task's keys and its contract."""
    from archwright.tasks.loading import load_task

    spec = load_task(args.task).spec
    emit(args, {**_describe(spec), "baseline": spec.baseline}, lambda: _print_spec(spec))
    return 0


def check_task(args: argparse.Namespace) -> int:
    """All faults of a task folder; a sound one's baseline is built in a sandbox, too."""
    from archwright.tasks.checking import check_folder
    from archwright.tasks.loading import load_task, task_folder

    folder = task_folder(args.task)
    faults = check_folder(folder)
    report = None if faults else _build_baseline(load_task(folder).spec)
    if report is not None:
        faults = _report_faults(report)
    document = {
        "task": str(args.task),
        "ok": not faults,
        "faults": faults,
        "parameters": report.parameters if report else None,
        "checks": [
            {"name": c.name, "ok": c.ok, "detail": c.detail} for c in (report.checks if report else ())
        ],
    }
    if faults:
        count = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
        document["error"] = f"task {args.task}: {faults[0]}"
        say(f"archwright: task {args.task} has {count}")
    emit(args, document, lambda: _print_check(args.task, faults, report))
    return FAULTY if faults else 0


def make_task(args: argparse.Namespace) -> int:
    """Scaffold a task."""
    from archwright.tasks.scaffold import new_task

    folder = new_task(args.folder)

    def render() -> None:
        print(f"wrote {folder}: task.toml, task.py, baseline.py, README.md")
        say(f"check it with: archwright task check {folder}")
        say(f"run it with:   archwright run {folder}")

    emit(args, {"folder": str(folder), "files": sorted(p.name for p in folder.iterdir())}, render)
    return 0


def _build_baseline(spec: TaskSpec) -> CheckReport:
    from archwright.sandbox.opening import open_sandbox

    say("building the baseline in a sandbox ...")
    with open_sandbox("auto", workers=1) as sandbox:
        return sandbox.check(spec.baseline, spec.problem)


def _report_faults(report: CheckReport) -> list[str]:
    faults = [f"baseline.py: {c.name}: {' '.join(c.detail.split())}" for c in report.checks if not c.ok]
    if report.status is not Status.OK and not faults:
        faults.append(f"baseline.py: {report.status}: {' '.join(report.error.split())}")
    return faults
