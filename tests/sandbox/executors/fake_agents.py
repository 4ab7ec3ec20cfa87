"""Agents that say what a test tells them to, over a channel that leads nowhere."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from typing import Any

from archwright import __version__
from archwright.sandbox.executors import Arrival
from archwright.sandbox.executors.messages import AgentHello
from archwright.sandbox.inside import frames

HELLO = AgentHello(__version__, "torch 2 on a processor", 2, 8192, 0, "process", "", ())
Said = list[tuple[Mapping[str, Any], bytes] | bytes]
Answer = Callable[[dict[str, Any]], Said]
"""What an agent says to a message: frames, or raw bytes."""


def hello(**fields: Any) -> Said:
    """An agent introduces itself."""
    return [({"hello": asdict(replace(HELLO, **fields))}, b"")]


class FakeChannel:
    """Answers each message by a function; after `close`, or b"" as an answer, it has ended."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._said: queue.Queue[bytes] = queue.Queue()
        self._rest = b""
        self.closed = False
        self.heard: list[dict[str, Any]] = []

    def send(self, data: bytes) -> None:
        header, _ = frames.decode(data)
        self.heard.append(header)
        for said in self._answer(header):
            self._said.put(said if isinstance(said, bytes) else frames.encode(*said))

    def receive(self, count: int, deadline: float) -> bytes:
        if not self._rest:
            try:
                self._rest = self._said.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty as error:
                raise TimeoutError from error
        data, self._rest = self._rest[:count], self._rest[count:]
        return data

    def hang_up(self) -> None:
        self.close()

    def close(self) -> None:
        self.closed = True
        self._said.put(b"")


class FakeAgents:
    """A launcher of fake agents, each by its answers; they come one look after the other."""

    name = "fakes"

    def __init__(self, *answers: Answer) -> None:
        self.channels = [FakeChannel(answer) for answer in answers]
        self._coming = [Arrival(f"fake-{n}", c) for n, c in enumerate(self.channels)]
        self.avoided: list[str] = []

    def start(self) -> None:
        """Nothing to start."""

    def arrivals(self) -> list[Arrival]:
        return [self._coming.pop(0)] if self._coming else []

    def news(self) -> list[str]:
        return []

    def avoid(self, node: str) -> None:
        self.avoided.append(node)

    def close(self) -> None:
        assert all(channel.closed for channel in self.channels if channel.heard)
