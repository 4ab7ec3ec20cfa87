"""Proposers: what makes proposals, each an idea with its source, from what a campaign has shown.

A proposer is handed a way to have a proposal screened at once, before it costs a training; it
may fix or replace what is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from archwright.agents.proposers.campaign import CampaignQuestion
from archwright.agents.questions import PastRepair
from archwright.core import CandidateStatus, CheckReport, Status


@dataclass(frozen=True, slots=True)
class Proposal:
    """One idea with its source, for a candidate that is not there yet."""

    title: str
    source: str
    operator: str
    parents: tuple[str, ...] = ()
    rationale: str = ""
    hypothesis: str = ""
    expected: float | None = None
    """Gain over the baseline at the top rung, in the metric's unit."""
    citations: tuple[str, ...] = ()
    """Ids of passages that were shown."""
    call: str = ""
    """The key of the call to a model that it came with."""
    fixes: bool = False
    """Whether it is the one before it under its number, fixed."""
    fault: str = ""
    """Why there is no source that can be used."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a proposal is not let through."""

    status: CandidateStatus
    reason: str
    report: CheckReport = field(default_factory=lambda: CheckReport(Status.OK))
    nearest: str = ""
    """What is known that is most like it, in words; empty where nobody looked."""
    past: tuple[PastRepair, ...] = ()
    """How this kind of failure was fixed before."""


Screen = Callable[[int, Proposal], Refusal | None]
"""`screen(place, proposal)` screens a proposal for one of the places that were asked for, from 0.
None: it is let through. What is screened for a place takes the place of what was there before."""


class Proposer(Protocol):
    """Makes proposals for the places of a campaign's question: `campaign.count` of them.

    Every proposal that it makes goes through `screen`, which keeps it with its status; a place for
    which nothing was screened has none. May be called by any thread.

    Raises:
        AnswerError: it has no usable proposal at all.
        BackendError: it can make none any more.
    """

    name: str

    def propose(self, campaign: CampaignQuestion, screen: Screen) -> None: ...


__all__ = ["Proposal", "Proposer", "Refusal", "Screen"]
