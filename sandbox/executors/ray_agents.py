"""Agents on the nodes of a Ray cluster: one actor a node, which relays its agent's stream.

Ray may end the process that uses this, and answers SIGTERM there: runs use it across a `Bridge`.
Nothing is retried by Ray. It says which nodes there are and which actors have died; what becomes of
their trials is decided here.
"""

from __future__ import annotations

import importlib
import logging
import os
import socket
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from archwright.core import InputError, SandboxError
from archwright.sandbox.executors import INSTEAD, Arrival
from archwright.sandbox.executors.relay import AgentRelay

SEND_SECONDS: Final = 180.0
"""How long an actor may take to start, or to take what it is sent."""
CLOSE_SECONDS: Final = 10.0
CONNECT_SECONDS: Final = 5.0
_TAKEN_BYTES: Final = 4 << 20
_CALLS: Final = 3
"""To a relay at a time: one brings, one takes, one ends it. Clients by `ray://` cannot
keep them apart by name."""
_QUIET: Final = {
    "RAY_USAGE_STATS_ENABLED": "0",  # it would tell others of the run
    "RAY_DEDUP_LOGS_SKIP_REGEX": ".",  # it would print the end of each node on our stdout
}


class RayChannel:
    """The way to an agent through the actor that relays its stream."""

    def __init__(self, ray: Any, relay: Any) -> None:
        self._ray, self._relay = ray, relay
        self._taking: Any = None
        self._rest = b""
        self._closing = threading.Lock()
        self.closed = False

    def send(self, data: bytes) -> None:
        """Send all of `data`; raises `OSError` where nobody takes it."""
        try:
            self._ray.get(self._relay.put.remote(data), timeout=SEND_SECONDS)
        except self._ray.exceptions.RayError as error:
            raise OSError(_last_line(error)) from error

    def receive(self, count: int, deadline: float) -> bytes:
        """Up to `count` bytes, none at the end."""
        while not self._rest:
            if self.closed:
                return b""
            if self._taking is None:
                self._taking = self._relay.take.remote(_TAKEN_BYTES)
            left = max(0.0, deadline - time.monotonic())
            try:
                data = self._ray.get(self._taking, timeout=left)
            except self._ray.exceptions.GetTimeoutError as error:
                raise TimeoutError from error
            except self._ray.exceptions.RayError:
                return b""
            self._taking = None
            if data == b"":
                return b""
            self._rest = data or b""
        data, self._rest = self._rest[:count], self._rest[count:]
        return bytes(data)

    def hang_up(self) -> None:
        """The agent meets the end of its input when it is closed."""

    def close(self) -> None:
        """End the agent with all that it has started, then the actor.

        Raises:
            SandboxError: its node does not answer, so nobody can see whether it is gone.
        """
        with self._closing:
            if self.closed:
                return
            self.closed = True
            try:
                self._ray.get(self._relay.close.remote(), timeout=CLOSE_SECONDS)
            except self._ray.exceptions.GetTimeoutError as error:
                raise SandboxError("it does not answer, so it was not seen to end") from error
            except self._ray.exceptions.RayError:
                return  # with its actor the agent meets the end of its input, and ends
            finally:
                with suppress(self._ray.exceptions.RayError, ValueError):
                    self._ray.kill(self._relay)


