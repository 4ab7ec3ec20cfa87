"""The orchestrator's end of a warm parent: start it, give it a job, end it."""

from __future__ import annotations

import os
import select
import shutil
import signal
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import IO, Any, Final

import psutil

from archwright.core import SandboxError
from archwright.sandbox.inside import frames

START_SECONDS: Final = 120.0
GRACE_SECONDS: Final = 10.0
"""How much longer than its job's limit a parent may take before it counts as stuck."""

END_SECONDS: Final = 8.0


class WorkerDied(SandboxError):  # noqa: N818 - an event, told apart from the sandbox's own errors
    """A warm parent ended in the middle of a job, or is `stuck` and has to be ended."""

    def __init__(self, message: str, stuck: bool = False) -> None:
        super().__init__(message)
        self.stuck = stuck


class WarmWorker(ABC):
    """One warm parent. `warm` and `run` are called by one thread at a time; `end` by any."""

    def __init__(self, folder: Path, grace_seconds: float = GRACE_SECONDS) -> None:
        self.folder = folder
        self.grace_seconds = grace_seconds
        self._jobs: IO[bytes] | None = None
        self._replies: IO[bytes] | None = None
        self._greeting: dict[str, Any] | None = None
        self.interrupted = False
        """Whether a job was left half-way by an exception, so that its answer is yet to come."""
        self._talking, self._ending = Lock(), Lock()

    def start(self) -> None:
        """Start the parent. Returns at once; `warm` waits until it is ready."""
        shutil.rmtree(self.folder, ignore_errors=True)  # what a broken predecessor left
        self.folder.mkdir()
        self._greeting, self.interrupted = None, False
        self._jobs, self._replies = self._launch()

    @abstractmethod
    def _launch(self) -> tuple[IO[bytes], IO[bytes]]:
        """Start the parent: where its jobs are written, and where its replies are read."""

    @abstractmethod
    def _bury(self, patience_seconds: float) -> None:
        """See the parent and all its descendants gone; kill what is left after the patience.

        Raises:
            SandboxError: something is still there.
        """

    @abstractmethod
    def _logs(self) -> Iterable[Path]:
        """Files that may hold the parent's last words, the likeliest first."""

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
            if self._jobs is None:
                raise WorkerDied("the sandbox worker was ended")
            try:
                self._jobs.write(frames.encode(job))
                self._jobs.flush()
            except (OSError, ValueError) as error:
                raise WorkerDied("the sandbox worker was ended") from error
            deadline = sent_at + job["seconds_limit"] + self.grace_seconds
            self._note_job(self._receive(deadline)[0]["pid"])
            report, reply = self._receive(deadline)
            self.interrupted = False
            return {**report, "sent_at": sent_at}, reply

    @abstractmethod
    def _note_job(self, pid: int) -> None:
        """Take note of the process id, as the parent sees it, of the job that has begun."""

    def _receive(self, deadline: float) -> tuple[dict[str, Any], bytes]:
        if self._jobs is None or self._replies is None:
            raise WorkerDied("the sandbox worker was ended")
        pipe = self._replies.fileno()

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
        for log in self._logs():
            lines = log.read_text(errors="replace").strip().splitlines() if log.exists() else []
            if lines:
                return lines[-1][:300]
        return "it was killed from outside"

    def end(self, patience_seconds: float = END_SECONDS) -> None:
        """End the parent and all its descendants, and check that they are gone.

        It may take `patience_seconds` to do so itself, then it is killed.

        Raises:
            SandboxError: something is still there.
        """
        with self._ending:
            jobs, self._jobs = self._jobs, None
            if jobs is None:
                return
            close(jobs)  # the parent ends its child, then itself
            self._bury(patience_seconds if self._greeting is not None else 0.0)
            with self._talking:  # whoever reads has met the end by now
                close(self._replies)


def close(pipe: IO[bytes] | None) -> None:
    """Close a pipe whose other end may be gone."""
    if pipe is not None:
        with suppress(BrokenPipeError):
            pipe.close()


def family_of(pid: int) -> list[psutil.Process]:
    """A process and its descendants, as far as they still are."""
    with suppress(psutil.NoSuchProcess):
        head = psutil.Process(pid)
        return [head, *head.children(recursive=True)]
    return []


def kill_all(family: list[psutil.Process]) -> None:
    """Kill processes and see them gone.

    Raises:
        SandboxError: one is still there.
    """
    for process in family:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGKILL)  # psutil checks that the id was not reused
    _, left = psutil.wait_procs(family, timeout=END_SECONDS)
    if left:
        raise SandboxError(f"process {left[0].pid} of the sandbox could not be killed")
