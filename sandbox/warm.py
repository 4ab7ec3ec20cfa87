"""The orchestrator's end of a warm parent: start it, give it a job, end it, replace it."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import IO, Any, Final

import psutil

from archwright.domain import SandboxError
from archwright.sandbox.inside import frames

START_SECONDS: Final = 120.0
GRACE_SECONDS: Final = 10.0
"""How much longer than its job's limit a parent may take before it counts as stuck."""

END_SECONDS: Final = 8.0
_FOLDER: Final = Path(__file__).resolve().parent
_COMMAND: Final = (
    "import sys; sys.path.insert(0, sys.argv.pop(1)); from inside import worker; worker.main()"
)
_KEPT: Final = ("LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH", "PYTHONPATH")


class WorkerDied(SandboxError):  # noqa: N818 - an event, told apart from the sandbox's own errors
    """A warm parent ended in the middle of a job, or is `stuck` and has to be ended."""

    def __init__(self, message: str, stuck: bool = False) -> None:
        super().__init__(message)
        self.stuck = stuck


class WarmWorker:
    """One warm parent. `warm` and `run` are called by one thread at a time; `end` by any."""

    def __init__(self, folder: Path, grace_seconds: float = GRACE_SECONDS) -> None:
        self.folder = folder
        self.grace_seconds = grace_seconds
        self._process: subprocess.Popen[bytes] | None = None
        self._greeting: dict[str, Any] | None = None
        self.interrupted = False
        """Whether a job was left half-way by an exception, so that its answer is yet to come."""
        self._family: list[psutil.Process] = []
        self._talking, self._ending = Lock(), Lock()

    def start(self) -> None:
        """Start the parent. Returns at once; `warm` waits until it is ready."""
        self.folder.mkdir(exist_ok=True)
        self._greeting, self.interrupted = None, False
        with (self.folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-s", "-P", "-c", _COMMAND, str(_FOLDER), str(self.folder)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=scrubbed_environment(self.folder),
                cwd=self.folder,
                start_new_session=True,  # Ctrl-C is the orchestrator's to answer
            )

    def warm(self) -> dict[str, Any]:
        """Wait until the parent is ready. Returns what it says of itself.

        Raises:
            WorkerDied: it does not start.
        """
        with self._talking:
            if self._greeting is None:
                self._greeting = self._receive(time.monotonic() + START_SECONDS)[0]
            return self._greeting

    def run(self, job: Mapping[str, Any]) -> tuple[dict[str, Any], bytes]:
        """Do one job: the report of its end, and what the child wrote, not yet to be trusted.

        Raises:
            WorkerDied: the parent ended or was ended, or does not answer.
        """
        with self._talking:
            self.interrupted, sent_at = True, time.monotonic()
            process = self._process
            if process is None or process.stdin is None:
                raise WorkerDied("the sandbox worker was ended")
            try:
                process.stdin.write(frames.encode(job))
                process.stdin.flush()
            except (OSError, ValueError) as error:
                raise WorkerDied("the sandbox worker was ended") from error
            deadline = sent_at + job["seconds_limit"] + self.grace_seconds
            self._family = _family(self._receive(deadline)[0]["pid"])
            report, reply = self._receive(deadline)
            self.interrupted = False
            return {**report, "sent_at": sent_at}, reply

    def _receive(self, deadline: float) -> tuple[dict[str, Any], bytes]:
        process = self._process
        if process is None or process.stdout is None:
            raise WorkerDied("the sandbox worker was ended")
        pipe = process.stdout.fileno()

        def read(count: int) -> bytes:
            if not select.select([pipe], [], [], max(0.0, deadline - time.monotonic()))[0]:
                raise WorkerDied("the sandbox worker does not answer", stuck=True)
            return os.read(pipe, count)

        try:
            message = frames.read_message(read)
        except frames.FrameError as error:
            raise WorkerDied("the sandbox worker was cut short") from error
        if message is None:
            raise WorkerDied(f"the sandbox worker ended: {self._last_words()}")
        return message

    def _last_words(self) -> str:
        lines = (self.folder / "log").read_text(errors="replace").strip().splitlines()
        return lines[-1][:300] if lines else "it was killed from outside"

    def end(self, patience_seconds: float = END_SECONDS) -> None:
        """End the parent and all its descendants, and check that they are gone.

        It may take `patience_seconds` to do so itself, then it is killed.

        Raises:
            SandboxError: something is still there.
        """
        with self._ending:
            process, self._process = self._process, None
            if process is None:
                return
            family = [*self._family, *_family(process.pid)]
            if self._greeting is None:  # still warming up: nothing to end but itself
                process.kill()
            _close(process.stdin)  # the parent ends its child, then itself
            with suppress(subprocess.TimeoutExpired):
                process.wait(patience_seconds)
            _kill_rest([*family, *_family(process.pid)])
            process.wait()
            with self._talking:  # whoever reads has met the end by now
                _close(process.stdout)


def _close(pipe: IO[bytes] | None) -> None:
    if pipe is not None:
        with suppress(BrokenPipeError):
            pipe.close()


def _family(pid: int) -> list[psutil.Process]:
    """A process and its descendants, as far as they still are."""
    with suppress(psutil.NoSuchProcess):
        head = psutil.Process(pid)
        return [head, *head.children(recursive=True)]
    return []


def _kill_rest(family: list[psutil.Process]) -> None:
    for process in family:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGKILL)  # psutil checks that the id was not reused
    _, left = psutil.wait_procs(family, timeout=END_SECONDS)
    if left:
        raise SandboxError(f"process {left[0].pid} of the sandbox could not be killed")


def scrubbed_environment(folder: Path) -> dict[str, str]:
    """A worker's environment: no secret, no home, no accelerator, one thread."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    threads = ("OMP", "MKL", "OPENBLAS", "NUMEXPR", "VECLIB_MAXIMUM")
    return {
        **kept,
        **{f"{name}_NUM_THREADS": "1" for name in threads},
        "PATH": os.defpath,
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "USER": "archwright",
        "LOGNAME": "archwright",
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
        "CUDA_VISIBLE_DEVICES": "",
        "OBJC_DISABLE_INITIALIZE_FORK_SAFETY": "YES",
    }
