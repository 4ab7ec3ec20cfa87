"""The warm process that workers of the process sandbox are forked from, seen from outside.

To load torch takes longer than most trainings. So the forkserver of a sandbox that has closed, all
its workers gone, is kept for the next sandbox of this process, for a while.
"""

from __future__ import annotations

import atexit
import json
import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from threading import Lock, Timer
from typing import Final

from archwright.sandbox import contract
from archwright.sandbox.inside import LOADER
from archwright.sandbox.pool.scratch import Scratch
from archwright.sandbox.pool.worker import family_of, kill_all

CODE: Final = Path(contract.__file__).resolve().parent
"""Where `contract.py` and `inside/` lie: all of Archwright that a jail is given."""

_COMMAND: Final = f"{LOADER}from walled.inside.jail import forkserver; forkserver.main()"
_KEPT: Final = ("LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH", "PYTHONPATH")


class Forkserver:
    """The process that workers are forked from; started when first needed, and again if it died."""

    def __init__(self, base: Path | None = None) -> None:
        """`base` is where it makes a folder of its own; by default the temporary folder."""
        self._scratch = Scratch(base)
        self.folder = self._scratch.path
        self.log = self.folder / "forkserver.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._lock = Lock()

    def fork(self, folder: Path, files: Sequence[int], gpu: int | None = None) -> None:
        """Have a worker forked, now or as soon as the forkserver is warm.

        Args:
            folder: where the worker lives.
            files: descriptors of its jobs (to read), its replies and its log (to write).
            gpu: the one that it sees, by index; by default none.
        """
        given = "" if gpu is None else str(gpu)
        request = json.dumps({"folder": str(folder), "gpu": given}).encode()
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
            if process is not None and self._control is not None:
                self._control.close()
                family = family_of(process.pid)
                process.kill()
                process.wait()
                kill_all(family)
            self._scratch.remove()

    def rest(self) -> bool:
        """End every worker, and check that they are gone; whether it can be used again.

        Raises:
            SandboxError: something is still there.
        """
        with self._lock:
            if self._process is None or self._process.poll() is not None:
                return False
            kill_all(family_of(self._process.pid)[1:])
            return True


Kept = tuple[Forkserver, tuple[int, dict[str, str]]]
"""A forkserver, and what its start depended on."""


class Spare:
    """Keeps at most one forkserver that no sandbox uses, for `seconds`."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._lock = Lock()
        self._kept: Kept | None = None
        self._timer: Timer | None = None

    def take(self) -> Forkserver:
        """The one that is kept, if it would be started alike now; else a new one."""
        kept = self._exchange(None)
        if kept is not None:
            forkserver, condition = kept
            if condition == _condition():
                return forkserver
            _let_go(kept)
        return Forkserver()

    def leave(self, forkserver: Forkserver) -> None:
        """Keep it, its workers ended; one that was kept, or that has died, ends.

        Raises:
            SandboxError: something of it is still there.
        """
        if not forkserver.rest():
            forkserver.end()
            return
        kept = self._exchange((forkserver, _condition()))
        if kept is not None:
            _let_go(kept)

    def end(self) -> None:
        """End the one that is kept."""
        kept = self._exchange(None)
        if kept is not None:
            _let_go(kept)

    def _exchange(self, new: Kept | None) -> Kept | None:
        with self._lock:
            old, self._kept = self._kept, new
            if self._timer is not None:
                self._timer.cancel()
            self._timer = None
            if new is not None:
                self._timer = Timer(self._seconds, self.end)
                self._timer.daemon = True
                self._timer.start()
            return old


def _let_go(kept: Kept) -> None:
    """End a forkserver; a fork of the process that started it has no right to."""
    forkserver, (pid, _) = kept
    if pid == os.getpid():
        forkserver.end()


def _condition() -> tuple[int, dict[str, str]]:
    """What a forkserver's start depends on: this process, and its environment."""
    return os.getpid(), scrubbed_environment(Path())


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
        "CUDA_DEVICE_ORDER": "PCI_BUS_ID",  # as nvidia-smi and the container engine count
        "PYTORCH_NVML_BASED_CUDA_CHECK": "1",  # or the warm parent would begin the driver
        "CUDA_CACHE_DISABLE": "1",  # it would fill the scratch folder, and go with it
    }


spare: Final = Spare(seconds=60.0)
"""That of this process."""
atexit.register(spare.end)
