"""One trial of a run, recorded before and after."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np

from archwright.core import Array, Json, RunError, SplitScores, Trial, TrialSpec
from archwright.core.files import write_whole
from archwright.runs.journal import Journal
from archwright.runs.training.course import TEST, VALIDATION, Course
from archwright.runs.training.data import split_key
from archwright.sandbox import Sandbox
from archwright.tasks.loading import Task

ATTEMPT: Final = "attempt"
"""The kind of a step that was a training and is lost."""


class Trainer:
    """Trains candidates of one task in a sandbox. A training that is lost is repeated."""

    def __init__(self, task: Task, sandbox: Sandbox, journal: Journal) -> None:
        self._task = task
        self._journal = journal
        self._predictions = journal.paths.predictions
        self._course = Course(task, sandbox, journal.paths.data)
        self._room = Room(is_crowded=not sandbox.is_spread)

    def train(self, spec: TrialSpec) -> Trial:
        """Train and score on validation.

        Raises:
            Stopped: the run was asked to stop.
            SandboxError: the sandbox could not do its work.
        """
        return self._once(spec, (VALIDATION,))

    def train_sealed(self, spec: TrialSpec) -> Trial:
        """As `train`; what a test needs of the test split is kept aside, unread."""
        return self._once(spec, (VALIDATION, TEST))

    @cached_property
    def sealed_split(self) -> str:
        """The test split by its content, whatever the task around it is called."""
        return split_key(*(part.load(TEST, 0) for part in self._task.parts))

    def open_sealed(self, spec: TrialSpec) -> SplitScores:
        """Test scores of a trial that was trained with `train_sealed`.

        Raises:
            RunError: they are not there: earlier versions sealed predictions in their place.
        """
        sealed = self._sealed(spec)
        try:
            kept = np.load(sealed, allow_pickle=False)
        except (OSError, ValueError):
            raise RunError(
                f"the sealed scores {sealed} cannot be read; a run that an earlier version began "
                f"has none: begin a new one with `archwright run {self._task.spec.name}`"
            ) from None
        return self._course.split_scores(TEST, kept)

    def validation_size(self) -> tuple[int, int]:
        """Samples of the validation split, and how many elements of them are scored."""
        return self._course.size(VALIDATION)

    def has_trained(self, spec: TrialSpec) -> bool:
        """Whether the journal holds the trial, so that it costs nothing."""
        return self._journal.step("trial", self._key(spec)) is not None

    def steps_of(self, spec: TrialSpec) -> int:
        """Optimizer steps of a trial."""
        return self._task.spec.rungs[spec.rung]

    def _once(self, spec: TrialSpec, splits: tuple[str, ...]) -> Trial:
        asked = {
            "candidate": spec.candidate.id,
            "title": spec.candidate.title,
            "purpose": spec.purpose,
            "rung": spec.rung,
            "steps": self.steps_of(spec),
            "seed": spec.seed,
        }
        result = self._journal.once(
            "trial",
            self._key(spec),
            spec.candidate.id,
            asked,
            lambda: self._repeat(spec, splits, asked),
        )
        return Trial.from_json(asked, result)

    def _repeat(self, spec: TrialSpec, splits: tuple[str, ...], asked: Json) -> Json:
        """Train; once more, with no other training on its machine, where that was lost.

        What was lost is a step of the journal's own, of kind `attempt`: its time counts, it does
        not count as a trial.
        """
        key = f"{self._key(spec)}/1"
        if self._journal.step(ATTEMPT, key) is None:
            with self._room.shared():
                result = self._train(spec, splits)
            if not result["lost"]:
                return result
            self._journal.once(ATTEMPT, key, spec.candidate.id, asked, lambda: result)
        with self._room.alone():
            return {**self._train(spec, splits), "attempts": 2}

    def _key(self, spec: TrialSpec) -> str:
        """The name of a trial in the journal."""
        return f"{spec.candidate.id}/{spec.purpose}/{self.steps_of(spec)}/{spec.seed}"

    def _train(self, spec: TrialSpec, splits: tuple[str, ...]) -> Json:
        ended = self._course.train(spec, splits)
        if ended.sealed is not None:
            self._seal(spec, ended.sealed)
        return ended.to_json()

    def _sealed(self, spec: TrialSpec) -> Path:
        return self._predictions / (self._key(spec).replace("/", "-") + ".scores.npy")

    def _seal(self, spec: TrialSpec, kept: Array) -> None:
        target = self._sealed(spec)
        target.parent.mkdir(parents=True, exist_ok=True)
        write_whole(target, lambda file: np.save(file, kept, allow_pickle=False))


class Room:
    """Where trainings go on side by side, or one alone.

    Args:
        is_crowded: whether they are in each other's way; else nobody has to be alone.
    """

    def __init__(self, is_crowded: bool = True) -> None:
        self._is_crowded = is_crowded
        self._changed = threading.Condition()
        self._inside = 0
        self.claimed = False
        """Whether somebody is alone, or waits to be."""

    @contextmanager
    def shared(self) -> Iterator[None]:
        """Stay beside others, once nobody is alone or waits to be."""
        with self._changed:
            self._changed.wait_for(lambda: not self.claimed)
            self._inside += 1
        try:
            yield
        finally:
            with self._changed:
                self._inside -= 1
                self._changed.notify_all()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Stay alone, once all who are there have left."""
        if not self._is_crowded:
            with self.shared():
                yield
            return
        with self._changed:
            self._changed.wait_for(lambda: not self.claimed)
            self.claimed = True
        try:
            with self._changed:
                self._changed.wait_for(lambda: not self._inside)
            yield
        finally:
            with self._changed:
                self.claimed = False
                self._changed.notify_all()
