"""The process sandbox: a warm parent for each training slot forks a jailed child for each job."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import cast

from archwright.core import Limitation, Problem
from archwright.sandbox.limitations import ORPHANS
from archwright.sandbox.pool.forkserver import ForkedWorker, Forkserver
from archwright.sandbox.pool.sandbox import WarmSandbox, package_paths


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
