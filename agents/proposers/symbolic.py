"""The symbolic proposer: grammar and syntax-tree operators on real source. No model.

Free, offline, and the same for the same question.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from random import Random
from typing import Final

from archwright.agents.proposers import Proposal, Refusal, Screen
from archwright.agents.proposers.campaign import CampaignQuestion
from archwright.agents.questions import ShownCandidate, problem_of
from archwright.core import BackendError, CandidateStatus, candidate_id, seed_of
from archwright.knowledge.retrieval import shared_words
from archwright.search.bans import first_met
from archwright.search.operators import OPERATORS, NotApplicable, edit_of
from archwright.search.operators.repair import repair

REDRAWN: Final = 8
"""Draws of an operator, where what it makes is banned or not pinned."""
DRAFTS: Final = 64
"""Draws of a draft, before it counts as settled that the bans leave none."""


class SymbolicProposer:
    """Makes the edit that the search has in mind; where that is known or banned, another.

    Args:
        attempts: proposals of one place, at most: a duplicate is replaced by another.
        repairs: times that a rule may fix what fails its checks.
    """

    name = "symbolic"

    def __init__(self, attempts: int, repairs: int) -> None:
        self._attempts = attempts
        self._repairs = repairs

    def propose(self, campaign: CampaignQuestion, screen: Screen) -> None:
        """See `Proposer`.

        Raises:
            BackendError: no operator applies.
        """
        rejected: list[str] = []
        attempt = 0
        for _ in range(self._attempts):
            proposal = _draw(campaign, attempt, rejected)
            refusal = screen(0, proposal)
            attempt += 1
            for _ in range(self._repairs):
                if refusal is None or refusal.status is not CandidateStatus.INVALID:
                    break
                fixed = _fix(campaign, attempt, proposal, refusal)
                if fixed is None:
                    return
                proposal, refusal = fixed, screen(0, fixed)
                attempt += 1
            if refusal is None or refusal.status is not CandidateStatus.DUPLICATE:
                return
            rejected.append(f"{proposal.title}: {refusal.reason}")


def _draw(campaign: CampaignQuestion, attempt: int, rejected: Sequence[str]) -> Proposal:
    """The first operator that applies: the one suggested, then any other, then a draft.

    An edit that came back as known is not made again; a draft of the same title is another one.
    """
    asked = campaign.suggestion
    rng = Random(seed_of(campaign.seed, campaign.number, attempt))
    others = [n for n, info in OPERATORS.items() if info.parents and n != asked.operator]
    rng.shuffle(others)
    for operator in (asked.operator, *others, "draft"):
        works = _starting_points(operator, campaign)
        if works is None:
            continue
        for draw in range(DRAFTS if operator == "draft" else REDRAWN):
            drawn = rng.getrandbits(32)
            if operator == asked.operator and not (rejected or draw) and asked.seed is not None:
                drawn = asked.seed
            proposal = _make(operator, works, campaign, drawn)
            if proposal is None:
                break
            if not _is_wanted(proposal, campaign, last=draw >= REDRAWN - 1):
                continue
            if works and any(said.startswith(f"{proposal.title}: ") for said in rejected):
                break
            return proposal
    if banned := campaign.steer.banned:
        raise BackendError(f"nothing is left to propose: {', '.join(banned)} are banned; lift one")
    raise BackendError("no operator applies, not even a draft")


def _is_wanted(proposal: Proposal, campaign: CampaignQuestion, last: bool) -> bool:
    """Whether a person's bans allow it, and it keeps to their pins, where any draw does."""
    said, steer = (proposal.source, proposal.title, proposal.operator), campaign.steer
    if first_met(*said, steer.banned):
        return False
    return last or not steer.pinned or first_met(*said, steer.pinned) is not None


def _make(
    operator: str, works: Sequence[ShownCandidate], campaign: CampaignQuestion, seed: int
) -> Proposal | None:
    try:
        sources = tuple(w.source for w in works)
        target = campaign.suggestion.target
        change = edit_of(operator, sources, problem_of(campaign.brief), seed, target)
    except NotApplicable:
        return None
    words = f"{change.title} {change.rationale}"
    return Proposal(
        title=change.title,
        source=change.source,
        operator=operator,
        parents=tuple(w.id for w in works),
        rationale=" ".join([change.rationale, *map(_evidence, works)]),
        citations=tuple(p.id for p in campaign.passages if shared_words(words, p.text)),
    )


def _starting_points(operator: str, campaign: CampaignQuestion) -> Sequence[ShownCandidate] | None:
    """The works that an operator starts from: the parents, and where one is missing an example."""
    needed = OPERATORS[operator].parents
    known: dict[str, ShownCandidate] = {w.id: w for w in campaign.works}
    known = {**{p: known[p] for p in campaign.suggestion.parents}, **known}
    known |= {w.id: w for w in campaign.examples if w.id not in known}
    works = list(known.values())[:needed]
    return works if len(works) == needed else None


def _evidence(work: ShownCandidate) -> str:
    if work.gain is None:
        return f"It starts from {work.id}, which was not measured."
    return f"It starts from {work.id}, at {work.gain:+.1f} noise standard deviations."


def _fix(
    campaign: CampaignQuestion, attempt: int, failed: Proposal, refusal: Refusal
) -> Proposal | None:
    """What a rule makes of a source that failed its checks; None where none knows a fix."""
    id_ = candidate_id(campaign.number, attempt - 1)
    rng = Random(seed_of(campaign.seed, id_, "repair"))
    change = repair(failed.source, problem_of(campaign.brief), refusal.report, rng)
    if change is None:
        return None
    rationale = f"{failed.rationale} Repaired after {id_}: {change.title}."
    return replace(failed, source=change.source, rationale=rationale, fixes=True)
