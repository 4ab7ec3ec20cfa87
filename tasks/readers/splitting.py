"""Honest splits: no sample in two of them, and copies of a sample together."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from typing import Final

import numpy as np

from archwright.core import Array, TaskError

SHARES: Final = {"train": 0.70, "validation": 0.15, "test": 0.15}
LEAST: Final = 7
"""Different samples of a class: fewer cannot be split 70/15/15."""


def digest(content: bytes) -> bytes:
    """What a sample is known by, whatever it is called and wherever it lies."""
    return hashlib.blake2b(content, digest_size=16).digest()


def digests(*arrays: Array) -> list[bytes]:
    """One digest for each sample of arrays whose first axis is the sample."""
    rows = zip(*(np.ascontiguousarray(array) for array in arrays), strict=True)
    return [digest(b"".join(np.ascontiguousarray(part).tobytes() for part in row)) for row in rows]


def by_content(
    keys: Sequence[bytes], split: str, classes: Sequence[Hashable] | None = None
) -> Array:
    """The rows of one split, in an order that has nothing to do with theirs.

    Samples are ranked by digest within their class, and the ranks are cut 70/15/15; those with one
    digest go together, with the class of the first.

    Args:
        keys: a digest for each sample.
        split: "train", "validation" or "test".
        classes: of each sample, so that every split has its share of each.

    Raises:
        TaskError: a class has too few different samples.
    """
    first: dict[bytes, Hashable] = {}
    rows: dict[bytes, list[int]] = defaultdict(list)
    for row, key in enumerate(keys):
        first.setdefault(key, None if classes is None else classes[row])
        rows[key].append(row)
    ranked: dict[Hashable, list[bytes]] = defaultdict(list)
    for key in sorted(first):
        ranked[first[key]].append(key)
    kept: set[bytes] = set()
    for name, own in ranked.items():
        if len(own) < LEAST:
            what = "there are" if classes is None else f"class {name} has"
            raise TaskError(
                f"{what} {len(own)} different samples, and a split 70/15/15 needs {LEAST}: "
                f"add some{'' if classes is None else ', or leave the class out'}"
            )
        kept.update(own[span(len(own), split)])
    return np.array([row for key in sorted(kept) for row in rows[key]], dtype=np.int64)


def span(count: int, split: str) -> slice:
    """The part of `count` things in a row that is one split."""
    if split not in SHARES:
        raise TaskError(f"no split {split!r}; there are {', '.join(SHARES)}")
    first = round(SHARES["train"] * count)
    second = round((SHARES["train"] + SHARES["validation"]) * count)
    places = {
        "train": slice(0, first),
        "validation": slice(first, second),
        "test": slice(second, count),
    }
    return places[split]


def scale_of(train: Array, axes: int | tuple[int, ...]) -> tuple[Array, Array]:
    """Mean and standard deviation over some axes, 1 where nothing varies; NaN is left out."""
    there = ~np.isnan(train)
    count = np.maximum(there.sum(axis=axes), 1)
    mean = np.where(there, train, 0).sum(axis=axes) / count
    spread = np.sqrt((np.where(there, train - mean, 0) ** 2).sum(axis=axes) / count)
    return mean, np.where(spread > 1e-12, spread, 1.0)


def within(
    given: Mapping[str, Sequence[bytes]], split: str, classes: Sequence[Hashable] | None = None
) -> tuple[str, Array]:
    """The rows of one split where the data come split already, or some of them.

    Args:
        given: digests of the samples of "train", and of "validation" and "test" where they are
            there; what is not there is cut from train.
        split: that is asked for.
        classes: of the samples of train.

    Returns:
        The given split that the rows are of, and the rows. Those of train that are held out as
        well are left out.

    Raises:
        TaskError: that leaves nothing of train, or a class has too few different samples.
    """
    if split in given and split != "train":
        return split, np.arange(len(given[split]))
    train = given["train"]
    held = {key for name in given if name != "train" for key in given[name]}
    free = np.array([row for row, key in enumerate(train) if key not in held], dtype=np.int64)
    if not free.size:
        names = " and ".join(name for name in given if name != "train")
        raise TaskError(
            f"all {len(train):,} samples of train are in {names} as well: give each split samples "
            "of its own"
        )
    keys = [train[row] for row in free]
    own = None if classes is None else [classes[row] for row in free]
    if split != "train":
        return "train", free[by_content(keys, split, own)]
    mine = np.ones(len(free), bool)
    for name in SHARES:
        if name not in given:
            mine[by_content(keys, name, own)] = False
    order = sorted(free[mine].tolist(), key=lambda row: train[row])
    return "train", np.array(order, dtype=np.int64)
