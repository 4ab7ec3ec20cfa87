"""The warm parent: it has torch loaded, forks a jailed child for each job, and buries it.

It reads jobs from a pipe and answers on another, one at a time: first the child's process id, then,
when nothing of the job is left, how it ended. It never runs candidate code itself. The end of its
input, the orchestrator's death included, ends the job in flight and then the worker.
"""

from __future__ import annotations

import faulthandler
import gc
import itertools
import math
import os
import resource
import select
import shutil
import signal
import sys
import tempfile
import time
import traceback
from dataclasses import asdict, replace
from pathlib import Path
from typing import BinaryIO, Final, NoReturn

from ...contract import Greeting, JobEnd, JobPiece, JobRequest, JobStart, read
from .. import frames
from . import confinement, driver
from .descendants import end_all
from .libraries import UnreadableFinder, readable_paths
from .metering import UsageMeter, private_mb

POLL_SECONDS: Final = 0.25
SCRATCH_LIMIT_BYTES: Final = 256 << 20
SCRATCH_LIMIT_ENTRIES: Final = 1000
COMPILED_ENTRIES: Final = 10_000
"""The same where a compiler writes there."""
DRIVER_MB: Final = 1024
"""What a GPU's driver may take of the machine's memory for itself, on top of the job's."""
_TAIL_BYTES: Final = 4096
_RESULT: Final = 3
"""File descriptor of the reply in a child; the only one that it holds beside the usual three."""
_PIECE_BYTES: Final = 1 << 20
_CACHES: Final = ("TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR")
"""A job's own: what another has compiled could be a trap."""
_NO_GPU: Final = 75
"""Exit code of a child whose GPU could not be used. A candidate that forges it on a GPU is trained
once more, and then unmeasured."""


