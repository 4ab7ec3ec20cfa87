"""One trial, from job to score: recorded before and after, scored outside of the jail."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from archwright.core import Array, Outcome, Recipe, Stage, Status, TrialJob, score, score_samples
from archwright.runs.data import TrialData
from archwright.runs.journal.journal import Journal
from archwright.runs.workspace.paths import RunPaths
from archwright.sandbox import Sandbox
from archwright.tasks.loading import Task

VALIDATION = "validation"
TEST = "test"


@dataclass(frozen=True, slots=True)
class TrialRequest:
    """What to train, for how long, with which seed, and why (`purpose`)."""

    candidate: str
    title: str
    source: str
    recipe: Recipe
    rung: int
    seed: int
    purpose: str = "search"
    priority: int = 0
    ceiling: tuple[int, float] | None = None
    before: Stage | None = None
    """What is trained first, in the same job; the candidate starts from its weights."""

    def key(self, steps: int) -> str:
        """The name of this trial in the journal."""
        return f"{self.candidate}/{self.purpose}/{steps}/{self.seed}"


@dataclass(frozen=True, slots=True)
class Trial:
    """A finished trial. `score` is on the validation split, None when it did not end well."""

    status: Status
    score: float | None
    curve: tuple[tuple[int, float], ...]
    resources: Mapping[str, Any]
    error: str


class Trainer:
    """Trains candidates of one task in a sandbox."""

    def __init__(self, task: Task, sandbox: Sandbox, journal: Journal, paths: RunPaths) -> None:
        self._task = task
        self._sandbox = sandbox
        self._journal = journal
        self._predictions = paths.predictions
        self._data = TrialData(task, paths.data)

    def train(self, request: TrialRequest) -> Trial:
        """Train and score on validation.

        Raises:
            Stopped: the run was asked to stop.
            SandboxError: the sandbox could not do its work.
        """
        return self._once(request, (VALIDATION,))

    def train_sealed(self, request: TrialRequest) -> Trial:
        """As `train`; predictions of the test split are kept aside, unscored."""
        return self._once(request, (VALIDATION, TEST))

    def open_sealed(self, request: TrialRequest) -> Array:
        """Test scores, one per sample, of a trial that was trained with `train_sealed`."""
        predictions = np.load(self._sealed(request), allow_pickle=False)
        return score_samples(self._task.spec.metric, predictions, self._data.labels(TEST))

    def _once(self, request: TrialRequest, splits: tuple[str, ...]) -> Trial:
        steps = self._task.spec.rungs[request.rung]
        asked = {
            "candidate": request.candidate,
            "title": request.title,
            "purpose": request.purpose,
            "rung": request.rung,
            "steps": steps,
            "seed": request.seed,
        }
        result = self._journal.once(
            "trial",
            request.key(steps),
            request.candidate,
            asked,
            lambda: self._train(request, steps, splits),
        )
        curve = tuple((int(s), float(v)) for s, v in result["curve"])
        return Trial(
            Status(result["status"]), result["score"], curve, result["resources"], result["error"]
        )

    def _train(
        self, request: TrialRequest, steps: int, splits: tuple[str, ...]
    ) -> Mapping[str, Any]:
        spec = self._task.spec
        job = TrialJob(
            source=request.source,
            problem=spec.problem,
            recipe=request.recipe,
            steps=steps,
            seed=request.seed,
            data=self._data.folder(request.seed, splits),
            splits=splits,
            seconds_limit=spec.trial_seconds,
            memory_mb=spec.memory_mb,
            ceiling=request.ceiling,
            measures=TEST in splits,
            before=request.before,
        )
        before = self._data.digest(job.data, VALIDATION)
        outcome = self._sandbox.train(job, request.priority)
        status, error, value = self._score(outcome)
        if self._data.digest(job.data, VALIDATION) != before:
            status, value = Status.INVALID, None
            error = "the task's code or data changed during the trial: it does not count"
        if TEST in splits and value is not None:
            self._seal(request, outcome)
        rounded = outcome.predictions.get(f"{VALIDATION}_int8")
        return {
            "status": status.value,
            "score": value,
            "int8": None if value is None or rounded is None else self._value(rounded),
            "curve": outcome.curve,
            "resources": asdict(outcome.resources),
            "error": error,
        }

    def _score(self, outcome: Outcome) -> tuple[Status, str, float | None]:
        if outcome.status is not Status.OK:
            return outcome.status, outcome.error, None
        try:
            value = self._value(outcome.predictions[VALIDATION])
        except ValueError as error:
            return Status.INVALID, str(error), None
        return Status.OK, "", value

    def _value(self, predictions: Array) -> float:
        return score(self._task.spec.metric, predictions, self._data.labels(VALIDATION))

    def _sealed(self, request: TrialRequest) -> Any:
        steps = self._task.spec.rungs[request.rung]
        return self._predictions / (request.key(steps).replace("/", "-") + ".npy")

    def _seal(self, request: TrialRequest, outcome: Outcome) -> None:
        target = self._sealed(request)
        target.parent.mkdir(parents=True, exist_ok=True)
        aside = target.with_suffix(".part")
        with aside.open("wb") as file:
            np.save(file, outcome.predictions[TEST], allow_pickle=False)
        aside.rename(target)
