"""The discovery loop. One candidate's way through it is `Loop.step`.

choose parents, an operator and who proposes → retrieve examples and lessons → the proposer states
an idea and writes the source → fingerprint; a duplicate goes back with the reason, untrained →
check in the sandbox; what fails is repaired → wait for a slot, or be dropped → train at a low rung
→ compare with the noise floor → promote or stop → knowledge; after every few the evaluator rewrites
the memo, and at the end the reviewer looks for invalid gains
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import count

from archwright.core import Candidate, CandidateStatus, Measurement
from archwright.runs.budget import Budget, EndedCandidates, Grant, Progress, record_grant
from archwright.runs.context import Campaign, RunContext, prospect_of
from archwright.runs.halving import SuccessiveHalving
from archwright.runs.memory import Memory
from archwright.runs.proposing.asking import Proposing
from archwright.runs.proposing.queueing import Queue
from archwright.runs.steering import Move, Steering


@dataclass(slots=True)
class Loop:
    """Searches until the budget is spent, and goes on from there when there is more of it."""

    context: RunContext
    steering: Steering
    memory: Memory
    proposing: Proposing
    queue: Queue | None
    """Where candidates wait for a slot; None where the order of their numbers is theirs."""
    halving: SuccessiveHalving
    progress: Progress
    begun: int = 0
    """Candidates so far."""

    def search(self, budget: Budget) -> EndedCandidates:
        """Candidates until the budget grants no more; all of them, as they ended."""
        workers, ahead = self.context.settings.workers, self.context.settings.candidates_ahead
        seen = self.steering.seen
        few = (workers + ahead) // 2 if self.context.settings.has_many_workers else 0
        with ThreadPoolExecutor(ahead) as threads:
            for number in count(self.begun + 1):
                grant = budget.grant(number)
                if grant is None:
                    break
                # What was once seen stays seen. Choices are made one after the other, in the order
                # of their numbers; all else goes on side by side.
                forgotten = seen.forgotten
                for candidate in self.progress.take(grant):
                    seen.add(candidate)
                campaign = self._gather()
                if seen.forgotten != forgotten:
                    self.halving.forget(campaign.known)
                if self.steering.is_over(campaign):
                    break
                record_grant(self.context.journal, grant)
                room = budget.room(grant)
                is_pressed = len(grant.under_way) < few and room >= workers
                move = self.steering.choose(number, campaign, room, is_pressed)
                self.proposing.begin(number, move, campaign)
                budget.settle(grant, self.halving.most_from(self._first_rung(move)))
                threads.submit(self._run_step, grant, move, campaign)
                self.begun = number
            found = self.progress.upto(self.begun)
        # What the search has shown is written down once more, for the report and the next run.
        self.memory.remember_memo(self.proposing.end(self.begun))
        return found

    def _run_step(self, grant: Grant, move: Move, campaign: Campaign) -> None:
        try:
            self.progress.close(grant.number, self.step(grant, move, campaign))
        except BaseException as error:
            self.progress.fail(error)
            raise

    def step(self, grant: Grant, move: Move, campaign: Campaign) -> Candidate:
        """One candidate, from what was chosen for it to what is remembered of it."""
        candidate = self.proposing.propose(grant.number, move, campaign)
        candidate = self._train_in_turn(candidate, grant, move, campaign)
        return self.memory.learn(candidate)

    def _train_in_turn(
        self, candidate: Candidate, grant: Grant, move: Move, campaign: Campaign
    ) -> Candidate:
        """Train what is open, once a slot is free and nothing better waits for it."""
        if candidate.status is not CandidateStatus.OPEN:
            return candidate
        if reason := self._too_costly(candidate, campaign):
            return candidate.ended(CandidateStatus.DROPPED, reason)
        if self.queue is None:
            return self._train(candidate, grant, move, campaign)
        with self.queue.slot(candidate) as dropped:
            if dropped:
                return candidate.ended(CandidateStatus.DROPPED, dropped)
            return self._train(candidate, grant, move, campaign)

    def _too_costly(self, candidate: Candidate, campaign: Campaign) -> str:
        """Why it need not be trained where the aim is a cost: what is smaller is at the floor.
        Random draws and what a person brought are trained whatever they cost."""
        prospect = prospect_of(self.context, campaign)
        if prospect is None or candidate.is_control or candidate.is_from_person:
            return ""
        return prospect.too_costly(candidate)

    def _first_rung(
        self, move: Move, candidate: Candidate | None = None, campaign: Campaign | None = None
    ) -> int:
        """Where a candidate starts: where its choice says; what a model proposes as low as it may,
        or one rung below the highest that a parent of it reached."""
        if not move.is_for_model:
            return move.choice.rung
        if candidate is None or campaign is None:
            return 0
        parents = [campaign.known[id_] for id_ in candidate.parents if id_ in campaign.known]
        return max([1, *(p.rung or 0 for p in parents)]) - 1

    def _gather(self) -> Campaign:
        """The baseline, what earlier runs found, and those of this run's results that are seen."""
        seen, baseline = self.steering.seen, self.context.baseline
        if seen.all():  # Before anything has ended, nobody waits for the noise floor.
            floor = self.context.floors[-1]
            shown = {self.context.top: Measurement(floor.mean, 0.0, len(floor.scores))}
            baseline = replace(baseline, rungs=shown)
        first = {c.id: c for c in (baseline, *self.memory.inherited())}
        return Campaign(seen.known(first), seen.measured(), seen.forgotten)

    def _train(
        self, candidate: Candidate, grant: Grant, move: Move, campaign: Campaign
    ) -> Candidate:
        """From rung to rung, for as long as the candidate earns it. With several objectives what
        nothing dominates is promoted, too; where the aim is a cost, what may reach the floor."""
        objectives = self.context.settings.objectives
        prospect = prospect_of(self.context, campaign)
        candidate = self.halving.run(
            candidate,
            grant.trials,
            lambda rung: campaign.rivals(rung, self.context.top, candidate.parents),
            self.context.journal.update,
            first=self._first_rung(move, candidate, campaign),
            spared=lambda c: (
                (len(objectives) > 1 and campaign.is_undominated(c, objectives))
                or (move.stage == "cost" and campaign.is_cheaper(c))
                or (prospect is not None and prospect.is_hopeful(c))
            ),
            needed=prospect.needed if prospect else None,
        )
        self.context.journal.update(candidate)
        return candidate
