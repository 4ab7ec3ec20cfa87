"""`archwright bench mixers`: the published sequence mixers on the problems of a suite.

Each mixer is trained on each problem with several seeds at two learning rates; the better one on
validation counts, and both are shown. With `--out` every training is kept in a file as it ends, and
what the file holds is not trained again, for all of them take hours.

What papers say of the order is known as pairs, for no paper has all mixers: the share of pairs that
come out as published is shown, as is how well the orders of two seeds agree (Spearman).
"""

from __future__ import annotations

import json as json_text
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from statistics import fmean, stdev
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from archwright.cli.options import AsJson, SandboxKind
from archwright.cli.output import emit, say
from archwright.core import Candidate, InputError, SuiteProblem, TaskError, TaskSpec, TrialSpec

if TYPE_CHECKING:
    from archwright.runs.training.course import Course

SUITE: Final = "sequence-mixers"
PUBLISHED: Final[Mapping[str, Sequence[tuple[str, str]]]] = {
    'Yang, Kautz and Hatamizadeh 2024, "Gated Delta Networks: Improving Mamba2 with Delta Rule"': [
        ("gated-deltanet", "mamba-2"),
        ("gated-deltanet", "deltanet"),
    ],
    'Hatamizadeh, Choi and Kautz 2026, "Gated DeltaNet-2: Decoupling Erase and Write in Linear '
    'Attention"': [
        ("gated-deltanet-2", "gated-deltanet"),
        ("gated-deltanet-2", "kda"),
        ("gated-deltanet-2", "mamba-2"),
        ("gated-deltanet-2", "mamba-3"),
    ],
}
"""Which of two mixers is better at 1.3 billion parameters, as the abstracts say it."""


@dataclass(frozen=True, slots=True)
class MixerTraining:
    """One training to do, or that was done."""

    mixer: str
    problem: str
    rate: float
    seed: int
    steps: int


def run(
    *,
    mixers: str | None = None,
    problems: str | None = None,
    task: str = SUITE,
    seeds: int = 2,
    rung: int = 0,
    rates: str = "0.001,0.003",
    workers: int = 1,
    sandbox: SandboxKind = "auto",
    out: Path | None = None,
    json: AsJson = False,
) -> None:
    """Train all, and print each mixer's scores with their noise, and the order of all.

    Args:
        mixers: Their names, with commas (default: all).
        problems: Their names, with commas (default: all of the suite).
        task: The suite (default: sequence-mixers).
        seeds: Seeds for each (default: 2).
        rung: Of the problems, from 0 (default: 0).
        rates: Learning rates, with commas.
        workers: Trainings at a time.
        out: A file that keeps each training; what it holds is not trained again.
    """
    from archwright.search.mixers import names
    from archwright.tasks.loading import load_task

    suite = load_task(task).spec
    if not suite.members:
        raise InputError(f"--task {task} is no suite: name one, such as {SUITE}")
    chosen = _chosen("--mixers", mixers, names())
    members = _members(suite, problems, rung)
    if seeds < 2:
        raise InputError("--seeds must be at least 2, or there is no noise to tell")
    wanted = [
        MixerTraining(mixer, member.name, rate, seed, member.spec.rungs[rung])
        for seed in range(seeds)
        for member in members
        for mixer in chosen
        for rate in _rates(rates)
    ]
    done = _read(out)
    _train([w for w in wanted if w not in done], members, rung, workers, sandbox, out, done)
    document = summarise({w: done[w] for w in wanted}, members, rung)
    emit(json, document, lambda: _render(document))


def _chosen(option: str, given: str | None, known: Sequence[str]) -> list[str]:
    chosen = list(known) if given is None else given.split(",")
    for name in chosen:
        if name not in known:
            raise InputError(f"{option}: there is no {name!r}; there are {', '.join(known)}")
    return chosen


