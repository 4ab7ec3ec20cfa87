"""Trainings of published mixers, each kept in a file as it ends: hours of them can go on."""

from __future__ import annotations

import json as json_text
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import fmean, stdev
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from archwright.cli.output import say
from archwright.core import Candidate, InputError, Metric, TaskError, TaskSpec, TrialSpec

if TYPE_CHECKING:
    from archwright.runs.training.course import Course
    from archwright.sandbox import Sandbox

Found = dict[str, Any]
"""Score and seconds of a processor of one training; a score of None, and why, where it failed."""


@dataclass(frozen=True, slots=True)
class MixerTraining:
    """One training to do, or that was done."""

    mixer: str
    problem: str
    rate: float
    seed: int
    steps: int
    heads: int = 2
    """What the state of the mixer is split into, where it can be."""


def chosen(option: str, given: str | None, known: Sequence[str]) -> list[str]:
    """The names that an option gives with commas, or all.

    Raises:
        InputError: one is not known.
    """
    names = list(known) if given is None else given.split(",")
    for name in names:
        if name not in known:
            raise InputError(f"{option}: there is no {name!r}; there are {', '.join(known)}")
    return names


def numbers(option: str, words: str) -> list[float]:
    """The numbers that an option gives with commas.

    Raises:
        InputError: one is none.
    """
    try:
        return [float(word) for word in words.split(",")]
    except ValueError:
        raise InputError(f"{option} must be numbers with commas, not {words!r}") from None


def read_trainings(out: Path | None) -> dict[MixerTraining, Found]:
    """What a file holds already.

    Raises:
        InputError: a line of it is none of ours.
    """
    done: dict[MixerTraining, Found] = {}
    if out is not None and out.exists():
        for line in out.read_text(encoding="utf-8").splitlines():
            try:
                row = json_text.loads(line)
                done[MixerTraining(**row["training"])] = row["found"]
            except (ValueError, TypeError, KeyError):
                raise InputError(
                    f"--out {out} holds a line that is not one of ours: {line:.60}"
                ) from None
    return done


def train_all(
    wanted: Sequence[MixerTraining],
    specs: Mapping[str, TaskSpec],
    rung: int,
    opening: Callable[[], Sandbox],
    out: Path | None,
) -> dict[MixerTraining, Found]:
    """Do the trainings that a file does not hold, each on the problem of its name, and keep them.

    Args:
        wanted: in the order in which they are done.
        specs: the problems by name.
        rung: of the problems.
        opening: makes a sandbox, whose workers say how many are done at a time.
        out: the file; None keeps nothing.

    Returns:
        What was found of all that are wanted.
    """
    from archwright.runs.training.course import Course
    from archwright.tasks.loading import Task

    done = read_trainings(out)
    left = [one for one in wanted if one not in done]
    if not left:
        return {one: done[one] for one in wanted}
    closed = opening()
    with (
        closed as sandbox,
        TemporaryDirectory() as data,
        ThreadPoolExecutor(closed.workers) as pool,
    ):
        courses = {n: Course(Task(spec), sandbox, Path(data) / n) for n, spec in specs.items()}
        results = pool.map(
            lambda one: _trained(one, specs[one.problem], courses[one.problem], rung), left
        )
        for one, found in zip(left, results, strict=True):
            done[one] = found
            failed = found["score"] is None
            score = f"failed: {found['error']}" if failed else f"{found['score']:.4g}"
            say(f"{one.mixer}, {one.problem}, rate {one.rate:g}, seed {one.seed}: {score}")
            if out is not None:
                row = {"training": asdict(one), "found": found}
                with out.open("a", encoding="utf-8") as file:
                    file.write(json_text.dumps(row) + "\n")
    return {one: done[one] for one in wanted}


def _trained(one: MixerTraining, spec: TaskSpec, course: Course, rung: int) -> Found:
    recipe = replace(spec.recipe, learning_rate=one.rate)
    candidate = Candidate(one.mixer, source=source_of(one.mixer, spec, one.heads), recipe=recipe)
    ended = course.train(TrialSpec(candidate, rung, one.seed))
    used = ended.outcome.resources
    return {
        "score": ended.score,
        "seconds": used.cpu_seconds,
        "parameters": used.parameters,
        "error": " ".join(ended.error.split())[:200],
    }


def source_of(mixer: str, spec: TaskSpec, heads: int) -> str:
    """A published mixer in the network of a problem, its memory split as others are."""
    from archwright.search.mixers import sized

    backbone = spec.problem.backbone
    assert backbone is not None, "mixers stand in a backbone"
    return sized(mixer, backbone.width, heads)


def cell_of(
    done: Mapping[MixerTraining, Found], mixer: str, problem: str, metric: Metric
) -> dict[str, Any]:
    """One mixer on one problem: what its better learning rate gives.

    Raises:
        TaskError: it failed at every rate.
    """
    by_rate: dict[float, list[Found]] = {}
    for one, found in done.items():
        if (one.mixer, one.problem) == (mixer, problem):
            by_rate.setdefault(one.rate, []).append(found)
    whole = {
        rate: [found["score"] for found in each]
        for rate, each in by_rate.items()
        if all(found["score"] is not None for found in each)
    }
    if not whole:
        error = next(
            found["error"] for each in by_rate.values() for found in each if found["error"]
        )
        raise TaskError(f"{mixer} fails on {problem} at every learning rate: {error}")
    best = max(whole, key=lambda rate: metric.gain(fmean(whole[rate]), 0.0))
    return {
        "mean": fmean(whole[best]),
        "sd": stdev(whole[best]),
        "seconds": fmean(found["seconds"] for found in by_rate[best]),
        "unit": metric.unit,
        "learning_rate": best,
        "rates": {f"{rate:g}": fmean(scores) for rate, scores in whole.items()},
        "scores": whole[best],
    }
