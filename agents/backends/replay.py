"""Answers from a recorded run: the same request gets the reply that it got then."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from archwright.agents.backends import Reply, Request
from archwright.core import BackendError


class ReplayBackend:
    """A recorded run's replies, at no cost.

    Args:
        run: the name of the recorded run, for messages.
        replies: by request hash.
    """

    name = "replay"

    def __init__(self, run: str, replies: Mapping[str, Reply]) -> None:
        self._run = run
        self._replies = replies

    def answer(self, request: Request) -> Reply:
        """The recorded reply; its tokens and dollars were paid then, and count nothing now.

        Raises:
            BackendError: the recorded run was not asked this.
        """
        reply = self._replies.get(request.hash)
        if reply is None:
            raise BackendError(
                f"{self._run} holds no answer of the {request.role} for candidate "
                f"{request.candidate}: the task, the prompts, the measured numbers or the version "
                "differ from those of the recorded run, or it was cut off there"
            )
        return replace(reply, tokens=0, tokens_in=0, usd=0.0)
