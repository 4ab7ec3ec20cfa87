"""Whether the shelf of notes helps the symbolic engine: drafts with and without, of the same draws.

The engine cannot read. What a note can tell it is the blocks of its own library that are the same
idea. Without notes a draft is what the grammar draws; with notes it is drawn again, as often as
the proposer does for a pin, until it has a block that is named by one of the two notes which a
model would be shown for that proposal. Both arms draw from the same seeds, so that a draft that has
such a block already is in both. Each is trained at the top rung with one seed, and scored on
validation.

    python benchmarks/knowledge/notes.py [--tasks digits,recall] [--drafts N] [--json]
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterable
from itertools import product
from pathlib import Path
from random import Random
from statistics import fmean, stdev
from typing import Any

from archwright.agents.proposers.symbolic import REDRAWN
from archwright.core import Problem, Status, TrialJob, seed_of
from archwright.knowledge.notes.shelf import domain_of, find_notes, read_notes, seed_notes
from archwright.knowledge.store import Knowledge
from archwright.runs.context import baseline_of
from archwright.runs.memory import NOTES, about
from archwright.runs.training.data import TrialData
from archwright.runs.training.scoring import Scores
from archwright.sandbox.opening import open_sandbox
from archwright.search.bans import first_met
from archwright.search.grammar import draw
from archwright.source.fingerprint import read_source
from archwright.tasks.loading import load_task


def main() -> int:
    parser = argparse.ArgumentParser(description="drafts with the shelf of notes and without")
    parser.add_argument("--tasks", default="digits,recall")
    parser.add_argument("--drafts", type=int, default=20)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    if args.drafts < 2:
        parser.error("--drafts must be at least 2, or there is no deviation")
    document = {task: measure(task, args.drafts) for task in args.tasks.split(",")}
    if args.json:
        print(json.dumps(document, indent=2))
        return 0
    for task, found in document.items():
        print(f"{task}: notes name {', '.join(found['blocks'])}")
        for arm in ("without", "with"):
            scores = found[arm]
            print(f"  {arm:<8} mean {fmean(scores):.2f}, best {max(scores):.2f}")
        mean, error = found["difference"]
        print(f"  difference {mean:+.2f}, standard error {error:.2f}; {found['same']} are in both")
    return 0


def measure(task: str, drafts: int) -> dict[str, Any]:
    """The scores of both arms by draw, and their paired difference with its standard error."""
    problem, blocks = load_task(task).spec.problem, named_blocks(task, drafts)
    without = [draft(problem, n, ()) for n in range(drafts)]
    told = [draft(problem, n, blocks[n]) for n in range(drafts)]
    trained = train(task, list(dict.fromkeys(without + told)))
    scores = {source: fmean(each) for source, each in trained.items()}
    arms = {"without": [scores[s] for s in without], "with": [scores[s] for s in told]}
    gaps = [own - base for own, base in zip(arms["with"], arms["without"], strict=True)]
    return {
        "blocks": sorted({block for named in blocks for block in named}),
        **arms,
        "same": sum(one == other for one, other in zip(without, told, strict=True)),
        "difference": (fmean(gaps), stdev(gaps) / len(gaps) ** 0.5),
    }


def draft(problem: Problem, number: int, blocks: tuple[str, ...]) -> str:
    """The source of a draft: the first of a few draws that has one of the blocks, or the last."""
    rng = Random(seed_of(0, number, 0))
    for _ in range(REDRAWN):
        drawn = draw(problem, Random(rng.getrandbits(32)), with_recipe=False)
        if not blocks or first_met(drawn.source, drawn.title, "draft", blocks) is not None:
            break
    return drawn.source


def train(
    task: str,
    sources: list[str],
    seeds: Iterable[int] = (0,),
    rung: int = -1,
    may_fail: bool = False,
) -> dict[str, list[float]]:
    """Validation scores after trainings at a rung, one a seed; with `may_fail` fewer where one
    fails."""
    loaded = load_task(task)
    spec, found = loaded.spec, dict[str, list[float]]({source: [] for source in sources})
    with open_sandbox("process", 1) as sandbox, tempfile.TemporaryDirectory() as folder:
        data = TrialData(loaded, Path(folder))
        for number, (seed, source) in enumerate(product(seeds, sources), start=1):
            scores = Scores(spec, data.labels)
            job = TrialJob(
                source=source,
                problem=spec.problem,
                recipe=read_source(source, spec.problem, spec.recipe).recipe,
                steps=spec.rungs[rung],
                seed=seed,
                data=data.folder(seed, ("validation",)),
            )
            outcome = sandbox.train(job, receive=scores.receive)
            if outcome.status is Status.OK:
                found[source].append(scores.splits["validation"].score())
                print(f"{task}: training {number}: {found[source][-1]:.2f}", file=sys.stderr)
            elif not may_fail:
                raise SystemExit(f"a draft ended as {outcome.status}: {outcome.error}")
    return found


def named_blocks(task: str, questions: int) -> list[tuple[str, ...]]:
    """The blocks that the notes name which each of so many first questions would be shown."""
    spec = load_task(task).spec
    named = {note.name: note.blocks for note in read_notes()}
    words, domain = about(baseline_of(spec), spec), domain_of(spec.problem)
    with tempfile.TemporaryDirectory() as folder, Knowledge(Path(folder) / "notes.db") as knowledge:
        seed_notes(knowledge)
        shown = [find_notes(knowledge, words, domain, NOTES, n) for n in range(questions)]
    return [tuple(block for e in notes for block in named[e.candidate]) for notes in shown]


if __name__ == "__main__":
    raise SystemExit(main())
