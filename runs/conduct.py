"""A run from start to end: baseline, search, verification, records."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Final

from archwright.agents.backends import Backend
from archwright.agents.roles import Agents
from archwright.core import RunError, Status, TaskError, TaskSpec
from archwright.knowledge.store import Knowledge
from archwright.runs.backends import open_agents, symbolic
from archwright.runs.budget import Budget, Plan, Stopwatch, read_grants
from archwright.runs.halving import Climb
from archwright.runs.journal.calls import allowance
from archwright.runs.journal.journal import Journal
from archwright.runs.ledger import Ledger, Tried
from archwright.runs.loop import Loop
from archwright.runs.memory import Memory
from archwright.runs.noise import BASELINE, Floor, measure_noise, read_floors
from archwright.runs.results.branches.records import Records
from archwright.runs.results.tradeoffs import Costs
from archwright.runs.screening import Screening, why
from archwright.runs.session import sit
from archwright.runs.settings import RunSettings
from archwright.runs.steering import Steering
from archwright.runs.trainer import Trainer
from archwright.runs.verification.verification import Verification, rounds_so_far
from archwright.runs.workspace.paths import RunPaths
from archwright.runs.workspace.workspace import Workspace
from archwright.sandbox import Sandbox
from archwright.search.predict.latency import Device, latency_ms
from archwright.source.fingerprint import fingerprint, read_source
from archwright.tasks.loading import Task

LEAST_SECONDS: Final = 1e-3


@dataclass(slots=True)
class Conductor:
    """Does a run's work with a given sandbox and backend.

    Args:
        stop: set it to end the run cleanly; set by a stop request from another process, too.
    """

    workspace: Workspace
    task: Task
    paths: RunPaths
    sandbox: Sandbox
    backend: Backend
    stop: threading.Event

    def conduct(self) -> None:
        """Baseline, search, verification, records: whatever the journal does not hold yet.

        Raises:
            Stopped: the run was asked to stop; the journal holds all that was done.
            ArchwrightError: it cannot go on, for the reason said.
        """
        with self._sitting() as (journal, knowledge):
            if journal.fact("phase") == "done":
                return  # To search on would mean to look at the test split again.
            if journal.fact("round") is not None:
                self._verify_round(journal, knowledge)  # It was asked for, and cut short.
                return
            settings = RunSettings(**journal.fact("settings"))
            stopwatch = Stopwatch(journal.seconds_alive())
            agents = self._agents(journal)
            trainer = Trainer(self.task, self.sandbox, journal, self.paths)
            floors = self._measure_floor(trainer, journal, settings)
            plan = Plan.of(settings, len(self.task.spec.rungs))
            tried = self._search(
                journal, knowledge, settings, agents, trainer, floors, stopwatch, plan
            )
            verification = Verification(
                *(self._baseline_spec(), settings, trainer, self.sandbox, journal, floors),
                allowance=_left(journal, settings, plan, stopwatch, tried),
            )
            self._verify(journal, knowledge, agents, floors, verification, plan.finalists)
            journal.note("phase", "done")

    def verify(self, force: bool) -> None:
        """Verify the best candidates, on fresh seeds. A search that was stopped ends with it.

        Raises:
            RunError: the test split was opened before and `force` is not set, or there is
                nothing to verify.
        """
        # Refused before the run is taken up, so that a refusal leaves it as it is.
        with Journal.open(self.paths, readonly=True) as journal:
            rounds = rounds_so_far(journal)
            if rounds and not force:
                raise RunError(
                    f"the test split of {self.paths.name} was opened before: a second look is "
                    f"weaker evidence; see `archwright report {self.paths.name}`, or add --force"
                )
            if not journal.fact("noise"):
                raise RunError(
                    f"{self.paths.name} has measured nothing yet: "
                    f"`archwright resume {self.paths.name}` first"
                )
        with self._sitting() as (journal, knowledge):
            if rounds:
                journal.notice(f"the test split was opened {rounds + 1} times (forced)")
            if journal.fact("phase") == "search":
                journal.notice("the search was stopped early and ended by a verification")
            journal.note("round", rounds)
            self._verify_round(journal, knowledge)

    def _verify_round(self, journal: Journal, knowledge: Knowledge) -> None:
        """A verification that was asked for: without a limit on its trials."""
        settings = RunSettings(**journal.fact("settings"))
        floors = read_floors(journal)
        trainer = Trainer(self.task, self.sandbox, journal, self.paths)
        verification = Verification(
            *(self._baseline_spec(), settings, trainer, self.sandbox, journal, floors),
            round_=journal.fact("round"),
        )
        agents = self._agents(journal)
        self._verify(journal, knowledge, agents, floors, verification, settings.finalists)
        journal.note("phase", "done")

    # --- phases ---------------------------------------------------------------------------------

    def _measure_floor(
        self, trainer: Trainer, journal: Journal, settings: RunSettings
    ) -> list[Floor]:
        """Check the baseline, enter it as a candidate that is known, and measure its noise."""
        spec = self.task.spec
        report = self.sandbox.check(spec.baseline, spec.problem)
        if report.status is not Status.OK:
            raise TaskError(
                f"the baseline of task {spec.name} fails its checks ({why(report)}): fix "
                f"{spec.folder / 'baseline.py'}"
            )
        parsed = read_source(spec.baseline, spec.problem, spec.recipe)
        print_ = fingerprint(parsed, parsed.recipe, report.graph)
        row = {
            "id": BASELINE,
            "sequence": 0,
            "title": "the baseline",
            "rationale": "",
            "operator": "",
            "parents": [],
            "source": spec.baseline,
            "recipe": parsed.recipe.to_json(),
            "examples": [],
            "created": time.time(),
        }
        journal.propose(row)
        levels = {"text": print_.text, "tree": print_.tree, "graph": print_.graph}
        device = journal.fact("device")
        costs = {
            "parameters": report.parameters,
            "flops": report.flops,
            "latency_ms": latency_ms(report.graph, Device(**device)) if device else None,
        }
        proxies = json.dumps(dict(report.proxies))
        journal.update(BASELINE, **levels, **costs, proxies=proxies, end="trained")
        return measure_noise(self._baseline_spec(), trainer, journal, settings, report.parameters)

    def _baseline_spec(self) -> TaskSpec:
        """The task with the recipe that its baseline is trained with, which may bring its own."""
        spec = self.task.spec
        return replace(spec, recipe=read_source(spec.baseline, spec.problem, spec.recipe).recipe)

    def _search(
        self,
        journal: Journal,
        knowledge: Knowledge,
        settings: RunSettings,
        agents: Agents,
        trainer: Trainer,
        floors: list[Floor],
        stopwatch: Stopwatch,
        plan: Plan,
    ) -> list[Tried]:
        over = journal.fact("phase") == "verification"
        if not over:
            journal.note("phase", "search")
        spec = limited(self.task.spec, settings)
        ledger = Ledger(self.stop.is_set)
        memory = Memory(spec, knowledge, journal, floors)
        control = open_agents(symbolic(), journal, self.workspace.paths)
        screening = Screening(spec, agents, control, self.sandbox, journal, knowledge, ledger)
        climb = Climb(spec, settings, trainer, floors)
        budget = Budget(
            plan=plan,
            most=climb.most_trials,
            lag=settings.candidates_ahead,
            patience=settings.patience,
            ledger=ledger,
            seconds_left=_clock(journal, settings, plan, stopwatch),
            may_begin=allowance(settings, journal),
            earlier=read_grants(journal),
            over=over,
        )
        loop = Loop(
            spec=spec,
            settings=settings,
            journal=journal,
            agents=agents,
            steering=Steering(spec, settings, journal),
            memory=memory,
            screening=screening,
            climb=climb,
            ledger=ledger,
            budget=budget,
            floors=floors,
            baseline_costs=_baseline_costs(journal),
        )
        tried = loop.search()
        if not tried:
            journal.notice("the budget was spent before the first candidate: nothing was searched")
        return tried

    def _verify(
        self,
        journal: Journal,
        knowledge: Knowledge,
        agents: Agents,
        floors: list[Floor],
        verification: Verification,
        count: int,
    ) -> None:
        journal.note("phase", "verification")
        records = Records(
            *(self.task, agents, journal, knowledge, self.workspace, floors), verification.round
        )
        for verdict in verification.verify(count):
            records.write(verdict)

    # --- around the work ------------------------------------------------------------------------

    @contextmanager
    def _sitting(self) -> Iterator[tuple[Journal, Knowledge]]:
        with (
            Knowledge(self.workspace.paths.knowledge) as knowledge,
            sit(self.paths, self.task, self.sandbox, self.stop) as journal,
        ):
            yield journal, knowledge

    def _agents(self, journal: Journal) -> Agents:
        return open_agents(self.backend, journal, self.workspace.paths)


def _baseline_costs(journal: Journal) -> Costs:
    (row,) = journal.query("SELECT * FROM candidates WHERE id = ?", BASELINE)
    return Costs(row["parameters"], row["flops"], row["latency_ms"])


def limited(spec: TaskSpec, settings: RunSettings) -> TaskSpec:
    """The task with the run's own limits on its candidates, where they are narrower."""
    problem = spec.problem
    flops = [f for f in (problem.max_flops, settings.max_flops) if f is not None]
    narrowed = replace(
        problem,
        max_params=min(problem.max_params, settings.max_params or problem.max_params),
        max_flops=min(flops, default=None),
    )
    return replace(spec, problem=narrowed)


