"""`archwright bench mixers`: the published sequence mixers on the problems of a suite.

Each mixer is trained on each problem with several seeds at two learning rates; the better one on
validation counts, and both are shown. With `--out` every training is kept in a file as it ends, and
what the file holds is not trained again, for all of them take hours.

What papers say of the order is known as pairs, for no paper has all mixers: the share of pairs that
come out as published is shown, as is how well the orders of two seeds agree (Spearman).

Parameters and state stand beside the scores, and who differs from Gated DeltaNet by more than 5 %
is named; with `--costs` also throughput and memory, of training and of decoding.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import combinations
from pathlib import Path
from statistics import fmean
from typing import Any, Final

import numpy as np

from archwright.benchmarks.mixers.trainings import (
    Found,
    MixerTraining,
    cell_of,
    chosen,
    numbers,
    source_of,
    train_all,
)
from archwright.cli.options import AsJson, SandboxOption
from archwright.cli.output import emit
from archwright.core import InputError, SuiteProblem, TaskSpec

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
REPEATS: Final = 7
"""Of each time that is taken."""


def run(
    *,
    mixers: str | None = None,
    problems: str | None = None,
    task: str = SUITE,
    seeds: int = 2,
    rung: int = 0,
    rates: str = "0.001,0.003",
    heads: int = 2,
    costs: bool = False,
    workers: int = 1,
    sandbox: SandboxOption = "auto",
    out: Path | None = None,
    json: AsJson = False,
) -> None:
    """Train all, and print each mixer's scores with their noise, and the order of all.

    Args:
        mixers: Their names, with commas (default: all).
        problems: Their names, with commas (default: all of the suite).
        task: The suite (default: sequence-mixers).
        seeds: Seeds for each.
        rung: Of the problems, from 0 (default: 0).
        rates: Learning rates, with commas.
        heads: What the state is split into, where it can be: its memory is then the square of the
            width divided by them, for all alike (default: 2).
        costs: Measure throughput and memory as well, on one core; seconds for each mixer.
        workers: Trainings at a time.
        out: A file that keeps each training; what it holds is not trained again.
    """
    from archwright.sandbox.opening import open_sandbox
    from archwright.search.mixers import names
    from archwright.tasks.loading import load_task

    suite = load_task(task).spec
    if not suite.members:
        raise InputError(f"--task {task} is not a suite: name one, such as {SUITE}")
    asked = chosen("--mixers", mixers, names())
    members = _members(suite, problems, rung)
    if seeds < 2:
        raise InputError("--seeds must be at least 2, or there is no noise to tell")
    wanted = [
        MixerTraining(mixer, member.name, rate, seed, member.spec.rungs[rung], heads)
        for seed in range(seeds)
        for member in members
        for mixer in asked
        for rate in numbers("--rates", rates)
    ]
    specs = {member.name: member.spec for member in members}
    done = train_all(wanted, specs, rung, partial(open_sandbox, sandbox, workers), out)
    sizes = _sizes(asked, members, heads, costs)
    document = summarise(done, members, rung) | sizes
    document["order_at_equal_state"] = [
        mixer for mixer in document["order"] if mixer not in sizes["unequal"]["memory"]
    ]
    emit(json, document, lambda: _render(document))


def _sizes(
    mixers: Sequence[str], members: Sequence[SuiteProblem], heads: int, timed: bool
) -> dict[str, Any]:
    """What mixers cost in the network of the longest problem, and which of them are not as large
    as the reference."""
    from archwright.benchmarks.mixers.costs import REFERENCE, differences, measure_costs

    spec = max((m.spec for m in members), key=lambda spec: spec.problem.output_shape)
    names = dict.fromkeys((*mixers, REFERENCE))
    sources = {name: source_of(name, spec, heads) for name in names}
    found = measure_costs(sources, spec, REPEATS if timed else 0)
    own = {name: found[name] for name in mixers}
    length = spec.problem.input_shape[0]
    return {"costs": own, "unequal": differences(own, found[REFERENCE]), "length": length}


def _members(suite: TaskSpec, problems: str | None, rung: int) -> list[SuiteProblem]:
    asked = chosen("--problems", problems, [member.name for member in suite.members])
    members = [member for member in suite.members if member.name in asked]
    count = len(members[0].spec.rungs)
    if not 0 <= rung < count:
        raise InputError(f"--rung must be from 0 to {count - 1}, not {rung}")
    return members


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
        mixer: {m.name: cell_of(done, mixer, m.name, m.spec.metric) for m in members}
        for mixer in mixers
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
    _render_costs(document)


def _render_costs(document: Mapping[str, Any]) -> None:
    print(f"\nthe network of each, state after {document['length']} positions")
    timed = any(cost["tokens_a_second"] for cost in document["costs"].values())
    more = f"{'tokens/s':>10}{'us a step':>11}{'train MB':>10}{'decode MB':>11}" if timed else ""
    print(f"{'':18}{'parameters':>12}{'memory':>9}{'state':>11}{more}")
    for mixer in document["order"]:
        cost = document["costs"][mixer]
        sizes = f"{cost['parameters']:>12,}{cost['memory']:>9,}{cost['state_bytes']:>9,} B"
        times = f"{cost['tokens_a_second']:>10,.0f}{cost['step_microseconds']:>11,.0f}"
        room = f"{cost['training_mb']:>10.1f}{cost['decoding_mb']:>11.2f}"
        print(f"{mixer:18}{sizes}{times + room if timed else ''}")
    for kind, found in document["unequal"].items():
        if found:
            named = ", ".join(f"{mixer} ({share:+.0%})" for mixer, share in found.items())
            print(f"not at equal {kind} (5 %): {named}")
    print(f"order at equal state: {', '.join(document['order_at_equal_state'])}")
