"""What carries an agent's stream where no pipe leads to it: an actor of Ray on the agent's node.

It is imported on that node by Ray, so Archwright has to be installed there.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Sequence
from typing import Any, Final

from archwright.sandbox.executors.local_agents import AgentProcess

TAKE_SECONDS: Final = 5.0
"""How long a call waits for the agent to say something."""
ORPHAN_SECONDS: Final = 60.0
"""A run asks all the time what its agent says. One that has not asked for so long is gone, or holds
this node for lost: a process of Ray may outlive the daemon that started it."""


class AgentRelay:
    """Starts an agent beside itself. The agent ends when the relay does, however that ends.

    Args:
        words: options of `archwright agent`.
        has_gpus: whether the agent gets the GPUs that Ray has given to this actor.
    """

    def __init__(self, words: Sequence[str], has_gpus: bool) -> None:
        self._agent = AgentProcess([*words, *(_gpu_words() if has_gpus else ())])
        self._asked = time.monotonic()
        threading.Thread(target=self._watch, name="watch", daemon=True).start()

    def _watch(self) -> None:
        while time.monotonic() - self._asked < ORPHAN_SECONDS:
            time.sleep(1.0)
        try:
            self._agent.close()
        finally:
            os._exit(1)

    def put(self, data: bytes) -> None:
        """Send all of `data` to the agent."""
        self._agent.send(data)

    def take(self, count: int) -> bytes | None:
        """Up to `count` bytes of what it says; None where it has said nothing for a while."""
        self._asked = time.monotonic()
        try:
            return self._agent.receive(count, time.monotonic() + TAKE_SECONDS)
        except TimeoutError:
            return None

    def close(self) -> None:
        """See the agent gone, with all that it has started."""
        self._agent.close()


def _gpu_words() -> tuple[str, ...]:
    import ray

    ids: Any = ray.get_gpu_ids()
    return ("--gpus", ",".join(str(int(index)) for index in ids))
