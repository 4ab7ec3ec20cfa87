"""A run from start to end: baseline, search, verification, records."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from archwright.agents.proposers.opening import open_proposer, open_symbolic
from archwright.core import (
    CandidateStatus,
    RunError,
    Status,
    TaskError,
)
from archwright.knowledge.store import Knowledge
from archwright.runs.backends import open_agents
from archwright.runs.budget.allocation import Budget, Grants, allowance
from archwright.runs.budget.balance import Balance
from archwright.runs.budget.legs import (
    Leg,
    close_round,
    close_search,
    is_closed,
    next_round,
    read_legs,
    record_leg,
)
from archwright.runs.budget.pace import Pace, TimedTrainer
from archwright.runs.budget.plan import Plan, Share, is_entrant
from archwright.runs.budget.progress import EndedCandidates, Progress
from archwright.runs.budget.purse import Purse
from archwright.runs.context import RunContext, baseline_of, over_limits, within_limits
from archwright.runs.halving import SuccessiveHalving
from archwright.runs.journal import Journal, Phase
from archwright.runs.loop import Loop
from archwright.runs.memory import Memory
from archwright.runs.noise import measuring, top_sd
from archwright.runs.proposing.asking import Proposing
from archwright.runs.proposing.memos import Memos
from archwright.runs.proposing.queueing import Queue
from archwright.runs.proposing.ranking import Promise
from archwright.runs.proposing.tooling import Tooling
from archwright.runs.proposing.viewing import Viewer
from archwright.runs.results.branches.records import Records
from archwright.runs.screening import Screening, why
from archwright.runs.session import Session
from archwright.runs.steering import Steering
from archwright.runs.training.checking import check_all
from archwright.runs.training.trainer import Trainer
from archwright.runs.verification import Account, Verification, open_account, rounds_so_far
from archwright.runs.workspace.knowing import check_place, knowledge_of
from archwright.search.predict.latency import Device, latency_ms
from archwright.source.fingerprint import fingerprint, read_source
from archwright.tasks.loading import Task


def discover(session: Session) -> None:
    """Baseline, search, verification, records: whatever the journal does not hold yet.

    Raises:
        Stopped: the run was asked to stop; the journal holds all that was done.
        ArchwrightError: it cannot go on, for the reason said.
    """
    with Journal.open(session.paths) as journal:
        if journal.facts.phase is Phase.DONE:
            journal.note(state="finished")
            return
    with _opened(session) as (knowledge, journal):
        phases, facts = Phases.of(session, journal, knowledge), journal.facts
        if facts.round is not None:
            phases.verify_round(facts.round)  # It was asked for, and cut short.
        else:
            phases.run()
        journal.note(phase=Phase.DONE, round=None)


def verify(session: Session, force: bool) -> None:
    """Verify the best candidates, on fresh seeds. A search that was stopped ends with it.

    Raises:
        RunError: the test split was opened before and `force` is not set, or there is
            nothing to verify.
    """
    # Refused before the run is opened, so that a refusal leaves it as it is.
    name = session.paths.name
    with Journal.open(session.paths) as journal:
        facts, looks = journal.facts, rounds_so_far(journal)
        if looks and not force:
            raise RunError(
                f"the test split of {name} was opened before: a second evaluation is "
                f"weaker evidence; see `archwright report {name}`, or add --force"
            )
        if not facts.noise:
            raise RunError(f"{name} has measured nothing yet: `archwright resume {name}` first")
        # A round that opened nothing goes on with the trainings that it has.
        round_ = next_round(journal) if looks else max(0, next_round(journal) - 1)
    asked = {"round": round_, "phase": Phase.VERIFICATION}
    with _opened(session, **asked) as (knowledge, journal):
        if looks:
            journal.notice(f"the test split was opened {looks + 1} times (forced)")
        if facts.phase is Phase.SEARCH:
            journal.notice("the search was stopped early: a verification ended it")
        Phases.of(session, journal, knowledge).verify_round(round_)
        journal.note(phase=Phase.DONE, round=None)


@contextmanager
def _opened(session: Session, **facts: Any) -> Iterator[tuple[Knowledge, Journal]]:
    """The run's knowledge base, opened first: what is wrong with it leaves the run as it is."""
    address = session.settings.knowledge
    with knowledge_of(session.workspace, address) as knowledge:
        with Journal.open(session.paths) as journal:
            check_place(session.paths.name, journal.facts.place, knowledge, address)
        with (
            session.open(**facts, place=knowledge.place) as journal,
            knowledge.attended(journal.run, journal.notice, session.stop),
        ):
            yield knowledge, journal


