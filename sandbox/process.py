"""The process sandbox: a warm parent for each training slot forks a jailed child for each job."""

from __future__ import annotations

import functools
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Any, Final, Self

from archwright.domain import (
    CheckReport,
    Gap,
    Outcome,
    Problem,
    Resources,
    SandboxError,
    Status,
    Stopped,
    TrialJob,
)
from archwright.sandbox.gaps import ORPHANS, PROBE_MEMORY_MB, find_gaps
from archwright.sandbox.replies import (
    Ended,
    open_reply,
    outcome_of,
    predicted_shapes,
    report_of,
    resources_of,
)
from archwright.sandbox.requests import check_request, train_request
from archwright.sandbox.scratch import Scratch
from archwright.sandbox.turns import Turns
from archwright.sandbox.warm import END_SECONDS, WarmWorker, WorkerDied

CHECK_SECONDS: Final = 60.0
CHECK_MEMORY_MB: Final = 2048
_PROBE_SECONDS: Final = 20.0


class ProcessSandbox:
    """Runs candidates in jailed processes on this machine.

    A jail allows no file but the standard library, torch, numpy and its own scratch folder, no
    network, no process, no signal to others, and bounds memory, CPU time and output, as far as the
    platform can; `gaps` tries each of these. It does not cover: bugs of the kernel, which it
    shares; side channels; and a candidate that bends its own training, for the training loop runs
    in the same process. Labels that are scored are never in that process.
    """

    name = "process"

    def __init__(self, workers: int, scratch: Path | None = None) -> None:
        """`scratch` is where scratch folders are made; by default the temporary folder."""
        self.workers = workers
        self._base = scratch
        self._turns, self._check_turns = Turns(workers), Turns(1)
        self._scratch: Scratch | None = None
        self._trainers: list[WarmWorker] = []
        self._checkers: list[WarmWorker] = []
        self._replacing = Lock()

    def __enter__(self) -> Self:
        """Start the workers; they warm up while the caller goes on."""
        self._scratch = Scratch(self._base)
        folder = self._scratch.path
        self._checkers = [WarmWorker(folder / "check")]
        self._trainers = [WarmWorker(folder / f"train-{n}") for n in range(self.workers)]
        for worker in self._checkers + self._trainers:
            worker.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Kill whatever still runs, and check that it is gone."""
        try:
            self.stop()
        finally:
            if self._scratch is not None:
                self._scratch.remove()

    def check(self, source: str, problem: Problem, seed: int = 0) -> CheckReport:
        """Build the candidate and execute the checks before training."""
        request = {"check": check_request(source, problem, seed)}
        with self._check_turns.place():
            started = time.monotonic()
            try:
                end = self._run(self._checkers, 0, request, CHECK_SECONDS, CHECK_MEMORY_MB)
                header, _ = open_reply(*end)
                return report_of(header, time.monotonic() - started)
            except Ended as ended:
                seconds = time.monotonic() - started
                return CheckReport(ended.status, error=ended.error, seconds=seconds)

    def train(self, job: TrialJob, priority: int = 0) -> Outcome:
        """Train the candidate in a free worker, lowest `priority` first."""
        shapes, request = predicted_shapes(job), {"train": train_request(job)}
        with self._turns.place(priority) as place:
            used = Resources()
            try:
                limits = job.seconds_limit, job.memory_mb
                end, raw = self._run(self._trainers, place, request, *limits)
                used = resources_of(end)
                header, body = open_reply(end, raw)
                used = resources_of(end, header, job.steps)
                return outcome_of(header, body, job.steps, shapes, used)
            except Ended as ended:
                return Outcome(ended.status, resources=used, error=ended.error)

    def stop(self) -> None:
        """Kill all that runs; every blocked and later call raises `Stopped`. Returns when gone."""
        self._turns.close()
        self._check_turns.close()
        with self._replacing, ExitStack() as all_of_them:
            for worker in self._checkers + self._trainers:
                all_of_them.callback(worker.end)

    def gaps(self) -> tuple[Gap, ...]:
        """What this sandbox does not hold on this machine, tried in a throw-away jail.

        May be called before the sandbox is entered; it then starts a worker for the occasion.
        """
        return find_machine_gaps() if self._scratch is None else self._probe(self._scratch.path)

    def _probe(self, folder: Path) -> tuple[Gap, ...]:
        def run(probe: Mapping[str, Any]) -> Mapping[str, Any]:
            with self._check_turns.place():
                try:
                    end = self._run(
                        self._checkers, 0, {"probe": dict(probe)}, _PROBE_SECONDS, PROBE_MEMORY_MB
                    )
                    return open_reply(*end)[0]
                except Ended as ended:
                    raise SandboxError(f"the probe of the jail failed: {ended}") from ended

        gaps = find_gaps(run, folder)
        if not self._checkers[0].warm()["layers"]["orphans"]:
            gaps.append(ORPHANS)
        return tuple(gaps)

    def _run(
        self,
        workers: list[WarmWorker],
        place: int,
        request: Mapping[str, Any],
        seconds: float,
        memory_mb: int,
    ) -> tuple[Mapping[str, Any], bytes]:
        """Do a job in the worker at `place`, which is replaced if it breaks.

        Raises:
            Ended: the worker broke.
            Stopped: the sandbox was stopped meanwhile.
            SandboxError: it was never entered, or its workers do not start.
        """
        if self._scratch is None:
            raise SandboxError("enter the sandbox first: `with sandbox:`")
        worker, job = workers[place], {**request, "seconds_limit": seconds, "memory_mb": memory_mb}
        if worker.interrupted:
            self._replace(worker, stuck=True)
        try:
            worker.warm()
        except WorkerDied as death:
            self._raise_if_stopped(death)
            raise SandboxError(f"the sandbox cannot start: {death}") from death
        try:
            end, raw = worker.run(job)
        except WorkerDied as death:
            self._raise_if_stopped(death)
            self._replace(worker, death.stuck)
            raise Ended(Status.TIMEOUT if death.stuck else Status.KILLED, str(death)) from death
        if end["cause"] == "stopped":
            self._raise_if_stopped(None)
        return end, raw

    def _raise_if_stopped(self, death: WorkerDied | None) -> None:
        if self._turns.closed:
            raise Stopped("the sandbox was stopped") from death

    def _replace(self, worker: WarmWorker, stuck: bool) -> None:
        with self._replacing:
            worker.end(patience_seconds=0.0 if stuck else END_SECONDS)
            if not self._turns.closed:
                worker.start()


@functools.cache
def find_machine_gaps() -> tuple[Gap, ...]:
    """What the process sandbox does not hold here; tried once in the life of this process."""
    with ProcessSandbox(workers=0) as sandbox:
        return sandbox.gaps()
