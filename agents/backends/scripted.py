"""A backend that answers from a script: the seam's public fake."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

from archwright.agents.backends import Backend, Reply, Request

Answer = Callable[[Request], Mapping[str, Any]]


class ScriptedBackend:
    """Answers each role from `script`, and what the script does not name from `otherwise`.

    Args:
        script: per role name a function from request to the reply's content.
        otherwise: another backend for the roles that the script leaves out.
    """

    name = "scripted"

    def __init__(self, script: Mapping[str, Answer], otherwise: Backend) -> None:
        self._script = dict(script)
        self._otherwise = otherwise
        self._lock = threading.Lock()
        self.requests: list[Request] = []

    def answer(self, request: Request) -> Reply:
        """The script's answer; every request is kept in `requests`."""
        with self._lock:
            self.requests.append(request)
        if request.role not in self._script:
            return self._otherwise.answer(request)
        return Reply(self._script[request.role](request), self.name)
