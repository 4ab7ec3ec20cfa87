"""Which of the best candidates are discoveries.

The best of a play-off are screened: trained on fresh seeds, paired with their controls on the same
seeds and steps. What may well be better is trained again, on seeds that nothing was chosen by, and
those trainings alone are decided on the sealed test split, in one test evaluation that the
workspace's account pays for. Controls are the baseline; where the finalist is larger, the baseline
scaled to its size; where it brings a recipe, the baseline with that recipe; where it changes its
input or output, the baseline in that wrapper. Where the aim is a cost, the floor of quality is what
is to be passed; the baseline scaled to the finalist's size is trained beside it, and shown.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from functools import partial
from math import ceil, isfinite, sqrt
from statistics import fmean
from typing import Final

from archwright.agents.backends.opening import REPLAY
from archwright.core import BASELINE, Candidate, Reached, Trial, TrialSpec, Verdict
from archwright.core.settings import RunSettings
from archwright.runs.context import RunContext
from archwright.runs.journal import Journal
from archwright.runs.verification.account import Account
from archwright.runs.verification.controls import EQUAL_PARAMETERS, Controls, make_controls
from archwright.runs.verification.failures import failure
from archwright.runs.verification.finalists import (
    choose_finalists,
    playoff_trainings,
    spread_of,
)
from archwright.runs.verification.judgement import (
    FLOOR,
    WRAPPER,
    Against,
    decide,
    screen,
    without_numbers,
)
from archwright.runs.verification.statistics import levels

FRESH_SEED: Final = 1000
"""Verification's seeds start here; the search's start at 0."""
SEEDS_PER_ROUND: Final = 100
LEAST_SEEDS: Final = 4
"""Fewer trainings decide nothing on the sealed split."""
LEAST_SCREEN: Final = 2
"""Seeds of the screen without which nothing is decided."""
TEST: Final = "test"
"""The kind of a step that opens the test split."""


Verdicts = dict[str, Verdict]
"""By the finalist's id."""


PASSES: Final = 0.09
"""The most promising finalist is decided on if its p, of all that was measured of it so far, is
below; `archwright bench calibration` measures what that finds and costs."""
PASSES_BESIDE: Final = 0.02
"""Others are decided on beside it only if theirs is below this."""


@dataclass(frozen=True, slots=True)
class Field:
    """A finalist with its controls."""

    finalist: Candidate
    controls: Controls
    gains: tuple[float, ...]
    """Over the baseline's mean, in the play-off."""

    @property
    def everyone(self) -> tuple[Candidate, ...]:
        """The finalist, then its controls."""
        return (self.finalist, *self.controls.values())

    @property
    def largest(self) -> int:
        """Parameters of its largest control."""
        return max(c.parameters for c in self.controls.values())

    @property
    def has_no_equal(self) -> bool:
        """Whether it is larger than every control."""
        return self.finalist.parameters > self.largest * (1 + EQUAL_PARAMETERS)


