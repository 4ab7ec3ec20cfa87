"""Who trains on which node: trials wait here for a place that has what they need."""

from __future__ import annotations

import heapq
import itertools
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from archwright.core import SandboxError, Stopped
from archwright.sandbox.executors.nodes import RemoteNode

FRESH_SHARE: Final = 0.5
"""A node with this share of its time left, or more, begins with a trial however long it is."""
DURATIONS_KEPT: Final = 20
DURATION_SLACK: Final = 1.2
PATIENCE_SECONDS: Final = 600.0
"""How long work waits for a node that could do it, where there is none."""


class Need(NamedTuple):
    """What a trial takes of a node."""

    memory_mb: int = 0
    gpu: bool = False
    seconds: float = 0.0
    """How long it is expected to take."""


class Durations:
    """How long trials take, by their steps: as the slowest of the last ones did."""

    def __init__(self) -> None:
        self._seen: dict[int, deque[float]] = {}
        self._lock = threading.Lock()

    def note(self, steps: int, seconds: float) -> None:
        """A trial has taken so long."""
        with self._lock:
            self._seen.setdefault(steps, deque(maxlen=DURATIONS_KEPT)).append(seconds)

    def expect(self, steps: int) -> float:
        """Seconds that another one will hardly pass; 0 where none is known."""
        with self._lock:
            if not self._seen:
                return 0.0
            near = max((s for s in self._seen if s <= steps), default=min(self._seen))
            return DURATION_SLACK * max(self._seen[near]) * max(1.0, steps / max(1, near))


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
    is_fresh: bool = True
    """Whether it has not trained yet."""


class Places:
    """Shares out the slots of all nodes. Any thread may use it.

    A trial goes to the node with the most free slots of those that have the memory, the device and
    the time it needs. One that needs more memory than any node has still gets one to itself.
    """

    def __init__(self, patience_seconds: float = PATIENCE_SECONDS) -> None:
        self._patience = patience_seconds
        self._rooms: dict[RemoteNode, _Room] = {}
        self._waiting: list[_Ticket] = []
        self._arrivals = itertools.count()
        self._changed = threading.Condition()
        self.closed = False
        self.fault: SandboxError | None = None
        """Why no more nodes will come, once that is known."""

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
            found = self._rooms.pop(node, None) is not None
            self._turn_away()
            return found

    def close(self) -> None:
        """Turn everybody away, those who wait included."""
        with self._changed:
            self.closed = True
            self._turn_away()

    def give_up(self, fault: SandboxError) -> None:
        """No more nodes will come: when the last one has left, everybody is told so."""
        with self._changed:
            self.fault = fault
            self._turn_away()

    def _turn_away(self) -> None:
        if self.closed or (self.fault is not None and not self._rooms):
            while self._waiting:
                self._waiting.pop().called.set()
            self._changed.notify_all()

    def spent(self) -> list[RemoteNode]:
        """Nodes that do nothing, and have too little time for all who wait."""
        with self._changed:
            needs = [ticket.need.seconds for ticket in self._waiting]
            return [
                node
                for node, room in self._rooms.items()
                if needs and room.slots == node.slots and not room.checks
                and not any(_has_time(node, room, seconds) for seconds in needs)
            ]  # fmt: skip

    @contextmanager
    def place(self, need: Need, priority: int = 0) -> Iterator[RemoteNode]:
        """Hold a slot of a node, waiting for one if need be; lowest `priority` first.

        Raises:
            Stopped: it was closed before.
            SandboxError: there has been no node with what is needed for too long, or none will
                come.
        """
        ticket = _Ticket(priority, next(self._arrivals), need)
        with self._changed:
            heapq.heappush(self._waiting, ticket)
            self._share_out()
            self._turn_away()
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
                        f"{self._patience:.0f} s: check the cluster, then resume there or "
                        "with --on local"
                    )
        if self.closed or ticket.node is None:
            raise self._refusal()
        return ticket.node

    def _refusal(self) -> Exception:
        if self.fault is None or self.closed:
            return Stopped("the sandbox was stopped")
        return SandboxError(f"{self.fault}; check it, then resume there or with --on local")

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
            self._rooms[node].is_fresh = False
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
            and _has_time(node, room, need.seconds)
            and (room.memory_mb >= need.memory_mb or room.slots == node.slots)
        ]
        return max(fitting)[2] if fitting else None

    @contextmanager
    def checker(self) -> Iterator[RemoteNode]:
        """The node that checks least at the moment; waits until there is one.

        Raises:
            Stopped: it was closed before.
            SandboxError: there has been no node for too long, or none will come.
        """
        with self._changed:
            came = self._changed.wait_for(
                lambda: self._rooms or self.closed or self.fault, self._patience
            )
            if self.closed or (self.fault and not self._rooms):
                raise self._refusal()
            if not came:
                raise SandboxError(
                    f"no node has been there for {self._patience:.0f} s: check the cluster, "
                    "then resume there or with --on local"
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


def _has_time(node: RemoteNode, room: _Room, seconds: float) -> bool:
    """Whether a trial may be through before the node is taken; a first one is tried in any case, or
    one that is too long would be handed on for ever."""
    left = node.seconds_left
    return left >= seconds or (room.is_fresh and left >= FRESH_SHARE * node.seconds)
