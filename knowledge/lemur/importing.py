"""Takes the networks of LEMUR into the knowledge base: adapted, measured elsewhere, each once."""

from __future__ import annotations

import multiprocessing
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Final

from archwright.core import InputError, Problem, Recipe, SourceError
from archwright.knowledge.entries import Entry
from archwright.knowledge.lemur.adapting import adapt
from archwright.knowledge.lemur.dataset import Lemur, LemurTrial
from archwright.source.fingerprint import family, fingerprint, read_source

RUN: Final = "lemur"
"""What the entries' run is called."""
CLASSES: Final = 10
"""What the networks are built for when they are checked; most of their data sets have as many."""
PIXELS: Final = 32
"""The edge of an image where its transform names none."""
PROCESSES: Final = 2
_CHUNK: Final = 64
_VALUES: Final = re.compile(r"^( +\w+ = )\{'.*\}$", re.M)
"""The line of an adapted network that holds its hyper-parameters."""
_TASK: Final = "img-classification"
# The score that an entry is ranked by: the data set on which the most networks were measured.
_FIRST: Final = ("cifar-10", "cifar-100", "svhn", "imagenette", "mnist", "celeba-gender")


def problem_of(entry: Entry) -> Problem:
    """What a network is checked against: colour images of the size that it was measured at, which
    the transform of its best trial names last (`norm_256_flip`)."""
    named = re.search(r"transform \w*?_(\d{2,3})(?!\d)", entry.title)
    pixels = int(named[1]) if named else PIXELS
    return _problem(pixels)


def _problem(pixels: int) -> Problem:
    return Problem(
        "Model", (3, pixels, pixels), (CLASSES,), "cross_entropy", max_params=200_000_000
    )


@dataclass(frozen=True, slots=True)
class Import:
    """What came of an import. `entries` are not written down yet."""

    networks: int
    entries: tuple[Entry, ...]
    duplicates: int
    left_out: Mapping[str, int]
    """How many networks were left out for each reason."""
    trials: int
    """Trials behind the accuracies of the entries."""


@dataclass(frozen=True, slots=True)
class _Read:
    """A network as a worker read it: an entry, or the reason why there is none."""

    entry: Entry | None = None
    key: str = ""
    trials: int = 0
    reason: str = ""


def read_networks(path: Path | None, processes: int = PROCESSES) -> Import:
    """Read, adapt and compare all networks of an `nn-dataset`. Nothing of it is executed.

    Args:
        path: where it lies; None for the installed package.
        processes: how many share the work.

    Raises:
        InputError: there is none, or it holds no networks.
    """
    lemur = Lemur.find(path)
    names = lemur.names()
    chunks = [names[start : start + _CHUNK] for start in range(0, len(names), _CHUNK)]
    # Not forked: the caller may have threads.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(
        min(processes, len(chunks)), context, _open_in_worker, (lemur.root,)
    ) as pool:
        return _gather(len(names), chain.from_iterable(pool.map(_read_chunk, chunks)))


_lemur: Lemur | None = None


def _open_in_worker(root: Path) -> None:
    global _lemur
    _lemur = Lemur.find(root)


def _read_chunk(names: Sequence[str]) -> list[_Read]:
    assert _lemur is not None
    return [_read_network(_lemur, name) for name in names]


def _gather(count: int, found: Iterator[_Read]) -> Import:
    kept: dict[str, Entry] = {}
    same: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    trials = 0
    for read in found:
        if read.entry is None:
            reasons[read.reason] += 1
            continue
        trials += read.trials
        same[read.key] += 1
        best = kept.setdefault(read.key, read.entry)
        if (read.entry.score or 0.0) > (best.score or 0.0):
            kept[read.key] = read.entry
    entries = tuple(_with_copies(entry, same[key] - 1) for key, entry in kept.items())
    return Import(count, entries, same.total() - len(entries), dict(reasons.most_common()), trials)


def _with_copies(entry: Entry, copies: int) -> Entry:
    if not copies:
        return entry
    return replace(entry, reason=f"{entry.reason}; {copies} more networks are the same")


# --- one network ---------------------------------------------------------------------------------


def _read_network(lemur: Lemur, name: str) -> _Read:
    trials = lemur.trials(name)
    ours = sorted((t for t in trials if t.task == _TASK), key=_importance)
    if trials and not ours:
        return _Read(reason=f"made for {trials[0].task}")
    try:
        source = adapt(lemur.source(name), ours[0].hyperparameters if ours else {})
        parsed = read_source(source, _problem(PIXELS), Recipe())
        levels = fingerprint(parsed, parsed.recipe)
        # Two copies count as one however the values differ that they were trained with.
        plain = _VALUES.sub(r"\1{}", source, count=1)
        key = levels.tree if plain == source else fingerprint(plain, parsed.recipe).tree
        kind = family(source)
    except SourceError as error:
        return _Read(reason=str(error))
    except InputError:
        return _Read(reason="its file is too long, or cannot be read")
    entry = Entry(
        run=RUN,
        candidate=name,
        task=f"{RUN}:{ours[0].dataset}" if ours else RUN,
        title=f"{name}: {_measured(ours[0])}" if ours else f"{name}: never measured",
        kind="example",
        source=source,
        fingerprint=levels,
        family=kind,
        metric="accuracy",
        score=ours[0].accuracy if ours else None,
        reason="; ".join(map(_with_count, ours)),
    )
    return _Read(entry, key or source, sum(t.trials for t in ours))


def _importance(trial: LemurTrial) -> tuple[int, str]:
    known = _FIRST.index(trial.dataset) if trial.dataset in _FIRST else len(_FIRST)
    return known, trial.dataset


def _measured(trial: LemurTrial) -> str:
    """An accuracy is nothing without its data set, its epoch and its transform."""
    epochs = "1 epoch" if trial.epoch == 1 else f"{trial.epoch} epochs"
    return f"{trial.accuracy:.2f} % on {trial.dataset} after {epochs}, transform {trial.transform}"


def _with_count(trial: LemurTrial) -> str:
    return f"{_measured(trial)} (best of {trial.trials})"