def _members(suite: TaskSpec, problems: str | None, rung: int) -> list[SuiteProblem]:
    chosen = _chosen("--problems", problems, [member.name for member in suite.members])
    members = [member for member in suite.members if member.name in chosen]
    count = len(members[0].spec.rungs)
    if not 0 <= rung < count:
        raise InputError(f"--rung must be from 0 to {count - 1}, not {rung}")
    return members


def _rates(words: str) -> list[float]:
    try:
        return [float(word) for word in words.split(",")]
    except ValueError:
        raise InputError(f"--rates must be numbers with commas, not {words!r}") from None


# --- trainings ------------------------------------------------------------------------------------

Found = dict[str, Any]
"""Score and seconds of a processor of one training; a score of None, and why, where it failed."""


def _read(out: Path | None) -> dict[MixerTraining, Found]:
    """What a file holds already."""
    done: dict[MixerTraining, Found] = {}
    if out is not None and out.exists():
        for line in out.read_text(encoding="utf-8").splitlines():
            try:
                row = json_text.loads(line)
                done[MixerTraining(**row["training"])] = row["found"]
            except (ValueError, TypeError, KeyError):
                raise InputError(
                    f"--out {out} holds a line that is none of ours: {line:.60}"
                ) from None
    return done


def _train(
    wanted: Sequence[MixerTraining],
    members: Sequence[SuiteProblem],
    rung: int,
    workers: int,
    sandbox_kind: Any,
    out: Path | None,
    done: dict[MixerTraining, Found],
) -> None:
    from archwright.runs.training.course import Course
    from archwright.sandbox.opening import open_sandbox
    from archwright.tasks.loading import Task

    with ExitStack() as stack:
        if not wanted:
            return
        sandbox = stack.enter_context(open_sandbox(sandbox_kind, workers))
        data = Path(stack.enter_context(TemporaryDirectory()))
        threads = stack.enter_context(ThreadPoolExecutor(workers))
        courses = {m.name: (m, Course(Task(m.spec), sandbox, data / m.name)) for m in members}
        results = threads.map(lambda one: _trained(one, *courses[one.problem], rung), wanted)
        for one, found in zip(wanted, results, strict=True):
            done[one] = found
            score = (
                "failed: " + found["error"] if found["score"] is None else f"{found['score']:.4g}"
            )
            say(f"{one.mixer}, {one.problem}, rate {one.rate:g}, seed {one.seed}: {score}")
            if out is not None:
                row = {"training": _plain(one), "found": found}
                with out.open("a", encoding="utf-8") as file:
                    file.write(json_text.dumps(row) + "\n")


def _plain(one: MixerTraining) -> Found:
    return {name: getattr(one, name) for name in MixerTraining.__slots__}


def _trained(one: MixerTraining, member: SuiteProblem, course: Course, rung: int) -> Found:
    from archwright.search.mixers import source

    recipe = replace(member.spec.recipe, learning_rate=one.rate)
    candidate = Candidate(one.mixer, source=source(one.mixer), recipe=recipe)
    ended = course.train(TrialSpec(candidate, rung, one.seed))
    used = ended.outcome.resources
    return {
        "score": ended.score,
        "seconds": used.cpu_seconds,
        "parameters": used.parameters,
        "error": " ".join(ended.error.split())[:200],
    }


# --- what they say --------------------------------------------------------------------------------


