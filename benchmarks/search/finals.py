"""Other ways to end a campaign, beside the one that a run takes: what each finds and costs.

    python benchmarks/search/finals.py [--campaigns 400] [--repeats 2] [--max-trials 200]
                                         [--workers 2]

Plays simulated campaigns, as `archwright bench calibration` does: with nothing to find, and with
one candidate planted whose gain is 1, 1.5 or 2 noise sd. Each is searched by successive halving.
What the search has found then goes through each way to end: play-offs of another shape, screens of
other seeds and limits, other numbers of deciding seeds, another level. All ways see the same
trainings as far as they ask for the same ones, so differences between them are surer than each
figure. Repeats train the finalists of a campaign on other fresh seeds.

In contrast to calibration, no candidate needs a control but the baseline, the noise on test has
nothing to do with that on validation, and the ways to end have as many trainings as they ask for.
So the figures are higher than those of calibration.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from math import isnan, nan, sqrt
from multiprocessing import get_context
from operator import lt
from statistics import fmean, stdev
from typing import NamedTuple, TypeVar

import numpy as np
from scipy import special

from archwright.benchmarks.dedup.workers import end_with
from archwright.benchmarks.search.calibration import LAG, PLANTED
from archwright.benchmarks.search.simulation import BASE, PLANTED_NUMBER, SPEC, SimulatedTrainer
from archwright.core import Array, Candidate, Floor, TrialSpec
from archwright.core.settings import RunSettings
from archwright.runs.budget.plan import Plan
from archwright.runs.context import Campaign
from archwright.runs.halving import SuccessiveHalving
from archwright.runs.verification.finalists import BENEFIT_OF_DOUBT, Finalist
from archwright.runs.verification.statistics import SplitGains, compare, compare_on_test, levels

T = TypeVar("T")
Scores = Callable[[str, int], T]
"""By candidate and seed."""
GAINS = (0.0, *PLANTED)
TOP = len(SPEC.rungs) - 1
SCREENED, DECIDED, A_REPEAT = 1000, 2000, 10000
"""First seeds of the screen and of the decision, and from one repeat to the next."""


@dataclass(frozen=True, slots=True)
class Ending:
    """A way to end a campaign; as a run ends where nothing else is said.

    Args:
        words: what is other about it.
        playoff: rounds: how many candidates, and how many seeds each has after the round.
        doubt: a finalist may lie so many standard errors below the baseline.
        screen: stages: how many fresh seeds each finalist has by then, and what p must be below,
            for the most promising and for each after it; beyond these none goes on.
        pooled: whether that p counts the play-off, or the fresh seeds alone.
        deciding: new seeds of those that are decided.
        level: of the decision.
        search_seeds: seeds at most at a rung of the search.
    """

    words: str
    playoff: tuple[tuple[int, int], ...] = ((15, 3), (9, 5), (6, 7))
    doubt: float = BENEFIT_OF_DOUBT
    screen: tuple[tuple[int, tuple[float, ...]], ...] = ((4, (0.09, 0.02, 0.02)),)
    pooled: bool = True
    deciding: int = 18
    level: float = 0.05
    search_seeds: int = 3


ENDINGS = (
    Ending("play-off 15 x 3, 9 x 5, 6 x 7 seeds; screen 4 at .09; 18 decide at 5 %"),
    Ending(
        "screen by the fresh seeds' own p: 3 at .45, 6 at .3; 16 decide",
        screen=((3, (0.45, 0.45)), (6, (0.3,))),
        pooled=False,
        deciding=16,
    ),
    Ending(
        "screen in two stages: 3 at .2, 6 at .1; 16 decide",
        screen=((3, (0.2, 0.2)), (6, (0.1,))),
        deciding=16,
    ),
    Ending("screen in two stages: 2 at .25, 4 at .12", screen=((2, (0.25, 0.25)), (4, (0.12,)))),
    Ending("play-off 9 x 5 seeds, only those above the baseline", playoff=((9, 5),), doubt=0.0),
    Ending("level 2.5 %", level=0.025),
    Ending("search with 2 seeds at most", search_seeds=2),
    Ending("12 decide", deciding=12),
    Ending("26 decide", deciding=26),
)


class Tally(NamedTuple):
    """How one campaign ended. Trainings of finalists hold those of their controls."""

    discovery: bool
    found: bool
    final: bool
    playoff: int
    trainings: int


def play(campaign: int, trials: int, repeats: int) -> dict[tuple[Ending, float], list[Tally]]:
    """One campaign with each gain, ended in each way."""
    trainer = SimulatedTrainer(campaign, 0.0)
    sealed = cache(partial(_sealed, trainer))
    played = {}
    for trainer.planted in GAINS:
        searched = cache(partial(_search, trainer, trials))
        shown = cache(partial(_shown, trainer))
        for ending in ENDINGS:
            floor, entrants = searched(ending.search_seeds)
            finalists, spent = _playoff(shown, ending, floor, entrants)
            tallies = []
            for first in range(0, repeats * A_REPEAT, A_REPEAT):
                passing, trained = _screen(shown, ending, floor, finalists, first + SCREENED)
                found = _decide(sealed, trainer.quality, ending, passing, first + DECIDED)
                trained += ending.deciding * (len(passing) + 1) if passing else 0
                known = str(PLANTED_NUMBER)
                final = any(f.candidate.id == known for f in finalists)
                tallies.append(Tally(bool(found), known in found, final, spent, trained))
            played[ending, trainer.planted] = tallies
    return played


def _search(
    trainer: SimulatedTrainer, max_trials: int, search_seeds: int
) -> tuple[Floor, list[Candidate]]:
    """The noise floor at the top rung, and the candidates that reached it."""
    settings = RunSettings(max_trials=max_trials, workers=1, search_seeds=search_seeds)
    plan = Plan.of(settings, len(SPEC.rungs))
    floors = [_floor(trainer, rung, seeds) for rung, seeds in enumerate(plan.seeds)]
    halving = SuccessiveHalving(SPEC.metric, settings, trainer, floors)
    ended: list[Candidate] = []
    left = plan.search or 0
    while left > 0:
        number = len(ended) + 1
        drawn = Candidate(str(number), str(number), sequence=1000 * number, operator="draw")
        seen = Campaign({}, tuple(ended[: max(0, number - LAG)]))
        most = min(left, halving.most_trials)
        ended.append(halving.run(drawn, most, partial(_rivals, seen), lambda _: None))
        left -= ended[-1].trials
    return floors[TOP], [c for c in ended if c.rung == TOP]


def _rivals(seen: Campaign, rung: int) -> list[Candidate]:
    return seen.rivals(rung, rung, ())


def _floor(trainer: SimulatedTrainer, rung: int, seeds: int) -> Floor:
    trials = [trainer.train(TrialSpec(BASE, rung, seed)) for seed in range(seeds)]
    scores = tuple(t.score for t in trials if t.score is not None)
    return Floor(SPEC.rungs[rung], fmean(scores), stdev(scores), scores, BASE.parameters)


def _shown(trainer: SimulatedTrainer, who: str, seed: int) -> float:
    """The score on validation; not a number where the training measured nothing."""
    score = trainer.train(TrialSpec(Candidate(who), TOP, seed)).score
    return nan if score is None else score


def _sealed(trainer: SimulatedTrainer, who: str, seed: int) -> Array:
    """Scores on test without the candidate's quality, so that they serve every gain."""
    spec = TrialSpec(Candidate(who), TOP, seed, purpose="verification")
    return trainer.open_sealed(spec).each - trainer.quality(who)


