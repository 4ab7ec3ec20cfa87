"""A launcher in a process of its own, for an engine that may take its process with it.

Ray ends whoever uses it a minute after the head of its cluster has gone. So a run leaves that to a
process beside it, and begins another one where it ends: trials wait, and the run goes on when the
cluster is back. The other side is in `bridge_end`.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from typing import Any, Final

import psutil

from archwright.core import InputError, SandboxError
from archwright.sandbox.contract import clean
from archwright.sandbox.executors import Arrival, LauncherError
from archwright.sandbox.executors.lines import AgentLine, Messages
from archwright.sandbox.pool.worker import family_of, kill_all

START_SECONDS: Final = 180.0
"""How long an engine may take to answer for the first time."""
AGAIN_SECONDS: Final = 5.0
"""How long after the end of a process the next one begins."""
TELL_SECONDS: Final = 5.0
"""How long after the end of a stream it may take to be told why."""
CLOSE_SECONDS: Final = 15.0


class BridgedLine(AgentLine):
    """The way to an agent across the bridge."""

    def __init__(self, connection: socket.socket) -> None:
        super().__init__(connection)
        self._ended, self._gone = threading.Event(), threading.Event()
        self._died, self._why = False, ""

    def note_end(self, died: bool) -> None:
        """Its stream is at its end; `died` where the agent was seen to."""
        self._died = died
        self._ended.set()

    def note_gone(self, why: str) -> None:
        """It was ended with all that it had started; else `why` says what is in the way."""
        self._why = why
        self._gone.set()

    def receive(self, count: int, deadline: float = float("inf")) -> bytes:
        """Up to `count` bytes, none at the end.

        Raises:
            TimeoutError: nothing came before the deadline.
            OSError: the way to the agent is gone; what became of it cannot be seen.
        """
        data = super().receive(count, deadline)
        if not data and not self.closed:
            self._ended.wait(TELL_SECONDS)
            if not self._died:
                raise OSError("the way to it is gone")
        return data

    def close(self) -> None:
        """End the agent with all that it has started.

        Raises:
            SandboxError: nobody can see whether it is gone.
        """
        if self.closed:
            return
        self._ended.set()
        super().close()
        if not self._gone.wait(CLOSE_SECONDS):
            self._why = "it does not answer, so it was not seen to end"
        if self._why:
            raise SandboxError(self._why)


class Bridge:
    """A launcher whose engine is used by another process.

    Args:
        engine: which one, of `bridge_end.ENGINES`.
        settings: of the launcher that uses it there.
    """

    def __init__(self, engine: str, **settings: Any) -> None:
        self.name = engine
        self._settings = settings
        self._process: subprocess.Popen[bytes] | None = None
        self._messages: Messages | None = None
        self._listener: threading.Thread | None = None
        self._lock = threading.Lock()
        self._answered = threading.Event()
        self._lines: dict[int, BridgedLine] = {}
        self._fresh: list[Arrival] = []
        self._news: list[str] = []
        self._fault: SandboxError | None = None
        self._avoided: list[str] = []
        self._again_at = 0.0
        self._is_over = False

    def start(self) -> None:
        """Reach the engine.

        Raises:
            InputError: it does not answer.
        """
        self._begin()
        if not self._answered.wait(START_SECONDS):
            self.close()
            raise InputError(f"{self.name} does not answer; leave --on out to train here")
        if self._fault is not None:
            self.close()
            raise InputError(str(self._fault))

    def _begin(self) -> None:
        ours, theirs = socket.socketpair()
        words = {"engine": self.name, "avoid": self._avoided, "settings": self._settings}
        errors = tempfile.TemporaryFile()  # noqa: SIM115 - its reader closes it
        self._process = subprocess.Popen(
            [sys.executable, "-m", "archwright.sandbox.executors.bridge_end", json.dumps(words)],
            stdin=theirs.fileno(),
            stdout=subprocess.DEVNULL,
            stderr=errors.fileno(),
            start_new_session=True,  # Ctrl-C is the run's to answer
        )
        theirs.close()
        self._messages = Messages(ours)
        given = (self._process, self._messages, errors)
        self._listener = threading.Thread(target=self._listen, args=given, daemon=True)
        self._listener.start()

    def _listen(self, process: subprocess.Popen[bytes], messages: Messages, errors: Any) -> None:
        while (received := messages.receive()) is not None:
            self._take(*received)
        with suppress(subprocess.TimeoutExpired):
            process.wait(TELL_SECONDS)
        errors.seek(0)
        said = errors.read().decode(errors="replace").strip().splitlines() or ["it says nothing"]
        errors.close()
        messages.close()
        with self._lock:
            self._again_at = time.monotonic() + AGAIN_SECONDS
            lost, self._lines = self._lines, {}
            if self._fault is None:
                self._fault = SandboxError(
                    f"what connects the run with {self.name} has ended, it begins again: "
                    f"{clean(said[-1], 300)}"
                )
        for line in lost.values():
            line.note_end(died=False)
            line.note_gone("")  # without it, agents end by themselves
        self._answered.set()

    def _take(self, message: dict[str, Any], brought: socket.socket | None) -> None:
        with self._lock:
            if brought is not None:
                fresh = self._lines[message["number"]] = BridgedLine(brought)
                self._fresh.append(Arrival(message["node"], fresh))
            elif "ended" in message:
                self._lines[message["ended"]].note_end(message["died"])
            elif "gone" in message:
                self._lines[message["gone"]].note_gone(message["why"])
            elif "news" in message:
                self._news.append(message["news"])
            elif "fault" in message:
                kind = LauncherError if message["final"] else SandboxError
                self._fault = kind(message["fault"])
            elif "started" in message:
                self._answered.set()

    def arrivals(self) -> list[Arrival]:
        """The agents that have been started since it was last asked.

        Raises:
            SandboxError: the engine does not answer at present.
            LauncherError: it will start no more.
        """
        with self._lock:
            fresh, self._fresh = self._fresh, []
            if not fresh and self._fault is not None:
                fault, self._fault = self._fault, None
                raise fault
        running = self._listener is not None and self._listener.is_alive()
        if not running and not self._is_over and time.monotonic() >= self._again_at:
            self._begin()
        return fresh

    def news(self) -> list[str]:
        """What the launcher says."""
        with self._lock:
            told, self._news = self._news, []
        return told

    def avoid(self, node: str) -> None:
        """Start nothing there any more."""
        if node not in self._avoided:
            self._avoided.append(node)
        if self._messages is not None:
            with suppress(OSError):
                self._messages.send(avoid=node)

    def close(self) -> None:
        """Leave the engine, and see the process gone."""
        self._is_over = True
        if self._process is None or self._messages is None or self._listener is None:
            return
        family: list[psutil.Process] = family_of(self._process.pid)
        self._messages.hang_up()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(CLOSE_SECONDS)
        kill_all(family)
        self._process.wait()
        self._listener.join()
        for _, channel, _ in self._fresh:
            channel.close()