def summarise(
    done: Mapping[MixerTraining, Found], members: Sequence[SuiteProblem], rung: int
) -> dict[str, Any]:
    """The table of mixers by problem, each at its better learning rate; the aggregate gain of each
    in noise sd over the suite's reference; how the orders agree.

    Raises:
        TaskError: a mixer failed on a problem at every rate.
    """
    mixers = list(dict.fromkeys(one.mixer for one in done))
    seeds = list(dict.fromkeys(one.seed for one in done))
    table: dict[str, dict[str, Any]] = {
        mixer: {member.name: _cell(done, mixer, member) for member in members} for mixer in mixers
    }
    gains = np.array(
        [
            [
                fmean(m.gain(table[mixer][m.name]["scores"][n], rung) for m in members)
                for mixer in mixers
            ]
            for n in range(len(seeds))
        ]
    )
    aggregate = dict(zip(mixers, map(float, gains.mean(axis=0)), strict=True))
    return {
        "rung": rung,
        "seeds": len(seeds),
        "mixers": table,
        "aggregate": aggregate,
        "order": sorted(mixers, key=lambda mixer: -aggregate[mixer]),
        "rank_correlation_of_seeds": _between_seeds(gains),
        "published": list(_published(aggregate)),
    }


def _cell(done: Mapping[MixerTraining, Found], mixer: str, member: SuiteProblem) -> dict[str, Any]:
    """One mixer on one problem: what its better learning rate gives."""
    by_rate: dict[float, list[Found]] = {}
    for one, found in done.items():
        if (one.mixer, one.problem) == (mixer, member.name):
            by_rate.setdefault(one.rate, []).append(found)
    whole = {
        rate: [found["score"] for found in each]
        for rate, each in by_rate.items()
        if all(found["score"] is not None for found in each)
    }
    if not whole:
        error = next(
            found["error"] for each in by_rate.values() for found in each if found["error"]
        )
        raise TaskError(f"{mixer} fails on {member.name} at every learning rate: {error}")
    metric = member.spec.metric
    best = max(whole, key=lambda rate: metric.gain(fmean(whole[rate]), 0.0))
    return {
        "mean": fmean(whole[best]),
        "sd": stdev(whole[best]),
        "seconds": fmean(found["seconds"] for found in by_rate[best]),
        "unit": metric.unit,
        "learning_rate": best,
        "rates": {f"{rate:g}": fmean(scores) for rate, scores in whole.items()},
        "scores": whole[best],
    }


def _between_seeds(gains: np.ndarray[Any, Any]) -> float | None:
    """The mean rank correlation of the aggregates of two seeds; None of a single mixer."""
    from archwright.search.predict.ranks import rank_correlation

    if gains.shape[1] < 2:
        return None
    return fmean(rank_correlation(one, other) for one, other in combinations(gains, 2))


def _published(aggregate: Mapping[str, float]) -> Iterator[dict[str, Any]]:
    """Each published pair of which both were trained, and whether it came out so."""
    for source, pairs in PUBLISHED.items():
        for better, worse in pairs:
            if better in aggregate and worse in aggregate:
                same = aggregate[better] > aggregate[worse]
                yield {"better": better, "worse": worse, "reproduced": same, "source": source}


def _render(document: Mapping[str, Any]) -> None:
    problems = list(next(iter(document["mixers"].values())))
    print(f"validation, mean and sd of {document['seeds']} seeds, at the better learning rate")
    print(f"{'':18}{''.join(f'{name:>20}' for name in problems)}{'gain':>9}{'CPU s':>8}")
    for mixer in document["order"]:
        row = document["mixers"][mixer]
        shown = (f"{cell['mean']:.4g} ± {cell['sd']:.2g}" for cell in row.values())
        cells = "".join(f"{text:>20}" for text in shown)
        seconds = sum(cell["seconds"] for cell in row.values())
        print(f"{mixer:18}{cells}{document['aggregate'][mixer]:>+9.2f}{seconds:>8.0f}")
    if document["rank_correlation_of_seeds"] is not None:
        print(f"rank correlation between seeds: {document['rank_correlation_of_seeds']:.2f}")
    pairs = document["published"]
    if pairs:
        print(
            f"published pairs in the same order: {sum(p['reproduced'] for p in pairs)}/{len(pairs)}"
        )
    for pair in pairs:
        if not pair["reproduced"]:
            print(f"  not so: {pair['better']} above {pair['worse']} ({pair['source']})")
