"""Opens the proposer that a run's settings name."""

from __future__ import annotations

from collections.abc import Callable

from archwright.agents.backends.bandit import parse_models
from archwright.agents.proposers import Proposer
from archwright.agents.proposers.campaign import CampaignQuestion
from archwright.agents.proposers.one_call import OneCallProposer
from archwright.agents.proposers.symbolic import SymbolicProposer
from archwright.agents.proposers.tools import Tool, ToolsProposer
from archwright.agents.roles import CODER, DEBUGGER, RESEARCHER, Agents
from archwright.core.settings import RunSettings


def open_symbolic(settings: RunSettings) -> Proposer:
    """The one that takes part in every campaign."""
    return SymbolicProposer(settings.attempts, settings.repairs)


def open_proposer(
    settings: RunSettings,
    agents: Agents,
    tools: Callable[[CampaignQuestion], tuple[Tool, ...]],
    notify: Callable[[str], None],
    record: Callable[[str, Callable[[], str]], str],
) -> Proposer | None:
    """The one that asks models; None where none is asked. See `ToolsProposer` for the arguments."""
    if not settings.asks_models:
        return None
    one_call = OneCallProposer(
        agents,
        settings.repairs,
        writes_code=_is_one(settings, CODER.name),
        debugs=_is_one(settings, DEBUGGER.name),
    )
    if settings.proposer == ToolsProposer.name:
        return ToolsProposer(agents, tools, one_call, notify, record)
    return one_call


def _is_one(settings: RunSettings, role: str) -> bool:
    """Whether the researcher's models are a role's, too."""
    if not settings.models:
        return True
    models = parse_models(settings.models)
    every = models.get("", ())
    return models.get(role, every) == models.get(RESEARCHER.name, every)
