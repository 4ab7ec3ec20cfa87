"""How an agent that a batch system has started reaches its run: it calls back, by TCP.

Both sides know the token of the run. It is never sent: each proves that it knows it by a keyed hash
over random numbers of both. Then the agent's stream begins (`messages`), which is not encrypted.
"""

from __future__ import annotations

import hmac
import queue
import secrets
import socket
import struct
import threading
import time
from contextlib import suppress
from typing import Final, NamedTuple

from archwright.core import SandboxError

TOKEN: Final = "ARCHWRIGHT_AGENT_TOKEN"
"""The variable of a job that holds the token of its run."""
GREETING: Final = b"archwright agent 1\n"
NONCE_BYTES: Final = 32
PROOF_BYTES: Final = 32
NUMBER: Final = struct.Struct("!Q")

PROVE_SECONDS: Final = 10.0
"""How long a caller may take to prove himself."""
CALLS_LIMIT: Final = 64
"""Callers that may be about to prove themselves at a time; more are turned away."""
CALL_TRIES: Final = 4
CALL_SECONDS: Final = 15.0
SILENT_SECONDS: Final = 60
"""What was sent and is not acknowledged for so long ends the connection: the other machine is
gone."""


class AgentCall(NamedTuple):
    """Who has proved that it knows the token."""

    job: int
    connection: socket.socket


class Reception:
    """Takes the calls of a run's agents.

    Args:
        token: of the run.
        port: 0 is any that is free.

    Raises:
        OSError: the port is taken.
    """

    def __init__(self, token: str, port: int = 0) -> None:
        self._token = token.encode()
        both = socket.has_dualstack_ipv6()
        family = socket.AF_INET6 if both else socket.AF_INET
        self._server = socket.create_server(("", port), family=family, dualstack_ipv6=both)
        self._server.settimeout(0.5)
        self.port: int = self._server.getsockname()[1]
        self._proved: queue.SimpleQueue[AgentCall] = queue.SimpleQueue()
        self._room = threading.BoundedSemaphore(CALLS_LIMIT)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._accept, name="reception", daemon=True)
        self._thread.start()

    def callers(self) -> list[AgentCall]:
        """Those who have proved themselves since it was last asked."""
        found = []
        with suppress(queue.Empty):
            while True:
                found.append(self._proved.get_nowait())
        return found

    def close(self) -> None:
        """Take no more calls."""
        self._over.set()
        self._thread.join()
        self._server.close()
        for caller in self.callers():
            caller.connection.close()

    def _accept(self) -> None:
        while not self._over.is_set():
            try:
                connection, _ = self._server.accept()
            except OSError:  # nobody called, or who called is gone again
                continue
            if not self._room.acquire(blocking=False):
                connection.close()
                continue
            threading.Thread(target=self._meet, args=(connection,), daemon=True).start()

    def _meet(self, connection: socket.socket) -> None:
        try:
            job = self._prove(connection)
        except (OSError, SandboxError):
            connection.close()
            return
        finally:
            self._room.release()
        self._proved.put(AgentCall(job, connection))
        if self._over.is_set():  # nobody will ask any more
            connection.close()

    def _prove(self, connection: socket.socket) -> int:
        deadline, ours = time.monotonic() + PROVE_SECONDS, secrets.token_bytes(NONCE_BYTES)
        _tune(connection)
        _send(connection, GREETING + ours, deadline)
        said = _receive(connection, NONCE_BYTES + NUMBER.size + PROOF_BYTES, deadline)
        told, proof = said[:-PROOF_BYTES], said[-PROOF_BYTES:]
        if not hmac.compare_digest(proof, _proof(self._token, b"agent", ours + told)):
            raise SandboxError("a caller does not know the token")
        _send(connection, _proof(self._token, b"run", ours + told), deadline)
        connection.settimeout(None)
        return int(NUMBER.unpack(told[NONCE_BYTES:])[0])


def call_back(address: str, token: str, job: int, tries: int = CALL_TRIES) -> socket.socket:
    """Reach the run from a job of it. Each try waits a second longer than the one before.

    Args:
        address: HOST:PORT.

    Raises:
        SandboxError: nobody answers there, or it is not the run.
    """
    host, _, port = address.rpartition(":")
    why: Exception = SandboxError("it was not tried")
    for attempt in range(tries):
        time.sleep(attempt)
        try:
            connection = socket.create_connection((host, int(port)), CALL_SECONDS)
        except OSError as error:
            why = error
            continue
        try:
            _introduce(connection, token.encode(), job)
        except (OSError, SandboxError) as error:
            connection.close()
            why = error
            continue
        return connection
    raise SandboxError(f"the run does not answer at {address}: {why}")


def _introduce(connection: socket.socket, token: bytes, job: int) -> None:
    deadline = time.monotonic() + PROVE_SECONDS
    _tune(connection)
    said = _receive(connection, len(GREETING) + NONCE_BYTES, deadline)
    if not said.startswith(GREETING):
        raise SandboxError("it is not a run of this version of Archwright")
    told = secrets.token_bytes(NONCE_BYTES) + NUMBER.pack(job)
    basis = said[len(GREETING) :] + told
    _send(connection, told + _proof(token, b"agent", basis), deadline)
    proof = _receive(connection, PROOF_BYTES, deadline)
    if not hmac.compare_digest(proof, _proof(token, b"run", basis)):
        raise SandboxError("it does not know the token of the run")
    connection.settimeout(None)


def _proof(token: bytes, side: bytes, basis: bytes) -> bytes:
    return hmac.digest(token, side + basis, "sha256")


def _tune(connection: socket.socket) -> None:
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 1000 * SILENT_SECONDS)


def _send(connection: socket.socket, data: bytes, deadline: float) -> None:
    connection.settimeout(max(0.01, deadline - time.monotonic()))
    connection.sendall(data)


def _receive(connection: socket.socket, count: int, deadline: float) -> bytes:
    """Exactly so many bytes before the deadline, however slowly they come.

    Raises:
        SandboxError: the stream ended before.
        TimeoutError: they did not come.
    """
    found = b""
    while len(found) < count:
        connection.settimeout(max(0.01, deadline - time.monotonic()))
        if time.monotonic() >= deadline:
            raise TimeoutError("it does not say who it is")
        piece = connection.recv(count - len(found))
        if not piece:
            raise SandboxError("it hung up")
        found += piece
    return found
