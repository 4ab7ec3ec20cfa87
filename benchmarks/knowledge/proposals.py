"""Whether the shelf of notes helps a strong model: what it proposed with notes and without.

`proposals.jsonl` holds the first twenty proposals of four runs, one for each task and arm. The
model was a strong one that answered the requests of `archwright run` and saw nothing else, another
session of it for each arm; five proposals an answer, two notes a request in one arm and none in the
other. What failed its checks was repaired by the model; the last version is kept. Here each is
trained anew, at the top rung unless another is asked for, and scored on validation, all with the
same seeds.

    python benchmarks/knowledge/proposals.py [--tasks digits,recall] [--seeds N] [--rung N] [--json]
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from statistics import fmean, median, variance
from typing import Any

from archwright.benchmarks.knowledge.notes import train

KEPT = Path(__file__).with_name("proposals.jsonl")
ARMS = ("without", "with")


def main() -> int:
    parser = argparse.ArgumentParser(description="a model's proposals with notes and without")
    parser.add_argument("--tasks", default="digits,recall")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--rung", type=int, default=-1, help="0 is the lowest, -1 the top one")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    rows = [json.loads(line) for line in KEPT.read_text(encoding="utf-8").splitlines()]
    document = {}
    for task in args.tasks.split(","):
        own = [row for row in rows if row["task"] == task]
        if not own:
            parser.error(f"there are no proposals for {task}; there are some for digits and recall")
        document[task] = measure(task, own, args.seeds, args.rung)
    if args.json:
        print(json.dumps(document, indent=2))
        return 0
    for task, found in document.items():
        for arm in ARMS:
            said = found[arm]
            print(
                f"{task:<7} {arm:<8} mean {said['mean']:6.2f}  median {said['median']:6.2f}  best"
                f" {said['best']:6.2f}  valid at once {said['at_once']} of {said['proposals']},"
                f" trained {len(said['scores'])}"
            )
        mean, error = found["difference"]
        print(f"{'':<16} difference {mean:+.2f} (standard error {error:.2f})")
    return 0


def measure(task: str, rows: list[dict[str, Any]], seeds: int, rung: int) -> dict[str, Any]:
    """Both arms' scores, the mean of the seeds for each proposal; one that cannot be trained counts
    as proposed alone. The difference of the means has Welch's standard error."""
    found = train(task, [row["source"] for row in rows], range(seeds), rung, may_fail=True)
    document: dict[str, Any] = {}
    for arm in ARMS:
        own = [row for row in rows if row["arm"] == arm]
        scores = [fmean(found[row["source"]]) for row in own if found[row["source"]]]
        document[arm] = {
            "proposals": len(own),
            "at_once": sum(row["attempts"] == 1 and bool(found[row["source"]]) for row in own),
            "scores": scores,
            "mean": fmean(scores),
            "median": median(scores),
            "best": max(scores),
        }
    one, other = (document[arm]["scores"] for arm in ("with", "without"))
    error = (variance(one) / len(one) + variance(other) / len(other)) ** 0.5
    document["difference"] = (fmean(one) - fmean(other), error)
    return document


if __name__ == "__main__":
    sys.exit(main())