class RayAgents:
    """A launcher on every node of a cluster, also on those that join later.

    Args:
        address: `ray://HOST:PORT` or `HOST:PORT`; None is the cluster that this machine belongs
            to, else one that is started here.
        slots: trainings at a time on each node; 0 is one for each CPU that Ray counts there.
        wants_gpus: whether each agent takes the GPUs of its node.
    """

    name = "ray"

    def __init__(
        self, address: str | None = None, slots: int = 0, wants_gpus: bool = False
    ) -> None:
        self._address, self._slots, self._wants_gpus = address, slots, wants_gpus
        self._ray: Any = None
        self._channels: dict[str, RayChannel] = {}
        self._avoided: set[str] = set()

    def start(self) -> None:
        """Reach the cluster, or start one.

        Raises:
            InputError: it cannot be reached, or does not start.
        """
        for name, value in _QUIET.items():
            os.environ.setdefault(name, value)
        self._ray = importlib.import_module("ray")
        try:
            self._knock()
            self._ray.init(
                address=self._address,
                log_to_driver=False,
                logging_level=logging.ERROR,
                include_dashboard=False,
            )
        except (RuntimeError, ValueError, OSError, self._ray.exceptions.RayError) as error:
            where = self._address or "on this machine"
            raise InputError(
                f"ray {where} does not answer: {_explain(error)}; {INSTEAD}"
            ) from error

    def _knock(self) -> None:
        """See that a cluster answers where one is to be: Ray itself asks for half a minute."""
        place = self._address or _own_cluster()
        if not place:
            return
        host, _, port = place.removeprefix("ray://").rpartition(":")
        try:
            socket.create_connection((host, int(port)), CONNECT_SECONDS).close()
        except OSError as error:
            if self._address:
                raise
            raise OSError(
                f"the cluster that it belongs to, {place}, is gone: restart it, or clear it "
                "with `ray stop`"
            ) from error

    def arrivals(self) -> list[Arrival]:
        """Agents on nodes that have none; they may still be starting.

        Raises:
            SandboxError: the cluster does not say which nodes it has.
        """
        try:
            nodes = [node for node in self._ray.nodes() if node["Alive"]]
        except (RuntimeError, OSError, self._ray.exceptions.RayError) as error:
            raise SandboxError(f"ray does not answer: {_last_line(error)}") from error
        return [fresh for node in nodes if (fresh := self._begin(node)) is not None]

    def _begin(self, node: Any) -> Arrival | None:
        name = f"{node['NodeManagerHostname']}-{node['NodeID'][:6]}"
        old = self._channels.get(name)
        if name in self._avoided or (old is not None and not old.closed):
            return None
        resources = node["Resources"]
        cpus = int(resources.get("CPU", 0))
        gpus = resources.get("GPU", 0) if self._wants_gpus else 0
        if (not cpus and not self._slots) or (self._wants_gpus and not gpus):
            return None
        slots = self._slots if self._slots or gpus else cpus
        strategies = self._ray.util.scheduling_strategies
        relay = (
            self._ray.remote(AgentRelay)
            .options(
                max_concurrency=_CALLS,
                num_cpus=min(self._slots or cpus, cpus),
                num_gpus=gpus,
                max_restarts=0,
                max_task_retries=0,
                scheduling_strategy=strategies.NodeAffinitySchedulingStrategy(
                    node["NodeID"], False
                ),
            )
            .remote(["--slots", str(slots)], bool(gpus))
        )
        self._channels[name] = RayChannel(self._ray, relay)
        return Arrival(name, self._channels[name])

    def news(self) -> list[str]:
        """Nothing that the channels do not tell."""
        return []

    def avoid(self, node: str) -> None:
        """Start nothing there any more."""
        self._avoided.add(node)

    def close(self) -> None:
        """Leave the cluster; one that was started here ends."""
        if self._ray is not None:
            self._ray.shutdown()


def _own_cluster() -> str:
    """Where the cluster is, or was, that was started or joined on this machine; empty for none."""
    if "RAY_ADDRESS" in os.environ:  # which may hold words
        return ""
    folder = os.environ.get("RAY_TMPDIR") or os.environ.get("TMPDIR") or "/tmp"
    try:
        return (Path(folder) / "ray" / "ray_current_cluster").read_text().strip()
    except OSError:
        return ""


def _last_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[-1][:300] if lines else type(error).__name__


def _explain(error: BaseException) -> str:
    """Why it does not answer, and what to do about it."""
    said = str(error)
    if "startup" in said or "timed out" in said.lower():
        return (
            "it did not start in time, as on a machine that is very busy "
            "(its agents are given 15 s): try when it is idle"
        )
    if "token" in said.lower():
        return (
            "it asks for a token: copy ~/.ray/auth_token of its head node here, and set "
            "RAY_AUTH_MODE=token"
        )
    if "version" in said.lower():
        return f"versions differ: install the cluster's ({_last_line(error)})"
    asks = "" if "RAY_AUTH_MODE" in os.environ else " (if it asks for a token: RAY_AUTH_MODE=token)"
    return f"{_last_line(error)}{asks}"