class Worker:
    """A loop over jobs. `folder` holds the jobs' scratch folders, each gone after its job.

    Jobs are read from `jobs` and answered on `replies`, both file descriptors. With `first_user`
    each child becomes a user of its own, counted from there; the worker must have the right.
    """

    def __init__(
        self, folder: Path, jobs: int, replies: int, layers: dict[str, bool], first_user: int = 0
    ) -> None:
        self.folder, self.pid = folder, os.getpid()
        self.jobs, self.replies = jobs, replies
        self.users = itertools.count(first_user) if first_user else itertools.repeat(0)
        self.contained = bool(first_user)
        self.wake = listen_for_children()
        self.readable = readable_paths()
        fault = driver.find_fault() if driver.is_given() else ""
        self.send(Greeting(self.pid, layers, fault))

    def send(self, said: Greeting | JobStart | JobPiece | JobEnd, body: bytes = b"") -> None:
        """Answer the orchestrator."""
        _write(self.replies, frames.encode(asdict(said), body))

    def serve(self) -> None:
        """Do jobs until the input ends."""
        while (message := frames.read_message(lambda n: os.read(self.jobs, n))) is not None:
            self.send(self.do(read(JobRequest, message[0])))

    def do(self, job: JobRequest) -> JobEnd:
        """Run one job in a child, and hand on what it sends out. Returns the report of its end."""
        scratch, user = Path(tempfile.mkdtemp(prefix="job-", dir=self.folder)), next(self.users)
        started, limit_mb = time.monotonic(), math.inf  # by the kernel, but for a GPU's job
        if job.device == "cuda":
            limit_mb = private_mb(self.pid) + job.memory_mb + DRIVER_MB
        with _sink(self.folder) as output, _Outlet(self, job.reply_bytes) as outlet:
            pid = os.fork()
            if pid == 0:
                self._be_child(job, scratch, user, outlet.inside, output.fileno())
            outlet.close_inside()
            self.send(JobStart(pid))
            end = self._watch(pid, scratch, job, outlet, limit_mb)
            left, seconds = end_all(pid), time.monotonic() - started
            outlet.empty()
            shutil.rmtree(scratch, ignore_errors=True)
            clean, said = not scratch.exists(), _tail(output)
            cause = "gpu" if job.device == "cuda" and end.code == _NO_GPU else end.cause
            return replace(end, cause=cause, left=left, seconds=seconds, clean=clean, output=said)

    def _watch(
        self, pid: int, scratch: Path, job: JobRequest, outlet: _Outlet, limit_mb: float
    ) -> JobEnd:
        """Wait for the child's end, or bring it about."""
        cause, meter = "", UsageMeter()
        while True:
            done, status, usage = os.wait4(pid, os.WNOHANG)
            if done:
                return _end_report(cause, status, usage, meter)
            meter.look()
            if not cause:
                full = limit_mb < math.inf and private_mb(pid) > limit_mb
                cause = "memory" if full else self._reason_to_kill(scratch, job, meter, outlet)
                if cause:
                    os.kill(pid, signal.SIGKILL)
                    continue
            left = max(0.0, job.seconds_limit - meter.charged_seconds)
            patience = POLL_SECONDS if cause else min(POLL_SECONDS, left)
            if outlet.outside in select.select([self.wake, *outlet.open], [], [], patience)[0]:
                outlet.pass_on()
            drain(self.wake)

    def _reason_to_kill(
        self, scratch: Path, job: JobRequest, meter: UsageMeter, outlet: _Outlet
    ) -> str:
        if outlet.left < 0:
            return "flood"
        if meter.charged_seconds >= job.seconds_limit:
            return "timeout"
        if meter.clock_seconds >= job.clock_limit:
            return "starved"
        if select.select([self.jobs], [], [], 0)[0]:  # no job comes while one runs: this is the end
            return "stopped"
        entries = COMPILED_ENTRIES if job.compiles else SCRATCH_LIMIT_ENTRIES
        return "scratch" if _is_overfull(scratch, entries) else ""

    def _be_child(
        self, job: JobRequest, scratch: Path, user: int, result: int, output: int
    ) -> NoReturn:
        """Enter the jail, do the job, write the reply, and exit: never return to the loop."""
        try:
            self._shed(scratch, user, result, output)
            _settle(scratch)
            limits = job.memory_mb, job.seconds_limit, frames.BODY_LIMIT_BYTES
            readable = (*self.readable, *job.readable)
            gpu, contained = job.device == "cuda", self.contained
            cell = confinement.Cell(
                readable, str(scratch), *limits, gpu, contained=contained, compiles=job.compiles
            )
            _reply(job, cell)
            os._exit(0)
        except BaseException:  # noqa: BLE001 - whatever it is, this process ends here
            traceback.print_exc()
            os._exit(1)

    def _shed(self, scratch: Path, user: int, result: int, output: int) -> None:
        """Leave behind all that ties a child to its parent, but for its death."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.setsid()
        confinement.volunteer()
        if user:
            scratch.chmod(0o777)  # no other user's code runs meanwhile
            confinement.become(user)
        confinement.die_with(self.pid)  # after the change of user, which would undo it
        for source, target in ((output, 1), (output, 2), (result, _RESULT)):
            os.dup2(source, target)
        os.closerange(_RESULT + 1, os.sysconf("SC_OPEN_MAX"))
        sys.stdout = sys.stderr = open(1, "w", closefd=False)  # noqa: SIM115 - lives on
        faulthandler.enable(file=2)


class _Outlet:
    """The pipe that a child sends out through; what comes is handed on until `left` is spent."""

    def __init__(self, worker: Worker, limit_bytes: int) -> None:
        self.left = limit_bytes
        self._worker = worker
        self.outside, self.inside = os.pipe()
        os.set_blocking(self.outside, False)
        self.open = [self.outside]
        """The outer end while something may come out of it."""

    def __enter__(self) -> _Outlet:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.outside)

    def close_inside(self) -> None:
        """Leave the inner end to the child."""
        os.close(self.inside)

    def pass_on(self) -> bool:
        """Hand on what is there. Returns whether there was something."""
        try:
            data = os.read(self.outside, _PIECE_BYTES)
        except BlockingIOError:
            return False
        if not data:
            self.open = []
        self.left -= len(data)
        if data and self.left >= 0:
            self._worker.send(JobPiece(len(data)), data)
        return bool(data)

    def empty(self) -> None:
        """Hand on the last of it, when nobody is left to send more."""
        while self.left >= 0 and self.pass_on():
            continue


def _reply(job: JobRequest, cell: confinement.Cell) -> None:
    from .. import jobs

    data = jobs.gather(job)
    if cell.gpu and (job.train or job.script):
        cell = _begin_driver(cell, job.gpu_share)
    missing = confinement.confine(cell)
    sys.meta_path.insert(0, UnreadableFinder())
    header = jobs.perform(job, data, frames.Sender(lambda message: _write(_RESULT, message)))
    _write(_RESULT, frames.encode({**header, "missing": missing}))


def _begin_driver(cell: confinement.Cell, share: float) -> confinement.Cell:
    """The cell with what the GPU's driver, begun here, goes on to need; where it does not begin,
    the end."""
    try:
        driver.begin(share)
    except Exception as error:  # noqa: BLE001 - torch and the driver may raise anything
        print(driver.first_line(error))
        sys.stdout.flush()
        os._exit(_NO_GPU)
    readable = (*cell.readable, *driver.readable_paths())
    return replace(cell, readable=readable, devices=driver.files())


def _write(file: int, message: bytes) -> None:
    view = memoryview(message)
    while view:
        view = view[os.write(file, view) :]


def warm_up() -> None:
    """Load all that a job needs, run it once, and keep it out of the garbage collector's way."""
    import ctypes.util

    import numpy as np
    import torch
    import torch._dynamo
    import torch.optim

    from .. import jobs

    torch.set_num_threads(1)
    module = torch.nn.Linear(2, 2)
    module(torch.zeros(2, 2)).sum().backward()
    torch.optim.AdamW(module.parameters(), fused=True).step()
    np.linalg.svd(np.eye(2))  # some builds load their kernels at the first use
    del module, jobs, ctypes
    gc.collect()
    gc.freeze()


