"""Agents on this machine, one process a node: what a cluster is tried out with."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from archwright.sandbox.executors import Arrival, LauncherError
from archwright.sandbox.pool.worker import Pipes, family_of, kill_all

COMMAND: Final = (sys.executable, "-m", "archwright", "agent")
_HIDDEN: Final = ("RAY_", "SLURM", "SRUN_", "SBATCH_", "MUNGE_", "ARCHWRIGHT_AGENT_")
RESTARTS: Final = 20


def agent_environment() -> dict[str, str]:
    """An agent's environment: nothing of the engine that started it."""
    shown = {name: value for name, value in os.environ.items() if not name.startswith(_HIDDEN)}
    return {**shown, "PYTHONUNBUFFERED": "1"}


class AgentProcess:
    """A channel to an agent that is a process of this machine."""

    def __init__(self, words: Sequence[str] = ()) -> None:
        self._process = subprocess.Popen(
            [*COMMAND, *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=agent_environment(),
            bufsize=0,
            start_new_session=True,  # Ctrl-C is the orchestrator's to answer
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self.pid = self._process.pid
        self._pipes = Pipes(self._process.stdin, self._process.stdout)
        self._closing = threading.Lock()
        self.closed = False

    def send(self, data: bytes) -> None:
        """Send all of `data`."""
        rest = memoryview(data)
        assert self._process.stdin is not None
        while rest:
            rest = rest[self._process.stdin.write(rest) :]

    def receive(self, count: int, deadline: float) -> bytes:
        """Up to `count` bytes, none at the end."""
        return b"" if self.closed else self._pipes.receive(count, deadline)

    def hang_up(self) -> None:
        """Let the agent meet the end of its input."""
        self._pipes.hang_up()

    def close(self) -> None:
        """End the agent with all that it has started, and see it gone.

        Raises:
            SandboxError: something is still there.
        """
        with self._closing:
            if self.closed:
                return
            family = family_of(self.pid)
            with suppress(ProcessLookupError):
                self._process.kill()
            kill_all(family)
            self._process.wait()
            self.closed = True
            self._pipes.hang_up()
            self._pipes.close()


class LocalAgents:
    """A launcher of so many agents here. One that dies is followed by another.

    Args:
        count: how many nodes there are.
        slots: trainings at a time on each.
        words: more options of `archwright agent`.
    """

    name = "local agents"

    def __init__(self, count: int = 1, slots: int = 1, words: Sequence[str] = ()) -> None:
        self.count, self._words = count, ("--slots", str(slots), *words)
        self.restarts = RESTARTS
        """How many may follow others that died."""
        self.agents: dict[str, AgentProcess] = {}
        self._begun = 0
        self._avoided: set[str] = set()

    def start(self) -> None:
        """There is nothing to reach first."""

    def arrivals(self) -> list[Arrival]:
        """Those that have just been started."""
        fresh = []
        for number in range(self.count):
            name = f"local-{number}"
            old = self.agents.get(name)
            if name in self._avoided or (old is not None and not old.closed):
                continue
            if self._begun >= self.count + self.restarts:
                raise LauncherError("agents end as soon as they are started: see archwright doctor")
            self._begun += 1
            self.agents[name] = AgentProcess(self._words)
            fresh.append(Arrival(name, self.agents[name]))
        return fresh

    def news(self) -> list[str]:
        """Nothing that the channels do not tell."""
        return []

    def avoid(self, node: str) -> None:
        """Start nothing there any more."""
        self._avoided.add(node)

    def close(self) -> None:
        """Nothing is left once the agents are closed."""
        for agent in self.agents.values():
            agent.close()
