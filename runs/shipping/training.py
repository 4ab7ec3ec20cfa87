"""Trains a winner at any length in the sandbox, in jobs that each leave a checkpoint.

A job starts from the state that the one before it left, so that Ctrl-C, `kill -9` or a power cut
loses one job at most; the same command goes on from the newest checkpoint. The schedule runs over
the whole training, whatever the number of jobs.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np

from archwright.core import Array, Arrays, InputError, Outcome, Recipe, Status, TrialJob
from archwright.core.arrays import each_array
from archwright.runs.shipping.folder import (
    DATA,
    RECORD,
    TrainedFolder,
    TrainingAsked,
    TrainingRecord,
    check_empty,
)
from archwright.runs.shipping.hub_folder import is_language_model
from archwright.runs.shipping.winner import Winner
from archwright.runs.training.course import VALIDATION
from archwright.runs.training.data import TrialData
from archwright.runs.training.scoring import Scores
from archwright.sandbox import Sandbox
from archwright.sandbox.contract import ProblemProjection, project
from archwright.tasks.export import write_all
from archwright.tasks.inputs import count_of
from archwright.tasks.loading import SPLITS, Task

JOBS: Final = 20
"""Into how many jobs a training is cut, each between the run's lowest rung and its top one."""
STATE_MB: Final = 64
"""Of a trained state, beside what the parameters of the largest network take (weights, two moments
and an average of them, in float32 all)."""
SAMPLES: Final = 64
"""Inputs that are kept for comparing exports."""

Say = Callable[[str], None]


def steps_of(winner: Winner, epochs: float, all_data: bool) -> int:
    """Optimizer steps of so many passes over the training data."""
    splits = SPLITS if all_data else SPLITS[:1]
    samples = sum(count_of(winner.task.load(split)[0]) for split in splits)
    each = winner.recipe.batch_size * winner.task.spec.training.accumulate
    return math.ceil(epochs * samples / each)


def open_training(
    winner: Winner, path: Path, total: int, seed: int, all_data: bool
) -> TrainedFolder:
    """The folder of a training, as far as it is done; a new one where there is none.

    Raises:
        InputError: the folder holds something else, or another training.
        TaskError: the task's data cannot be had.
    """
    spec = winner.task.spec
    problem = project(ProblemProjection, spec.problem)
    asked = TrainingAsked(
        winner.run,
        winner.candidate,
        spec.name,
        winner.recipe.to_json(),
        problem,
        total,
        seed,
        all_data,
    )
    if (path / RECORD).exists():
        return _same(TrainedFolder.open(path), asked, winner.source)
    check_empty(path)
    x, y = winner.task.load(VALIDATION)
    record = TrainingRecord(
        asked,
        title=winner.title,
        branch=winner.branch,
        changed=winner.changed,
        summary=spec.summary,
        task_from=winner.task_from,
        metric=spec.metric.name,
        unit=spec.metric.unit,
        data_license=spec.data_license,
        packages=spec.problem.packages,
        language_model=is_language_model(problem, x, y),
        evidence=winner.evidence or {},
    )
    return TrainedFolder.begin(path, record, winner.source, _samples(x, problem))


def _samples(x: Arrays, problem: ProblemProjection) -> Array:
    """The first inputs as a network is given them; packed, where they are several arrays."""
    import torch

    from archwright.sandbox.inside.training.data import as_input

    rows = [torch.from_numpy(np.array(array[:SAMPLES])) for _, array in each_array(x)]
    found: Array = as_input(rows, problem).numpy()
    return found


def _same(folder: TrainedFolder, asked: TrainingAsked, source: str) -> TrainedFolder:
    """The folder, if it is of the same training."""
    there = folder.record.asked
    if folder.source != source or replace(there, total=0) != replace(asked, total=0):
        raise InputError(
            f"{folder.path} holds another training (candidate {there.candidate} of {there.run}, "
            f"seed {there.seed}{', all data' if there.all_data else ''}): choose another --out"
        )
    if there.total != asked.total:
        raise InputError(
            f"{folder.path} holds a training of {there.total} steps, whose schedule ends there: "
            f"give --steps {there.total} to continue it, or choose another --out"
        )
    return folder


def train(folder: TrainedFolder, task: Task, sandbox: Sandbox, say: Say) -> TrainedFolder:
    """Train on until all steps are done, a checkpoint after each job.

    Args:
        sandbox: entered, with one worker at least.
        say: told of each checkpoint, in a line.

    Raises:
        InputError: the training failed; the line says why. What was done before stays.
        OSError: the folder cannot be written.
    """
    runner = _Runner(folder, task, sandbox)
    while not runner.folder.record.is_complete:
        runner.advance()
        record = runner.folder.record
        said = (
            f", {record.metric} {record.scores[-1][1]:.4g} {record.unit}" if record.scores else ""
        )
        say(f"step {record.step} of {record.asked.total}{said.rstrip()}")
    shutil.rmtree(folder.path / DATA, ignore_errors=True)
    return runner.folder


class _Runner:
    """The jobs of one training, one after the other."""

    def __init__(self, folder: TrainedFolder, task: Task, sandbox: Sandbox) -> None:
        self.folder, self._task, self._sandbox = folder, task, sandbox
        asked = folder.record.asked
        self._splits = () if asked.all_data else (VALIDATION,)
        self._data = TrialData(task, folder.path / DATA)
        rungs = task.spec.rungs
        self._each = min(rungs[-1], max(rungs[0], math.ceil(asked.total / JOBS)))

    def advance(self) -> None:
        """Do the next job and keep what it leaves."""
        record = self.folder.record
        last = min(record.asked.total, record.step + self._each)
        outcome, scored = self._train(last)
        if outcome.lost:  # through the machine: another time it may end well
            outcome, scored = self._train(last)
        if scored.fault is not None:
            raise scored.fault
        if outcome.status is not Status.OK:
            why = outcome.error or outcome.status
            raise InputError(f"the training failed after {record.step} steps: {why}")
        scores = tuple((last, scored.splits[split].score()) for split in self._splits)
        self.folder = self.folder.reached(last, outcome.state, outcome.curve, scores)

    def _train(self, last: int) -> tuple[Outcome, Scores]:
        scores = Scores(self._task.spec, self._data.labels)
        return self._sandbox.train(self._job(last), receive=scores.receive), scores

    def _job(self, last: int) -> TrialJob:
        spec, asked = self._task.spec, self.folder.record.asked
        step = self.folder.record.step
        share = max(1.0, (last - step) / spec.rungs[-1])
        return TrialJob(
            source=self.folder.source,
            problem=spec.problem,
            recipe=Recipe(**asked.recipe),
            steps=last,
            seed=asked.seed,
            data=self._data_folder(),
            splits=self._splits,
            seconds_limit=spec.trial_seconds * share,
            memory_mb=spec.memory_mb,
            first_step=step,
            total_steps=asked.total,
            start=self.folder.state(step) if step else None,
            # All steps that were asked for are taken, on all samples.
            training=replace(spec.training, hold_out=0.0),
            state_mb=STATE_MB + 24 * spec.problem.max_params // 10**6,
        )

    def _data_folder(self) -> Path:
        asked = self.folder.record.asked
        if not asked.all_data:
            return self._data.folder(asked.seed, self._splits)
        folder = self.folder.path / DATA / f"all-{asked.seed}"
        done = folder / "complete"
        if not done.exists():
            write_all(self._task, asked.seed, folder)
            done.touch()
        return folder
