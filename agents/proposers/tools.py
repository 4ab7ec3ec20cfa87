"""The proposer whose model may look and try before it submits: a conversation with tool calls.

Bounded in calls, tokens and time. Where a server takes no tools, it asks as `OneCallProposer` does,
and says so.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from archwright.agents.backends import ToolCall, ToolResult
from archwright.agents.proposers import Screen
from archwright.agents.proposers.campaign import CampaignQuestion
from archwright.agents.proposers.one_call import OneCallProposer
from archwright.agents.roles import RESEARCHER, Agents
from archwright.core import AnswerError, seed_of

LONGEST_RESULT: Final = 6_000
"""Characters of what a tool gives back."""
SUBMIT: Final = "Submit now: answer with the proposals, without any further call."
REFUSED: Final = "tools"
"""The fault of a reply where the server takes no tools."""


@dataclass(frozen=True, slots=True)
class Tool:
    """Something that a model may call before it submits.

    `act` takes its arguments by name and gives text; it says in a line what is wrong with them.
    """

    name: str
    about: str
    arguments: Mapping[str, str]
    """What each is, by name; all are strings."""
    act: Callable[..., str]

    def to_json(self) -> dict[str, Any]:
        """As the OpenAI protocol describes a tool."""
        properties = {
            name: {"type": "string", "description": what} for name, what in self.arguments.items()
        }
        parameters = {
            "type": "object",
            "properties": properties,
            "required": list(self.arguments),
        }
        function = {"name": self.name, "description": self.about, "parameters": parameters}
        return {"type": "function", "function": function}


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a conversation may use before it must submit."""

    calls: int = 12
    tokens: int = 60_000
    seconds: float = 900.0


class ToolsProposer:
    """Lets the model call tools, then reads its proposals as `OneCallProposer` does.

    Args:
        agents: the roles.
        tools: what it may call for a question.
        submit: reads and screens what it submits, and sends back what is refused.
        notify: is told once that a server takes no tools.
        record: `record(key, act)` gives a tool's result: from the journal, or by calling it now.
    """

    name = "tools"

    def __init__(
        self,
        agents: Agents,
        tools: Callable[[CampaignQuestion], tuple[Tool, ...]],
        submit: OneCallProposer,
        notify: Callable[[str], None],
        record: Callable[[str, Callable[[], str]], str],
        bounds: Bounds | None = None,
    ) -> None:
        self._agents = agents
        self._tools = tools
        self._submit = submit
        self._notify = notify
        self._record = record
        self._bounds = bounds or Bounds()

    def propose(self, campaign: CampaignQuestion, screen: Screen) -> None:
        """See `Proposer`."""
        tools = {tool.name: tool for tool in self._tools(campaign)}
        schemas = tuple(tool.to_json() for tool in tools.values())
        key, seed = f"{campaign.number}/tools", seed_of(campaign.seed, campaign.number)
        talk = self._agents.begin(RESEARCHER, key, campaign, seed, schemas)
        began, used, tokens, over = time.monotonic(), 0, 0, False
        while (reply := talk.call()).calls:
            if over:
                raise AnswerError("the model went on calling tools when it was told to submit")
            tokens += reply.tokens
            results = []
            for call in reply.calls:
                used += 1
                act = partial(self._act, call, tools)
                results.append(ToolResult(call.id, self._record(f"{talk.key}/{used}", act)))
            bounds, seconds = self._bounds, time.monotonic() - began
            over = used >= bounds.calls or tokens >= bounds.tokens or seconds >= bounds.seconds
            talk.hand_back(reply, tuple(results), SUBMIT if over else "")
        if reply.fault == REFUSED:
            who = reply.model or "the model"
            self._notify(f"{who} takes no tools: it is asked for proposals alone")
            self._submit.propose(campaign, screen)
        else:
            self._submit.go_on(talk, campaign, screen)

    def _act(self, call: ToolCall, tools: Mapping[str, Tool]) -> str:
        tool = tools.get(call.name)
        if tool is None:
            return f"there is no tool {call.name!r}; there are {', '.join(tools)}"
        try:
            given = json.loads(call.arguments or "{}")
        except ValueError as error:
            return f"the arguments are not JSON: {error}"
        if not isinstance(given, dict):
            return "the arguments must be a JSON object"
        missing = [name for name in tool.arguments if not isinstance(given.get(name), str)]
        if missing:
            return f"{tool.name} needs {', '.join(missing)} as a string"
        try:
            return tool.act(**{name: given[name] for name in tool.arguments})[:LONGEST_RESULT]
        except AnswerError as error:
            return str(error)
