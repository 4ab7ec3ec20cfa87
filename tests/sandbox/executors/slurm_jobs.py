"""What tests of jobs share, whether Slurm is real or not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psutil

LOOKS_AROUND = """
import socket
found = [name for name in os.environ if name.startswith(('SLURM', 'SBATCH', 'MUNGE', 'ARCHW'))]
found += [name for name, value in os.environ.items() if 't0ken' in value]
for place in ('/run/munge', '/etc/munge', '/etc/slurm', '/var/spool/slurmd', '/dev/shm',
              f'/proc/{os.getppid()}/environ', '/proc/self/environ'):
    try:
        found.append(os.listdir(place) if os.path.isdir(place) else open(place).read(64))
    except OSError:
        pass
for kind in (socket.AF_UNIX, socket.AF_INET):
    try:
        found.append(socket.socket(kind, socket.SOCK_STREAM))
    except OSError:
        pass
"""
"""A candidate that is after what carries it; see `doing`."""


def _agents() -> set[psutil.Process]:
    """Agents that jobs have started."""
    found = set()
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if "agent" in words and "--connect" in words:
            found |= {process, *process.children(recursive=True)}
    return found


@contextmanager
def leaves_nothing() -> Iterator[None]:
    """Whatever agents run meanwhile, none is left soon after."""
    before = _agents()
    yield
    _, left = psutil.wait_procs(_agents() - before, timeout=30)
    assert not left
