"""The discovery loop. One candidate's way through it is `Loop.step`.

choose parents and an operator → retrieve examples and lessons → the researcher states an idea →
the coder writes the source → fingerprint; a duplicate goes back with the reason, untrained →
check in the sandbox; the debugger repairs → train at a low rung → the evaluator compares
with the noise floor → promote or stop → the reviewer looks for invalid gains → knowledge
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import count

from archwright.core import Candidate, CandidateStatus, Measurement
from archwright.runs.budget.allocation import Budget, Grant, Progress, record_grant
from archwright.runs.context import Campaign, RunContext
from archwright.runs.halving import Evaluation, SuccessiveHalving
from archwright.runs.memory import Memory
from archwright.runs.screening import Screening
from archwright.runs.steering import Choice, Steering


@dataclass(slots=True)
class Loop:
    """Searches until the budget is spent, and goes on from there when there is more of it."""

    context: RunContext
    steering: Steering
    memory: Memory
    screening: Screening
    halving: SuccessiveHalving
    evaluation: Evaluation
    progress: Progress
    begun: int = 0
    """Candidates so far."""

    def search(self, budget: Budget) -> list[Candidate]:
        """Candidates until the budget grants no more; all of them, in order."""
        seen = 0
        with ThreadPoolExecutor(self.context.settings.candidates_ahead) as threads:
            for number in count(self.begun + 1):
                grant = budget.grant(number)
                if grant is None:
                    break
                record_grant(self.context.journal, grant)
                # What was once seen stays seen. Choices are made one after the other, in the order
                # of their numbers; all else goes on side by side.
                seen = max(seen, grant.sees)
                campaign = self._gather(seen)
                choice = self.steering.choose(number, campaign)
                budget.settle(grant, self.halving.most_from(choice.rung))
                threads.submit(self._run_step, grant, choice, campaign)
                self.begun = number
            return self.progress.upto(self.begun)

    def _run_step(self, grant: Grant, choice: Choice, campaign: Campaign) -> None:
        try:
            self.progress.close(grant.number, self.step(grant, choice, campaign))
        except BaseException as error:
            self.progress.fail(error)
            raise

    def step(self, grant: Grant, choice: Choice, campaign: Campaign) -> Candidate:
        """One candidate, from what was chosen for it to what is remembered of it."""
        found = self.memory.retrieve(grant.number, choice, campaign)
        candidate = self.screening.propose(grant.number, choice, found, campaign)
        candidate = self._train(candidate, grant, choice, campaign)
        candidate = self.evaluation.evaluate(candidate, campaign)
        self.memory.remember(candidate)
        return candidate

    def _gather(self, sees: int) -> Campaign:
        """The baseline, what earlier runs found, and this run's results up to number `sees`. What
        the control arm finds stays its own, or it would be no control."""
        own = [c for c in self.progress.upto(sees) if not c.is_control]
        baseline = self.context.baseline
        if sees:  # Before anything has ended, nobody waits for the noise floor.
            floor = self.context.floors[-1]
            shown = {self.context.top: Measurement(floor.mean, 0.0, len(floor.scores))}
            baseline = replace(baseline, rungs=shown)
        known = (baseline, *self.memory.inherited(), *own)
        return Campaign({c.id: c for c in known}, tuple(c for c in own if c.rungs))

    def _train(
        self, candidate: Candidate, grant: Grant, choice: Choice, campaign: Campaign
    ) -> Candidate:
        """From rung to rung, for as long as the candidate earns it. With several objectives what
        nothing dominates is promoted, too."""
        if candidate.status is not CandidateStatus.OPEN:
            return candidate
        objectives = self.context.settings.objectives
        candidate = self.halving.run(
            candidate,
            grant.trials,
            lambda rung: campaign.rivals(rung, self.context.top, candidate.parents),
            self.context.journal.update,
            first=choice.rung,
            spared=lambda c: len(objectives) > 1 and campaign.is_undominated(c, objectives),
        )
        self.context.journal.update(candidate)
        return candidate
