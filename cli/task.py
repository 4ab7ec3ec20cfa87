"""`archwright task list|show|check`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from archwright.cli.options import AsJson, TaskName
from archwright.cli.output import emit, say
from archwright.core import (
    BASELINE,
    Candidate,
    CheckReport,
    SourceError,
    Status,
    SuiteProblem,
    TaskSpec,
    TrialSpec,
)

if TYPE_CHECKING:
    from archwright.runs.training.course import TrainingEnd
    from archwright.tasks.loading import Task

FAULTY = 2


def list_tasks(*, json: AsJson = False) -> None:
    """The built-in tasks, one line each."""
    from archwright.tasks.loading import built_in_names, load_task

    specs = [load_task(name).spec for name in built_in_names()]

    def render() -> None:
        for spec in specs:
            print(f"{spec.name:10}  {spec.metric.name:18}  {spec.summary}")
        say("\nstart with: archwright run digits")

    emit(json, [_describe(spec) for spec in specs], render)


def show_task(task: TaskName, /, *, json: AsJson = False) -> None:
    """A task's keys and its contract."""
    from archwright.tasks.loading import load_task

    spec = load_task(task).spec
    emit(json, {**_describe(spec), "baseline": spec.baseline}, lambda: _print_spec(spec))


def check_task(task: TaskName, /, *, json: AsJson = False) -> int:
    """All faults of a task folder; a sound one's baseline is built and trained a step, too."""
    from archwright.tasks.checking import look_over
    from archwright.tasks.loading import load_task, task_folder

    folder = task_folder(task)
    found = look_over(folder)
    faults = found.faults
    report = CheckReport(Status.INVALID)
    if not faults:
        report, faults = _try_baseline(load_task(folder))
    document: dict[str, Any] = {
        "task": task,
        "ok": not faults,
        "faults": faults,
        "notes": found.notes,
        "parameters": report.parameters,
        "checks": [{"name": c.name, "ok": c.ok, "detail": c.detail} for c in report.checks],
    }
    if faults:
        count = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
        document["error"] = f"task {task}: {faults[0]}"
        say(f"archwright: task {task} has {count}")
    emit(json, document, lambda: _print_check(task, faults, found.notes, report))
    return FAULTY if faults else 0


def _try_baseline(task: Task) -> tuple[CheckReport, list[str]]:
    """Check the baseline and train it for one step, in a sandbox as a run would; a script, for its
    least budget."""
    from archwright.runs.training.checking import check_all
    from archwright.runs.training.course import TEST, VALIDATION, Course
    from archwright.sandbox.opening import open_sandbox
    from archwright.source.fingerprint import read_source

    spec = task.spec
    say("trying the baseline in a sandbox ...")
    try:
        recipe = read_source(spec.baseline, spec.problem, spec.recipe).recipe
    except SourceError as error:
        return CheckReport(Status.INVALID), [f"{spec.baseline_files}: {error}"]
    with open_sandbox("auto", workers=1) as sandbox, TemporaryDirectory() as folder:
        report = check_all(sandbox, spec.baseline, spec)
        faults = [f"{spec.baseline_files}: {fault}" for fault in _report_faults(report)]
        if not faults:
            course = Course(task, sandbox, Path(folder))
            trial = TrialSpec(Candidate(BASELINE, source=spec.baseline, recipe=recipe), 0, 0)
            steps = 1 if spec.problem.script is None else None
            faults = list(_faults_of(spec, course.train(trial, (VALIDATION, TEST), steps)))
    return report, faults


def _faults_of(spec: TaskSpec, ended: TrainingEnd) -> Iterator[str]:
    """What is wrong with the training of the baseline, and with the scores of what it predicts."""
    if ended.status is Status.TASK_FAULT:
        yield _flat(ended.error)
    elif ended.status is not Status.OK:
        yield f"{spec.baseline_files}: training: {ended.status}: {_flat(ended.error)}"


