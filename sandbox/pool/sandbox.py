"""What the sandboxes with warm workers share: turns, jobs, replacement, and the end."""

from __future__ import annotations

import functools
import math
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Any, Final, Self

from archwright.core import (
    CheckReport,
    InputError,
    Limitation,
    Outcome,
    Problem,
    Receive,
    Resources,
    SandboxError,
    Status,
    Stopped,
    TrialJob,
)
from archwright.sandbox.contract import (
    ContractBreach,
    Greeting,
    JobEnd,
    JobRequest,
    ProbeReply,
    ProbeRequest,
    TrainRequest,
    clean,
    read,
)
from archwright.sandbox.inside.jail import libraries
from archwright.sandbox.limitations import find_limitations
from archwright.sandbox.machine import machine_kind
from archwright.sandbox.pool.scratch import Scratch
from archwright.sandbox.pool.turns import Turns
from archwright.sandbox.pool.worker import END_SECONDS, WarmWorker, WorkerDied
from archwright.sandbox.replies import ReplyReader
from archwright.sandbox.script import script_check, script_request
from archwright.sandbox.wall import (
    Ended,
    check_request,
    open_reply,
    outcome_of,
    predictions_wanted,
    reader_of,
    report_of,
    resources_of,
    train_request,
)

CHECKED_BY_ONE: Final = 4
"""Training slots whose candidates one worker for checks keeps up with."""
CHECK_SECONDS: Final = 60.0
CHECK_MEMORY_MB: Final = 2048
_OUTPUTS_CHECKED: Final = 10
"""How many predictions of a sample the checks may hold at once, on top of that."""
_SECONDS_A_MB: Final = 1
"""What they may take longer for each MB of a sample's predictions."""
_PROBE_SECONDS: Final = 20.0


