"""The balance of one run's budget: what a leg may spend, and what is left after it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from archwright.core import RunError
from archwright.runs.budget.allocation import Grants
from archwright.runs.budget.legs import Leg, next_round, undecided, used_by_verification
from archwright.runs.budget.pace import Pace
from archwright.runs.budget.plan import Plan, Share, shortfalls, verified_by
from archwright.runs.budget.progress import EndedCandidates
from archwright.runs.context import RunContext
from archwright.runs.journal import Phase
from archwright.runs.noise import train_baseline
from archwright.runs.verification import rounds_so_far


@dataclass(frozen=True, slots=True)
class Balance:
    """What a run was given, what it has used and what is left of it, in trainings and in time."""

    context: RunContext
    pace: Pace

    def plan(self) -> Plan:
        """How the budget is split. What time is worth is told by a first training.

        Raises:
            RunError: it does not even train one candidate.
            TaskError: the baseline does not train.
        """
        context, settings = self.context, self.context.settings
        rungs, hours, worth = context.spec.rungs, settings.hours, None
        if hours is not None:
            train_baseline(context, 0, 0)
            worth = self.pace.worth(hours * 3600, rungs[-1])
        plan = Plan.of(settings, len(rungs), worth)
        seeds = plan.seeds
        if context.facts.noise:
            seeds = tuple(len(floor.scores) for floor in context.facts.noise)
        settled = context.journal.once("plan", "seeds", "", {}, lambda: {"seeds": seeds})
        plan = replace(plan, seeds=tuple(settled["seeds"]), baseline=sum(settled["seeds"]))
        if hours is not None:
            self._tell(plan, hours)
        return plan

    def _tell(self, plan: Plan, hours: float) -> None:
        """What the time cannot do."""
        spec, settings, pace = self.context.spec, self.context.settings, self.pace
        needed = sum(pace.takes(n, s) for n, s in zip(plan.seeds, spec.rungs, strict=True))
        needed += pace.seconds(spec.rungs[0])
        one = pace.seconds(spec.rungs[-1])
        if needed > hours * 3600:
            raise RunError(
                f"--hours {hours:g} leaves nothing to search with: a training of task {spec.name} "
                f"takes about {one:.3g} s here, and the least is --hours {needed / 3600:.2g}"
            )
        words = f"{hours:g} hours, with trainings of about {one:.3g} s,"

        def price(trainings: int) -> str:
            return f"{pace.takes(trainings, spec.rungs[-1]) / 3600:.2g} hours"

        for line in shortfalls(plan, settings, words, price):
            self.context.journal.notice(line)

    def share(self, number: int, plan: Plan, before: EndedCandidates) -> Share:
        """What a leg may spend: the first one all, a later one what is left.

        Args:
            before: the candidates of earlier legs.
        """
        settings, journal = self.context.settings, self.context.journal
        trials = self._left_of_trials(before)
        finalists, verification = plan.finalists, plan.verification
        if number:
            worth = self._worth()
            left = min((n for n in (trials, worth) if n is not None), default=0)
            finalists, verification = verified_by(settings, left)
        if rounds_so_far(journal) > journal.facts.looks_before:
            finalists = verification = 0  # The sealed split decided: once for a budget.
        waiting = len(self._waiting()) if self._is_extended(number) else 0
        return Share(settings, trials, finalists, verification, len(before), waiting)

    def unrecorded(self, number: int, plan: Plan) -> Leg | None:
        """How the first leg ended where an earlier version was interrupted in its verification."""
        journal = self.context.journal
        if number or journal.facts.phase is not Phase.VERIFICATION:
            return None
        allowed = journal.step("allowance", "verification")
        trials = allowed.result["trials"] if allowed else None
        return Leg(len(Grants(journal)), trials, plan.finalists, 0)

    def end(self, share: Share, found: EndedCandidates) -> Leg:
        """What verification is to do now that the search of a leg has ended."""
        finalists = share.to_verify(found)
        if not finalists:
            return Leg(len(found))
        bounds = (self._left_of_trials(found), self._worth())
        trials = min((n for n in bounds if n is not None), default=None)
        return Leg(len(found), trials, share.finalists, next_round(self.context.journal))

    def _is_extended(self, number: int) -> bool:
        """Whether a leg is the first after the run was given more."""
        return 0 < number == self.context.journal.facts.extended_at

    def _waiting(self) -> list[str]:
        journal = self.context.journal
        return undecided(journal.verdicts(), journal.facts.unverified)

    def settled(self, number: int) -> set[str]:
        """Candidates that verification does not take up again: those with a verdict. One that is
        open is taken up when the run was given more."""
        verdicts, journal = self.context.journal.verdicts(), self.context.journal
        if not number:
            return set()
        settled = {v.candidate for v in verdicts} | set(journal.facts.unverified)
        return settled - set(self._waiting()) if self._is_extended(number) else settled

    @property
    def floor_trials(self) -> int:
        """Trainings of the noise floor."""
        settled = self.context.journal.step("plan", "seeds")
        if settled is None:  # an earlier version began the run
            return sum(len(floor.scores) for floor in self.context.facts.noise)
        return sum(settled.result["seeds"])

    def _left_of_trials(self, found: EndedCandidates) -> int | None:
        """Trainings that are left after these candidates and the rounds of verification that have
        ended; None without a limit."""
        most, journal = self.context.settings.max_trials, self.context.journal
        if most is None:
            return None
        used = self.floor_trials + found.used + used_by_verification(journal)
        return max(0, most - used)

    def _worth(self) -> int | None:
        """How many trainings at the top rung the time that is left is worth; None without a
        limit."""
        left = self.pace.left()
        return None if left is None else self.pace.worth(left, self.context.spec.rungs[-1])

    def is_left(self, found: EndedCandidates) -> bool:
        """Whether there are trials, and time for one at the lowest rung."""
        trials, left = self._left_of_trials(found), self.pace.left()
        if left is None:
            return trials != 0
        lowest = self.pace.seconds(self.context.spec.rungs[0])
        return trials != 0 and left > lowest and not found.is_out_of_time
