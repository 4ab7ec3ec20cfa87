"""One training of a candidate on a task, from job to score, which is given outside of the jail.

On a suite that is a training on each of its problems, one after the other: one that does not end
well ends the whole.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from archwright.core import (
    Array,
    Outcome,
    ProblemScore,
    Recipe,
    Resources,
    SplitScores,
    Status,
    TaskError,
    TrialJob,
    TrialSpec,
    scored_elements,
    split_scores,
)
from archwright.core.arrays import each_array
from archwright.runs.training.data import TrialData
from archwright.runs.training.scoring import ROUNDED, Scores
from archwright.sandbox import Sandbox
from archwright.tasks.loading import Task

VALIDATION: Final = "validation"
TEST: Final = "test"


@dataclass(frozen=True, slots=True, eq=False)
class TrainingEnd:
    """How a training ended, and what it scored on validation where that is well."""

    status: Status
    outcome: Outcome
    error: str = ""
    score: float | None = None
    loss: float | None = None
    errors: str = ""
    int8: float | None = None
    sealed: Array | None = None
    """What a test needs of the test split, where that was predicted."""
    problems: Mapping[str, ProblemScore] = field(default_factory=dict)
    """Of a suite: what it scored on each problem."""

    def to_json(self) -> dict[str, Any]:
        """What a journal keeps of it; what is sealed it does not."""
        problems = {name: asdict(score) for name, score in self.problems.items()}
        return {
            "status": self.status.value,
            "lost": self.outcome.lost,
            "score": self.score,
            "loss": self.loss,
            "errors": self.errors,
            "int8": self.int8,
            "curve": self.outcome.curve,
            "resources": asdict(self.outcome.resources),
            "error": self.error,
            **({"problems": problems} if problems else {}),
        }


class Course:
    """Trains candidates of one task in a sandbox.

    Args:
        task: with its own data, or a suite.
        sandbox: where the trainings run.
        data: a folder for what they read.
    """

    def __init__(self, task: Task, sandbox: Sandbox, data: Path) -> None:
        self._spec = task.spec
        names = [member.name for member in task.spec.members] or [""]
        self._lessons = [
            _Lesson(part, sandbox, data / name)
            for part, name in zip(task.parts, names, strict=True)
        ]

    def train(
        self, spec: TrialSpec, splits: tuple[str, ...] = (VALIDATION,), steps: int | None = None
    ) -> TrainingEnd:
        """Train and score.

        Args:
            spec: of the training; its rung is one of the task's.
            splits: what is predicted.
            steps: on each problem, in place of those of the rung.

        Raises:
            Stopped: the sandbox was asked to stop.
            SandboxError: the sandbox could not do its work.
        """
        suite, recipe = self._spec, spec.candidate.recipe
        if not suite.members:
            return self._lessons[0].train(spec, splits, recipe, steps or suite.rungs[spec.rung])
        # A hopeless loss is told by the curve of one problem.
        spec = replace(spec, rung=suite.member_rung(spec.rung), ceiling=None)
        ended: list[TrainingEnd] = []
        for member, lesson in zip(suite.members, self._lessons, strict=True):
            own = member.recipe(recipe, suite.recipe)
            ended.append(lesson.train(spec, splits, own, steps or member.spec.rungs[spec.rung]))
            if ended[-1].status is not Status.OK:
                break
        try:
            return self._together(ended, spec.rung)
        except TaskError as error:
            return TrainingEnd(
                Status.TASK_FAULT, _joined([each.outcome for each in ended]), str(error)
            )

    def size(self, split: str) -> tuple[int, int]:
        """Samples of a split, and how many elements of them are scored."""
        sizes = [lesson.size(split) for lesson in self._lessons]
        return sum(samples for samples, _ in sizes), sum(elements for _, elements in sizes)

    def split_scores(self, split: str, sealed: Array) -> SplitScores:
        """The scores of a split from what was sealed of it."""
        if self._spec.members:
            return SplitScores(sealed)
        return self._lessons[0].split_scores(split, sealed)

    def _together(self, ended: Sequence[TrainingEnd], rung: int) -> TrainingEnd:
        """Trainings on the first problems of a suite, or on all of them, as one."""
        members, last = self._spec.members, ended[-1]
        name = members[len(ended) - 1].name
        outcome = _joined([each.outcome for each in ended])
        if last.status is not Status.OK:
            return TrainingEnd(last.status, outcome, f"on {name}: {last.error}")
        problems: dict[str, ProblemScore] = {}
        for member, each in zip(members, ended, strict=True):
            assert each.score is not None
            gain, unit = member.gain(each.score, rung), member.spec.metric.unit
            seconds = each.outcome.resources.seconds
            problems[member.name] = ProblemScore(each.score, unit, gain, seconds)
        rounded = [
            member.gain(each.int8, rung)
            for member, each in zip(members, ended, strict=True)
            if each.int8 is not None
        ]
        return TrainingEnd(
            status=Status.OK,
            outcome=outcome,
            score=float(np.mean([problem.gain for problem in problems.values()])),
            errors="; ".join(
                f"{member.name}: {each.errors}"
                for member, each in zip(members, ended, strict=True)
                if each.errors
            ),
            int8=float(np.mean(rounded)) if len(rounded) == len(members) else None,
            sealed=self._sealed(ended, rung),
            problems=problems,
        )

    def _sealed(self, ended: Sequence[TrainingEnd], rung: int) -> Array | None:
        """The gains of all samples of the test split, weighted so that their mean is the mean over
        problems: `(samples of all problems,)`.

        Raises:
            TaskError: a problem's own score is of the whole split.
        """
        gains = []
        for member, each in zip(self._spec.members, ended, strict=True):
            if each.sealed is None:
                return None
            if each.sealed.ndim > 1:
                raise TaskError(
                    f"problem {member.name}: task.py: score returned one number for the whole "
                    "split; in a suite it must return one value for each sample"
                )
            sign = member.spec.metric.gain(1.0, 0.0)
            gains.append(sign * (each.sealed - member.reference[rung]) / member.sd[rung])
        share = sum(map(len, gains)) / len(gains)
        return np.concatenate([share / len(gain) * gain for gain in gains])


def _joined(outcomes: Sequence[Outcome]) -> Outcome:
    """Several trainings, one after the other, as one: their curves follow each other."""
    curve: list[tuple[int, float]] = []
    done = 0
    for outcome in outcomes:
        curve += [(done + step, loss) for step, loss in outcome.curve]
        done += outcome.resources.steps
    used = [outcome.resources for outcome in outcomes]
    resources = Resources(
        seconds=sum(each.seconds for each in used),
        start_seconds=sum(each.start_seconds for each in used),
        cpu_seconds=sum(each.cpu_seconds for each in used),
        peak_memory_mb=max(each.peak_memory_mb for each in used),
        parameters=used[0].parameters,
        steps=done,
        latency_ms=used[0].latency_ms,
    )
    return replace(outcomes[-1], curve=tuple(curve), resources=resources)


class _Lesson:
    """Trainings on one problem: a task with data of its own."""

    def __init__(self, task: Task, sandbox: Sandbox, data: Path) -> None:
        self._spec, self._sandbox = task.spec, sandbox
        self._data = TrialData(task, data)

    def train(
        self, spec: TrialSpec, splits: tuple[str, ...], recipe: Recipe, steps: int
    ) -> TrainingEnd:
        """See `Course.train`."""
        task = self._spec
        job = TrialJob(
            source=spec.candidate.source,
            problem=task.problem,
            recipe=recipe,
            steps=steps,
            seed=spec.seed,
            data=self._data.folder(spec.seed, splits),
            splits=splits,
            seconds_limit=task.trial_seconds,
            memory_mb=task.memory_mb,
            ceiling=spec.ceiling,
            measures=TEST in splits and task.problem.script is None,
            training=task.training,
            before=spec.before,
            wrapper=spec.candidate.wrapper,
        )
        for split in splits:  # not while it trains, where its seeds may be mixed into the task's
            self._data.labels(split)
        before = self._data.digest(job.data, VALIDATION)
        scores = Scores(task, self._data.labels)
        outcome = self._sandbox.train(job, spec.priority, scores.receive)
        ended = _scored(outcome, scores)
        if self._data.digest(job.data, VALIDATION) != before:
            error = "the task's code or data changed during the trial: it does not count"
            return TrainingEnd(Status.INVALID, outcome, error)
        return ended

    def size(self, split: str) -> tuple[int, int]:
        """See `Course.size`."""
        labels = self._data.labels(split)
        count = len(next(array for _, array in each_array(labels)))
        return count, scored_elements(self._spec.problem, labels)

    def split_scores(self, split: str, sealed: Array) -> SplitScores:
        """See `Course.split_scores`."""
        task = self._spec
        return split_scores(task.metric, task.problem, sealed, self._data.labels(split))


def _scored(outcome: Outcome, scores: Scores) -> TrainingEnd:
    """A training with its scores; what a test needs of the test split is set aside."""
    if scores.fault is not None:
        return TrainingEnd(Status.TASK_FAULT, outcome, str(scores.fault))
    if outcome.status is not Status.OK:
        return TrainingEnd(outcome.status, outcome, outcome.error)
    try:
        scorer, rounded = (scores.splits.get(f"{VALIDATION}{end}") for end in ("", ROUNDED))
        assert scorer is not None
        return TrainingEnd(
            status=Status.OK,
            outcome=outcome,
            score=scorer.score(),
            loss=scorer.loss(),
            errors=scorer.errors(),
            int8=None if rounded is None else rounded.score(),
            sealed=scores.splits[TEST].kept() if TEST in scores.splits else None,
        )
    except ValueError as error:
        return TrainingEnd(Status.INVALID, outcome, str(error))
    except TaskError as error:
        return TrainingEnd(Status.TASK_FAULT, outcome, str(error))
