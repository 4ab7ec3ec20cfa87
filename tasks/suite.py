"""A suite: a task folder that lists problems, `[suite]` in its `task.toml`, read and validated.

Each problem is a subfolder, an ordinary task but for the baseline, which is the suite's. A
candidate is trained on every problem; its score is the mean of its gains over the suite's
reference, each in the noise of its own problem, so that bits and per cent can be added up.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from math import inf
from pathlib import Path
from typing import Annotated, Final

from pydantic import Field, ValidationError

from archwright.core import AtPlateau, Metric, SuiteProblem, TaskSpec
from archwright.core.objectives.measures import Whole
from archwright.core.words import parse_toml
from archwright.tasks.source import is_suite, read_text
from archwright.tasks.spec import NAME, Form, Words, explain, head_conflicts, read_spec

GAIN: Final = Metric("suite_gain", "maximize", "problem sd", lowest=-inf)
"""The mean over problems of the gain over the reference, each in the noise sd of its problem. The
noise of a run, by which candidates are compared, is that of this mean over seeds."""
SUITE_FILES: Final = ("task.toml", "baseline.py")

Positive = Annotated[float, Field(gt=0)]


class _ScaleForm(Form):
    reference: Annotated[list[float], Field(min_length=1)]
    """what the baseline scores at each rung, in the unit of the problem's metric"""
    sd: Annotated[list[Positive], Field(min_length=1)]
    """standard deviation of that over seeds, at each rung"""


class _SuiteForm(Form):
    problems: Annotated[list[Words], Field(min_length=2)]
    """the subfolders that hold a problem each; the first is what candidates are written for"""
    scale: dict[str, _ScaleForm] = Field(default_factory=dict)
    """[suite.scale.NAME]: reference and sd of a problem, as `archwright task scale` prints them"""


class _SuiteTaskForm(Form):
    name: str
    """lower-case letters, digits and hyphens"""
    summary: Words
    """one line that says what the problems have in common"""
    contract: Words
    """words for whoever writes candidates: what is given, what is asked for"""
    plateau: AtPlateau = "broaden"
    """what a search does where there is nothing to gain: broaden, cost or stop"""
    data_license: str = ""
    """the licence of the data, for the model cards of exports"""
    suite: _SuiteForm
    """[suite]: the problems, and their scales"""


_SECTIONS: Final[Mapping[str, type[Form]]] = {
    "": _SuiteTaskForm,
    "suite": _SuiteForm,
    "scale": _ScaleForm,
}


def read_suite(folder: Path, scaled: bool = True) -> tuple[TaskSpec | None, list[str]]:
    """Read the `task.toml` of a suite, its baseline and its problems.

    Args:
        folder: of the suite.
        scaled: whether the problems must have scales; without them no score can be given.

    Returns:
        The spec, None where it cannot be used, and all faults found, one line each.
    """
    text, faults = read_text(folder / "task.toml")
    if faults:
        return None, faults
    try:
        form = _SuiteTaskForm.model_validate(parse_toml(text))
    except ValidationError as error:
        return None, [f"task.toml: {explain(details, _SECTIONS)}" for details in error.errors()]
    faults = [f"task.toml: {fault}" for fault in _conflicts(form, folder)]
    if faults:
        return None, faults
    members, faults = _members(form, folder)
    if not faults:
        faults = list(_differences(members))
    if not faults and scaled:
        faults = [f"task.toml: {fault}" for fault in _scale_faults(members, folder)]
    return (None if faults else _to_spec(form, members, folder)), faults


def _conflicts(form: _SuiteTaskForm, folder: Path) -> Iterator[str]:
    yield from head_conflicts(form.name, form.summary)
    for name, count in Counter(form.suite.problems).items():
        if count > 1:
            yield f"[suite] problems names {name} {count} times; once is enough"
        elif not NAME.fullmatch(name):
            yield f"[suite] problem {name!r} must be lower-case letters, digits and single hyphens"
        elif not (folder / name).is_dir():
            yield f"[suite] problem {name}: no folder {name} is here; make it, or leave it out"
    for name in form.suite.scale:
        if name not in form.suite.problems:
            yield f"[suite.scale.{name}] belongs to no problem of the suite; leave it out"


def _members(form: _SuiteTaskForm, folder: Path) -> tuple[list[SuiteProblem], list[str]]:
    members: list[SuiteProblem] = []
    faults: list[str] = []
    for name in form.suite.problems:
        found = list(_unlike(folder / name))
        spec, more = (None, found) if found else read_spec(folder / name)
        # The baseline is the suite's: what is wrong with it is said once.
        faults += [
            fault if fault.startswith("baseline.py") else f"problem {name}: {fault}"
            for fault in more
        ]
        scale = form.suite.scale.get(name)
        numbers = (tuple(scale.reference), tuple(scale.sd)) if scale else ((), ())
        if spec is not None:
            members.append(SuiteProblem(name, spec, *numbers))
    return members, list(dict.fromkeys(faults))


def _unlike(folder: Path) -> Iterator[str]:
    """Why a folder cannot be a problem of a suite, whatever is in it."""
    if is_suite(folder):
        yield "it is a suite itself; name its problems in place of it"
    if (folder / "baseline.py").exists():
        yield "it has a baseline.py of its own; the suite's is the baseline of all, so remove it"


def _differences(members: Sequence[SuiteProblem]) -> Iterator[str]:
    """What keeps problems from being one suite."""
    first = members[0]
    for member in members[1:]:
        entries = [m.spec.problem.entry for m in (member, first)]
        if entries[0] != entries[1]:
            yield (
                f"problem {member.name} asks for class {entries[0]}, {first.name} for "
                f"{entries[1]}: one candidate must fit all"
            )
        counts = [len(m.spec.rungs) for m in (member, first)]
        if counts[0] != counts[1]:
            yield (
                f"problem {member.name} has {counts[0]} rungs, {first.name} {counts[1]}: give all "
                "problems equally many"
            )
    for member in members:
        metric = member.spec.metric
        if isinstance(metric.measure, Whole):
            yield (
                f"problem {member.name} is scored by {metric.name}, which is of the whole split: "
                "take a metric that is a mean over samples"
            )


def _scale_faults(members: Sequence[SuiteProblem], folder: Path) -> Iterator[str]:
    for member in members:
        count = len(member.spec.rungs)
        if not member.reference:
            yield (
                f"[suite.scale.{member.name}] is missing; `archwright task scale {folder}` "
                "measures all scales"
            )
        elif {len(member.reference), len(member.sd)} != {count}:
            yield (
                f"[suite.scale.{member.name}] must have a reference and an sd for each of "
                f"{count} rungs; `archwright task scale {folder}` measures all scales"
            )


def _to_spec(form: _SuiteTaskForm, members: Sequence[SuiteProblem], folder: Path) -> TaskSpec:
    specs = [member.spec for member in members]
    first = specs[0]
    return TaskSpec(
        name=form.name,
        summary=form.summary,
        metric=GAIN,
        problem=first.problem,
        rungs=tuple(map(sum, zip(*(spec.rungs for spec in specs), strict=True))),
        recipe=first.recipe,
        contract=form.contract,
        baseline=first.baseline,
        folder=folder,
        trial_seconds=sum(spec.trial_seconds for spec in specs),
        memory_mb=max(spec.memory_mb for spec in specs),
        data_license=form.data_license,
        plateau=form.plateau,
        training=first.training,
        members=tuple(members),
    )
