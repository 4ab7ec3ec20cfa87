"""A proposer that proposes from a script: the seam's public fake."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from archwright.agents.proposers import Proposal, Screen
from archwright.agents.proposers.campaign import CampaignQuestion

Script = Callable[[CampaignQuestion, int], Iterable[Proposal]]
"""`script(campaign, place)` gives what is proposed for a place, in turn, until one passes."""


class ScriptedProposer:
    """Proposes what `script` says; every question is kept in `asked`."""

    name = "scripted"

    def __init__(self, script: Script) -> None:
        self._script = script
        self.asked: list[CampaignQuestion] = []

    def propose(self, campaign: CampaignQuestion, screen: Screen) -> None:
        """See `Proposer`."""
        self.asked.append(campaign)
        for place in range(campaign.count):
            for proposal in self._script(campaign, place):
                if screen(place, proposal) is None:
                    break
