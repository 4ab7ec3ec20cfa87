"""`archwright bench ladder`: what a rung of the ladder says of the next.

Published mixers are trained on each rung with several seeds at two learning rates; the better one
on validation counts. Printed are, for each rung, how far two mixers must lie apart for its noise to
tell them, and how well the orders of two seeds agree; and for each two neighbours the rank
correlation of their orders. Every training is kept in a file (`--out`) as it ends, and what the
file holds is not trained again.

Rank correlation is Spearman's, with the interval of Fieller, Hartley and Pearson 1957, "Tests for
rank correlation coefficients. I": Fisher's transformation with a variance of 1.06 / (n - 3).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from itertools import combinations, pairwise
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np

from archwright.benchmarks.mixers.trainings import (
    Found,
    MixerTraining,
    cell_of,
    chosen,
    numbers,
    train_all,
)
from archwright.cli.options import AsJson, Gpus, SandboxOption
from archwright.cli.output import emit
from archwright.core import Array, InputError, TaskError, TaskSpec
from archwright.tasks.scaffold.ladder import RUNGS, LadderRung, draft_of_rung, rung_of

CONFIDENCE: Final = 0.95
VARIANCE: Final = 1.06
FEWEST: Final = 5
"""Mixers from which on an interval is given."""


def run(
    *,
    rungs: str = "bytes-64,bytes-128",
    mixers: str | None = None,
    seeds: int = 2,
    rates: str = "1,2",
    tokens: int | None = None,
    text: Path | None = None,
    hf: str | None = None,
    tokenizer: Path | None = None,
    workers: int = 1,
    sandbox: SandboxOption = "auto",
    gpus: Gpus = "",
    out: Path | None = None,
    json: AsJson = False,
) -> None:
    """Train all, and print what each rung can tell, and how well it predicts the next.

    Args:
        rungs: Their names, with commas, from the lowest.
        mixers: Their names, with commas (default: all).
        seeds: Seeds for each.
        rates: Learning rates as multiples of the rung's own, with commas.
        tokens: At most so many in a training, where a rung has more.
        text: A text or a folder of texts (default: what this machine has).
        hf: A data set of the library `datasets`, by name or by folder.
        tokenizer: A file of the library `tokenizers`, in place of bytes.
        workers: Trainings at a time.
        out: A file that keeps each training; what it holds is not trained again.
    """
    from archwright.cli.trying import open_for
    from archwright.search.mixers import names

    known = [rung.name for rung in RUNGS]
    chosen_rungs = [_shorter(rung_of(name), tokens) for name in chosen("--rungs", rungs, known)]
    asked, factors = chosen("--mixers", mixers, names()), numbers("--rates", rates)
    if seeds < 2:
        raise InputError("--seeds must be at least 2, or there is no noise to tell")
    wanted = [
        MixerTraining(
            mixer, rung.name, rung.recipe.learning_rate * factor, seed, rung.steps, rung.heads
        )
        for rung in chosen_rungs
        for seed in range(seeds)
        for mixer in asked
        for factor in factors
    ]
    with TemporaryDirectory() as folder:
        specs = {
            rung.name: _task(Path(folder) / rung.name, rung, text, hf, tokenizer)
            for rung in chosen_rungs
        }
        largest = max(specs.values(), key=lambda spec: spec.training.device == "cuda")
        opening = partial(open_for, largest, sandbox, gpus, workers)
        done = train_all(wanted, specs, 1, opening, out)
    document = {"seeds": seeds, **compare(done, specs)}
    emit(json, document, lambda: _render(document))


def _shorter(rung: LadderRung, tokens: int | None) -> LadderRung:
    if tokens is None or tokens >= rung.tokens:
        return rung
    steps = tokens // rung.tokens_a_step
    if steps < LEAST_STEPS:
        least = LEAST_STEPS * rung.tokens_a_step
        raise InputError(f"--tokens must be at least {least:,} for rung {rung.name}, not {tokens}")
    return replace(rung, steps=steps)


LEAST_STEPS: Final = 8
"""The least of a rung's task, whose lower budget is a quarter."""