# --- play-off, screen, decision -------------------------------------------------------------------


def _playoff(
    shown: Scores[float], ending: Ending, floor: Floor, entrants: Sequence[Candidate]
) -> tuple[list[Finalist], int]:
    """The finalists, best first, and the trainings that it took."""
    seeds = {c.id: c.seeds for c in entrants}

    def gains(c: Candidate) -> list[float]:
        each = [shown(c.id, seed) - floor.mean for seed in range(seeds[c.id])]
        return [gain for gain in each if not isnan(gain)]

    def fitness(c: Candidate) -> float:
        return sum(gains(c)) / (len(gains(c)) + 1)

    ranked = list(entrants)
    for width, most in ending.playoff:
        ranked = sorted(ranked, key=fitness, reverse=True)[:width]
        seeds |= {c.id: max(most, seeds[c.id]) for c in ranked}
    best = sorted(ranked, key=fitness, reverse=True)[: RunSettings().finalists]
    finalists = [Finalist(c, tuple(gains(c))) for c in best]
    spent = sum(seeds.values()) - sum(c.seeds for c in entrants)
    return [f for f in finalists if _z(f.gains, 0, floor) > -ending.doubt], spent


def _screen(
    shown: Scores[float],
    ending: Ending,
    floor: Floor,
    finalists: Sequence[Finalist],
    first: int,
) -> tuple[list[Finalist], int]:
    """Those that are decided on, in their order, and the trainings of all."""

    def fresh(finalist: Finalist, seeds: int) -> list[float]:
        numbers = range(first, first + seeds)
        return [shown(finalist.candidate.id, n) - shown(BASE.id, n) for n in numbers]

    def chance(finalist: Finalist, seeds: int) -> float:
        own = fresh(finalist, seeds)
        if any(map(isnan, own)):
            return 1.0
        if not ending.pooled:
            return compare(own).p
        return float(special.ndtr(-_z((*finalist.gains, *own), seeds, floor)))

    standing, before, trained = list(finalists), 0, 0
    for seeds, limits in ending.screen:
        trained += (len(standing) + 1) * (seeds - before) if standing else 0
        ranked = sorted((chance(f, seeds), f.candidate.number, f) for f in standing)
        standing = [f for (p, _, f), most in zip(ranked, limits, strict=False) if p < most]
        before = seeds
    return sorted(standing, key=lambda f: -fmean(fresh(f, before))), trained


