"""What deciding costs at many known trials: milliseconds to tell a result and to ask for the next.

    python benchmarks/search/deciding.py [--known 100,1000,10000] [--policies NAMES]
                                           [--asks N] [--json]

The space is made of numbers, so that what is measured is the policy alone: its choices, the
surrogate's fits as often as they come, and its predictions for a hundred proposals. Each ask
is followed by a result, as in a run. Times are by the processor, which other programs do not
change; means over all asks are compared with the limit, the longest one stands beside. Exit code 1
when a policy's mean at the largest size is over the limit.

What a space asks of its own comes on top: beside them stand the means of proposals of source.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Mapping
from random import Random

import numpy as np

from archwright.core import Candidate, Measurement
from archwright.search.grammar import draw
from archwright.search.policies import POLICIES, Choice, Policy, Preview, open_policy
from archwright.search.source_space import SHORTLIST, SourceSpace
from archwright.tasks.loading import load_task

LIMIT_MS = 20.0
WIDTH = 40


class Points:
    """Random points. A child lies near its parents."""

    operators: Mapping[str, int] = {"draft": 0, "move": 1, "recombine": 2}
    previews = 100

    def __init__(self) -> None:
        self.points: dict[str, np.ndarray] = {}

    def preview(self, choice: Choice) -> Preview:
        rng = np.random.default_rng(choice.seed)
        if not choice.parents:
            return Preview(str(choice.seed), rng.random(WIDTH))
        near = sum(self.points[p] for p in choice.parents) / len(choice.parents)
        return Preview(f"{choice.parents}{choice.seed}", near + 0.1 * rng.normal(size=WIDTH))

    def show(self, candidate: Candidate) -> Preview:
        kind = ("conv", "attention", "mlp")[candidate.number % 3]
        return Preview(candidate.id, self.points[candidate.id], family=kind)

    def evaluate(self, number: int, choice: Choice) -> Candidate:
        point = self.preview(choice).features
        self.points[str(number)] = point
        noise = Random(number).gauss(0, 0.1)
        return Candidate(
            id=str(number),
            sequence=1000 * number,
            operator=choice.operator,
            parents=choice.parents,
            parameters=1000 + number % 5000,
            rungs={0: Measurement(0.0, float(point[:5].sum()) + noise)},
        )


def main() -> int:
    parser = argparse.ArgumentParser(description="what deciding costs")
    parser.add_argument("--known", default="100,1000,10000", help="sizes, by comma")
    parser.add_argument("--policies", default=",".join(POLICIES), help="names, by comma")
    parser.add_argument("--asks", type=int, default=100, help="asks at each size")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    sizes = [int(size) for size in args.known.split(",")]
    found: dict[str, dict[int, dict[str, float]]] = {}
    for name in args.policies.split(","):
        found[name] = measure(name, sizes, args.asks)
        if not args.json:
            _print(name, found[name])
    source = {
        task: {kind: measure_source(task, kind, args.asks) for kind in ("draft", "variation")}
        for task in ("digits", "recall")
    }
    if args.json:
        document = {"milliseconds": found, "limit": LIMIT_MS, "source_proposal": source}
        print(json.dumps(document, indent=2))
    else:
        for task, kinds in source.items():
            each = ", ".join(f"a {kind} {took:.1f} ms" for kind, took in kinds.items())
            print(f"proposals of source, {task}: {each}; {SHORTLIST} for a candidate")
    worst = max(by_size[sizes[-1]]["mean"] for by_size in found.values())
    return 0 if worst <= LIMIT_MS else 1


def measure(name: str, sizes: list[int], asks: int) -> dict[int, dict[str, float]]:
    """Mean and longest milliseconds of an ask and the result after it, for each size."""
    space = Points()
    policy = open_policy(name, space, 0)
    known = 0
    found = {}
    for size in sizes:
        for number in range(known + 1, size + 1):
            policy.tell(space.evaluate(number, _earlier(number)))
        known = size + asks
        times = [_ask(policy, space, number) for number in range(size + 1, known + 1)]
        found[size] = {"mean": float(np.mean(times)), "longest": max(times)}
    return found


def measure_source(task: str, kind: str, proposals: int) -> float:
    """Mean milliseconds to make and describe a draft, or a variation of one of five drafts."""
    spec, rng = load_task(task).spec, Random(0)
    space = SourceSpace(spec.problem, spec.recipe)
    ids = [str(n) for n in range(5)]
    for id_ in ids:
        space.show(Candidate(id_, source=draw(spec.problem, rng).source))
    operators = [o for o in space.operators.items() if (kind == "draft") == (o[1] == 0)]
    started = time.process_time()
    for _ in range(proposals):
        name, parents = rng.choice(operators)
        space.preview(Choice(name, tuple(rng.sample(ids, parents)), rng.getrandbits(32)))
    return 1000 * (time.process_time() - started) / proposals


def _earlier(number: int) -> Choice:
    """What led to a known trial: one in a hundred is a draft, the others start from any before."""
    rng = Random(number)
    if number <= 10 or rng.random() < 0.01:
        return Choice("draft", (), number)
    return Choice("move", (str(rng.randrange(1, number)),), number)


def _ask(policy: Policy, space: Points, number: int) -> float:
    started = time.process_time()
    choice = policy.ask(number)
    asked = time.process_time() - started
    result = space.evaluate(number, choice)
    started = time.process_time()
    policy.tell(result)
    return 1000 * (asked + time.process_time() - started)


def _print(name: str, by_size: Mapping[int, Mapping[str, float]]) -> None:
    for size, row in by_size.items():
        share = row["mean"] / LIMIT_MS
        print(
            f"{name:>10}, {size:>6,} known: {row['mean']:6.2f} ms, {share:4.2f} of the limit "
            f"of {LIMIT_MS:g} ms; the longest {row['longest']:6.2f} ms",
            flush=True,
        )


if __name__ == "__main__":
    sys.exit(main())