def _task(
    folder: Path, rung: LadderRung, text: Path | None, hf: str | None, tokenizer: Path | None
) -> TaskSpec:
    """The rung as a task in a folder."""
    from archwright.source.counting import count_parameters
    from archwright.tasks.loading import load_task
    from archwright.tasks.scaffold.writing import write_task

    if text is not None and hf is not None:
        raise InputError("--text and --hf are two bodies of text: give one of them")
    if text is not None and not text.exists():
        raise TaskError(f"{text} does not exist: give the path of an existing file or folder")
    place = None if text is None else text.resolve()
    draft = draft_of_rung(rung, place, hf, tokenizer)
    return load_task(write_task(folder, draft, count_parameters)).spec


# --- what they say --------------------------------------------------------------------------------


def compare(
    done: Mapping[MixerTraining, Found], specs: Mapping[str, TaskSpec]
) -> dict[str, dict[str, Any]]:
    """For each rung its mixers, the smallest difference that its noise can tell and the agreement
    of its seeds; for each two neighbours the rank correlation.

    Raises:
        TaskError: a mixer failed on a rung at every rate.
    """
    mixers = list(dict.fromkeys(one.mixer for one in done))
    tables = {
        name: {mixer: cell_of(done, mixer, name, spec.metric) for mixer in mixers}
        for name, spec in specs.items()
    }
    scores = {
        name: np.array([row["scores"] for row in table.values()]) for name, table in tables.items()
    }
    return {
        "rungs": {name: {"mixers": tables[name], **_told(scores[name])} for name in specs},
        "steps": {
            f"{low} to {high}": _agreement(scores[low].mean(axis=1), scores[high].mean(axis=1))
            for low, high in pairwise(specs)
        },
    }


def _told(scores: Array) -> dict[str, Any]:
    """What the noise of a rung leaves to be told: scores `(mixers, seeds)`."""
    from scipy import stats

    from archwright.search.predict.ranks import rank_correlation

    count, seeds = scores.shape
    sd = math.sqrt(scores.var(axis=1, ddof=1).mean())
    far = float(stats.t.isf((1 - CONFIDENCE) / 2, count * (seeds - 1)))
    smallest = far * sd * math.sqrt(2 / seeds)
    pairs = [abs(a - b) > smallest for a, b in combinations(scores.mean(axis=1), 2)]
    orders = [rank_correlation(a, b) for a, b in combinations(scores.T, 2)]
    return {
        "sd": sd,
        "smallest_difference": smallest,
        "pairs_told_apart": fmean(pairs) if pairs else None,
        "rank_correlation_of_seeds": fmean(orders) if count > 1 else None,
    }


def _agreement(low: Array, high: Array) -> dict[str, Any]:
    from archwright.search.predict.ranks import rank_correlation

    found = rank_correlation(low, high)
    return {"rank_correlation": found, "interval": interval_of(found, len(low))}


def interval_of(correlation: float, count: int) -> tuple[float, float] | None:
    """The 95 % interval of a rank correlation of so many; None of few. A perfect one counts as one
    pair of neighbours short of that."""
    if count < FEWEST:
        return None
    most = 1 - 12 / (count * (count**2 - 1))
    middle = math.atanh(min(max(correlation, -most), most))
    reach = 1.96 * math.sqrt(VARIANCE / (count - 3))
    return math.tanh(middle - reach), math.tanh(middle + reach)


def _render(document: Mapping[str, Any]) -> None:
    rungs = document["rungs"]
    print(f"validation, mean of {document['seeds']} seeds at the better learning rate")
    print(f"{'':18}{''.join(f'{name:>12}' for name in rungs)}")
    for mixer in next(iter(rungs.values()))["mixers"]:
        cells = "".join(f"{rung['mixers'][mixer]['mean']:>12.4f}" for rung in rungs.values())
        print(f"{mixer:18}{cells}")
    for name, rung in rungs.items():
        said = f"noise {rung['sd']:.4f}, tells {rung['smallest_difference']:.4f} apart"
        if rung["pairs_told_apart"] is not None:
            said += f" ({rung['pairs_told_apart']:.0%} of pairs), "
            said += f"rank correlation between seeds {rung['rank_correlation_of_seeds']:.2f}"
        print(f"{name}: {said}")
    for step, found in document["steps"].items():
        span = found["interval"]
        reach = f" [{span[0]:.2f}, {span[1]:.2f}]" if span else " (too few for an interval)"
        print(f"{step}: rank correlation {found['rank_correlation']:.2f}{reach}")
