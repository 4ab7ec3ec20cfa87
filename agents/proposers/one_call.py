"""The proposer that asks a model once for several ideas with their code.

What fails a check goes back in the same conversation, with the true reason, before it costs a
training. The coder's hat is the researcher's own, unless it writes no code: then the coder is
asked; and so is the debugger, where it is another model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from archwright.agents.proposers import Proposal, Refusal, Screen
from archwright.agents.proposers.campaign import CampaignQuestion, Proposals, Proposed
from archwright.agents.questions import (
    CodeQuestion,
    Idea,
    RepairQuestion,
    ShownCandidate,
    report_to_json,
)
from archwright.agents.roles import CODER, DEBUGGER, RESEARCHER, Agents, Conversation
from archwright.core import AnswerError, CandidateStatus, seed_of
from archwright.search.operators import OPERATORS


@dataclass(frozen=True, slots=True)
class Refused:
    """One of the places that proposals were asked for, and what is refused there."""

    number: int
    """From 0."""
    proposal: Proposal
    refusal: Refusal


class OneCallProposer:
    """Asks for all proposals at once.

    Args:
        agents: the roles.
        rounds: times that what is refused goes back.
        writes_code: whether the researcher wears the coder's hat.
        debugs: whether what is refused goes back to it; else the debugger is asked.
    """

    name = "one-call"

    def __init__(
        self, agents: Agents, rounds: int, writes_code: bool = True, debugs: bool = True
    ) -> None:
        self._agents = agents
        self._rounds = rounds
        self._writes_code = writes_code
        self._debugs = debugs

    def propose(self, campaign: CampaignQuestion, screen: Screen) -> None:
        """See `Proposer`."""
        campaign = campaign.model_copy(update={"with_code": self._writes_code})
        key, seed = str(campaign.number), seed_of(campaign.seed, campaign.number)
        self.go_on(self._agents.begin(RESEARCHER, key, campaign, seed), campaign, screen)

    def go_on(
        self,
        talk: Conversation[CampaignQuestion, Proposals],
        campaign: CampaignQuestion,
        screen: Screen,
    ) -> None:
        """Read what a conversation comes to, and send back what is refused."""
        refused = self._screen(talk.answer(), range(campaign.count), talk, campaign, screen)
        for again in range(1, self._rounds + 1):
            if not refused:
                return
            if self._debugs:
                refused = self._send_back(talk, refused, campaign, screen)
            else:
                refused = self._debug(refused, again, campaign, screen)

    # --- what is proposed -----------------------------------------------------------------------

    def _screen(
        self,
        answer: Proposals,
        places: Sequence[int],
        talk: Conversation[CampaignQuestion, Proposals],
        campaign: CampaignQuestion,
        screen: Screen,
        before: Mapping[int, Refused] | None = None,
    ) -> list[Refused]:
        """Screen the proposals of an answer, for these places in their order; what is refused."""
        refused = []
        for number, said in zip(places, answer.proposals, strict=False):
            proposal = self._complete(said, number, campaign, talk.key)
            earlier = (before or {}).get(number)
            if earlier is not None:
                proposal = replace(proposal, fixes=proposal.title == earlier.proposal.title)
            refusal = screen(number, proposal)
            if refusal is not None and refusal.status is not CandidateStatus.UNMEASURED:
                refused.append(Refused(number, proposal, refusal))
        return refused

    def _complete(
        self, said: Proposed, place: int, campaign: CampaignQuestion, call: str
    ) -> Proposal:
        """A proposal as a candidate will have it; the coder writes what has no code."""
        works = [w for w in map(campaign.work, said.parents) if w is not None]
        parents = tuple(p for p in said.parents if campaign.knows(p))
        proposal = Proposal(
            title=said.title,
            source=said.source,
            operator=_operator(said),
            parents=parents,
            rationale=said.rationale,
            hypothesis=said.hypothesis,
            expected=said.expected,
            citations=said.citations,
            call=call,
            fault=said.fault,
        )
        if said.source or said.fault:
            return proposal
        return self._code(proposal, place, works, campaign)

    def _code(
        self,
        proposal: Proposal,
        place: int,
        works: Sequence[ShownCandidate],
        campaign: CampaignQuestion,
    ) -> Proposal:
        idea = Idea(operator=proposal.operator, title=proposal.title, rationale=proposal.rationale)
        question = CodeQuestion(brief=campaign.brief, idea=idea, works=tuple(works))
        key = f"{campaign.number}/{place}"
        try:
            talk = self._agents.begin(CODER, key, question, seed_of(campaign.seed, key))
            return replace(proposal, source=talk.answer().source, call=talk.key)
        except AnswerError as error:
            return replace(proposal, fault=str(error))

    # --- what is refused ------------------------------------------------------------------------

    def _send_back(
        self,
        talk: Conversation[CampaignQuestion, Proposals],
        refused: Sequence[Refused],
        campaign: CampaignQuestion,
        screen: Screen,
    ) -> list[Refused]:
        """Say what was refused and why; what is refused of the answer."""
        talk.say(self._agents.prompts.render_refusals(refused, campaign))
        try:
            answer = talk.answer()
        except AnswerError:
            return []
        places = [place.number for place in refused]
        before = {place.number: place for place in refused}
        return self._screen(answer, places, talk, campaign, screen, before)

    def _debug(
        self,
        refused: Sequence[Refused],
        attempt: int,
        campaign: CampaignQuestion,
        screen: Screen,
    ) -> list[Refused]:
        """Have the debugger fix what fails its checks; a duplicate stays one."""
        left = []
        for place in refused:
            if place.refusal.status is not CandidateStatus.INVALID or not place.proposal.source:
                continue
            question = RepairQuestion(
                brief=campaign.brief,
                title=place.proposal.title,
                source=place.proposal.source,
                report=report_to_json(place.refusal.report),
                attempt=attempt,
                past=place.refusal.past,
            )
            key = f"{campaign.number}/{place.number}/{attempt}"
            fixed = self._agents.ask(DEBUGGER, key, question, seed_of(campaign.seed, key))
            if fixed.source:
                proposal = replace(place.proposal, source=fixed.source, fixes=True)
                if (refusal := screen(place.number, proposal)) is not None:
                    left.append(Refused(place.number, proposal, refusal))
        return left


def _operator(said: Proposed) -> str:
    """The move of a proposal as an operator's name; for a move of its own `mutate`, or `draft`
    where it starts from nothing."""
    word = said.move.strip().lower().replace(" ", "_").replace("-", "_")
    if word in OPERATORS and word != "control":
        return word
    return "mutate" if said.parents else "draft"