@dataclass(slots=True)
class Phases:
    """The phases of one run in one session."""

    session: Session
    context: RunContext
    knowledge: Knowledge
    pace: Pace
    trainer: TimedTrainer
    balance: Balance = field(init=False)
    share: Share | None = None
    """What the leg that goes on may spend."""

    def __post_init__(self) -> None:
        self.balance = Balance(self.context, self.pace)

    @classmethod
    def of(cls, session: Session, journal: Journal, knowledge: Knowledge) -> Phases:
        """The phases of a session that has just begun."""
        spec, facts = within_limits(session.task.spec, session.settings), journal.facts
        spec = replace(spec, rungs=facts.rungs or spec.rungs)
        pace = Pace(journal, session.settings)
        trainer = TimedTrainer(
            Trainer(Task(spec), session.sandbox, journal), pace, session.settings.workers
        )
        context = RunContext(
            spec=spec,
            settings=session.settings,
            journal=journal,
            sandbox=session.sandbox,
            trainer=trainer,
            baseline=baseline_of(spec),
            floors=facts.noise,
            facts=facts,
        )
        if facts.noise:
            parameters = facts.noise[-1].parameters
            context.baseline = replace(context.baseline, parameters=parameters)
        return cls(session, context, knowledge, pace, trainer)

    def run(self) -> None:
        """All phases, leg by leg; what the journal holds answers from there.

        Raises:
            RunError: an earlier version asked its models otherwise.
        """
        journal = self.context.journal
        if self.context.settings.asks_models and journal.step("call", "1/0/researcher"):
            raise RunError(
                f"{journal.run} was begun by a version that asked its models for one candidate at "
                "a time, and only that one can continue it: its report and its knowledge stay; "
                "start a new run with `archwright run`"
            )
        self._check_baseline()
        self._tell_account()
        plan = self.balance.plan()
        with measuring(self.context, plan.seeds) as self.context.floors:
            loop, number = self._loop(), 0
            while self._run_leg(number, plan, loop):
                number += 1
        if not loop.begun:
            self.context.journal.notice(
                "the budget was spent before the first candidate: nothing was searched"
            )

    def verify_round(self, round_: int) -> None:
        """A verification that was asked for: without a limit on its trials or its time."""
        self.pace.lift()
        verification = Verification(self.context, self._looks, round_=round_)
        self._verify(verification, self.context.settings.finalists)
        journal = self.context.journal
        close_search(journal, round_)
        searched = sum(c.trials for c in journal.each_candidate())
        close_round(journal, round_, searched, self.balance.floor_trials)

    @property
    def _looks(self) -> Account:
        return open_account(self.session.workspace.paths, self.knowledge)

    # --- baseline -------------------------------------------------------------------------------

    def _check_baseline(self) -> None:
        """Check the baseline, and enter it as a candidate that is known."""
        spec, context = self.session.task.spec, self.context
        # Only the task's own limits hold for it: the run's are for what is searched.
        report = check_all(context.sandbox, spec.baseline, spec, context.settings.proxies)
        if report.status is not Status.OK:
            raise TaskError(
                f"the baseline of task {spec.name} fails its checks ({why(report)}): fix "
                f"{spec.baseline_files} in {spec.folder}"
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
            int8_bytes=report.int8_bytes,
            proxies=report.proxies,
            status=CandidateStatus.TRAINED,
        )
        context.baseline = context.journal.propose(context.baseline)
        context.layers = report.layers
        context.samples = self.trainer.samples
        for words in over_limits(context.baseline, context.spec.problem):
            context.journal.notice(words)

    def _tell_account(self) -> None:
        """What earlier test evaluations on the sealed split leave to this run."""
        if not self._looks.looks():
            return  # the split need not be read for that
        split = self.context.trainer.sealed_split
        before = [k for k in self._looks.looks(split) if k.run != self.context.run]
        if before:
            whose = "knowledge base" if self.session.settings.knowledge else "workspace"
            times = "once" if len(before) == 1 else f"{len(before)} times"
            self.context.journal.notice(
                f"runs of this {whose} have used the sealed test split {times}: a gain of this one "
                f"needs p below {self._looks.next_level(split):.2g} there; a task with a fresh "
                "test split begins anew"
            )

    # --- search ---------------------------------------------------------------------------------

    def _loop(self) -> Loop:
        context, journal, settings = self.context, self.context.journal, self.context.settings
        agents = open_agents(self.session.backend, journal, self.session.workspace.paths)
        stopping = self.session.stop.is_set
        progress = Progress(stopping, lambda c: is_entrant(c, context.top, context.aim))
        memory, steering = Memory(context, self.knowledge), Steering(context)
        promise = Promise(steering.expect, progress.latest, lambda: top_sd(context))
        queue = Queue(journal, settings.workers, promise, stopping)
        memos, screening = Memos(context, agents), Screening(context, memory, progress)
        tooling = Tooling(context, screening, self.knowledge)
        proposing = Proposing(
            context=context,
            viewer=Viewer(context, memory, lambda: self._free(progress)),
            screening=screening,
            symbolic=open_symbolic(settings),
            model=open_proposer(settings, agents, tooling.tools, journal.notice, tooling.record),
            memos=memos,
            arms=steering.arms,
            progress=progress,
            extra=tooling.trainings,
            drains=lambda: self._drains(queue.waiting),
        )
        return Loop(
            context=context,
            steering=steering,
            memory=memory,
            proposing=proposing,
            queue=queue if settings.asks_models else None,
            halving=SuccessiveHalving(context.metric, settings, context.trainer, context.floors),
            progress=progress,
        )

    def _run_leg(self, number: int, plan: Plan, loop: Loop) -> bool:
        """Search, then verify what is new; whether there is a budget for another leg."""
        journal, legs = self.context.journal, read_legs(self.context.journal)
        known = legs[number] if number < len(legs) else self.balance.unrecorded(number, plan)
        share = self.balance.share(number, plan, loop.progress.upto(loop.begun))
        if known is None:
            journal.note(phase=Phase.SEARCH)
        found = loop.search(self._budget(share, loop, known))
        leg = record_leg(journal, number, lambda: known or self.balance.end(share, found))
        if leg.round is not None and not is_closed(journal, leg.round):
            self.trainer.kept = lambda: 0.0
            settled = self.balance.settled(number)
            verification = Verification(self.context, self._looks, leg.trials, leg.round, settled)
            self._verify(verification, leg.finalists)
            close_round(journal, leg.round, found.used, self.balance.floor_trials)
        worked = leg.candidates > share.since or leg.round is not None
        return number + 1 < len(legs) or (worked and self.balance.is_left(found))

    def _drains(self, waiting: int) -> float:
        """Seconds until so many candidates have had their turn; without end as long as none has."""
        return waiting * (self.pace.candidate_seconds() or math.inf) if waiting else 0.0

    def _free(self, progress: Progress) -> int | None:
        """Trainings that are left to the search, those of candidates under way not taken off."""
        return None if self.share is None else self.share.free(progress.ended())

    def _budget(self, share: Share, loop: Loop, known: Leg | None) -> Budget:
        settings, progress, steps = self.context.settings, loop.progress, self.context.spec.rungs
        self.share = share
        pace = self.pace

        def seconds_left(ended: EndedCandidates, under_way: int) -> float:
            kept = pace.takes(share.kept(ended), steps[-1])
            left = pace.left() or 0.0
            if ended.is_out_of_time:
                return 0.0
            return left - kept - pace.candidate_seconds() * under_way - pace.seconds(steps[0])

        self.trainer.kept = lambda: pace.takes(share.kept(progress.ended()), steps[-1])
        if settings.has_many_workers and share.trials is not None:
            given = progress.upto(share.since).used + share.trials
            self.trainer.purse = Purse(
                self.context.journal, lambda: given - share.kept(progress.ended())
            )
        return Budget(
            share=share,
            most=loop.halving.most_trials,
            lag=settings.candidates_ahead,
            patience=settings.patience,
            progress=progress,
            seconds_left=None if settings.hours is None else seconds_left,
            may_begin=allowance(settings, self.context.journal),
            earlier=Grants(self.context.journal),
            last=None if known is None else known.candidates,
            fresh=not settings.is_in_order,
            enough=loop.halving.enough_trials,
            expecting=settings.has_many_workers,
        )

    # --- verification ---------------------------------------------------------------------------

    def _verify(self, verification: Verification, count: int) -> None:
        self.context.journal.note(phase=Phase.VERIFICATION)
        workspace = self.session.workspace
        agents = open_agents(self.session.backend, self.context.journal, workspace.paths)
        records = Records(self.context, agents, self.knowledge, workspace, verification.round)
        memory = Memory(self.context, self.knowledge)
        for verdict in verification.verify(count):
            records.write(verdict)
            memory.remember_verdict(verdict.candidate)
