"""The process beside a run that uses its engine: starts agents there, and carries their streams.

    python -m archwright.sandbox.executors.bridge_end '{"engine": "ray", "avoid": [], …}'

Its input is one end of a socket pair, over which `Messages` go both ways. For each agent it sends
one end of another pair, which carries the agent's stream. It ends when the run does.
"""

from __future__ import annotations

import importlib
import json
import os
import socket
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Final, cast

from archwright.core import InputError, SandboxError
from archwright.sandbox.executors import Launcher, LauncherError
from archwright.sandbox.executors.lines import AgentLine, Messages
from archwright.sandbox.pool.worker import Channel

ENGINES: Final[Mapping[str, tuple[str, str]]] = {
    "ray": ("ray_agents", "RayAgents"),
    "local": ("local_agents", "LocalAgents"),
}
"""Where the launcher of each is defined: one line each."""
LOOK_SECONDS: Final = 0.5
SIGHT_SECONDS: Final = 5.0
"""An agent that ends longer after the last look was not seen to die: the engine itself is gone."""
PIECE_BYTES: Final = 4 << 20
WAIT_SECONDS: Final = 10.0
LEAVE_SECONDS: Final = 12.0
"""How long it may take to end all agents and leave the engine."""


class BridgeEnd:
    """Serves one run.

    Args:
        launcher: how agents are started, not yet started itself.
        messages: from the run, and to it.
    """

    def __init__(self, launcher: Launcher, messages: Messages) -> None:
        self._launcher, self._messages = launcher, messages
        self._over, self._left = threading.Event(), threading.Event()
        self._lock = threading.Lock()
        self._avoid: list[str] = []
        self._carriers: list[threading.Thread] = []
        self._looked = 0.0

    def serve(self) -> None:
        """Serve until the run hangs up."""
        threading.Thread(target=self._listen, daemon=True).start()
        try:
            self._launcher.start()
        except InputError as error:
            self._tell(fault=str(error), final=False)
            return
        self._tell(started=True)
        number = 0
        while not self._over.is_set():
            for node in self._taken():
                self._launcher.avoid(node)
            try:
                arrivals = self._launcher.arrivals()
                self._looked = time.monotonic()
            except SandboxError as error:
                self._tell(fault=str(error), final=isinstance(error, LauncherError))
                arrivals = []
            for node, channel, _ in arrivals:
                number += 1
                self._carry(number, node, channel)
            for line in self._launcher.news():
                self._tell(news=line)
            self._over.wait(LOOK_SECONDS)
        for carrier in self._carriers:
            carrier.join(LEAVE_SECONDS)
        self._launcher.close()
        self._left.set()

    def _listen(self) -> None:
        while (received := self._messages.receive()) is not None:
            with self._lock:
                self._avoid.append(received[0]["avoid"])
        self._over.set()
        self._left.wait(LEAVE_SECONDS)
        os._exit(0)  # also where the engine does not answer any more

    def _taken(self) -> list[str]:
        with self._lock:
            nodes, self._avoid = self._avoid, []
        return nodes

    def _tell(self, brings: socket.socket | None = None, **message: object) -> None:
        with suppress(OSError):  # who does not listen any more is gone
            self._messages.send(brings, **message)

    def _carry(self, number: int, node: str, channel: Channel) -> None:
        ours, theirs = socket.socketpair()
        self._tell(theirs, number=number, node=node)
        theirs.close()
        line = AgentLine(ours)
        self._carriers = [each for each in self._carriers if each.is_alive()]
        for carry in (self._carry_there, self._carry_back):
            carrier = threading.Thread(target=carry, args=(number, line, channel), daemon=True)
            carrier.start()
            self._carriers.append(carrier)

    def _carry_there(self, number: int, line: AgentLine, channel: Channel) -> None:
        """What the run says; where it hangs up the agent is ended."""
        why = ""
        with suppress(OSError):
            while data := line.receive(PIECE_BYTES):
                channel.send(data)
        try:
            channel.close()
        except SandboxError as error:
            why = str(error)
        self._tell(gone=number, why=why)
        line.close()

    def _carry_back(self, number: int, line: AgentLine, channel: Channel) -> None:
        """What the agent says."""
        with suppress(OSError, SandboxError):
            while True:
                try:
                    data = channel.receive(PIECE_BYTES, time.monotonic() + WAIT_SECONDS)
                except TimeoutError:
                    continue
                if not data:
                    break
                line.send(data)
        in_sight = time.monotonic() - self._looked < SIGHT_SECONDS
        self._tell(ended=number, died=in_sight)
        line.hang_up()


def main() -> None:
    """Serve the run that has started this process."""
    control = socket.socket(fileno=os.dup(0))
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)  # else what the engine starts would hold the run's end open
    words = json.loads(sys.argv[1])
    module, name = ENGINES[words["engine"]]
    made = getattr(importlib.import_module(f"archwright.sandbox.executors.{module}"), name)
    launcher = cast(Launcher, made(**words["settings"]))
    for node in words["avoid"]:
        launcher.avoid(node)
    BridgeEnd(launcher, Messages(control)).serve()


if __name__ == "__main__":
    main()