class WarmSandbox(ABC):
    """A sandbox with a warm worker for each training slot, and one for the checks of every four.

    With GPUs each slot has one of them, in turn, and its worker sees no other. Checks, and
    trainings of tasks that want the CPU, have workers without one beside these. All but the first
    worker for checks and the trainers are started when they are first needed.
    """

    name: str
    is_spread = False

    def __init__(
        self,
        workers: int,
        scratch: Path | None = None,
        choice: str = "",
        gpus: tuple[int, ...] = (),
    ) -> None:
        """`scratch` is where scratch folders are made; by default the temporary folder.

        `choice` says why this kind was taken where the caller left it open; `gpus` are by index.
        """
        self.workers = workers
        self.choice = choice
        self.gpus = gpus
        self.device = "cuda" if gpus else "cpu"
        """Where candidates are trained: cpu or cuda. They are checked on the CPU."""
        self._base = scratch
        self._turns = Turns(workers)
        self._check_turns = Turns(max(1, math.ceil(workers / CHECKED_BY_ONE)))
        self._scratch: Scratch | None = None
        self._trainers: list[WarmWorker] = []
        self._cpu_trainers: list[WarmWorker] = []
        self._checkers: list[WarmWorker] = []
        self._replacing = Lock()

    @abstractmethod
    def _make_worker(self, folder: Path, gpu: int | None) -> WarmWorker:
        """A worker, not yet started, that may use `folder`, and that GPU."""

    @abstractmethod
    def _prepare(self, folder: Path) -> None:
        """Make ready, in the fresh scratch folder, what the workers share."""

    @abstractmethod
    def _clear(self) -> None:
        """Undo `_prepare`, after the last worker's end, and check that nothing is left."""

    def __enter__(self) -> Self:
        """Start the workers; they warm up while the caller goes on."""
        self._scratch = Scratch(self._base)
        folder = self._scratch.path
        with ExitStack() as undoing:
            undoing.callback(self._scratch.remove)
            undoing.callback(self.stop)
            self._prepare(folder)
            self._make_workers(folder)
            for worker in self._checkers[:1] + self._trainers:
                worker.start()
            undoing.pop_all()
        return self

    def _make_workers(self, folder: Path) -> None:
        checks, slots = range(self._check_turns.count), range(self.workers)
        self._checkers = [self._make_worker(folder / f"check-{n}", None) for n in checks]
        self._cpu_trainers = [self._make_worker(folder / f"train-{n}", None) for n in slots]
        self._trainers = [
            self._make_worker(folder / f"train-{n}-gpu", self.gpus[n % len(self.gpus)])
            for n in slots
            if self.gpus
        ] or self._cpu_trainers

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

    def check(
        self,
        source: str,
        problem: Problem,
        seed: int = 0,
        proxies: bool = False,
        outline: int | None = None,
    ) -> CheckReport:
        """Build the candidate and execute the checks before training; once more if that is lost."""
        job = JobRequest(*check_limits(problem))
        if problem.script is None:
            job = replace(job, check=check_request(source, problem, seed, proxies, outline))
        elif (short := script_check(source, problem, seed)) is not None:
            job = replace(job, script=short)
        else:
            return CheckReport(Status.OK)
        report = self._check(job, problem)
        return self._check(job, problem) if report.lost else report

    def _check(self, job: JobRequest, problem: Problem) -> CheckReport:
        with self._check_turns.place() as place:
            started = time.monotonic()
            try:
                worker = self._entered(self._checkers, place)
                header = self._answer(worker, job, problem, ReplyReader())
                return report_of(header, time.monotonic() - started)
            except Ended as ended:
                seconds = time.monotonic() - started
                return CheckReport(
                    ended.status, error=ended.error, seconds=seconds, lost=ended.lost
                )

    def _answer(
        self, worker: WarmWorker, job: JobRequest, problem: Problem | None, reader: ReplyReader
    ) -> dict[str, Any]:
        """The reply to a job that sends nothing else out."""
        return open_reply(self._run(worker, job, problem, reader), reader, job.memory_mb)

    def train(self, job: TrialJob, priority: int = 0, receive: Receive | None = None) -> Outcome:
        """Train the candidate in a free worker, lowest `priority` first."""
        wanted = predictions_wanted(job)
        reader, kept = reader_of(job, receive)
        with self._turns.place(priority) as place:
            started, used = time.monotonic(), Resources()
            try:
                device = "cpu" if job.training.device == "cpu" else self.device
                trainers = self._trainers if device == self.device else self._cpu_trainers
                worker = self._entered(trainers, place)
                request = JobRequest(
                    float(job.seconds_limit),
                    job.memory_mb,
                    train=None if job.problem.script else self._train_request(job, worker),
                    script=script_request(job, wanted) if job.problem.script else None,
                    device=device,
                    gpu_share=self._gpu_share(worker),
                    reply_bytes=reader.limit_bytes,
                )
                end = self._run(worker, request, job.problem, reader)
                used = resources_of(end)
                header = open_reply(end, reader, job.memory_mb)
                outcome = outcome_of(header, reader, job.steps, used, worker.sent_at)
                return replace(outcome, predictions=kept.predictions)
            except Ended as ended:
                used = replace(used, seconds=used.seconds or time.monotonic() - started)
                return Outcome(ended.status, resources=used, error=ended.error, lost=ended.lost)

    def _gpu_share(self, worker: WarmWorker) -> float:
        """The part of its GPU's memory that a worker's trainings may take: as much as each of those
        that share it."""
        sharers = sum(other.gpu == worker.gpu for other in self._trainers)
        return 1.0 if worker.gpu is None else 1 / sharers

    def _train_request(self, job: TrialJob, worker: WarmWorker) -> TrainRequest:
        """What the worker is told of a training."""
        del worker
        return train_request(job)

    def stop(self) -> None:
        """Kill all that runs; every blocked and later call raises `Stopped`. Returns when gone."""
        self._turns.close()
        self._check_turns.close()
        with self._replacing, ExitStack() as all_of_them:
            all_of_them.callback(self._clear)
            for worker in {*self._checkers, *self._trainers, *self._cpu_trainers}:
                all_of_them.callback(worker.end)

    @property
    def kind(self) -> str:
        """This machine's, with its GPUs where they train."""
        return machine_kind(self.device == "cuda")

    def news(self) -> list[str]:
        """It is on this machine, and replaces its own workers."""
        return []

    def _probe(self, folder: Path) -> list[Limitation]:
        """What breaking out of a worker's jail succeeded in."""

        def run(probe: ProbeRequest) -> ProbeReply:
            job = JobRequest(_PROBE_SECONDS, probe.memory_mb, probe=probe, device=self.device)
            with self._check_turns.place() as place:
                try:
                    worker = self._entered(self._checkers, place)
                    return read(ProbeReply, self._answer(worker, job, None, ReplyReader()))
                except (Ended, ContractBreach) as error:
                    raise SandboxError(f"the probe of the jail failed: {error}") from error

        return find_limitations(run, folder)

    @abstractmethod
    def _readable(self, problem: Problem | None) -> list[str]:
        """Where the jail finds, beside torch, what the task asks for."""

    def _fit(self, worker: WarmWorker, problem: Problem | None, job: JobRequest) -> bool:
        """Whether the started worker can take such a job; if not, change it so that it could."""
        del worker, problem, job
        return True

    def _entered(self, workers: Sequence[WarmWorker], place: int) -> WarmWorker:
        if self._scratch is None:
            raise SandboxError("enter the sandbox first: `with sandbox:`")
        worker = workers[place]
        if not worker.is_started:  # until now it was not needed
            with self._replacing:
                if not self._turns.closed:
                    worker.start()
        return worker

    def _run(
        self, worker: WarmWorker, job: JobRequest, problem: Problem | None, reader: ReplyReader
    ) -> JobEnd:
        """Do a job in a worker, which is replaced if it breaks; `reader` reads what it sends.

        Raises:
            Ended: the worker broke.
            Stopped: the sandbox was stopped meanwhile.
            SandboxError: its workers do not start.
        """
        start = (job.train.start,) if job.train and job.train.start else ()
        job = replace(job, readable=(*self._readable(problem), *start))
        if worker.interrupted or not self._fit(worker, problem, job):
            self._replace(worker, stuck=True)
        self._warm(worker)
        try:
            end = worker.run(job, reader.feed)
        except WorkerDied as death:
            self._raise_if_stopped(death)
            self._replace(worker, death.stuck)
            status = Status.TIMEOUT if death.stuck else Status.KILLED
            raise Ended(status, str(death), lost=True) from death
        if end.cause == "stopped":
            self._raise_if_stopped(None)
        if self._is_worn(worker, end):
            self._replace(worker, stuck=True)
        return end

    def _warm(self, worker: WarmWorker) -> None:
        """Wait until a worker is ready for its next job.

        Raises:
            SandboxError: it does not start, or is not what was asked for.
        """
        try:
            self._welcome(worker, worker.warm())
        except WorkerDied as death:
            self._raise_if_stopped(death)
            raise SandboxError(f"the sandbox cannot start: {death}") from death

    def _welcome(self, worker: WarmWorker, greeting: Greeting) -> None:
        """Look at what a worker says of itself; raises `SandboxError` where it is not enough."""
        if greeting.gpu_fault:
            raise SandboxError(
                f"GPU {worker.gpu} was asked for, but the {self.name} sandbox cannot use it: "
                f"{clean(greeting.gpu_fault)}; {self._gpu_fix()}, or leave gpus out"
            )

    @abstractmethod
    def _gpu_fix(self) -> str:
        """What is to be done where the GPU cannot be used."""

    def _warm_gpus(self) -> None:
        """Wait until each training slot has tried its GPU.

        Raises:
            SandboxError: one cannot be used.
        """
        if self.gpus:
            for worker in self._trainers:
                self._warm(worker)

    def _is_worn(self, worker: WarmWorker, end: JobEnd) -> bool:
        """Whether the worker is to be replaced after a job that ended like that."""
        del worker
        return bool(end.left) or not end.clean or end.cause == "gpu"

    def _raise_if_stopped(self, death: WorkerDied | None) -> None:
        if self._turns.closed:
            raise Stopped("the sandbox was stopped") from death

    def _replace(self, worker: WarmWorker, stuck: bool) -> None:
        with self._replacing:
            worker.end(patience_seconds=0.0 if stuck else END_SECONDS)
            if not self._turns.closed:
                worker.start()


def check_limits(problem: Problem) -> tuple[float, int]:
    """CPU seconds and MB that the checks of a candidate may take: more where predictions are
    large."""
    output_mb = 4 * math.prod(problem.output_shape) >> 20
    seconds = CHECK_SECONDS + _SECONDS_A_MB * output_mb
    return seconds, CHECK_MEMORY_MB + _OUTPUTS_CHECKED * output_mb


@functools.cache
def package_paths(names: tuple[str, ...]) -> tuple[Path, ...]:
    """Top-level files and folders of packages of this environment, and of all that they require.

    Raises:
        InputError: one is not installed.
    """
    for name in names:
        if not libraries.is_installed(name):
            raise InputError(f"the task asks for package {name!r}: pip install {name}")
    return tuple(sorted(path for path in set(libraries.package_paths(names)) if path.exists()))
