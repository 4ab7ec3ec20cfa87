"""The process sandbox: a warm parent for each training slot forks a jailed child for each job."""

from __future__ import annotations

import functools
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import Final, cast

import psutil

from archwright.core import Limitation, Problem
from archwright.sandbox import contract
from archwright.sandbox.contract import Greeting
from archwright.sandbox.inside import LOADER
from archwright.sandbox.limitations import ORPHANS
from archwright.sandbox.pool.sandbox import WarmSandbox, package_paths
from archwright.sandbox.pool.worker import GRACE_SECONDS, Pipes, WarmWorker, family_of, kill_all

CODE: Final = Path(contract.__file__).resolve().parent
"""Where `contract.py` and `inside/` lie: all of Archwright that a jail is given."""

_COMMAND: Final = f"{LOADER}from walled.inside.jail import forkserver; forkserver.main()"
_KEPT: Final = ("LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH", "PYTHONPATH")


class Forkserver:
    """The process that workers are forked from; started when first needed, and again if it died."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "forkserver.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._lock = Lock()

    def fork(self, folder: Path, files: Sequence[int]) -> None:
        """Have a worker forked, now or as soon as the forkserver is warm.

        Args:
            folder: where the worker lives.
            files: descriptors of its jobs (to read), its replies and its log (to write).
        """
        request = json.dumps({"folder": str(folder)}).encode()
        with self._lock:
            if self._control is None or self._process is None or self._process.poll() is not None:
                self._control = self._start()
            try:
                socket.send_fds(self._control, [request], files)
            except OSError:  # it died this moment
                self._control = self._start()
                socket.send_fds(self._control, [request], files)

    def _start(self) -> socket.socket:
        ours, theirs = socket.socketpair()
        with theirs, self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-s", "-P", "-c", _COMMAND, str(CODE)],
                stdin=theirs.fileno(),
                stdout=log,
                stderr=log,
                env=scrubbed_environment(self.folder),
                cwd=self.folder,
                start_new_session=True,  # Ctrl-C is the orchestrator's to answer
            )
        return ours

    def end(self) -> None:
        """End it and every worker it has forked, and check that they are gone.

        Raises:
            SandboxError: something is still there.
        """
        with self._lock:
            process, self._process = self._process, None
            if process is None or self._control is None:
                return
            self._control.close()
            family = family_of(process.pid)
            process.kill()
            process.wait()
            kill_all(family)


class ForkedWorker(WarmWorker):
    """A worker that is a fork of the forkserver."""

    def __init__(
        self, folder: Path, forkserver: Forkserver, grace_seconds: float = GRACE_SECONDS
    ) -> None:
        super().__init__(folder, grace_seconds)
        self._forkserver = forkserver
        self._family: list[psutil.Process] = []

    def _launch(self) -> Pipes:
        jobs, ours = os.pipe()
        theirs, replies = os.pipe()
        with (self.folder / "log").open("wb") as log:
            self._forkserver.fork(self.folder, [jobs, replies, log.fileno()])
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


def scrubbed_environment(folder: Path) -> dict[str, str]:
    """A worker's environment: no secret, no home, no accelerator, one thread."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    return {
        **kept,
        **worker_environment(str(folder)),
        "CUDA_VISIBLE_DEVICES": "",
        "PATH": os.defpath,
        "OBJC_DISABLE_INITIALIZE_FORK_SAFETY": "YES",
    }


def worker_environment(folder: str) -> dict[str, str]:
    """What every worker's environment holds, wherever it runs; `folder` is its home there."""
    threads = ("OMP", "MKL", "OPENBLAS", "NUMEXPR", "VECLIB_MAXIMUM")
    return {
        **{f"{name}_NUM_THREADS": "1" for name in threads},
        "HOME": folder,
        "TMPDIR": folder,
        "USER": "archwright",
        "LOGNAME": "archwright",
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
    }


class ProcessSandbox(WarmSandbox):
    """Runs candidates in jailed processes on this machine.

    A jail allows no file but the standard library, torch, numpy, what the task asks for and its own
    scratch folder, no network, no process, no signal to others, and bounds memory, CPU time and
    output, as far as the platform can; `limitations` tries each of these. It does not cover: bugs
    of the kernel, which it shares; side channels; and a candidate that bends its own training, for
    the training loop runs in the same process. Labels that are scored are never in that process.
    """

    name = "process"
    _forkserver: Forkserver | None = None

    def _prepare(self, folder: Path) -> None:
        self._forkserver = Forkserver(folder)

    def _make_worker(self, folder: Path, slot: int | None) -> ForkedWorker:
        del slot
        return ForkedWorker(folder, cast(Forkserver, self._forkserver))

    def _clear(self) -> None:
        if self._forkserver is not None:
            self._forkserver.end()

    def _readable(self, problem: Problem | None) -> list[str]:
        if problem is None:
            return []
        return [*map(str, package_paths(problem.packages)), *problem.folders]

    def limitations(self) -> tuple[Limitation, ...]:
        """What this sandbox does not prevent on this machine, tried in a throw-away jail.

        May be called before the sandbox is entered; it then starts a worker for the occasion.
        """
        if self._scratch is None:
            return find_machine_limitations()
        limitations = self._probe(self._scratch.path)
        if not self._checkers[0].warm().layers["orphans"]:
            limitations.append(ORPHANS)
        return tuple(limitations)


@functools.cache
def find_machine_limitations() -> tuple[Limitation, ...]:
    """What the process sandbox does not prevent here; tried once in the life of this process."""
    with ProcessSandbox(workers=0) as sandbox:
        return sandbox.limitations()
