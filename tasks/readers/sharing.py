"""How many samples the splits of a task have in common."""

from __future__ import annotations

from itertools import permutations
from math import sqrt
from typing import Final, NamedTuple

import numpy as np

from archwright.core import Array, Arrays
from archwright.core.arrays import chunks, each_array, equal
from archwright.tasks.readers.splitting import digest

MOST: Final = 1_000_000
"""Samples of a split that are looked at."""
TOLERATED: Final = 0.05
"""Share of a split's samples that may be another's beyond what chance explains."""
SIGMAS: Final = 3.0


class Sharing(NamedTuple):
    """What one split has of another."""

    line: str
    is_fault: bool


def shared_samples(inputs: dict[str, Arrays]) -> list[Sharing]:
    """What splits share, each pair once: the inputs count, whatever the targets are.

    Where inputs have few different values, as words and flags have, a new sample often is one that
    was seen before. How often, the splits tell of themselves: by the share of their samples that
    they have more than once. Only what goes beyond that is a fault.
    """
    keys = {split: _keys(x) for split, x in inputs.items()}
    likely = max(map(_repeats, keys.values()), default=0.0)
    found: dict[frozenset[str], Sharing] = {}
    for one, other in permutations(inputs, 2):
        pair = frozenset((one, other))
        if pair in found and found[pair].is_fault:
            continue
        if equal(inputs[one], inputs[other]):
            said = f"{one} and {other} are the same inputs; each split needs samples of its own"
            found[pair] = Sharing(said, is_fault=True)
            continue
        shared = int(np.isin(keys[other], keys[one]).sum())
        beyond = shared / len(keys[other]) - likely
        line = f"{shared:,} of {len(keys[other]):,} inputs of {other} are in {one} as well"
        if beyond > TOLERATED + SIGMAS * _deviation(likely, keys[one], keys[other]):
            fix = f"; each split needs samples of its own: take them out of {one} or {other}"
            found[pair] = Sharing(line + fix, is_fault=True)
        elif shared:
            found.setdefault(pair, Sharing(line, is_fault=False))
    return list(found.values())


def _keys(x: Arrays) -> Array:
    """A number of 64 bits for each sample, by the content of all its parts."""
    parts = [_rows_of(array) for _, array in each_array(x)]
    return parts[0] if len(parts) == 1 else _rows_of(np.stack(parts, axis=1))


def _rows_of(array: Array) -> Array:
    found = [digest(row.tobytes())[:8] for part in chunks(array[:MOST]) for row in np.asarray(part)]
    return np.frombuffer(b"".join(found), dtype=np.uint64)


def _repeats(keys: Array) -> float:
    """The share of samples that are there more than once."""
    _, counts = np.unique(keys, return_counts=True)
    return float(counts[counts > 1].sum()) / len(keys)


def _deviation(share: float, *keys: Array) -> float:
    """The standard deviation of such a share, of which one sample is the least that is known."""
    likely = min(max(share, *(1 / len(own) for own in keys)), 0.5)
    return sqrt(likely * (1 - likely) * sum(1 / len(own) for own in keys))
