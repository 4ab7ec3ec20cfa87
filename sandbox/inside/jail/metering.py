"""What a job has used of its limit: CPU time of all its processes, and time that all of them sleep.

Seconds on the clock say little about a job on a busy machine: it may wait long for a processor. So
what is counted is what it does itself. A process that could run, but is given no processor, costs
nothing; one that sleeps or waits for another of the job pays as if it worked, for it may never
wake.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from .descendants import children

LONGEST_LOOK_SECONDS: Final = 1.0
"""What a longer time between two looks counts as: then the machine was asleep, or all stopped."""

_TICKS: Final = os.sysconf("SC_CLK_TCK")
_ASLEEP: Final = frozenset("SIZX")
"""States of a thread that waits, or has ended. In others it runs, could run, waits for a disk, or
was stopped by somebody else."""


class Stopwatch:
    """Seconds while somebody looks at it: pauses of the machine do not count.

    It was last looked at at `looked`, on the monotonic clock; by default now.
    """

    def __init__(self, looked: float | None = None) -> None:
        self.seconds = 0.0
        self._looked = time.monotonic() if looked is None else looked

    def look(self) -> float:
        """Count on. Returns the seconds since the last look, as they were counted."""
        now = time.monotonic()
        passed = min(now - self._looked, LONGEST_LOOK_SECONDS)
        self._looked = now
        self.seconds += passed
        return passed


class UsageMeter:
    """Measures the job that is the only thing this process has started.

    Where the system has no /proc it counts nothing, and only the limit on the clock holds, and the
    kernel's on each process's CPU time.
    """

    def __init__(self) -> None:
        self.cpu_seconds = 0.0
        self.charged_seconds = 0.0
        """What counts for the job's limit."""
        self._clock = Stopwatch()
        self._asleep = False

    @property
    def clock_seconds(self) -> float:
        """Seconds on the clock, pauses of the machine left out."""
        return self._clock.seconds

    def look(self) -> None:
        """Count what was used since the last look."""
        seen = list(_descendants())
        passed = self._clock.look()
        worked = max(0.0, sum(use.cpu_seconds for use in seen) - self.cpu_seconds)
        asleep = bool(seen) and all(use.asleep for use in seen)
        # At both ends of the time between: one that is seen to sleep for a moment goes on working.
        idle = max(0.0, passed - worked) if asleep and self._asleep else 0.0
        self.cpu_seconds += worked
        self.charged_seconds += worked + idle
        self._asleep = asleep


def private_mb(pid: int) -> float:
    """Memory of a process that no file stands behind, in MB; what it has from its parent counts,
    too. 0 where the system has no /proc, or the process has ended."""
    try:
        _, resident, shared, *_ = map(int, Path(f"/proc/{pid}/statm").read_text().split())
    except (OSError, ValueError):
        return 0.0
    return (resident - shared) * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


class _Use(NamedTuple):
    """CPU time of a process, with that of its children that have ended, and whether it sleeps."""

    cpu_seconds: float
    asleep: bool


def _descendants() -> Iterator[_Use]:
    """What each process below this one has used."""
    waiting = children()
    while waiting:
        pid = waiting.pop()
        with suppress(OSError, ValueError, IndexError):  # it has ended meanwhile
            words = _stat(Path(f"/proc/{pid}"))
            threads = [_stat(task)[0] for task in Path(f"/proc/{pid}/task").iterdir()]
            ticks = sum(map(int, words[11:15]))
            yield _Use(ticks / _TICKS, _ASLEEP.issuperset(threads))
            waiting += children(pid)


def _stat(process: Path) -> list[str]:
    """What the kernel says of a process or thread, from its state on."""
    return (process / "stat").read_text().rpartition(")")[2].split()
