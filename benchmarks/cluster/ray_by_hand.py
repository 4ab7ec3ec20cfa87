"""A Ray cluster whose nodes are all on this machine, started as its manual says, to be broken; and
all processes that come of it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from typing import IO, Final, Self

import psutil

from archwright.sandbox.pool.worker import family_of, kill_all

_SETTINGS: Final = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AUTH_MODE": "disabled",  # or a head takes a token that lies about, and its nodes do not
    "RAY_health_check_initial_delay_ms": "1000",
    "RAY_health_check_period_ms": "1000",
    "RAY_health_check_timeout_ms": "2000",
    "RAY_health_check_failure_threshold": "3",
}
_STORE_BYTES: Final = 80_000_000
LOOK_SECONDS: Final = 0.5
LEFT_SECONDS: Final = 120.0


class RayByHand:
    """A head without CPUs, and nodes with one each."""

    def __init__(self) -> None:
        self._port, self._client_port = _free_port(), _free_port()
        self.address = f"127.0.0.1:{self._port}"
        self.client_address = f"ray://127.0.0.1:{self._client_port}"
        self.head: subprocess.Popen[bytes] | None = None
        self.nodes: list[subprocess.Popen[bytes]] = []

    def start_head(self) -> None:
        """Start the head, or another one in its place. Returns when it is ready."""
        self.head = self._start(
            "--head",
            f"--port={self._port}",
            f"--ray-client-server-port={self._client_port}",
            "--num-cpus=0",
            "--include-dashboard=false",
        )

    def start_node(self) -> None:
        """Start one more; two at a time would take the same names."""
        self.nodes.append(self._start(f"--address={self.address}", "--num-cpus=1"))

    def _start(self, *words: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-m", "ray.scripts.scripts", "start", "--block",
             f"--object-store-memory={_STORE_BYTES}", *words],
            env={**os.environ, **_SETTINGS},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            start_new_session=True,
        )  # fmt: skip
        assert process.stdout is not None
        said = []
        for line in process.stdout:
            said.append(line.decode(errors="replace"))
            if "Ray runtime started" in said[-1]:
                threading.Thread(target=_drain, args=(process.stdout,), daemon=True).start()
                return process
        raise OSError(f"ray does not start: {''.join(said[-5:])}")

    def kill_raylet(self) -> None:
        """Kill the daemon of the oldest node; its workers are left to themselves."""
        for process in family_of(self.nodes.pop(0).pid):
            with suppress(psutil.NoSuchProcess):
                if process.name() == "raylet":
                    process.kill()

    def freeze_node(self) -> list[psutil.Process]:
        """Stop all processes of the oldest node, as a network that is gone does."""
        frozen = family_of(self.nodes.pop(0).pid)
        for process in frozen:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGSTOP)
        return frozen

    def kill_head(self) -> None:
        """Kill all processes of the head."""
        assert self.head is not None
        kill_all(family_of(self.head.pid))
        self.head.wait()

    def kill_nodes(self) -> None:
        """Kill all processes of all nodes."""
        for node in self.nodes:
            kill_all(family_of(node.pid))
            node.wait()
        self.nodes = []

    def close(self) -> None:
        """End all of it."""
        self.kill_nodes()
        if self.head is not None:
            self.kill_head()


def _drain(said: IO[bytes]) -> None:
    with said:
        said.read()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


class Offspring:
    """All processes that this one has started, and those that they have, as long as it is entered.

    Who starts a process and ends at once may escape it.
    """

    def __init__(self) -> None:
        self._seen: set[psutil.Process] = set()
        self._over = threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        """Begin to watch."""
        self._watcher.start()
        return self

    def _watch(self) -> None:
        while not self._over.wait(LOOK_SECONDS):
            self._seen = {p for p in self._seen if p.is_running()}
            for process in (psutil.Process(), *self._seen):
                with suppress(psutil.NoSuchProcess):
                    self._seen |= set(process.children(recursive=True))

    def __exit__(self, *error: object) -> None:
        """Watch no more."""
        self._over.set()
        self._watcher.join()

    def left(self) -> int:
        """How many do not end within two minutes."""
        _, left = psutil.wait_procs(self._seen, timeout=LEFT_SECONDS)
        return sum(p.is_running() and p.status() != psutil.STATUS_ZOMBIE for p in left)