def _settle(scratch: Path) -> None:
    os.environ.update(HOME=str(scratch), TMPDIR=str(scratch))
    os.environ.update({name: str(scratch / "compiled") for name in _CACHES})
    tempfile.tempdir = None
    os.chdir(scratch)
    os.umask(0o077)


def _sink(folder: Path) -> BinaryIO:
    """A nameless file, bounded by the child's limit on file size."""
    return tempfile.TemporaryFile(dir=folder)


def _tail(file: BinaryIO) -> str:
    file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL_BYTES))
    return file.read(_TAIL_BYTES).decode(errors="replace")


def _end_report(
    cause: str, status: int, usage: resource.struct_rusage, meter: UsageMeter
) -> JobEnd:
    code = os.waitstatus_to_exitcode(status)
    per_mb = 1 << 20 if sys.platform == "darwin" else 1 << 10
    return JobEnd(
        cause,
        code=max(code, 0),
        signal=max(-code, 0),
        cpu_seconds=max(usage.ru_utime + usage.ru_stime, meter.cpu_seconds),
        peak_memory_mb=usage.ru_maxrss / per_mb,
    )


def drain(pipe: int) -> None:
    """Empty a pipe that does not block."""
    try:
        os.read(pipe, 4096)
    except BlockingIOError:
        return


def _is_overfull(scratch: Path, entries: int) -> bool:
    size = count = 0
    for folder, folders, files in os.walk(scratch):
        count += len(folders) + len(files)
        if count > entries:
            return True
        for name in files:
            try:
                size += (Path(folder) / name).lstat().st_size
            except FileNotFoundError:
                continue
    return size > SCRATCH_LIMIT_BYTES


def listen_for_children() -> int:
    """The end of a pipe to wait on: it can be read when a child has ended."""
    wake, waker = os.pipe()
    for end in (wake, waker):
        os.set_blocking(end, False)
    signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    return wake


def set_aside_standard_streams() -> tuple[int, int]:
    """Copies of standard input and output, which then lead nowhere and to standard error."""
    copies = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return copies


def main() -> None:
    """Serve alone: in the folder, and with the first user id, that the command line gives."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    jobs, replies = set_aside_standard_streams()
    layers = {"network": confinement.leave_network(), "orphans": confinement.adopt_orphans()}
    with driver.hidden():
        warm_up()
    Worker(Path(sys.argv[1]), jobs, replies, layers, int(sys.argv[2])).serve()
