"""Who trains on which node: trials wait here for a place that has what they need."""

from __future__ import annotations

import heapq
import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from archwright.core import SandboxError, Stopped
from archwright.sandbox.executors.nodes import RemoteNode

PATIENCE_SECONDS: Final = 600.0
"""How long work waits for a node that could do it, where there is none."""


class Need(NamedTuple):
    """What a trial takes of a node."""

    memory_mb: int = 0
    gpu: bool = False


@dataclass(order=True, slots=True)
class _Ticket:
    """Somebody who waits, lowest priority first, then in order of arrival."""

    priority: int
    arrival: int
    need: Need = field(compare=False)
    node: RemoteNode | None = field(default=None, compare=False)
    called: threading.Event = field(default_factory=threading.Event, compare=False)


@dataclass(slots=True)
class _Room:
    """What is free on a node."""

    slots: int
    memory_mb: int
    checks: int = 0


class Places:
    """Shares out the slots of all nodes. Any thread may use it.

    A trial goes to the node with the most free slots of those that have the memory and the device
    it needs. One that needs more memory than any node has still gets one to itself.
    """

    def __init__(self, patience_seconds: float = PATIENCE_SECONDS) -> None:
        self._patience = patience_seconds
        self._rooms: dict[RemoteNode, _Room] = {}
        self._waiting: list[_Ticket] = []
        self._arrivals = itertools.count()
        self._changed = threading.Condition()
        self.closed = False

    @property
    def nodes(self) -> list[RemoteNode]:
        """All that take work."""
        with self._changed:
            return list(self._rooms)

    def join(self, node: RemoteNode) -> None:
        """A node takes work from now on."""
        with self._changed:
            memory = node.hello.memory_mb if node.hello else 0
            self._rooms[node] = _Room(node.slots, memory)
            self._share_out()
            self._changed.notify_all()

    def leave(self, node: RemoteNode) -> bool:
        """It takes none any more; whether it did before."""
        with self._changed:
            return self._rooms.pop(node, None) is not None

    def close(self) -> None:
        """Turn everybody away, those who wait included."""
        with self._changed:
            self.closed = True
            for ticket in self._waiting:
                ticket.called.set()
            self._changed.notify_all()

    @contextmanager
    def place(self, need: Need, priority: int = 0) -> Iterator[RemoteNode]:
        """Hold a slot of a node, waiting for one if need be; lowest `priority` first.

        Raises:
            Stopped: it was closed before.
            SandboxError: there has been no node with what is needed for too long.
        """
        ticket = _Ticket(priority, next(self._arrivals), need)
        with self._changed:
            heapq.heappush(self._waiting, ticket)
            self._share_out()
        node = self._await(ticket)
        try:
            yield node
        finally:
            with self._changed:
                if room := self._rooms.get(node):
                    room.slots += 1
                    room.memory_mb += need.memory_mb
                    self._share_out()

    def _await(self, ticket: _Ticket) -> RemoteNode:
        while not ticket.called.wait(self._patience):
            with self._changed:
                if ticket.node is None and not any(_has(n, ticket.need) for n in self._rooms):
                    self._forget(ticket)
                    what = "a GPU" if ticket.need.gpu else "room"
                    raise SandboxError(
                        f"no node with {what} for a trial has been there for "
                        f"{self._patience:.0f} s: look after the cluster, then resume, there or "
                        "with --on local"
                    )
        if self.closed or ticket.node is None:
            raise Stopped("the sandbox was stopped")
        return ticket.node

    def _forget(self, ticket: _Ticket) -> None:
        self._waiting.remove(ticket)
        heapq.heapify(self._waiting)

    def _share_out(self) -> None:
        """Give free slots to those who wait, in turn; who needs what is not free is overtaken."""
        passed: list[_Ticket] = []
        while self._waiting and any(room.slots > 0 for room in self._rooms.values()):
            ticket = heapq.heappop(self._waiting)
            node = self._find(ticket.need)
            if node is None:
                passed.append(ticket)
                continue
            self._rooms[node].slots -= 1
            self._rooms[node].memory_mb -= ticket.need.memory_mb
            ticket.node = node
            ticket.called.set()
        for ticket in passed:
            heapq.heappush(self._waiting, ticket)

    def _find(self, need: Need) -> RemoteNode | None:
        fitting = [
            (room.slots, -number, node)
            for number, (node, room) in enumerate(self._rooms.items())
            if room.slots > 0
            and _has(node, need)
            and (room.memory_mb >= need.memory_mb or room.slots == node.slots)
        ]
        return max(fitting)[2] if fitting else None

    @contextmanager
    def checker(self) -> Iterator[RemoteNode]:
        """The node that checks least at the moment; waits until there is one.

        Raises:
            Stopped: it was closed before.
            SandboxError: there has been no node for too long.
        """
        with self._changed:
            came = self._changed.wait_for(lambda: self._rooms or self.closed, self._patience)
            if self.closed:
                raise Stopped("the sandbox was stopped")
            if not came:
                raise SandboxError(
                    f"no node has been there for {self._patience:.0f} s: look after the cluster, "
                    "then resume, there or with --on local"
                )
            node = min(self._rooms, key=lambda each: self._rooms[each].checks)
            room = self._rooms[node]
            room.checks += 1
        try:
            yield node
        finally:
            with self._changed:
                room.checks -= 1


def _has(node: RemoteNode, need: Need) -> bool:
    return not need.gpu or (node.hello is not None and node.hello.gpus > 0)
