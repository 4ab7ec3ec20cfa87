"""Measures the noise floor: the baseline, trained with several seeds at each rung.

It is measured while the search runs: who needs the floor of a rung waits for that rung alone.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import takewhile
from typing import overload

from archwright.core import Curve, Floor, RunError, Status, TaskError, Trial, TrialSpec
from archwright.runs.budget.plan import floor_seeds
from archwright.runs.context import RunContext

LEAST_RELATIVE_SD = 1e-3
"""A few seeds can agree by chance; a spread below this share of the mean is not believed."""

HOPELESS_SHARE = 0.1
LEAST_PROGRESS = 0.1
PURPOSE = "baseline"
_REMEDIES = {
    "had no time left": "give the run more with `archwright resume RUN --hours N`",
    "timed out": "raise trial_seconds in task.toml, or give it fewer steps",
}


class Floors(Sequence[Floor]):
    """The noise floor by rung; each waits until it was measured.

    Raises:
        TaskError: the baseline does not train.
        RunError: the run's time ended before two seeds of a rung were trained.
    """

    def __init__(self, measured: Sequence[_Waiting]) -> None:
        self._measured = measured

    @overload
    def __getitem__(self, rung: int) -> Floor: ...
    @overload
    def __getitem__(self, rung: slice) -> Sequence[Floor]: ...
    def __getitem__(self, rung: int | slice) -> Floor | Sequence[Floor]:
        if isinstance(rung, slice):
            return [wait() for wait in self._measured[rung]]
        return self._measured[rung]()

    def __len__(self) -> int:
        return len(self._measured)

    def measured(self) -> list[Floor]:
        """The floors of the lower rungs that nobody has to wait for."""
        return [wait() for wait in takewhile(lambda wait: wait.is_over, self._measured)]


def measured_floors(floors: Sequence[Floor]) -> list[Floor]:
    """Those of a run's floors that nobody has to wait for, from the lowest rung on."""
    return floors.measured() if isinstance(floors, Floors) else list(floors)


def top_sd(context: RunContext) -> float | None:
    """The noise standard deviation at the top rung, if nobody has to wait for it."""
    floors = measured_floors(context.floors)
    return floors[-1].sd if len(floors) == len(context.spec.rungs) else None


@contextmanager
def measuring(context: RunContext, seeds: Sequence[int]) -> Iterator[Floors]:
    """Train the baseline with so many seeds at each rung, the lowest rung first; gives the floors
    at once. Half of the workers are left to the search. The end waits for all floors, and they
    are noted once all are measured.
    """
    places = [(rung, seed) for rung, count in enumerate(seeds) for seed in range(count)]
    with ThreadPoolExecutor(max(1, context.settings.workers // 2)) as pool:
        futures = {place: pool.submit(train_baseline, context, *place) for place in places}
        floors = Floors([_Waiting(context, r, futures) for r in range(len(seeds))])
        noted = pool.submit(lambda: context.journal.note(noise=list(floors)))
        try:
            yield floors
            noted.result()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def measure_noise(context: RunContext) -> list[Floor]:
    """All floors, before anything else is done.

    Raises:
        TaskError: the baseline does not train.
    """
    settings = context.settings
    seeds = floor_seeds(settings, len(context.spec.rungs), settings.max_trials)
    with measuring(context, seeds) as floors:
        return list(floors)


def train_baseline(context: RunContext, rung: int, seed: int) -> Trial:
    """Train the baseline once.

    Raises:
        TaskError: it does not train.
    """
    spec = context.spec
    trial = context.trainer.train(TrialSpec(context.baseline, rung, seed, PURPOSE))
    if trial.status is Status.TASK_FAULT:
        fix = f"fix it, then `archwright task check {spec.folder}`"
        raise TaskError(f"task {spec.name}: {trial.error.replace(chr(10), ' ')}; {fix}")
    if trial.score is None and not trial.unmeasured:
        raise TaskError(
            f"the baseline of task {spec.name} does not train ({trial.status}: {trial.error}); "
            f"fix {spec.baseline_files}, then `archwright task check {spec.folder}`"
        )
    return trial


class _Waiting:
    """The floor of one rung, made of its trials once they have ended."""

    def __init__(
        self, context: RunContext, rung: int, futures: dict[tuple[int, int], Future[Trial]]
    ) -> None:
        self._context = context
        self._rung = rung
        self._futures = [future for (r, _), future in futures.items() if r == rung]

    @property
    def is_over(self) -> bool:
        """Whether all its trials have ended."""
        return all(future.done() for future in self._futures)

    def __call__(self) -> Floor:
        trials = [future.result() for future in self._futures]
        begun = [t for t in trials if t.score is not None]
        if len(begun) < 2:
            lost = next(t for t in trials if t.unmeasured)
            remedy = _REMEDIES.get(lost.unmeasured, "free this machine, and start anew")
            raise RunError(
                f"the baseline of task {self._context.spec.name} is not measured at {lost.steps} "
                f"steps: it {lost.unmeasured} ({lost.error}); {remedy}"
            )
        steps = self._context.spec.rungs[self._rung]
        return _floor(steps, begun, self._context.baseline.parameters)


def floor_sd(scores: Sequence[float]) -> float:
    """The standard deviation of scores over seeds, never quite 0."""
    return max(statistics.stdev(scores), LEAST_RELATIVE_SD * abs(statistics.fmean(scores)), 1e-9)


def _floor(steps: int, trials: Sequence[Trial], parameters: int) -> Floor:
    scores = tuple(t.score for t in trials if t.score is not None)
    ceiling = _ceiling(steps, [t.curve for t in trials])
    return Floor(steps, statistics.fmean(scores), floor_sd(scores), scores, parameters, ceiling)


def _ceiling(steps: int, curves: Sequence[Curve]) -> tuple[int, float] | None:
    """Half-way, a candidate must have made a tenth of the baseline's progress in training loss.

    None where the baseline itself has hardly moved by then: there, a late start is not a fault.
    """
    late = [next((p for p in curve if p[0] >= steps / 2), None) for curve in curves]
    if not all(curves) or None in late:
        return None
    first = statistics.fmean(curve[0][1] for curve in curves)
    progress = first - statistics.fmean(point[1] for point in late if point)
    if progress < LEAST_PROGRESS * abs(first):
        return None
    return max(point[0] for point in late if point), first - HOPELESS_SHARE * progress
