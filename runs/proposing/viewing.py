"""What a proposer is shown of a run: the campaign as it stands in the journal at that moment."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from archwright.agents.proposers.campaign import (
    CampaignQuestion,
    LedgerRow,
    ShownWork,
    Steer,
    Suggestion,
)
from archwright.agents.questions import Brief, ShownCandidate
from archwright.core import BASELINE, CONTROL, Candidate, CandidateStatus, Curve
from archwright.runs.context import Campaign, RunContext, prospect_of
from archwright.runs.guiding import steer_of, words_so_far
from archwright.runs.memory import Memory
from archwright.runs.noise import measured_floors
from archwright.runs.results.ledger import problem_gains
from archwright.runs.steering import Move
from archwright.search.operators import OPERATORS
from archwright.search.policies import Choice
from archwright.source.fingerprint import family

BEST: Final = 14
LATEST: Final = 10
"""Rows of the ledger: the best, the latest, and all that are under way."""
UNLIKE: Final = 8
"""The best of so many candidates that is of another family than the best is shown whole."""
POINTS: Final = 8
"""Points of a curve that are shown."""

MODES: Final[Mapping[str, str]] = {
    "broaden": "The best is at the ceiling, or nothing was gained for long: propose other kinds.",
    "cost": "Nothing more is to be gained: propose the same score with fewer parameters.",
}
"""What a model is told on a plateau and at the metric's ceiling."""


@dataclass(frozen=True, slots=True)
class Viewer:
    """Makes the question to a proposer."""

    context: RunContext
    memory: Memory
    free: Callable[[], int | None] = lambda: None
    """Trainings that are left to the search; None where they do not bound it."""

    def for_one(self, number: int, move: Move, campaign: Campaign) -> CampaignQuestion:
        """What the symbolic proposer needs: parents, examples, passages. The control arm gets
        nothing that a search or a person has touched."""
        choice = move.choice
        found = self.memory.retrieve(number, choice, campaign)
        control = choice.operator == CONTROL
        return CampaignQuestion(
            brief=Brief.of(self.context.spec),
            number=number,
            seed=self.context.settings.seed,
            baseline=_shown(campaign.baseline, "the baseline"),
            works=tuple(_shown(campaign.known[p], "a parent") for p in choice.parents),
            examples=found.examples,
            passages=found.passages,
            steer=Steer() if control else self._steer(move.words),
            suggestion=Suggestion(
                operator=choice.operator,
                parents=choice.parents,
                seed=None if control else choice.seed,
                target=choice.target,
            ),
        )

    def for_many(self, number: int, move: Move, campaign: Campaign, memo: str) -> CampaignQuestion:
        """What a model is shown: the whole campaign as the journal has it now. Asked once; the
        journal answers from then on, whatever has happened since."""

        def view() -> dict[str, object]:
            question = self._view(number, move, campaign, memo)
            return question.model_dump(mode="json")

        done = self.context.journal.once("question", str(number), str(number), {}, view)
        return CampaignQuestion.model_validate(done)

    def _view(self, number: int, move: Move, campaign: Campaign, memo: str) -> CampaignQuestion:
        context, choice = self.context, move.choice
        found = self.memory.retrieve(number, choice, campaign)
        floors = measured_floors(context.floors)
        known = {**campaign.known, **{c.id: c for c in context.journal.candidates()}}
        rows = ledger_rows(
            tuple(known.values()),
            context.spec.rungs,
            [f.sd for f in floors],
            problem_gains(context.journal.each_trial()) if context.spec.members else {},
        )
        shown = most_telling(rows)
        return CampaignQuestion(
            brief=Brief.of(context.spec),
            number=number,
            count=move.count,
            seed=context.settings.seed,
            baseline=self._work(known[BASELINE], "the baseline"),
            layers=context.layers,
            noise=tuple((f.steps, f.mean, f.sd) for f in floors),
            samples=context.samples,
            promoted=context.settings.reduction,
            left="; ".join(self._left()),
            steer=self._steer(words_so_far(context.journal)),
            memo=memo,
            ledger=shown,
            omitted=len(rows) - len(shown),
            works=tuple(self._works(known, choice, campaign)),
            examples=found.examples,
            suggestion=Suggestion(
                operator=choice.operator,
                parents=choice.parents,
                seed=choice.seed,
                about=OPERATORS[choice.operator].summary,
                target=choice.target,
            ),
            ranking=tuple(
                id_
                for id_ in move.ranking
                if id_ in known and known[id_].status is CandidateStatus.OPEN
            ),
            lessons=found.lessons,
            warnings=found.warnings,
            passages=found.passages,
            mode=MODES.get(move.stage, ""),
            aim=" ".join(self._aim(campaign)),
        )

    def _steer(self, words: int) -> Steer:
        return steer_of(self.context.journal, self.context.settings, words)

    def _aim(self, campaign: Campaign) -> Iterator[str]:
        """The aim at a cost, where the baseline stands, and the smallest so far."""
        prospect = prospect_of(self.context, campaign)
        if prospect is None:
            return
        aim, base = prospect.aim, prospect.baseline
        stands = "reaches that floor" if prospect.baseline_meets else "is not known to reach it"
        yield f"The aim is {aim}. The baseline has {aim.cost_text(aim.cost(base))} and {stands}."
        smallest = prospect.smallest()
        if smallest is None:
            yield "No candidate is at the floor yet."
            return
        yield (
            f"The smallest at the floor so far is {smallest.id} with "
            f"{aim.cost_text(aim.cost(smallest))}; what is not smaller is not trained."
        )

    # --- works ----------------------------------------------------------------------------------

    def _works(
        self, known: Mapping[str, Candidate], choice: Choice, campaign: Campaign
    ) -> Iterator[ShownWork]:
        """The verified best, or the best by now; the parents that are suggested; the best of
        another family."""
        candidates = [c for c in known.values() if not c.is_control and c.id != BASELINE]
        if (prospect := prospect_of(self.context, campaign)) is not None:
            candidates = list(prospect.rank(candidates))
        ranked = sorted(
            (c for c in candidates if c.gain is not None), key=lambda c: c.fitness, reverse=True
        )
        verdicts = self.context.journal.verdicts()
        verified = [v.candidate for v in verdicts if v.verdict == "discovery"]
        best = [known[v] for v in verified if v in known] or ranked[:1]
        shown: dict[str, str] = {}
        for candidate in best[:1]:
            why = "the best that is verified" if verified else "the best so far, unverified"
            shown[candidate.id] = why
        if len(ranked) > 1:
            shown.setdefault(ranked[1].id, "the second best of the search")
        for parent in choice.parents:
            if parent != BASELINE:
                shown.setdefault(parent, "suggested as a parent")
        if best:
            kind = family(best[0].source)
            unlike = (c for c in ranked[:UNLIKE] if family(c.source) != kind)
            if (other := next(unlike, None)) is not None:
                shown.setdefault(other.id, "the best of another kind")
        for id_, why in shown.items():
            yield self._work(known[id_], why)

    def _work(self, candidate: Candidate, why: str) -> ShownWork:
        """A candidate whole, with the curve of its longest training; but for a suite, whose curves
        are of one problem after the other."""
        if self.context.spec.members:
            return _shown(candidate, why)
        steps = None if candidate.rung is None else self.context.spec.rungs[candidate.rung]
        trials = self.context.journal.trials(candidate.id, steps=steps)
        curve: Curve = next((t.curve for t in trials if t.curve), ())
        return _shown(candidate, why, curve)

    # --- budget ---------------------------------------------------------------------------------

    def _left(self) -> Iterator[str]:
        settings, spent = self.context.settings, self.context.journal.spend()
        free = self.free()
        if free is not None:
            yield f"{max(0, free)} trainings of the search, those under way not yet taken off"
        if settings.hours is not None:
            left_hours = max(0.0, settings.hours - spent.seconds / 3600)
            yield f"{left_hours:.2g} of {settings.hours:g} hours"
        if settings.max_usd is not None:
            yield f"${max(0.0, settings.max_usd - spent.usd):.2f} of ${settings.max_usd:g}"


