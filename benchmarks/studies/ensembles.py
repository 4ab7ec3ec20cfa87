"""Whether two or three small networks of different families beat one of as many FLOPs, on digits.

    python benchmarks/studies/ensembles.py [--each 2] [--seeds 6] [--training 150]

Draws as many candidates of each family as it is told, of all sizes within the limit. An ensemble's
prediction is the mean of its members' probabilities. Diverse ensembles of what a search has found
are after Chen et al. 2021, "One-Shot Neural Ensemble Architecture Search by Diversity-Guided Search
Space Shrinking" (NEAS), here without a supernet. At each budget of FLOPs the best of a kind is
chosen on two seeds and judged on fresh ones.
"""

from __future__ import annotations

import argparse
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from random import Random
from statistics import fmean
from typing import Final

import numpy as np

from archwright.benchmarks.studies.comparing import with_error
from archwright.benchmarks.studies.training import FRESH, MAX_PARAMETERS, DigitsBench
from archwright.core import Status
from archwright.search.grammar import draw
from archwright.source.fingerprint import FAMILIES

CHOOSING: Final = (0, 1)
"""Seeds that the best of a kind is chosen on."""
LEAST_PARAMETERS: Final = 500
BUDGETS: Final = (50, 75, 100)
"""Per cent of the candidates that are within a budget of FLOPs by themselves."""
MAX_DRAWS: Final = 400
Team = tuple[int, ...]
"""Numbers of candidates; one that is there twice is trained on two seeds."""


@dataclass(frozen=True, slots=True)
class Member:
    """A candidate that may be part of an ensemble."""

    source: str
    family: str
    flops: int


def draw_members(bench: DigitsBench, each: int, seed: int) -> list[Member]:
    """So many candidates of each family that pass the checks, sizes log-uniform; fewer of a family
    that the grammar hardly draws."""
    rng, found, count = Random(seed), list[Member](), Counter[str]()
    low, high = math.log(LEAST_PARAMETERS), math.log(MAX_PARAMETERS)
    for _ in range(MAX_DRAWS):
        if len(found) == each * len(FAMILIES):
            break
        target = round(math.exp(rng.uniform(low, high)))
        drawing = draw(bench.spec.problem, rng, with_recipe=False, target=target)
        if count[drawing.family] == each:
            continue
        report = bench.check(drawing.source)
        if report.status is Status.OK:
            count[drawing.family] += 1
            found.append(Member(drawing.source, drawing.family, report.flops))
    return found


def teams(members: Sequence[Member]) -> Mapping[str, list[Team]]:
    """What is compared, by kind."""
    every = range(len(members))

    def diverse(size: int) -> list[Team]:
        groups = combinations(every, size)
        return [g for g in groups if len({members[i].family for i in g}) == size]

    return {
        "one": [(i,) for i in every],
        "one, trained twice": [(i, i) for i in every],
        "two families": diverse(2),
        "three families": diverse(3),
    }


def scores(
    bench: DigitsBench, members: Sequence[Member], team: Team, seeds: Sequence[int]
) -> list[float]:
    """Accuracy in per cent of a team, for each seed of its first member; others have the next."""
    return [
        bench.accuracy(
            np.mean(
                [
                    bench.probabilities(members[i].source, seeds[(first + place) % len(seeds)])
                    for place, i in enumerate(team)
                ],
                axis=0,
            )
        )
        for first in range(len(seeds))
    ]


def compare(bench: DigitsBench, each: int, seeds: int) -> Iterator[str]:
    """Lines of the table, while they are measured."""
    members = draw_members(bench, each, 0)
    kinds = teams(members)
    families = Counter(member.family for member in members)
    drawn = ", ".join(f"{count} {family}" for family, count in families.items())
    yield f"{len(members)} candidates: {drawn}"
    chosen = {
        team: fmean(scores(bench, members, team, CHOOSING))
        for group in kinds.values()
        for team in group
    }
    fresh = [FRESH + seed for seed in range(seeds)]

    def cost(team: Team) -> int:
        return sum(members[i].flops for i in team)

    for share in BUDGETS:
        budget = float(np.percentile([member.flops for member in members], share))
        yield f"within {budget:,.0f} FLOPs"
        alone: list[float] = []
        for kind, group in kinds.items():
            within = [team for team in group if cost(team) <= budget]
            if not within:
                continue
            best = max(within, key=chosen.__getitem__)
            judged = scores(bench, members, best, fresh)
            alone = alone or judged
            gains = [mine - other for mine, other in zip(judged, alone, strict=True)]
            over = f"; {with_error(gains, '+')} over the best one" if len(best) > 1 else ""
            named = " + ".join(members[i].family for i in best)
            yield f"    {kind} ({named}; {cost(best):,}): {with_error(judged)} %{over}"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--each", type=int, default=2, help="candidates of a family")
    parser.add_argument("--seeds", type=int, default=6, help="fresh seeds that judge")
    parser.add_argument("--training", type=int, default=150, help="steps of a candidate")
    args = parser.parse_args()
    with DigitsBench(args.training) as bench:
        for line in compare(bench, args.each, args.seeds):
            print(line, flush=True)


if __name__ == "__main__":
    main()
