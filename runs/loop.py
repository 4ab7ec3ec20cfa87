"""The discovery loop. One candidate's way through it is `Loop.step`.

choose parents and an operator → retrieve examples and lessons → the researcher states an idea →
the coder writes the source → fingerprint; a duplicate goes back with the reason, untrained →
check in the sandbox; the debugger repairs → train at a low rung → the evaluator compares
with the noise floor → promote or stop → the reviewer looks for invalid gains → knowledge
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import count

from archwright.agents.questions import Brief, EvaluationQuestion, ResearchQuestion, Work
from archwright.agents.roles import Agents
from archwright.core import End, TaskSpec
from archwright.runs.budget import Budget, Grant, record_grant
from archwright.runs.candidates import Candidate, seed_of
from archwright.runs.halving import Ascent, Climb, Climber, Rung, highest
from archwright.runs.journal.journal import Journal
from archwright.runs.ledger import Ledger, Tried
from archwright.runs.memory import Memory
from archwright.runs.noise import BASELINE, Floor
from archwright.runs.results.tradeoffs import UNKNOWN, Costs, costs_of, is_undominated, rank_pool
from archwright.runs.screening import Screening
from archwright.runs.settings import RunSettings
from archwright.runs.steering import Steering
from archwright.search.policies import CONTROL, Choice, Result


@dataclass(frozen=True, slots=True)
class Pool:
    """What a candidate can start from: all works by id, how they ended for the policy, and those
    of this run that were measured."""

    works: dict[str, Work]
    results: tuple[Result, ...]
    tried: tuple[Tried, ...]


@dataclass(slots=True)
class Loop:
    """Searches until the budget is spent."""

    spec: TaskSpec
    settings: RunSettings
    journal: Journal
    agents: Agents
    steering: Steering
    memory: Memory
    screening: Screening
    climb: Climb
    ledger: Ledger
    budget: Budget
    floors: Sequence[Floor]
    baseline_costs: Costs = UNKNOWN
    brief: Brief = field(init=False)

    def __post_init__(self) -> None:
        self.brief = Brief.of(self.spec)

    def search(self) -> list[Tried]:
        """Candidates until the budget grants no more; all of them, in order."""
        futures: list[Future[None]] = []
        seen = 0
        with ThreadPoolExecutor(self.settings.candidates_ahead) as threads:
            for number in count(1):
                grant = self.budget.grant(number)
                if grant is None:
                    break
                record_grant(self.journal, grant)
                # What was once seen stays seen. Choices are made one after the other, in the order
                # of their numbers; all else goes on side by side.
                seen = max(seen, grant.sees)
                pool = self._gather(seen)
                choice = self._choose(number, pool)
                futures.append(threads.submit(self._run_step, grant, choice, pool))
            return self.ledger.upto(len(futures))

    def _run_step(self, grant: Grant, choice: Choice, pool: Pool) -> None:
        try:
            self.ledger.close(grant.number, self.step(grant, choice, pool))
        except BaseException as error:
            self.ledger.fail(error)
            raise

    def step(self, grant: Grant, choice: Choice, pool: Pool) -> Tried:
        """One candidate, from what was chosen for it to what is remembered of it."""
        question = self._ask(grant, choice, pool)
        works = pool.works | {w.id: w for w in question.examples}
        candidate = self.screening.propose(grant.number, question, works)
        ascent = self._climb(candidate, grant, pool, choice.rung)
        lesson = self._evaluate(candidate, ascent, pool)
        self.memory.remember(candidate, ascent, lesson)
        return Tried.of(candidate, ascent)

    # --- choose and retrieve ------------------------------------------------------------------

    def _gather(self, sees: int) -> Pool:
        """What the candidate may know: the baseline, what earlier runs found, and this run's
        results up to number `sees`."""
        tried = self.ledger.upto(sees)
        top = len(self.spec.rungs) - 1
        inherited = self.memory.inherited()
        baseline = Work(
            id=BASELINE,
            title="the baseline",
            source=self.spec.baseline,
            score=self.floors[-1].mean,
            gain=0.0,
            parameters=self.floors[-1].parameters,
        )
        # What the control arm finds stays its own, or it would be no control.
        own = [(n, t) for n, t in enumerate(tried, 1) if t.operator != CONTROL]
        works = {w.id: w for w in (baseline, *inherited, *(_as_work(t) for _, t in own))}
        results = [self.steering.known(w, top) for w in (baseline, *inherited)]
        results += [r for n, t in own if (r := self.steering.tried(n, t)) is not None]
        costs = {BASELINE: self.baseline_costs, **{t.id: costs_of(t) for _, t in own}}
        ranked = rank_pool(results, costs, self.settings.objectives)
        return Pool(works, ranked, tuple(t for _, t in own if t.rungs))

    def _choose(self, number: int, pool: Pool) -> Choice:
        """Every so often the control arm's random draw, else what the policy says. A control goes
        to the top at once, for what random draws come to is measured there."""
        share = self.settings.control
        if int(number * share) > int((number - 1) * share):
            return Choice(CONTROL, (), 0, len(self.spec.rungs) - 1)
        return self.steering.choose(number, pool.results)

    def _ask(self, grant: Grant, choice: Choice, pool: Pool) -> ResearchQuestion:
        parents = tuple(pool.works[p] for p in choice.parents)
        near = parents[0] if parents else pool.works[BASELINE]
        control = choice.operator == CONTROL
        found = self.memory.retrieve(str(grant.number), near, blank=control)
        return ResearchQuestion(
            brief=self.brief,
            operator=choice.operator,
            parents=parents,
            examples=found.examples,
            lessons=found.lessons,
            warnings=found.warnings,
            rejected=(),
            seed=None if control else choice.seed,
            passages=found.passages,
        )

    # --- train, promote or stop -----------------------------------------------------------------

    def _climb(self, candidate: Candidate, grant: Grant, pool: Pool, first: int) -> Ascent:
        """Up the rungs from rung `first`, for as long as the candidate earns it."""
        if candidate.end is not End.OPEN:
            return Ascent({}, 0, candidate.end, candidate.reason)

        top = len(self.spec.rungs) - 1

        def reached(rung: int, shown: Rung) -> None:
            self.journal.update(
                candidate.id, rung=rung, score=shown.score, gain=shown.gain, seeds=shown.seeds
            )

        ascent = self.climb.climb(
            Climber(
                candidate.id,
                candidate.title,
                candidate.source,
                candidate.recipe,
                candidate.number,
            ),
            grant.trials,
            lambda rung: rivals_at(rung, top, candidate.parents, pool.tried),
            reached,
            first=first,
            spared=lambda rung, shown: self._is_spared(candidate, rung, shown, pool),
        )
        self.journal.end(candidate.id, ascent.end, ascent.reason)
        return ascent

    def _is_spared(self, candidate: Candidate, rung: int, shown: Rung, pool: Pool) -> bool:
        """With several objectives what nothing dominates climbs, too."""
        objectives = self.settings.objectives
        rivals = [(t.rungs[rung].gain, costs_of(t)) for t in pool.tried if rung in t.rungs]
        rivals.append((0.0, self.baseline_costs))
        return len(objectives) > 1 and is_undominated(
            shown.gain, costs_of(candidate), rivals, objectives
        )

    # --- evaluate -------------------------------------------------------------------------------

    def _evaluate(self, candidate: Candidate, ascent: Ascent, pool: Pool) -> str:
        """The evaluator's lesson from the highest rung; a failure is its own lesson."""
        rung, shown = highest(ascent.rungs)
        if shown is None or candidate.operator == CONTROL:
            return f"{candidate.title}: {ascent.end} ({ascent.reason})" if ascent.reason else ""
        parent = next((t for t in pool.tried if t.id in candidate.parents[:1]), None)
        question = EvaluationQuestion(
            brief=self.brief,
            title=candidate.title,
            source=candidate.source,
            steps=self.spec.rungs[rung],
            curve=shown.curve,
            score=shown.score,
            baseline_mean=self.floors[rung].mean,
            baseline_sd=self.floors[rung].sd,
            gain=shown.gain,
            parent_score=parent.rungs[rung].score if parent and rung in parent.rungs else None,
            promoted=ascent.end is End.PROMOTED,
        )
        seed = seed_of(self.settings.seed, candidate.id, "evaluation")
        answer = self.agents.evaluate(candidate.id, question, seed)
        self.journal.update(candidate.id, lesson=answer.lesson)
        return answer.lesson


def rivals_at(rung: int, top: int, parents: Sequence[str], tried: Sequence[Tried]) -> list[float]:
    """Gains that decide whether a candidate with these parents climbs from a rung.

    A draft is compared with drafts, a variation with its first parent if that climbed from there:
    among all of them, what learns quickly and ends low would crowd out the rest. At the top rung,
    which nothing climbs from, all are compared.
    """
    shown = [t for t in tried if rung in t.rungs]
    if rung < top and parents:
        shown = [t for t in shown if t.id == parents[0] and rung + 1 in t.rungs] or shown
    elif rung < top:
        shown = [t for t in shown if not t.parents]
    return [t.rungs[rung].gain for t in shown]


def _as_work(tried: Tried) -> Work:
    _, shown = highest(tried.rungs)
    return Work(
        id=tried.id,
        title=tried.title,
        source=tried.source,
        score=shown.score if shown else None,
        gain=shown.gain if shown else None,
        parameters=tried.parameters,
    )
