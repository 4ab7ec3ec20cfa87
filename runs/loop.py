"""The discovery loop. One candidate's way through it is `Loop.step`.

choose parents and an operator → retrieve examples and lessons → the researcher states an idea →
the coder writes the source → fingerprint; a duplicate goes back with the reason, untrained →
check in the sandbox; the debugger repairs → train at the lowest rung → the evaluator compares
with the noise floor → promote or stop → the reviewer looks for invalid gains → knowledge
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import count
from random import Random

from archwright.agents.questions import Brief, EvaluationQuestion, ResearchQuestion, Work
from archwright.agents.roles import Agents
from archwright.domain import End, TaskSpec
from archwright.runs.budget import Budget, Grant
from archwright.runs.journal import Journal
from archwright.runs.ledger import Ledger, Tried
from archwright.runs.memory import Memory
from archwright.runs.noise import BASELINE, Floor, climbs
from archwright.runs.screening import Candidate, Screening, seed_of
from archwright.runs.settings import RunSettings
from archwright.runs.trainer import Trainer, Trial, TrialRequest
from archwright.search.selection import Choice, Policy, Scored


@dataclass(frozen=True, slots=True)
class Pool:
    """What a candidate can start from: all works by id, and those that were measured."""

    works: dict[str, Work]
    scored: tuple[Scored, ...]
    tried: tuple[Tried, ...]


@dataclass(slots=True)
class Loop:
    """Searches until the budget is spent."""

    spec: TaskSpec
    settings: RunSettings
    journal: Journal
    agents: Agents
    policy: Policy
    memory: Memory
    screening: Screening
    trainer: Trainer
    ledger: Ledger
    budget: Budget
    floors: Sequence[Floor]
    brief: Brief = field(init=False)

    def __post_init__(self) -> None:
        self.brief = Brief.of(self.spec)

    def search(self) -> list[Tried]:
        """Candidates until the budget grants no more; all of them, in order."""
        futures: list[Future[None]] = []
        with ThreadPoolExecutor(self.settings.candidates_ahead) as threads:
            for number in count(1):
                grant = self.budget.grant(number)
                if grant is None:
                    break
                futures.append(threads.submit(self._run_step, grant))
            return self.ledger.upto(len(futures))

    def _run_step(self, grant: Grant) -> None:
        try:
            self.ledger.close(grant.number, self.step(grant))
        except BaseException as error:
            self.ledger.fail(error)
            raise

    def step(self, grant: Grant) -> Tried:
        """One candidate, from the choice of its parents to what is remembered of it."""
        pool = self._gather(grant.sees)
        choice = self.policy.choose(pool.scored, self.spec.problem, self._rng(grant, "choice"))
        question = self._ask(grant, choice, pool)
        works = pool.works | {w.id: w for w in question.examples}
        candidate = self.screening.propose(grant.number, question, works)
        trials = self._climb(candidate, grant, pool) if candidate.end is End.OPEN else []
        tried = self._sum_up(candidate, trials)
        lesson = self._evaluate(candidate, trials, tried, pool)
        self.memory.remember(candidate, tried, lesson)
        return tried

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
        measured = [t for t in tried if t.gains]
        works = {w.id: w for w in (baseline, *inherited, *map(_as_work, measured))}
        scored = (
            Scored(BASELINE, baseline.source, top, 0.0),
            *(Scored(w.id, w.source, top, w.gain or 0.0) for w in inherited),
            *(Scored(t.id, t.source, len(t.gains) - 1, t.gains[-1]) for t in measured),
        )
        return Pool(works, scored, tuple(tried))

    def _ask(self, grant: Grant, choice: Choice, pool: Pool) -> ResearchQuestion:
        parents = tuple(pool.works[p] for p in choice.parents)
        near = parents[0] if parents else pool.works[BASELINE]
        examples, lessons = self.memory.retrieve(str(grant.number), near)
        return ResearchQuestion(
            brief=self.brief,
            operator=choice.operator,
            parents=parents,
            examples=examples,
            lessons=lessons,
            rejected=(),
        )

    def _rng(self, grant: Grant, purpose: str) -> Random:
        return Random(seed_of(self.settings.seed, grant.number, purpose))

    # --- train, promote or stop -----------------------------------------------------------------

    def _climb(self, candidate: Candidate, grant: Grant, pool: Pool) -> list[Trial]:
        """Train at rising rungs for as long as the candidate earns the next one."""
        trials: list[Trial] = []
        for rung in range(min(len(self.spec.rungs), grant.trials)):
            trial = self.trainer.train(
                TrialRequest(
                    candidate=candidate.id,
                    title=candidate.title,
                    source=candidate.source,
                    recipe=candidate.recipe,
                    rung=rung,
                    seed=0,
                    priority=candidate.number,
                )
            )
            trials.append(trial)
            if trial.score is None:
                break
            self.journal.update(candidate.id, rung=rung, score=trial.score)
            if not self._promoted(trial.score, rung, pool):
                break
        return trials

    def _promoted(self, score: float, rung: int, pool: Pool) -> bool:
        gain = self.floors[rung].gain(self.spec.metric, score)
        rivals = [t.gains[rung] for t in pool.tried if len(t.gains) > rung]
        return climbs(gain, rivals, self.settings.reduction)

    def _sum_up(self, candidate: Candidate, trials: Sequence[Trial]) -> Tried:
        scores = tuple(t.score for t in trials if t.score is not None)
        gains = tuple(
            floor.gain(self.spec.metric, score)
            for floor, score in zip(self.floors, scores, strict=False)
        )
        end, reason = candidate.end, candidate.reason
        if trials:
            end, reason = _end_of(trials)
            self.journal.end(candidate.id, end, reason)
        return Tried(
            id=candidate.id,
            title=candidate.title,
            rationale=candidate.rationale,
            source=candidate.source,
            recipe=candidate.recipe,
            operator=candidate.operator,
            parents=candidate.parents,
            end=end,
            reason=reason,
            scores=scores,
            gains=gains,
            trials=len(trials),
            parameters=candidate.parameters,
        )

    # --- evaluate -------------------------------------------------------------------------------

    def _evaluate(
        self, candidate: Candidate, trials: Sequence[Trial], tried: Tried, pool: Pool
    ) -> str:
        """The evaluator's lesson from the highest rung; a failure is its own lesson."""
        if not tried.scores:
            return f"{tried.title}: {tried.end} ({tried.reason})"
        rung = len(tried.scores) - 1
        parent = next((t for t in pool.tried if t.id in tried.parents[:1]), None)
        question = EvaluationQuestion(
            brief=self.brief,
            title=tried.title,
            source=tried.source,
            steps=self.spec.rungs[rung],
            curve=trials[rung].curve,
            score=tried.scores[rung],
            baseline_mean=self.floors[rung].mean,
            baseline_sd=self.floors[rung].sd,
            gain=tried.gains[rung],
            parent_score=parent.scores[rung] if parent and len(parent.scores) > rung else None,
            promoted=rung > 0,
        )
        seed = seed_of(self.settings.seed, tried.id, "evaluation")
        answer = self.agents.evaluate(candidate.id, question, seed)
        self.journal.update(candidate.id, lesson=answer.lesson)
        return answer.lesson


def _end_of(trials: Sequence[Trial]) -> tuple[End, str]:
    last = trials[-1]
    if last.score is None:
        return End.CRASHED, f"{last.status.value}: {last.error}"
    return (End.PROMOTED if len(trials) > 1 else End.TRAINED), ""


def _as_work(tried: Tried) -> Work:
    return Work(
        id=tried.id,
        title=tried.title,
        source=tried.source,
        score=tried.scores[-1],
        gain=tried.gains[-1],
        parameters=tried.parameters,
    )
