"""The process sandbox: a warm parent for each training slot forks a jailed child for each job."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import cast

import psutil

from archwright.core import Limitation, Problem
from archwright.sandbox.contract import Greeting
from archwright.sandbox.forkserver import Forkserver, spare
from archwright.sandbox.limitations import ORPHANS, WITH_A_GPU
from archwright.sandbox.pool.sandbox import WarmSandbox, package_paths
from archwright.sandbox.pool.worker import GRACE_SECONDS, Pipes, WarmWorker, family_of, kill_all


class ForkedWorker(WarmWorker):
    """A worker that is a fork of the forkserver."""

    def __init__(
        self,
        folder: Path,
        forkserver: Forkserver,
        gpu: int | None = None,
        grace_seconds: float = GRACE_SECONDS,
    ) -> None:
        super().__init__(folder, gpu, grace_seconds)
        self._forkserver = forkserver
        self._family: list[psutil.Process] = []

    def _launch(self) -> Pipes:
        jobs, ours = os.pipe()
        theirs, replies = os.pipe()
        with (self.folder / "log").open("wb") as log:
            self._forkserver.fork(self.folder, [jobs, replies, log.fileno()], self.gpu)
        os.close(jobs)
        os.close(replies)
        return Pipes(open(ours, "wb"), open(theirs, "rb", buffering=0))  # noqa: PTH123

    def warm(self) -> Greeting:
        """As every worker; then its processes are known."""
        greeting = super().warm()
        self._family = self._family or family_of(greeting.pid)
        return greeting

    def _note_job(self, pid: int) -> None:
        self._family = [*self._family[:1], *family_of(pid)]

    def _bury(self, patience_seconds: float) -> None:
        family, self._family = self._family, []
        if family:
            with suppress(psutil.NoSuchProcess, psutil.TimeoutExpired):
                family += family[0].children(recursive=True)
                family[0].wait(patience_seconds)
        kill_all(family)

    def _logs(self) -> Iterable[Path]:
        return self.folder / "log", self._forkserver.log


class ProcessSandbox(WarmSandbox):
    """Runs candidates in jailed processes on this machine.

    A jail allows no file but the standard library, torch, numpy, what the task asks for and its own
    scratch folder, no network, no process, no signal to others, and bounds memory, CPU time and
    output, as far as the platform can; `limitations` tries each of these. It does not cover: bugs
    of the kernel, which it shares; side channels; and a candidate that bends its own training, for
    the training loop runs in the same process. Labels that are scored are never in that process.

    Where trainings have GPUs, each of them sees one. Their jail lets the GPU's driver work and has
    no limit of the kernel's on memory; `limitations` says what that leaves open.
    """

    name = "process"
    _forkserver: Forkserver | None = None

    def _prepare(self, folder: Path) -> None:
        del folder  # the forkserver outlives it
        self._forkserver = spare.take()

    def _make_worker(self, folder: Path, gpu: int | None) -> ForkedWorker:
        return ForkedWorker(folder, cast(Forkserver, self._forkserver), gpu)

    def _gpu_fix(self) -> str:
        return "nvidia-smi must list it, and torch be made for CUDA"

    def _clear(self) -> None:
        forkserver, self._forkserver = self._forkserver, None
        if forkserver is not None:
            spare.leave(forkserver)

    def _readable(self, problem: Problem | None) -> list[str]:
        if problem is None:
            return []
        return [*map(str, package_paths(problem.packages)), *problem.folders]

    def limitations(self) -> tuple[Limitation, ...]:
        """What this sandbox does not prevent on this machine, tried in a throw-away jail.

        May be called before the sandbox is entered; it then starts a worker for the occasion.

        Raises:
            SandboxError: a GPU that was asked for cannot be used.
        """
        if self._scratch is None:
            return find_machine_limitations(self.gpus)
        self._warm_gpus()
        limitations = self._probe(self._scratch.path)
        if not self._checkers[0].warm().layers["orphans"]:
            limitations.append(ORPHANS)
        if self.gpus:
            of_driver = {limitation.name: limitation for limitation in WITH_A_GPU}
            limitations = [each for each in limitations if each.name not in of_driver]
            limitations += of_driver.values()
        return tuple(limitations)


@functools.cache
def find_machine_limitations(gpus: tuple[int, ...] = ()) -> tuple[Limitation, ...]:
    """What the process sandbox does not prevent here; tried once in the life of this process.

    Raises:
        SandboxError: one of the GPUs cannot be used.
    """
    with ProcessSandbox(workers=len(gpus), gpus=gpus) as sandbox:
        return sandbox.limitations()
