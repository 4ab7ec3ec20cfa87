"""One trial, from job to score: recorded before and after, scored outside of the jail."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np

from archwright.core import (
    Array,
    Arrays,
    Json,
    Outcome,
    RunError,
    SplitScores,
    Status,
    TaskError,
    Trial,
    TrialJob,
    TrialSpec,
    scored_elements,
    split_scores,
)
from archwright.core.arrays import chunks, each_array
from archwright.core.files import write_whole
from archwright.runs.journal import Journal
from archwright.runs.training.scoring import ROUNDED, Scores
from archwright.sandbox import Sandbox
from archwright.tasks.export import write_inputs, write_train
from archwright.tasks.loading import Task

VALIDATION: Final = "validation"
TEST: Final = "test"
ATTEMPT: Final = "attempt"
"""The kind of a step that was a training and is lost."""


class Trainer:
    """Trains candidates of one task in a sandbox. A training that is lost is repeated."""

    def __init__(self, task: Task, sandbox: Sandbox, journal: Journal) -> None:
        self._task = task
        self._sandbox = sandbox
        self._journal = journal
        self._predictions = journal.paths.predictions
        self._data = TrialData(task, journal.paths.data)
        self._room = Room()

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
        return split_key(*self._task.load(TEST, 0))

    def open_sealed(self, spec: TrialSpec) -> SplitScores:
        """Test scores of a trial that was trained with `train_sealed`.

        Raises:
            RunError: they are not there: earlier versions sealed predictions in their place.
        """
        task, sealed = self._task.spec, self._sealed(spec)
        try:
            kept = np.load(sealed, allow_pickle=False)
        except (OSError, ValueError):
            raise RunError(
                f"the sealed scores {sealed} cannot be read; a run that an earlier version began "
                f"has none: begin a new one with `archwright run {task.name}`"
            ) from None
        return split_scores(task.metric, task.problem, kept, self._data.labels(TEST))

    def validation_size(self) -> tuple[int, int]:
        """Samples of the validation split, and how many elements of them are scored."""
        labels = self._data.labels(VALIDATION)
        count = len(next(array for _, array in each_array(labels)))
        return count, scored_elements(self._task.spec.problem, labels)

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
        """Train; once more, with no other training beside it, where that was lost.

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
        task = self._task.spec
        job = TrialJob(
            source=spec.candidate.source,
            problem=task.problem,
            recipe=spec.candidate.recipe,
            steps=self.steps_of(spec),
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
        before = self._data.digest(job.data, VALIDATION)
        scores = Scores(task, self._data.labels)
        outcome = self._sandbox.train(job, spec.priority, scores.receive)
        status, error, scored = self._score(spec, outcome, scores)
        if self._data.digest(job.data, VALIDATION) != before:
            status, scored = Status.INVALID, {}
            error = "the task's code or data changed during the trial: it does not count"
        return {
            "status": status.value,
            "lost": outcome.lost,
            "score": None,
            "loss": None,
            "errors": "",
            "int8": None,
            **scored,
            "curve": outcome.curve,
            "resources": asdict(outcome.resources),
            "error": error,
        }

    def _score(self, spec: TrialSpec, outcome: Outcome, scores: Scores) -> tuple[Status, str, Json]:
        """How it ended, and what it scores; what a test needs of the test split is sealed."""
        if scores.fault is not None:
            return Status.TASK_FAULT, str(scores.fault), {}
        if outcome.status is not Status.OK:
            return outcome.status, outcome.error, {}
        try:
            scorer, rounded = (scores.splits.get(f"{VALIDATION}{end}") for end in ("", ROUNDED))
            assert scorer is not None
            scored = {
                "score": scorer.score(),
                "loss": scorer.loss(),
                "errors": scorer.errors(),
                "int8": None if rounded is None else rounded.score(),
            }
            if TEST in scores.splits:
                self._seal(spec, scores.splits[TEST].kept())
        except ValueError as error:
            return Status.INVALID, str(error), {}
        except TaskError as error:
            return Status.TASK_FAULT, str(error), {}
        return Status.OK, "", scored

    def _sealed(self, spec: TrialSpec) -> Path:
        return self._predictions / (self._key(spec).replace("/", "-") + ".scores.npy")

    def _seal(self, spec: TrialSpec, kept: Array) -> None:
        target = self._sealed(spec)
        target.parent.mkdir(parents=True, exist_ok=True)
        write_whole(target, lambda file: np.save(file, kept, allow_pickle=False))


class Room:
    """Where trainings go on side by side, or one alone."""

    def __init__(self) -> None:
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


class TrialData:
    """Writes what a trial may read, once per seed and set of splits.

    Labels of validation and test stay in this process.
    """

    def __init__(self, task: Task, root: Path) -> None:
        self._task = task
        self._root = root
        self._lock = threading.Lock()
        self._labels: dict[str, Any] = {}

    def folder(self, seed: int, splits: Sequence[str]) -> Path:
        """A folder with the training set of `seed` and the inputs of `splits`; a script has its
        own training set."""
        is_script = self._task.spec.problem.script is not None
        folder = self._root / "-".join(["script" if is_script else f"seed-{seed}", *splits])
        done = folder / "complete"
        with self._lock:
            if not done.exists():
                folder.mkdir(parents=True, exist_ok=True)
                if not is_script:
                    write_train(self._task, seed, folder, self._root / "arrays")
                for split in splits:
                    self._link_inputs(split, folder)
                done.touch()
        return folder

    def _link_inputs(self, split: str, folder: Path) -> None:
        shared = self._root / "inputs"
        if not list(shared.glob(f"{split}_x*.npy")):
            write_inputs(self._task, split, shared, self._root / "arrays")
        for file in shared.glob(f"{split}_x*.npy"):
            (folder / file.name).unlink(missing_ok=True)
            os.link(file, folder / file.name)

    def digest(self, folder: Path, split: str) -> str:
        """SHA-256 of what judges a trial: the task's code, the trial's data, the split's labels.

        Taken before a trial and after it; a trial during which it changed does not count.
        """
        total = hashlib.sha256()
        for _, array in each_array(self.labels(split)):
            total.update(np.ascontiguousarray(array).data)
        spec = self._task.spec.folder
        for file in (spec / "task.toml", spec / "task.py", *sorted(folder.glob("*.npy"))):
            total.update(file.name.encode() + _content_mark(file))
        for name, file in self._task.read_files():
            total.update(name.encode() + _content_mark(file))
        return total.hexdigest()

    def labels(self, split: str) -> Any:
        """The labels of a split, for scoring outside the jail."""
        with self._lock:
            if split not in self._labels:
                self._labels[split] = self._task.load(split, 0)[1]
            return self._labels[split]


HASHED_BYTES: Final = 64 << 20
"""Larger files are known by size and time of change: they would be read twice for each trial."""


def _content_mark(file: Path) -> bytes:
    """What changes when a file does."""
    known = file.stat()
    if known.st_size <= HASHED_BYTES:
        return file.read_bytes()
    return f"{known.st_ino} {known.st_size} {known.st_mtime_ns}".encode()


def split_key(x: Arrays, y: Arrays) -> str:
    """A split by its content."""
    total = hashlib.sha256()
    for arrays in (x, y):
        for name, array in each_array(arrays):
            total.update(f"{name}{array.dtype.str} {array.shape}\n".encode())
            for part in chunks(array):
                total.update(np.ascontiguousarray(part).data)
    return total.hexdigest()[:16]