def ledger_rows(
    candidates: Iterable[Candidate],
    rungs: Sequence[int],
    sds: Sequence[float],
    problems: Mapping[str, Mapping[str, float]] | None = None,
) -> list[LedgerRow]:
    """All candidates in a line each, in their order; attempts that were replaced are left out."""
    by_problem = problems or {}
    rows: dict[int | str, tuple[int, LedgerRow]] = {}
    for c in candidates:
        key = c.number or c.id
        if key not in rows or c.attempt >= rows[key][0]:
            rows[key] = c.attempt, LedgerRow.of(c, rungs, sds, by_problem.get(c.id))
    return [row for _, row in rows.values()]


def most_telling(rows: Sequence[LedgerRow]) -> tuple[LedgerRow, ...]:
    """The rows that are shown, in their order: the baseline, the best, the latest, and all that
    are under way."""

    def rank(row: LedgerRow) -> tuple[int, float]:
        return max(map(int, row.gains), default=0), row.gain or 0.0

    best = sorted((r for r in rows if r.gains), key=rank, reverse=True)[:BEST]
    ids = {r.candidate for r in (*best, *rows[-LATEST:])}
    ids |= {r.candidate for r in rows if r.status == CandidateStatus.OPEN}
    return tuple(r for r in rows if r.candidate in ids or r.candidate == BASELINE)


def _shown(candidate: Candidate, why: str, curve: Curve = ()) -> ShownWork:
    shown = ShownCandidate.of(candidate)
    errors = candidate.measured.errors if candidate.measured else ""
    return ShownWork(**shown.model_dump(), why=why, curve=_thinned(curve), errors=errors)


def _thinned(curve: Curve) -> Curve:
    """A few points of a curve, the first and the last among them."""
    if len(curve) <= POINTS:
        return curve
    places = sorted({round(i * (len(curve) - 1) / (POINTS - 1)) for i in range(POINTS)})
    return tuple(curve[i] for i in places)
