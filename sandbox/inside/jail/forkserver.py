"""The parent of all workers of a sandbox: it loads torch once, and forks a worker when asked.

Requests come over a Unix socket that is its standard input: a line of JSON with the worker's
folder and GPU, and the file descriptors of its jobs, its replies and its log. It never runs
candidate code. At the end of its input it ends, and its workers with it.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import sys
import time
import traceback
from contextlib import suppress
from pathlib import Path
from typing import Final, NoReturn

from . import confinement, driver
from .descendants import PATIENCE_SECONDS, children, end_children
from .worker import Worker, drain, listen_for_children, warm_up

REQUEST_LIMIT_BYTES: Final = 1 << 16


class ForkLoop:
    """A loop over requests on `control`."""

    def __init__(self, control: socket.socket) -> None:
        self.control, self.pid = control, os.getpid()
        self.workers: set[int] = set()
        self.wake = listen_for_children()
        network, orphans = confinement.leave_network(), confinement.adopt_orphans()
        self.layers = {"network": network, "orphans": orphans}
        warm_up()

    def serve(self) -> None:
        """Fork workers until the socket closes; bury those that end, with what they left."""
        while True:
            ready = select.select([self.control.fileno(), self.wake], [], [])[0]
            if self.wake in ready:
                drain(self.wake)
                self._bury()
            if self.control.fileno() in ready:
                request, files, _, _ = socket.recv_fds(self.control, REQUEST_LIMIT_BYTES, 3)
                if not request:
                    self._end()
                    return
                self._fork(**json.loads(request), files=files)

    def _fork(self, folder: str, gpu: str, files: list[int]) -> None:
        pid = os.fork()
        if pid == 0:
            self._be_worker(folder, gpu, files)
        self.workers.add(pid)
        for file in files:
            os.close(file)

    def _be_worker(self, folder: str, gpu: str, files: list[int]) -> NoReturn:
        try:
            signal.set_wakeup_fd(-1)
            os.close(self.wake)
            self.control.close()
            jobs, replies, log = files
            for target in (1, 2):
                os.dup2(log, target)
            os.close(log)
            confinement.die_with(self.pid)
            if self.layers["orphans"]:
                confinement.adopt_orphans()  # a fork does not inherit it
            os.chdir(folder)
            os.environ.update({"HOME": folder, "TMPDIR": folder, driver.VISIBLE: gpu})
            Worker(Path(folder), jobs, replies, self.layers).serve()
            os._exit(0)
        except BaseException:  # noqa: BLE001 - whatever it is, this process ends here
            traceback.print_exc()
            os._exit(1)

    def _bury(self) -> None:
        """Collect dead children. Whatever a dead worker left behind has come here: it is killed."""
        with suppress(ChildProcessError):
            while (pid := os.waitpid(-1, os.WNOHANG)[0]) != 0:
                self.workers.discard(pid)
        for pid in set(children()) - self.workers:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def _end(self) -> None:
        """Let the workers end themselves, for their input ends as well; then all that is left."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self.workers and time.monotonic() < deadline:
            select.select([self.wake], [], [], 0.1)
            drain(self.wake)
            self._bury()
        end_children()


def main() -> None:
    """Serve on the socket that is standard input."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    control = socket.socket(fileno=os.dup(0))
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    sys.stdout = sys.stderr
    ForkLoop(control).serve()
