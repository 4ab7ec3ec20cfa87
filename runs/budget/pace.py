"""How fast a run goes, and whether one more training fits into its time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from archwright.core import Candidate, SplitScores, Status, Trial, TrialSpec
from archwright.core.settings import RunSettings
from archwright.runs.budget.purse import Purse
from archwright.runs.journal import Journal
from archwright.runs.training.trainer import Trainer

LATEST: Final = 12
"""Trainings that tell how busy the machine is at the moment."""
NO_TIME: Final = "the budget of time ended"
NO_TRIALS: Final = "the budget of trials ended"


def is_out_of_time(candidate: Candidate) -> bool:
    """Whether nothing of a candidate was measured, for the time of the run ended before it."""
    return candidate.reason == NO_TIME and not candidate.rungs


class Pace:
    """The wall time of a run over all its sessions, and what a training takes of it."""

    def __init__(self, journal: Journal, settings: RunSettings) -> None:
        self._journal = journal
        self._workers = settings.workers
        self._limit = None if settings.hours is None else settings.hours * 3600
        self._before = journal.seconds_alive()
        self._began = time.monotonic()

    def elapsed(self) -> float:
        """Wall seconds of the run so far, pauses left out."""
        return self._before + time.monotonic() - self._began

    def left(self) -> float | None:
        """Wall seconds that are left; None without a limit."""
        return None if self._limit is None else self._limit - self.elapsed()

    def lift(self) -> None:
        """Take the limit away."""
        self._limit = None

    def seconds(self, steps: int) -> float:
        """How long one training of so many steps takes, as busy as the machine is; 0 as long as
        none has ended.

        The mean of those of as many steps, or of the nearest number, scaled; times how much longer
        the latest trainings took than their like did on average.
        """
        latest = self._journal.latest_seconds(LATEST)
        means = self._journal.mean_seconds()  # read last: it knows of all that the latest are of
        if not latest or not any(means.values()):
            return 0.0
        nearest = min(means, key=lambda known: (abs(known - steps), known))
        load = sum(seconds for _, seconds in latest) / sum(means[known] for known, _ in latest)
        return means[nearest] * steps / nearest * load

    def worth(self, seconds: float, steps: int) -> int:
        """How many trainings of so many steps wall seconds are worth, on all workers."""
        one = self.seconds(steps)
        return int(max(0.0, seconds) * self._workers / one) if one > 0 else 0

    def takes(self, trainings: int, steps: int) -> float:
        """Wall seconds of so many trainings, on all workers."""
        return self.seconds(steps) * trainings / self._workers

    def candidate_seconds(self) -> float:
        """Wall seconds that a candidate of the search trains on average, 0 while none has."""
        seconds, _, candidates = self._journal.training_time(purpose="search")
        return seconds / max(1, candidates) / self._workers


class TimedTrainer:
    """Trains as another trainer does, but begins nothing that would pass the budget of the run.

    Attributes:
        kept: wall seconds that a training of the search must leave to what comes after it.
        purse: the trainings that are left to the search, where grants do not bound them.
    """

    def __init__(self, trainer: Trainer, pace: Pace, workers: int) -> None:
        self._trainer = trainer
        self._pace = pace
        self._workers = workers
        self._lock = threading.Lock()
        self._waiting = 0.0
        self.kept: Callable[[], float] = lambda: 0.0
        self.purse: Purse | None = None

    @property
    def sealed_split(self) -> str:
        """See `Trainer.sealed_split`."""
        return self._trainer.sealed_split

    @property
    def samples(self) -> int:
        """Samples of the validation split."""
        return self._trainer.validation_size()[0]

    def train(self, spec: TrialSpec) -> Trial:
        """See `Trainer.train`; a trial that the budget does not suffice for comes back as not
        begun."""
        return self._within(spec, self._trainer.train)

    def train_sealed(self, spec: TrialSpec) -> Trial:
        """See `Trainer.train_sealed`; as `train`."""
        return self._within(spec, self._trainer.train_sealed)

    def open_sealed(self, spec: TrialSpec) -> SplitScores:
        """See `Trainer.open_sealed`."""
        return self._trainer.open_sealed(spec)

    def _within(self, spec: TrialSpec, train: Callable[[TrialSpec], Trial]) -> Trial:
        if self._trainer.has_trained(spec):
            return train(spec)
        with self._begin(self._trainer.steps_of(spec)) as begun:
            if not begun:
                return self._refuse(spec, NO_TIME)
            if self.purse is not None and not self.purse.draw(spec):
                return self._refuse(spec, NO_TRIALS)
            return train(spec)

    def _refuse(self, spec: TrialSpec, reason: str) -> Trial:
        asked = (
            spec.candidate.id,
            spec.purpose,
            spec.rung,
            self._trainer.steps_of(spec),
            spec.seed,
        )
        return Trial(*asked, spec.candidate.title, Status.NOT_BEGUN, error=reason)

    @contextmanager
    def _begin(self, steps: int) -> Iterator[bool]:
        """Whether a training of so many steps may begin behind all that wait for a worker."""
        left = self._pace.left()
        if left is None:
            yield True
            return
        seconds, kept = self._pace.seconds(steps), self.kept()
        with self._lock:
            begun = self._waiting / self._workers + seconds <= left - kept
            self._waiting += seconds * begun
        try:
            yield begun
        finally:
            with self._lock:
                self._waiting -= seconds * begun