def _z(gains: Sequence[float], fresh: int, floor: Floor) -> float:
    """The mean gain in its own standard errors, with the noise of the baseline, which was trained
    on so many fresh seeds, too."""
    error = floor.sd * sqrt(1 / len(gains) + 1 / (len(floor.scores) + fresh))
    return fmean(gains) / error


def _decide(
    sealed: Scores[Array],
    quality: Callable[[str], float],
    ending: Ending,
    passing: Sequence[Finalist],
    first: int,
) -> list[str]:
    """The discoveries."""
    numbers = range(first, first + ending.deciding)

    def p(finalist: Finalist) -> float:
        who = finalist.candidate.id
        gains = np.stack([sealed(who, n) - sealed(BASE.id, n) for n in numbers])
        return compare_on_test(SplitGains(gains + quality(who))).p

    ps = [p(finalist) for finalist in passing]
    given = levels(ending.level, [partial(lt, p) for p in ps])
    decided = zip(passing, ps, given, strict=True)
    return [finalist.candidate.id for finalist, p, level in decided if p < level]


# --- the command ----------------------------------------------------------------------------------


def main() -> None:
    """Play and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--campaigns", type=int, default=400, help="of each gain")
    parser.add_argument("--repeats", type=int, default=2, help="of the fresh seeds")
    parser.add_argument("--max-trials", type=int, default=200)
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args()
    playing = partial(play, trials=args.max_trials, repeats=args.repeats)
    # Spawned, for a fork of a process with threads may hang.
    with ProcessPoolExecutor(
        args.workers, get_context("spawn"), initializer=end_with, initargs=(os.getpid(),)
    ) as pool:
        played = list(pool.map(playing, range(args.campaigns), chunksize=10))
    print(f"{'':70} {'false':>6}  {'found':^14}  {'finals':^14}  trainings")
    gains = " ".join(f"{gain:>4g}" for gain in PLANTED)
    print(f"{'':70} {'%':>6}  {gains}  {gains}  play-off, finalists")
    for ending in ENDINGS:
        by_gain = {g: [t for those in played for t in those[ending, g]] for g in GAINS}
        false = 100 * fmean(t.discovery for t in by_gain[0.0])
        found = " ".join(f"{100 * fmean(t.found for t in by_gain[g]):4.0f}" for g in PLANTED)
        final = " ".join(f"{100 * fmean(t.final for t in by_gain[g]):4.0f}" for g in PLANTED)
        every = [t for tallies in by_gain.values() for t in tallies]
        playoff, trained = fmean(t.playoff for t in every), fmean(t.trainings for t in every)
        print(f"{ending.words:70} {false:6.1f}  {found}  {final}  {playoff:8.1f} {trained:10.1f}")


if __name__ == "__main__":
    main()
