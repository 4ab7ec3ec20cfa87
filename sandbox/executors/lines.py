"""What leads from one process to another: streams, and short messages that may bring a stream."""

from __future__ import annotations

import json
import select
import socket
import threading
import time
from collections import deque
from contextlib import suppress
from typing import Any

MESSAGE_BYTES = 1 << 16


class AgentLine:
    """A channel over a connection, at either end. Any thread may close it."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._reading = threading.Lock()
        self.closed = False

    def send(self, data: bytes) -> None:
        """Send all of `data`; raises `OSError` where nobody reads any more."""
        self._connection.sendall(data)

    def receive(self, count: int, deadline: float = float("inf")) -> bytes:
        """Up to `count` bytes, none at the end.

        Raises:
            TimeoutError: nothing came before the deadline.
        """
        with self._reading:
            if self.closed:
                return b""
            left = deadline - time.monotonic()
            waiting = select.poll()
            waiting.register(self._connection, select.POLLIN)
            if not waiting.poll(None if left == float("inf") else max(0.0, 1000 * left)):
                raise TimeoutError
            try:
                return self._connection.recv(count)
            except OSError:  # its other end was killed
                return b""

    def hang_up(self) -> None:
        """Let both ends meet the end of what they read."""
        with suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)

    def stop_reading(self) -> None:
        """Let this end meet the end of what it reads; it may still send."""
        with suppress(OSError):
            self._connection.shutdown(socket.SHUT_RD)

    def close(self) -> None:
        """End it."""
        self.hang_up()
        with self._reading:
            self.closed = True
            self._connection.close()


class Messages:
    """One end of a socket pair for short messages, each with a stream where it brings one.

    Any thread may send, one receives.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._sending = threading.Lock()
        self._rest = b""
        self._brought: deque[int] = deque()

    def send(self, brings: socket.socket | None = None, **message: Any) -> None:
        """Send a message, and the stream that it brings; raises `OSError` where nobody reads."""
        if brings is not None:
            message["brings"] = True
        line = json.dumps(message).encode() + b"\n"
        with self._sending:
            if brings is not None:
                socket.send_fds(self._connection, [line], [brings.fileno()])
            else:
                self._connection.sendall(line)

    def receive(self) -> tuple[dict[str, Any], socket.socket | None] | None:
        """The next message and what it brings; None at the end."""
        while b"\n" not in self._rest:
            try:
                data, brought, _, _ = socket.recv_fds(self._connection, MESSAGE_BYTES, 1)
            except OSError:
                data, brought = b"", []
            self._brought.extend(brought)
            if not data:
                return None
            self._rest += data
        line, _, self._rest = self._rest.partition(b"\n")
        message = json.loads(line)
        brings = message.pop("brings", False)
        return message, socket.socket(fileno=self._brought.popleft()) if brings else None

    def hang_up(self) -> None:
        """Let both ends meet the end of what they receive."""
        with suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """End it, once nobody receives any more."""
        self._connection.close()
        while self._brought:
            socket.socket(fileno=self._brought.popleft()).close()
