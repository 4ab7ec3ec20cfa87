"""Where trials run when this machine is not enough: agents on nodes, and what starts them.

A `Launcher` starts one agent (`archwright agent`) a node and gives a channel to each. The agent
opens the ordinary sandbox there. `RemoteSandbox` sends it trials and checks, and is a `Sandbox` as
any other: whoever uses it does not know where they run.
"""

from __future__ import annotations

from math import inf
from typing import Final, NamedTuple, Protocol

from archwright.core import SandboxError
from archwright.sandbox.pool.worker import Channel

INSTEAD: Final = "or leave --on out to train on this machine"
"""The end of what is said where there is nothing to start agents on."""


class Arrival(NamedTuple):
    """An agent that has been started: which node it is on, and the way to it."""

    node: str
    channel: Channel
    """Its `close` ends the agent with all that it has started, and checks that it is gone."""
    seconds: float = inf
    """How long it may stay on that node."""


class LauncherError(SandboxError):
    """It will start no more agents: who waits for one waits in vain."""


class Launcher(Protocol):
    """Starts agents. One thread uses it, but for `close`.

    `start` raises `InputError` where there is nothing to start agents on; the message offers the
    local sandbox. `arrivals` gives the agents that have been started since it was last asked, also
    those on nodes that have joined, or whose agent has died. `avoid` keeps a node free of agents
    from now on. `news` says what the run should know, a line each. `close` lets go of everything,
    once every channel is closed.
    """

    name: str

    def start(self) -> None: ...

    def arrivals(self) -> list[Arrival]: ...

    def news(self) -> list[str]: ...

    def avoid(self, node: str) -> None: ...

    def close(self) -> None: ...


__all__ = ["INSTEAD", "Arrival", "Launcher", "LauncherError"]
