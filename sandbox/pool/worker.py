"""The orchestrator's end of a warm parent: start it, give it a job, end it."""

from __future__ import annotations

import functools
import os
import select
import shutil
import signal
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from threading import Lock
from typing import IO, Any, Final, Protocol, TypeVar

import psutil

from archwright.core import SandboxError
from archwright.sandbox.contract import Greeting, JobEnd, JobRequest, JobStart, read
from archwright.sandbox.inside import frames
from archwright.sandbox.inside.jail.metering import Stopwatch

START_SECONDS: Final = 120.0
GRACE_SECONDS: Final = 30.0
"""How much longer on the clock than its job may a parent take before it counts as stuck."""

LOOK_SECONDS: Final = 0.5
"""How often a wait looks at the clock: a pause of the machine in between does not count."""

END_SECONDS: Final = 8.0
_ENDED: Final = "the sandbox worker was ended"

Said = TypeVar("Said", Greeting, JobStart)


class WorkerDied(SandboxError):  # noqa: N818 - an event, told apart from the sandbox's own errors
    """A warm parent ended in the middle of a job, or is `stuck` and has to be ended."""

    def __init__(self, message: str, stuck: bool = False) -> None:
        super().__init__(message)
        self.stuck = stuck


class Channel(Protocol):
    """What leads to a parent and back. One thread uses it, but for `hang_up`.

    `send` raises `OSError` where nobody reads any more. `receive` gives up to `count` bytes, none
    at the end, and raises `TimeoutError` after the deadline. `hang_up` lets the parent meet the end
    of its input; who reads what it says then meets the end, too. After a `TimeoutError` nothing is
    lost: the next `receive` goes on from there.
    """

    def send(self, data: bytes) -> None: ...

    def receive(self, count: int, deadline: float) -> bytes: ...

    def hang_up(self) -> None: ...

    def close(self) -> None: ...


class WarmWorker(ABC):
    """One warm parent. `warm` and `run` are called by one thread at a time; `end` by any."""

    def __init__(
        self, folder: Path, gpu: int | None = None, grace_seconds: float = GRACE_SECONDS
    ) -> None:
        self.folder = folder
        self.gpu = gpu
        """The one that it has, by index, as its first and only; None for the CPU alone."""
        self.grace_seconds = grace_seconds
        self._channel: Channel | None = None
        self._greeting: Greeting | None = None
        self.interrupted = False
        """Whether a job was left half-way by an exception, so that its answer is yet to come."""
        self.sent_at = 0.0
        """When the last job was sent, on the monotonic clock."""
        self._talking, self._ending = Lock(), Lock()

    def start(self) -> None:
        """Start the parent. Returns at once; `warm` waits until it is ready."""
        shutil.rmtree(self.folder, ignore_errors=True)  # what a broken predecessor left
        self.folder.mkdir()
        self._greeting, self.interrupted = None, False
        self._channel = self._launch()

    @property
    def is_started(self) -> bool:
        """Whether it was started, and not ended since."""
        return self._channel is not None

    @abstractmethod
    def _launch(self) -> Channel:
        """Begin to start the parent."""

    @abstractmethod
    def _bury(self, patience_seconds: float) -> None:
        """See the parent and all its descendants gone; kill what is left after the patience.

        Raises:
            SandboxError: something is still there.
        """

    @abstractmethod
    def _logs(self) -> Iterable[Path]:
        """Files that may hold the parent's last words, the likeliest first."""

    def warm(self) -> Greeting:
        """Wait until the parent is ready. Returns what it says of itself.

        Raises:
            WorkerDied: it does not start.
        """
        with self._talking:
            if self._greeting is None:
                self._greeting = self._hear(Greeting, START_SECONDS)
            return self._greeting

    def run(self, job: JobRequest, feed: Callable[[bytes], None]) -> JobEnd:
        """Do one job. Returns the report of its end.

        Args:
            job: what is to be done.
            feed: is given what the child sends out, as it comes, not to be trusted.

        Raises:
            WorkerDied: the parent ended or was ended, or does not answer.
        """
        with self._talking:
            self.interrupted, self.sent_at = True, time.monotonic()
            if self._channel is None:
                raise WorkerDied(_ENDED)
            try:
                self._channel.send(frames.encode(asdict(job)))
            except (OSError, ValueError) as error:
                raise WorkerDied(_ENDED) from error
            self._note_job(self._hear(JobStart, self.grace_seconds + START_SECONDS).pid)
            watch, patience = Stopwatch(), self.grace_seconds + job.clock_limit
            while "piece" in (message := self._listen(watch, patience))[0]:
                feed(message[1])
            self.interrupted = False
            return read(JobEnd, message[0])

    @abstractmethod
    def _note_job(self, pid: int) -> None:
        """Take note of the process id, as the parent sees it, of the job that has begun."""

    def _hear(self, kind: type[Said], patience_seconds: float) -> Said:
        return read(kind, self._listen(Stopwatch(), patience_seconds)[0])

    def _listen(self, watch: Stopwatch, patience_seconds: float) -> tuple[dict[str, Any], bytes]:
        """The next that the parent says, while the watch shows less than the patience."""
        channel = self._channel
        if channel is None:
            raise WorkerDied(_ENDED)
        receive = functools.partial(receive_within, channel, watch, patience_seconds)
        try:
            message = frames.read_message(receive)
        except TimeoutError as error:
            raise WorkerDied("the sandbox worker does not answer", stuck=True) from error
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
            channel, self._channel = self._channel, None
            if channel is None:
                return
            channel.hang_up()  # the parent ends its child, then itself
            self._bury(patience_seconds if self._greeting is not None else 0.0)
            with self._talking:  # whoever reads has met the end by now
                channel.close()


def receive_within(
    channel: Channel, watch: Stopwatch, patience_seconds: float, count: int
) -> bytes:
    """As the channel does, while the watch shows less than the patience.

    Raises:
        TimeoutError: nothing came.
    """
    while True:
        with suppress(TimeoutError):
            left = max(0.0, min(LOOK_SECONDS, patience_seconds - watch.seconds))
            return channel.receive(count, time.monotonic() + left)
        watch.look()
        if watch.seconds >= patience_seconds:
            raise TimeoutError


class Pipes:
    """A channel of two pipes."""

    def __init__(self, jobs: IO[bytes], replies: IO[bytes]) -> None:
        self._jobs, self._replies = jobs, replies

    def send(self, data: bytes) -> None:
        """Send all of `data`."""
        self._jobs.write(data)
        self._jobs.flush()

    def receive(self, count: int, deadline: float) -> bytes:
        """Up to `count` bytes, none at the end."""
        pipe = self._replies.fileno()
        if not select.select([pipe], [], [], max(0.0, deadline - time.monotonic()))[0]:
            raise TimeoutError
        return os.read(pipe, count)

    def hang_up(self) -> None:
        """Close the pipe of the jobs, whose other end may be gone."""
        with suppress(BrokenPipeError):
            self._jobs.close()

    def close(self) -> None:
        """Close the other one."""
        self._replies.close()


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
