"""Training candidates of digits for a study: as a run trains them, in a process sandbox."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from types import TracebackType
from typing import Final, Self

import numpy as np
from scipy import special

from archwright.core import Array, CheckReport, SandboxError, Status, TrialJob
from archwright.runs.training.data import TrialData
from archwright.runs.training.scoring import ROUNDED
from archwright.sandbox.opening import open_sandbox
from archwright.source.fingerprint import read_source
from archwright.tasks.loading import load_task

MAX_PARAMETERS: Final = 4_000
"""Of a candidate: with the task's own limit of 60,000 most of what is drawn is at the ceiling."""
FRESH: Final = 1000
"""First of the seeds that judge. What is chosen is chosen on smaller ones."""


class DigitsBench:
    """Checks and trains candidates of digits, one at a time, and remembers what came of them.

    Args:
        steps: of one training.
        task: a task's name or folder: digits, or one with inputs and outputs of the same shape.
        rounded: whether each trained network also predicts with weights rounded to INT8.

    Attributes:
        spec: of the task, with `MAX_PARAMETERS` as its limit.
        labels: classes of the validation split, int64 (747,).
    """

    def __init__(self, steps: int, task: str = "digits", *, rounded: bool = False) -> None:
        self.steps = steps
        self._rounded = rounded
        self._task = load_task(task)
        problem = replace(self._task.spec.problem, max_params=MAX_PARAMETERS)
        self.spec = replace(self._task.spec, problem=problem)
        self._sandbox = open_sandbox("process", 1)
        self._folder = tempfile.TemporaryDirectory()
        self._data = TrialData(self._task, Path(self._folder.name))
        self.labels: Array = np.asarray(self._data.labels("validation"))
        self._outputs: dict[tuple[str, int, bool], Array] = {}

    def __enter__(self) -> Self:
        self._sandbox.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._sandbox.__exit__(kind, error, trace)
        self._folder.cleanup()

    def train_split(self) -> tuple[Array, Array]:
        """Images float32 (150, 1, 8, 8) and classes int64 (150,)."""
        x, y = self._task.load("train", 0)
        return np.asarray(x), np.asarray(y)

    def check(self, source: str) -> CheckReport:
        """What the checks before training find."""
        return self._sandbox.check(source, self.spec.problem)

    def probabilities(self, source: str, seed: int, *, rounded: bool = False) -> Array:
        """Of each class for each validation image, after training: float (747, 10).

        Args:
            source: of the candidate.
            seed: of the training.
            rounded: whether the trained weights are rounded to INT8 before they predict; of a
                bench that does so.

        Raises:
            SandboxError: the training did not end well.
        """
        if (source, seed, rounded) not in self._outputs:
            job = TrialJob(
                source=source,
                problem=self.spec.problem,
                recipe=read_source(source, self.spec.problem, self.spec.recipe).recipe,
                steps=self.steps,
                seed=seed,
                data=self._data.folder(0, ("validation",)),
                measures=self._rounded,
            )
            outcome = self._sandbox.train(job)
            if outcome.status is not Status.OK:
                raise SandboxError(f"a training ended as {outcome.status}: {outcome.error}")
            for split, whether in (("validation", False), (f"validation{ROUNDED}", True)):
                if split in outcome.predictions:
                    logits = outcome.predictions[split].astype(np.float64)
                    self._outputs[source, seed, whether] = special.softmax(logits, axis=1)
        return self._outputs[source, seed, rounded]

    def accuracy(self, probabilities: Array) -> float:
        """Per cent of the validation images whose likeliest class is right."""
        return 100.0 * float(np.mean(probabilities.argmax(axis=1) == self.labels))

    def score(self, source: str, seed: int, *, rounded: bool = False) -> float:
        """Validation accuracy in per cent after training."""
        return self.accuracy(self.probabilities(source, seed, rounded=rounded))

    def judge(self, source: str, seeds: int, *, rounded: bool = False) -> float:
        """Mean validation accuracy in per cent over fresh seeds."""
        return fmean(self.score(source, FRESH + seed, rounded=rounded) for seed in range(seeds))
