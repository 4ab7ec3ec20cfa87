"""`archwright task scale`: the constants that make the scores of a suite's problems comparable."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from math import isfinite
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory
from typing import Any, Final

from archwright.cli.options import AsJson, SandboxOption, TaskName
from archwright.cli.output import emit, say
from archwright.core import (
    BASELINE,
    Candidate,
    InputError,
    SuiteProblem,
    TaskError,
    TaskSpec,
    TrialSpec,
)

LEAST_SEEDS: Final = 3
LEAST_SHARE: Final = 0.02
"""Of the range of a metric that has one, the least sd: where all seeds agree to a thousandth, a
trick that is found or not would outweigh all other problems."""
DIGITS: Final = 4

Scale = Mapping[str, list[float]]


def scale_suite(
    task: TaskName,
    /,
    *,
    seeds: int = 5,
    workers: int = 1,
    sandbox: SandboxOption = "auto",
    json: AsJson = False,
) -> None:
    """Train the baseline on each problem at each rung, and print what `[suite.scale.NAME]` must say
    in the suite's `task.toml`.

    Args:
        seeds: Trainings on each problem at each rung.
        workers: Trainings at a time.
    """
    from archwright.tasks.loading import task_folder
    from archwright.tasks.source import is_suite
    from archwright.tasks.suite import read_suite

    folder = task_folder(task)
    if not is_suite(folder):
        raise InputError(f"task {task} is not a suite: its task.toml has no [suite]")
    if seeds < LEAST_SEEDS:
        raise InputError(f"--seeds must be at least {LEAST_SEEDS}, or the spread is not known")
    spec, faults = read_suite(folder, scaled=False)
    if spec is None:
        raise TaskError(f"task {task}: {faults[0]}")
    scales = _measure(spec, seeds, workers, sandbox)
    emit(json, scales, lambda: print("\n\n".join(map(_table, scales.items()))))


def _measure(
    suite: TaskSpec, seeds: int, workers: int, sandbox_kind: Any
) -> dict[str, dict[str, list[float]]]:
    from archwright.runs.training.course import Course
    from archwright.sandbox.opening import open_sandbox
    from archwright.source.fingerprint import read_source
    from archwright.tasks.loading import Task

    recipe = read_source(suite.baseline, suite.problem, suite.recipe).recipe
    scales: dict[str, dict[str, list[float]]] = {}
    with (
        open_sandbox(sandbox_kind, workers) as sandbox,
        TemporaryDirectory() as data,
        ThreadPoolExecutor(workers) as threads,
    ):
        for member in suite.members:
            course = Course(Task(member.spec), sandbox, Path(data) / member.name)
            own = member.recipe(recipe, suite.recipe)
            baseline = Candidate(BASELINE, source=suite.baseline, recipe=own)
            wanted = [
                TrialSpec(baseline, rung, seed)
                for rung in range(len(member.spec.rungs))
                for seed in range(seeds)
            ]
            scores = []
            for trial, ended in zip(wanted, threads.map(course.train, wanted), strict=True):
                if ended.score is None:
                    raise TaskError(f"the baseline does not train on {member.name}: {ended.error}")
                steps = member.spec.rungs[trial.rung]
                say(f"{member.name}, {steps} steps, seed {trial.seed}: {ended.score:.4g}")
                scores.append(ended.score)
            scales[member.name] = _scale(member, scores, seeds)
    return scales


def _scale(member: SuiteProblem, scores: list[float], seeds: int) -> dict[str, list[float]]:
    from archwright.runs.noise import floor_sd

    metric = member.spec.metric
    span = metric.highest - metric.lowest
    least = LEAST_SHARE * span if isfinite(span) else 0.0
    by_rung = [scores[start : start + seeds] for start in range(0, len(scores), seeds)]
    assert len(by_rung) == len(member.spec.rungs)
    return {
        "reference": [_short(fmean(rung)) for rung in by_rung],
        "sd": [_short(max(least, floor_sd(rung))) for rung in by_rung],
    }


def _short(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")


def _table(item: tuple[str, Scale]) -> str:
    name, scale = item
    return "\n".join((f"[suite.scale.{name}]", *(f"{k} = {v}" for k, v in scale.items())))
