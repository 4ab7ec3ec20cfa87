"""What the evaluator says of a candidate that was measured."""

from __future__ import annotations

from dataclasses import dataclass, replace

from archwright.agents.questions import Brief, EvaluationQuestion
from archwright.agents.roles import Agents
from archwright.core import Candidate, CandidateStatus, Measurement, seed_of
from archwright.runs.context import Campaign, RunContext


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Gives candidates their lesson."""

    context: RunContext
    agents: Agents

    def evaluate(self, candidate: Candidate, campaign: Campaign) -> Candidate:
        """With the evaluator's lesson from the highest rung; a failure is its own lesson."""
        shown, rung = candidate.measured, candidate.rung
        if shown is None or rung is None or candidate.is_control:
            failure = f"{candidate.title}: {candidate.status} ({candidate.reason})"
            return replace(candidate, lesson=failure if candidate.reason else "")
        question = self._question(candidate, shown, rung, campaign)
        seed = seed_of(self.context.settings.seed, candidate.id, "evaluation")
        lesson = self.agents.evaluate(candidate.id, question, seed).lesson
        candidate = replace(candidate, lesson=lesson)
        self.context.journal.update(candidate)
        return candidate

    def _question(
        self, candidate: Candidate, shown: Measurement, rung: int, campaign: Campaign
    ) -> EvaluationQuestion:
        floor = self.context.floors[rung]
        parents = (campaign.known.get(p) for p in candidate.parents[:1])
        measured = (p.rungs.get(rung) for p in parents if p in campaign.measured)
        return EvaluationQuestion(
            brief=Brief.of(self.context.spec),
            title=candidate.title,
            source=candidate.source,
            steps=self.context.spec.rungs[rung],
            curve=shown.curve,
            score=shown.score,
            baseline_mean=floor.mean,
            baseline_sd=floor.sd,
            gain=shown.gain or 0.0,
            parent_score=next((m.score for m in measured if m), None),
            promoted=candidate.status is CandidateStatus.PROMOTED,
        )