def _left(
    journal: Journal,
    settings: RunSettings,
    plan: Plan,
    stopwatch: Stopwatch,
    tried: Sequence[Tried],
) -> int | None:
    """Trainings left for verification: of those that were given, and as many as time allows; None
    where neither is bounded.

    Settled once, at the end of the search: a resumed run verifies what it began to.
    """

    def count() -> dict[str, int | None]:
        left = []
        if settings.max_trials is not None:
            left.append(settings.max_trials - plan.baseline - sum(t.trials for t in tried))
        if settings.hours is not None:
            seconds = settings.hours * 3600 - stopwatch.seconds()
            left.append(int(seconds * settings.workers / _seconds_per_trial(journal)))
        return {"trials": max(0, min(left)) if left else None}

    trials: int | None = journal.once("allowance", "verification", "", {}, count)["trials"]
    return trials


def _seconds_per_trial(journal: Journal) -> float:
    """How long a training at the top rung takes on average; the baseline's are there at least."""
    ((seconds,),) = journal.query(
        "SELECT AVG(json_extract(result, '$.resources.seconds')) FROM steps WHERE "
        "kind = 'trial' AND state = 'finished' AND json_extract(request, '$.steps') = ?",
        max(journal.fact("rungs")),
    )
    return max(float(seconds), LEAST_SECONDS)


def _seconds_per_candidate(journal: Journal) -> float:
    """How long a candidate of the search trains on average, 0 while none has."""
    ((seconds, candidates),) = journal.query(
        "SELECT TOTAL(json_extract(result, '$.resources.seconds')), COUNT(DISTINCT candidate) "
        "FROM steps WHERE kind = 'trial' AND state = 'finished' "
        "AND json_extract(request, '$.purpose') = 'search'"
    )
    return float(seconds) / max(1, int(candidates))


def _clock(
    journal: Journal, settings: RunSettings, plan: Plan, stopwatch: Stopwatch
) -> Callable[[int], float] | None:
    """Wall time left for the search, with what those under way and verification take kept back."""
    hours = settings.hours
    if hours is None:
        return None

    def seconds_left(under_way: int) -> float:
        trials = plan.verification or settings.verify_seeds * (1 + 2 * plan.finalists)
        kept = _seconds_per_trial(journal) * trials + _seconds_per_candidate(journal) * under_way
        return hours * 3600 - stopwatch.seconds() - kept / settings.workers

    return seconds_left