def _report_faults(report: CheckReport) -> list[str]:
    faults = [f"{c.name}: {_flat(c.detail)}" for c in report.checks if not c.ok]
    if report.status is not Status.OK and not faults:
        faults.append(f"{report.status}: {_flat(report.error)}")
    return faults


def _flat(text: str) -> str:
    return " ".join(text.split())


def _describe(spec: TaskSpec) -> dict[str, Any]:
    return {
        "name": spec.name,
        "summary": spec.summary,
        "metric": spec.metric.name,
        "direction": spec.metric.direction,
        "unit": spec.metric.unit,
        "rungs": list(spec.rungs),
        **spec.problem.to_json(),
        "training": spec.training.to_json(),
        "lengths_vary": spec.lengths_vary,
        "trial_seconds": spec.trial_seconds,
        "memory_mb": spec.memory_mb,
        "plateau": spec.plateau,
        "recipe": spec.recipe.to_json(),
        "contract": spec.contract,
        "folder": str(spec.folder),
        "members": {member.name: _describe_member(member) for member in spec.members},
    }


def _describe_member(member: SuiteProblem) -> dict[str, Any]:
    return {
        **_describe(member.spec),
        "reference": list(member.reference),
        "sd": list(member.sd),
    }


def _print_spec(spec: TaskSpec) -> None:
    unit = f" in {spec.metric.unit}" if spec.metric.unit else ""
    rows = {"metric": f"{spec.metric.name}{unit}, {spec.metric.direction}"}
    rows |= _architecture_rows(spec) if spec.problem.script is None else _script_rows(spec)
    print(f"{spec.name}: {spec.summary}\n")
    rows |= {member.name: _member_words(member) for member in spec.members}
    for name, value in (rows | {"plateau": spec.plateau, "folder": str(spec.folder)}).items():
        print(f"{name:11}  {value}")
    print(f"\n{spec.contract}")


def _member_words(member: SuiteProblem) -> str:
    """A problem of a suite in a line."""
    spec = member.spec
    steps = ", ".join(map(str, spec.rungs))
    return f"{spec.summary} ({spec.metric.name}, {steps} steps)"


def _script_rows(spec: TaskSpec) -> dict[str, str]:
    script = spec.problem.script
    assert script is not None, "asked of a script's task alone"
    return {
        "command": f"python {' '.join(script.command)}",
        "files": ", ".join(script.files),
        "reads": ", ".join(path for path, _ in script.reads) or "nothing else",
        "predictions": f"{', '.join(file for _, file in script.predictions)}, each sample "
        f"{spec.problem.output_shape}",
        "rungs": f"{', '.join(map(str, spec.rungs))}, as the script's budget",
    }


def _architecture_rows(spec: TaskSpec) -> dict[str, str]:
    from archwright.source.counting import own_limit

    problem, backbone = spec.problem, spec.problem.backbone
    shapes = f"{problem.input_shape} -> {problem.output_shape}"
    tokens = f", {problem.vocabulary} tokens" if problem.vocabulary else ""
    options = "".join(f", {k} {' '.join(map(str, v))}" for k, v in problem.loss_options)
    copies = f" in each of {backbone.layers} copies" if backbone else ""
    rows = {
        "loss": f"{problem.loss}{options}, of {problem.targets}",
        "shapes": f"{shapes}{tokens}{', causal' if problem.causal else ''}",
        "candidate": f"class {problem.entry}, at most {own_limit(problem):,} parameters{copies}",
        "rungs": f"{', '.join(map(str, spec.rungs))} steps",
        "recipe": ", ".join(f"{key} {value}" for key, value in spec.recipe.to_json().items()),
    }
    if backbone is not None:
        rows["backbone"] = f"{backbone.layers} layers of width {backbone.width}"
    return rows


def _print_check(name: str, faults: list[str], notes: list[str], report: CheckReport) -> None:
    for line in (*faults, *(f"note: {note}" for note in notes)):
        print(line)
    if not faults:
        size = f", with {report.parameters:,} parameters" if report.parameters else ""
        print(f"{name} is sound; its baseline trains{size}")
