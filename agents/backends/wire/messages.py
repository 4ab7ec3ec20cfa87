"""A request as the OpenAI protocol has it: the messages of a conversation, tools included."""

from __future__ import annotations

import json
from functools import cached_property
from typing import Any

from archwright.agents.backends import Request, whole_text


class Asked:
    """A request as it is sent to a model."""

    def __init__(self, model: str, request: Request) -> None:
        self.model = model
        self.request = request
        self.messages = messages_of(request)

    @cached_property
    def characters(self) -> int:
        """Those of all that is sent."""
        tools = json.dumps(self.request.tools) if self.request.tools else ""
        calls = (json.dumps(m["tool_calls"]) for m in self.messages if "tool_calls" in m)
        return sum(len(m["content"]) for m in self.messages) + len(tools) + sum(map(len, calls))


def messages_of(request: Request) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = [{"role": "user", "content": whole_text(request.prompt)}]
    for turn in request.turns:
        said: dict[str, Any] = {"role": "assistant", "content": whole_text(turn.said)}
        if turn.calls:
            said["tool_calls"] = [
                {
                    "id": call.id,
                    "type": "function",
                    "function": {"name": call.name, "arguments": _arguments(call.arguments)},
                }
                for call in turn.calls
            ]
        messages.append(said)
        messages += [
            {"role": "tool", "tool_call_id": result.id, "content": whole_text(result.text)}
            for result in turn.results
        ]
        if turn.asked:
            messages.append({"role": "user", "content": whole_text(turn.asked)})
    return messages


def _arguments(said: str) -> str:
    """Arguments that can be sent back: servers parse them, and fail at what a model got wrong."""
    try:
        return said if isinstance(json.loads(said), dict) else "{}"
    except (json.JSONDecodeError, RecursionError):
        return "{}"
