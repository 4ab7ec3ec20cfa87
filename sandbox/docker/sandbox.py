"""The Docker sandbox: a container for each training slot, with a warm parent that forks inside."""

from __future__ import annotations

import functools
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Final

from archwright.core import Limitation, Problem, TrialJob
from archwright.sandbox.contract import JobEnd, JobRequest, TrainRequest
from archwright.sandbox.docker.containers import ContainerWorker, Supplies, readable_inside
from archwright.sandbox.docker.engine import SCRATCH_LABEL, DockerSettings, Engine
from archwright.sandbox.forkserver import CODE
from archwright.sandbox.inside.jail.libraries import ROOTS
from archwright.sandbox.limitations import WAYS
from archwright.sandbox.pool.sandbox import CHECK_MEMORY_MB, WarmSandbox, package_paths
from archwright.sandbox.pool.worker import WarmWorker
from archwright.sandbox.wall import files_of, train_request

JOBS_PER_CONTAINER: Final = 500
"""After so many a container is replaced, however healthy it looks."""
_NOT_CODE: Final = shutil.ignore_patterns("__pycache__")


class DockerSandbox(WarmSandbox):
    """Runs candidates in containers of a Docker Engine.

    All that `ProcessSandbox` closes is closed inside the container as well, where the kernel lets
    it; around that the container has no network, a read-only root without Archwright, data sets or
    labels, a small scratch in memory, a user of its own for every trial, and hard limits on memory,
    cores, processes and file size. It does not cover bugs of the kernel, unless the runtime brings
    one of its own (runsc), nor a candidate that bends its own training.
    """

    name = "docker"

    def __init__(
        self,
        workers: int,
        scratch: Path | None = None,
        choice: str = "",
        gpus: tuple[int, ...] = (),
        settings: DockerSettings | None = None,
    ) -> None:
        super().__init__(workers, scratch, choice, gpus)
        self.settings = settings or DockerSettings()
        self._engine = Engine()
        self._code = Path()
        self._mounts_site = False

    def _prepare(self, folder: Path) -> None:
        self._engine.version()
        self._engine.remove_leftovers()
        self._mounts_site = self._engine.mounts_site_packages(self.settings.image)
        self._code = folder / "code"
        shutil.copytree(CODE / "inside", self._code / "inside", ignore=_NOT_CODE)
        shutil.copyfile(CODE / "contract.py", self._code / "contract.py")
        for path in (self._code, *self._code.rglob("*")):
            path.chmod(0o755 if path.is_dir() else 0o644)  # whatever the umask says

    def _clear(self) -> None:
        with self._engine as engine:
            if self._scratch is not None and self._checkers:
                for name, _ in engine.containers(f"{SCRATCH_LABEL}={self._scratch.path}"):
                    engine.remove(name)

    def _make_worker(self, folder: Path, gpu: int | None) -> ContainerWorker:
        supplies = self._supplies(None, CHECK_MEMORY_MB)
        return ContainerWorker(folder, self._code, self.settings, supplies, self._engine, gpu)

    def _gpu_fix(self) -> str:
        return (
            f"make image {self.settings.image} with a torch for CUDA (archwright sandbox build "
            "--wheels DIR)"
        )

    def _supplies(
        self, problem: Problem | None, memory_mb: int, compiles: bool = False
    ) -> Supplies:
        packages = problem.packages if problem else ()
        names = (*(ROOTS if self._mounts_site else ()), *packages)
        site = {path.name: path for path in package_paths(names)}
        return Supplies(site, problem.folders if problem else (), memory_mb, compiles)

    def _fit(self, worker: WarmWorker, problem: Problem | None, job: JobRequest) -> bool:
        """Whether the container has what the task asks for; a probe asks for nothing."""
        if not isinstance(worker, ContainerWorker) or problem is None:
            return True
        memory_mb = max(job.memory_mb, worker.supplies.memory_mb)
        wanted = self._supplies(problem, memory_mb, job.compiles or worker.supplies.compiles)
        fits = wanted == worker.supplies
        worker.supplies = wanted
        return fits

    def _readable(self, problem: Problem | None) -> list[str]:
        if problem is None:
            return []
        site = {path.name: path for path in package_paths(problem.packages)}
        return readable_inside(site, problem.folders)

    def _train_request(self, job: TrialJob, worker: WarmWorker) -> TrainRequest:
        request = train_request(job)
        if isinstance(worker, ContainerWorker):
            folder = worker.stage(files_of(job))
            start = f"{folder}/{job.start.name}" if job.start else ""
            request = replace(request, data=folder, start=start)
        return request

    def _is_worn(self, worker: WarmWorker, end: JobEnd) -> bool:
        spent = isinstance(worker, ContainerWorker) and worker.jobs_done >= JOBS_PER_CONTAINER
        return spent or super()._is_worn(worker, end)

    def limitations(self) -> tuple[Limitation, ...]:
        """What this sandbox does not prevent on this machine, tried in a container.

        May be called before the sandbox is entered; it then starts a container for the occasion.
        A missing layer of the inner jail is not a limitation in itself: the container holds.

        Raises:
            SandboxError: a GPU that was asked for cannot be used.
        """
        if self._scratch is None:
            return find_container_limitations(self.settings, self.gpus)
        self._warm_gpus()
        held = {"memory"} if self.gpus else set()  # by the container's own limit
        open_ways = set(WAYS) - held
        return tuple(
            limitation
            for limitation in self._probe(self._scratch.path)
            if limitation.name in open_ways
        )


@functools.cache
def find_container_limitations(
    settings: DockerSettings, gpus: tuple[int, ...] = ()
) -> tuple[Limitation, ...]:
    """What containers do not prevent here; tried once in the life of this process.

    Raises:
        SandboxError: no container starts, or a GPU that was asked for cannot be used.
    """
    with DockerSandbox(workers=len(gpus), gpus=gpus, settings=settings) as sandbox:
        return sandbox.limitations()