class Verification:
    """Verifies the finalists of one run. A later round uses seeds and a test evaluation of its own.

    Args:
        allowance: most trainings that it may use, None without a limit.
        settled: candidates that it does not take up.
    """

    def __init__(
        self,
        context: RunContext,
        account: Account,
        allowance: int | None = None,
        round_: int = 0,
        settled: Collection[str] = (),
    ) -> None:
        self._context = context
        self._settled = settled
        self._account = account
        self._left = allowance
        self.round = round_
        self._trials: dict[tuple[str, int], Trial] = {}
        """By candidate and number of the seed in this round."""

    def verify(self, count: int) -> list[Verdict]:
        """Verdicts on the best `count` candidates of the run, best first."""
        most = self._for_playoff(count)
        finalists, spent = choose_finalists(self._context, count, most, self._settled)
        self._spend(spent)
        # Where the aim is a cost, a control forbids nothing: only what is decided on has one.
        aim = self._context.aim
        candidates = [finalist.candidate for finalist in finalists]
        controls: Iterable[Controls] = [{}] * len(finalists)
        if aim is None:
            with ThreadPoolExecutor(self._context.settings.workers) as pool:
                controls = list(pool.map(partial(make_controls, self._context), candidates))
        fields = [Field(f.candidate, c, f.gains) for f, c in zip(finalists, controls, strict=True)]
        verdicts: Verdicts = {}
        numbers = self._screening(fields)
        screened = self._train(fields, numbers)
        for field in screened:
            verdicts[field.finalist.id] = self._screen(field, numbers)
        standing = self._passing(screened, verdicts)
        ids = [field.finalist.id for field in fields]
        self._context.journal.note(unverified=[i for i in ids if i not in verdicts])
        alone = [] if aim else [field for field in standing if field.has_no_equal]
        verdicts |= {f.finalist.id: _without_equal(f, verdicts[f.finalist.id]) for f in alone}
        verdicts |= self._decide([f for f in standing if f not in alone], verdicts)
        return [replace(v, round=self.round, aim=self._reached(v)) for v in verdicts.values()]

    def _reached(self, verdict: Verdict) -> Reached | None:
        """What a finalist costs, and what there was to beat; None where quality is searched for."""
        aim, journal = self._context.aim, self._context.journal
        finalist, baseline = journal.candidate(verdict.candidate), journal.candidate(BASELINE)
        if aim is None or finalist is None:
            return None
        own, other = aim.cost(finalist), aim.cost(baseline or self._context.baseline)
        meets = aim.margin(self._context.floors[-1].mean) >= 0
        return Reached(aim.objective, aim.floor, own, other if isfinite(other) else None, meets)

    def _for_playoff(self, count: int) -> int | None:
        """Trainings that the play-off may use: what the rest leaves, a quarter at least."""
        if self._left is None:
            return None
        settings = self._context.settings
        rest = _screen_trainings(settings, count) + 2 * settings.deciding_seeds
        return max(self._left // 4, self._left - rest)

    def _spend(self, trials: int) -> None:
        if self._left is not None:
            self._left -= trials

    # --- trainings ------------------------------------------------------------------------------

    def _train(self, fields: Sequence[Field], numbers: range) -> list[Field]:
        """Train finalists with their controls on the seeds of these numbers; those that the
        allowance had room for."""
        jobs: dict[tuple[str, int], Candidate] = {}
        fitting: list[Field] = []
        for field in fields:
            wanted = {(c.id, n): c for n in numbers for c in field.everyone}
            more = {key: c for key, c in wanted.items() if key not in self._trials}
            if self._left is None or len(jobs | more) <= self._left:
                jobs |= more
                fitting.append(field)
        self._spend(len(jobs))
        order = sorted(jobs, key=lambda job: job[1])
        train = self._context.trainer.train_sealed
        with ThreadPoolExecutor(self._context.settings.workers) as pool:
            trials = pool.map(lambda job: train(self._trial(jobs[job], job[1])), order)
            self._trials |= dict(zip(order, trials, strict=True))
        return fitting

    def _trial(self, candidate: Candidate, number: int) -> TrialSpec:
        fresh = fresh_seed(self.round, number)
        return TrialSpec(candidate, self._context.top, fresh, purpose="verification")

    # --- judgement ------------------------------------------------------------------------------

    def _screen(self, field: Field, numbers: range) -> Verdict:
        """What validation says of a finalist's trainings on the seeds of these numbers."""
        trials = [[self._trials[who.id, n] for n in numbers] for who in field.everyone]
        failed = failure(field.everyone, trials)
        if failed is not None:
            return without_numbers(field.finalist, len(numbers), *failed)
        own, *others = [[t.score for t in row if t.score is not None] for row in trials]
        against = [
            Against(kind, c.title, c.parameters, tuple(scores))
            for (kind, c), scores in zip(field.controls.items(), others, strict=True)
        ]
        if (aim := self._context.aim) is not None:
            against.insert(0, Against(FLOOR, "the floor", 0, (aim.floor,) * len(own)))
        metric, finalist = self._context.metric, field.finalist
        verdict = screen(metric, finalist.id, finalist.title, own, against)
        return replace(verdict, problems=_gains_by_problem(trials))

    def _passing(self, fields: Sequence[Field], verdicts: Verdicts) -> list[Field]:
        """Those that are decided on, the most promising first."""
        chances = {f.finalist.id: self._chance(f, verdicts[f.finalist.id]) for f in fields}
        aim = self._context.aim
        ranked = sorted(fields, key=lambda f: chances[f.finalist.id])
        if aim is not None:  # Of those that may well be at the floor, the smallest first.
            likely = (f for f in fields if chances[f.finalist.id] < PASSES)
            ranked = sorted(likely, key=lambda f: aim.cost(f.finalist))
        limits = [PASSES] + [PASSES_BESIDE] * len(ranked)
        return [
            field
            for field, most in zip(ranked, limits, strict=False)
            if chances[field.finalist.id] < most
        ]

    def _chance(self, field: Field, verdict: Verdict) -> float:
        """The p of a finalist over the baseline, of the play-off and its fresh seeds together, with
        the noise of the baseline: the decision is made on other trainings, so that what the
        play-off chose it by may count. 1 where it does not beat another control at all. Where the
        aim is a cost, the p over its floor."""
        from scipy import stats

        floor, aim = self._context.floors[-1], self._context.aim
        if aim is not None:
            margins = [*field.gains, *map(aim.margin, verdict.own_scores)]
            if not verdict.own_scores:
                return 1.0
            spread = spread_of(margins, floor.sd)
            return float(stats.norm.sf(fmean(margins) / spread * sqrt(len(margins))))
        by_kind = {c.kind: c.effect for c in verdict.comparisons}
        others = [gain for kind, gain in by_kind.items() if kind not in ("baseline", WRAPPER)]
        if not by_kind or min(others, default=1.0) <= 0:
            return 1.0
        seeds = verdict.seeds
        total = sum(field.gains) + by_kind["baseline"] * seeds
        count = len(field.gains) + seeds
        error = floor.sd * sqrt(1 / count + 1 / (len(floor.scores) + seeds))
        return float(stats.norm.sf(total / count / error))

    def _decide(self, fields: Sequence[Field], screened: Verdicts) -> Verdicts:
        """The verdicts of those that passed the screen, on trainings of their own."""
        ranked = sorted(fields, key=lambda f: -(screened[f.finalist.id].effect or 0.0))
        if self._context.aim is not None:
            controls = ((f, make_controls(self._context, f.finalist)) for f in fields)
            ranked = [replace(field, controls=made) for field, made in controls]
        trained, numbers = list(ranked), range(0)
        while trained and len(numbers := self._deciding(trained)) < LEAST_SEEDS:
            trained.pop()
        self._train(trained, numbers)
        if self._context.aim is not None:  # A control that failed is not shown.
            trained = [self._with_measured_controls(field, numbers) for field in trained]
            ranked = [*trained, *ranked[len(trained) :]]
        verdicts: Verdicts = {}
        for field in ranked:
            id_ = field.finalist.id
            verdicts[id_] = (
                self._screen(field, numbers)
                if field in trained
                else replace(screened[id_], reason=_TOO_FEW, needs=_TO_DECIDE)
            )
        # Where any training failed there are no numbers, and nothing to look at.
        measured = [f for f in trained if verdicts[f.finalist.id].effect is not None]
        return verdicts | (self._look(measured, numbers, verdicts) if measured else {})

    def _with_measured_controls(self, field: Field, numbers: range) -> Field:
        kept = {
            kind: control
            for kind, control in field.controls.items()
            if all(self._trials[control.id, n].score is not None for n in numbers)
        }
        return replace(field, controls=kept)

    def _deciding(self, fields: Sequence[Field]) -> range:
        """The numbers of the seeds that decide, as many as the allowance has room for."""
        settings = self._context.settings
        first, count = settings.screen_seeds, settings.deciding_seeds
        if self._left is not None:
            count = min(count, self._left // _arms(fields))
        return range(first, first + count)

    def _screening(self, fields: Sequence[Field]) -> range:
        """The numbers of the seeds that screen: fewer where the best of the play-off, with all its
        controls, could not be decided on after that."""
        count = self._context.settings.screen_seeds
        if self._left is not None and fields:
            fitting = (self._left - LEAST_SEEDS * _arms(fields[:1])) // _arms(fields)
            count = min(count, fitting) if fitting >= LEAST_SCREEN else count
        return range(count)

    def _look(self, fields: Sequence[Field], numbers: range, validated: Verdicts) -> Verdicts:
        """The one test evaluation of this round on the sealed test split."""
        context = self._context
        # A replay repeats the test evaluation of the run that it repeats, and pays for none.
        backend = context.settings.backend
        run = backend.removeprefix(REPLAY) if backend.startswith(REPLAY) else context.run
        look = self._account.open(context.trainer.sealed_split, context.spec.name, run, self.round)
        for field in fields:
            key = f"{field.finalist.id}/{self.round}"
            request = {"seeds": len(numbers), "controls": [c.id for c in field.controls.values()]}
            context.journal.once(TEST, key, field.finalist.id, request, lambda: asdict(look))

        judges = []
        for field in fields:
            own, *others = [
                [context.trainer.open_sealed(self._trial(who, n)) for n in numbers]
                for who in field.everyone
            ]
            known = validated[field.finalist.id]
            if context.aim is not None:
                others.insert(0, [scores.all_at(context.aim.floor) for scores in own])
            judges.append(partial(decide, context.metric, known, own, others))
        given = levels(look.level, [partial(_passes, judge) for judge in judges])
        found = [judge(level) for judge, level in zip(judges, given, strict=True)]
        self._account.close(look, sum(v.verdict == "discovery" for v in found))
        return {v.candidate: replace(v, look=look.number) for v in found}


_TOO_FEW: Final = "it passed the screen, but too few trainings were left to decide on it"
_TO_DECIDE: Final = "a larger budget, or `archwright verify`"


def _arms(fields: Sequence[Field]) -> int:
    """Trainings that a seed takes: finalists share controls."""
    return len({who.id for field in fields for who in field.everyone})


def _passes(judge: Callable[[float], Verdict], level: float) -> bool:
    return judge(level).verdict == "discovery"


def _without_equal(field: Field, verdict: Verdict) -> Verdict:
    reason = f"no baseline of its size could be made: the largest has {field.largest} parameters"
    return replace(verdict, reason=reason, needs="")


def _gains_by_problem(trials: Sequence[Sequence[Trial]]) -> dict[str, float]:
    """Of a suite: the mean gain on each problem of the first row of trials over the second, which
    is the baseline's on the same seeds."""
    return {
        name: fmean(
            own.problems[name].gain - other.problems[name].gain
            for own, other in zip(*trials[:2], strict=True)
        )
        for name in trials[0][0].problems
        if len(trials) > 1
    }


def trainings_needed(settings: RunSettings, finalists: int) -> int:
    """Trainings that verify so many finalists, as a rule: each has the baseline and one more
    control, and one is decided on the sealed split."""
    return (
        playoff_trainings(finalists)
        + _screen_trainings(settings, finalists)
        + 3 * settings.deciding_seeds
    )


def least_trainings(settings: RunSettings, finalists: int) -> int:
    """Trainings below which verifying so many finalists makes no sense: none is left to decide.

    A quarter goes to the play-off. Of several, each has two controls, and one is decided with its
    own on the fewest seeds; a single one may have the baseline alone.
    """
    arms = 2 if finalists == 1 else 1 + 2 * finalists
    screened, decided = arms * settings.screen_seeds, min(arms, 3) * LEAST_SEEDS
    return ceil((screened + decided) * 4 / 3)


def _screen_trainings(settings: RunSettings, finalists: int) -> int:
    return (1 + finalists) * settings.screen_seeds


def fresh_seed(round_: int, number: int = 0) -> int:
    """The seed with the given number, from 0, of a round of verification."""
    return FRESH_SEED + SEEDS_PER_ROUND * round_ + number


def rounds_so_far(journal: Journal) -> int:
    """How many times the run's sealed test split was opened."""
    return len({step.key.rpartition("/")[2] for step in journal.steps(TEST)})
