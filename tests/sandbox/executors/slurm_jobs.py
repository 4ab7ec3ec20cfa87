"""What tests of jobs share, whether Slurm is real or not."""

from __future__ import annotations

import psutil

from archwright.sandbox.executors.slurm.agents import SlurmAgents

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


class Left:
    """Sees what the jobs of a run have started, and whether it is gone."""

    def __init__(self, agents: SlurmAgents) -> None:
        self._agents = agents
        self._seen: set[psutil.Process] = set()

    def look(self) -> None:
        """Take note of all there is."""
        assert self._agents._reception is not None
        mark = f":{self._agents._reception.port}"
        for process in psutil.process_iter(["cmdline"]):
            if any(word.endswith(mark) for word in process.info["cmdline"] or []):
                self._seen |= {process, *process.children(recursive=True)}

    def is_nothing(self) -> bool:
        """Whether it is all gone, or soon is."""
        return bool(self._seen) and not psutil.wait_procs(self._seen, timeout=60)[1]
