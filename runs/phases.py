"""A run from start to end: baseline, search, verification, records."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from archwright.agents.backends.opening import symbolic
from archwright.core import (
    Candidate,
    CandidateStatus,
    RunError,
    Status,
    TaskError,
)
from archwright.knowledge.store import Knowledge
from archwright.runs.allocation import Budget, Ledger, Plan, allowance, read_grants
from archwright.runs.backends import open_agents
from archwright.runs.context import RunContext, baseline_of, within_limits
from archwright.runs.halving import Evaluation, SuccessiveHalving
from archwright.runs.journal import Journal, Phase
from archwright.runs.loop import Loop
from archwright.runs.memory import Memory
from archwright.runs.noise import measure_noise
from archwright.runs.results.branches.records import Records
from archwright.runs.screening import Screening, why
from archwright.runs.session import Session
from archwright.runs.steering import Steering
from archwright.runs.trainer import Trainer
from archwright.runs.verification import Account, Verification, rounds_so_far
from archwright.search.predict.latency import Device, latency_ms
from archwright.source.fingerprint import fingerprint, read_source
from archwright.tasks.loading import Task

LEAST_SECONDS: Final = 1e-3


def discover(session: Session) -> None:
    """Baseline, search, verification, records: whatever the journal does not hold yet.

    Raises:
        Stopped: the run was asked to stop; the journal holds all that was done.
        ArchwrightError: it cannot go on, for the reason said.
    """
    with Knowledge(session.workspace.paths.knowledge) as knowledge, session.open() as journal:
        facts = journal.facts
        if facts.phase is Phase.DONE:
            return  # To search on would mean to open the test split again.
        phases = Phases.of(session, journal, knowledge)
        if facts.round is not None:
            phases.verify_round(facts.round)  # It was asked for, and cut short.
        else:
            phases.run()
        journal.note(phase=Phase.DONE)


def verify(session: Session, force: bool) -> None:
    """Verify the best candidates, on fresh seeds. A search that was stopped ends with it.

    Raises:
        RunError: the test split was opened before and `force` is not set, or there is
            nothing to verify.
    """
    # Refused before the run is opened, so that a refusal leaves it as it is.
    name = session.paths.name
    with Journal.open(session.paths) as journal:
        rounds = rounds_so_far(journal)
        if rounds and not force:
            raise RunError(
                f"the test split of {name} was opened before: a second evaluation is "
                f"weaker evidence; see `archwright report {name}`, or add --force"
            )
        if not journal.facts.noise:
            raise RunError(f"{name} has measured nothing yet: `archwright resume {name}` first")
    with Knowledge(session.workspace.paths.knowledge) as knowledge, session.open() as journal:
        if rounds:
            journal.notice(f"the test split was opened {rounds + 1} times (forced)")
        if journal.facts.phase is Phase.SEARCH:
            journal.notice("the search was stopped early: a verification ended it")
        journal.note(round=rounds)
        Phases.of(session, journal, knowledge).verify_round(rounds)
        journal.note(phase=Phase.DONE)


@dataclass(slots=True)
class Phases:
    """The phases of one run in one session."""

    session: Session
    context: RunContext
    knowledge: Knowledge
    seconds_before: float
    began: float

    @classmethod
    def of(cls, session: Session, journal: Journal, knowledge: Knowledge) -> Phases:
        """The phases of a session that has just begun."""
        spec, facts = within_limits(session.task.spec, session.settings), journal.facts
        context = RunContext(
            spec=spec,
            settings=session.settings,
            journal=journal,
            sandbox=session.sandbox,
            trainer=Trainer(Task(spec), session.sandbox, journal),
            baseline=baseline_of(spec),
            floors=facts.noise,
            facts=facts,
        )
        if facts.noise:
            parameters = facts.noise[-1].parameters
            context.baseline = replace(context.baseline, parameters=parameters)
        return cls(session, context, knowledge, journal.seconds_alive(), time.monotonic())

    def run(self) -> None:
        """All phases; what the journal holds answers from there."""
        self._check_baseline()
        self.context.floors = measure_noise(self.context)
        plan = Plan.of(self.context.settings, len(self.context.spec.rungs))
        found = self._search(plan)
        verification = Verification(self.context, self._account, allowance=self._left(plan, found))
        self._verify(verification, plan.finalists)

    def verify_round(self, round_: int) -> None:
        """A verification that was asked for: without a limit on its trials."""
        self._verify(
            Verification(self.context, self._account, round_=round_),
            self.context.settings.finalists,
        )

    @property
    def _account(self) -> Account:
        return Account(self.session.workspace.paths.looks)

    # --- phases ---------------------------------------------------------------------------------

    def _check_baseline(self) -> None:
        """Check the baseline, and enter it as a candidate that is known."""
        spec, context = self.session.task.spec, self.context
        # Only the task's own limits hold for it: the run's are for what is searched.
        report = context.sandbox.check(
            spec.baseline, spec.problem, proxies=context.settings.proxies
        )
        if report.status is not Status.OK:
            raise TaskError(
                f"the baseline of task {spec.name} fails its checks ({why(report)}): fix "
                f"{spec.folder / 'baseline.py'}"
            )
        parsed = read_source(spec.baseline, spec.problem, spec.recipe)
        device = context.facts.device
        context.baseline = replace(
            context.baseline,
            created=time.time(),
            fingerprint=fingerprint(parsed, parsed.recipe, report.graph),
            parameters=report.parameters,
            flops=report.flops,
            latency_ms=latency_ms(report.graph, Device(**device)) if device else None,
            proxies=report.proxies,
            status=CandidateStatus.TRAINED,
        )
        context.baseline = context.journal.propose(context.baseline)

    def _search(self, plan: Plan) -> list[Candidate]:
        context, settings, journal = self.context, self.context.settings, self.context.journal
        over = journal.facts.phase is Phase.VERIFICATION
        if not over:
            journal.note(phase=Phase.SEARCH)
        agents = open_agents(self.session.backend, journal, self.session.workspace.paths)
        control = open_agents(symbolic(), journal, self.session.workspace.paths)
        ledger = Ledger(self.session.stop.is_set)
        halving = SuccessiveHalving(context.metric, settings, context.trainer, context.floors)
        budget = Budget(
            plan=plan,
            most=halving.most_trials,
            lag=settings.candidates_ahead,
            patience=settings.patience,
            ledger=ledger,
            seconds_left=self._clock(plan),
            may_begin=allowance(settings, journal),
            earlier=read_grants(journal),
            over=over,
        )
        memory = Memory(context, self.knowledge)
        loop = Loop(
            context=context,
            steering=Steering(context),
            memory=memory,
            screening=Screening(context, agents, control, memory, ledger),
            halving=halving,
            evaluation=Evaluation(context, agents),
            ledger=ledger,
            budget=budget,
        )
        found = loop.search()
        if not found:
            journal.notice("the budget was spent before the first candidate: nothing was searched")
        return found

    def _verify(self, verification: Verification, count: int) -> None:
        self.context.journal.note(phase=Phase.VERIFICATION)
        workspace = self.session.workspace
        agents = open_agents(self.session.backend, self.context.journal, workspace.paths)
        records = Records(self.context, agents, self.knowledge, workspace, verification.round)
        for verdict in verification.verify(count):
            records.write(verdict)

    # --- time and trials left -------------------------------------------------------------------

    def _seconds(self) -> float:
        """Wall time of the run over all its sessions."""
        return self.seconds_before + time.monotonic() - self.began

    def _left(self, plan: Plan, found: Sequence[Candidate]) -> int | None:
        """Trainings left for verification: of those that were given, and as many as time allows;
        None where neither is bounded.

        Settled once, at the end of the search: a resumed run verifies what it began to.
        """
        settings, journal = self.context.settings, self.context.journal

        def count() -> dict[str, int | None]:
            left = []
            if settings.max_trials is not None:
                left.append(settings.max_trials - plan.baseline - sum(c.trials for c in found))
            if settings.hours is not None:
                seconds = settings.hours * 3600 - self._seconds()
                left.append(int(seconds * settings.workers / self._seconds_per_trial()))
            return {"trials": max(0, min(left)) if left else None}

        trials: int | None = journal.once("allowance", "verification", "", {}, count)["trials"]
        return trials

    def _seconds_per_trial(self) -> float:
        """How long a training at the top rung takes on average; the baseline's are there."""
        steps = self.context.spec.rungs[-1]
        seconds, trials, _ = self.context.journal.training_time(steps=steps)
        return max(seconds / max(1, trials), LEAST_SECONDS)

    def _seconds_per_candidate(self) -> float:
        """How long a candidate of the search trains on average, 0 while none has."""
        seconds, _, candidates = self.context.journal.training_time(purpose="search")
        return seconds / max(1, candidates)

    def _clock(self, plan: Plan) -> Callable[[int], float] | None:
        """Wall time left for the search, with what those under way and verification take kept
        back."""
        settings, hours = self.context.settings, self.context.settings.hours
        if hours is None:
            return None

        def seconds_left(under_way: int) -> float:
            trials = plan.verification or settings.screen_seeds * (1 + 2 * plan.finalists)
            kept = self._seconds_per_trial() * trials
            kept += self._seconds_per_candidate() * under_way
            return hours * 3600 - self._seconds() - kept / settings.workers

        return seconds_left
