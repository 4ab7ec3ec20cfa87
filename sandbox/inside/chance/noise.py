"""Whether numbers follow a rule that a person would write, or look drawn.

A rule shows in one of two ways. Along some axis a number follows from the two before it, as it does
for constants, ramps, powers, waves, recurrences and all that is smooth; or the numbers, seen as
symbols, repeat so that they can be packed, as they do for identities, masks, bands and tables of a
few values. A matrix may show it after it was inverted or solved for, as discretised state matrices
do. What has neither is noise: literal weights, a hash, a generator with a seed of its own.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

SMALLEST: Final = 24
"""Fewer numbers than these are not judged."""

_ORDER: Final = 2
_FOLLOWS: Final = 0.5  # of the variance that the numbers before explain
_PACKS: Final = 0.8  # of the size that drawn symbols of the same frequencies need
_FEWEST_BITS: Final = 256
_HEADER_BYTES: Final = 10  # of a packed text
_LEVELS: Final = 254
_NEARLY_ALL: Final = 0.99
_SIDE: Final = 96
_LARGEST_SYSTEM: Final = 512
_WELL_CONDITIONED: Final = 100.0  # the inverse of a drawn triangle grows row by row, and so follows
_DIAGONALISABLE: Final = 1e6  # of the eigenvectors: beyond, single precision leaves no logarithm
_SHARED: Final = 0.3  # of the variance of two draws
_EVEN: Final = 0.35  # gaps between sorted numbers: drawn ones have 1.1, evenly spread ones 0

Numbers = NDArray[np.float64]


def looks_drawn(first: NDArray[Any], second: NDArray[Any] | None = None) -> bool:
    """Whether the part that two arrays of one shape have in common looks like noise.

    Args:
        first: an array as it comes out under one seed.
        second: the same under another; without it, all of `first` is in question.
    """
    a = _tidy(first)
    b = a if second is None else _tidy(second)
    if a.size < SMALLEST or not (np.isfinite(a).all() and np.isfinite(b).all()):
        return False
    centred, other = a - a.mean(), b - b.mean()
    scale = float(np.sqrt((centred**2).mean() * (other**2).mean()))
    if scale <= 1e-12 * max(float(np.abs(a).max()), 1e-30) ** 2:
        return False  # a constant
    shared = float((centred * other).mean()) / scale
    if shared < max(_SHARED, 4 / np.sqrt(a.size)):
        return _is_reordered(a, b)
    seed_noise = float(np.sqrt(((a - b) ** 2).mean())) / 2
    values = (a + b) / 2
    if not any(_is_drawn(part, seed_noise) for part in _ends(values)):
        return False
    return not any(_follows(system) or _packs(system, 0.0) for system in _systems(values))


def _systems(values: Numbers) -> Iterator[Numbers]:
    """What a square matrix may have been made of, as the discrete steps of a linear system are: the
    matrix that it is the inverse of, the one that it is the Cayley transform of (the bilinear
    rule), and the one that it is the exponential of."""
    if values.ndim != 2 or len(values) != len(values[0]) or len(values) > _LARGEST_SYSTEM:
        return
    one = np.eye(len(values))
    for left, right in ((values, one), (values + one, values - one)):
        if np.linalg.cond(left) <= _WELL_CONDITIONED:
            yield np.asarray(np.linalg.solve(left, right), dtype=np.float64)
    roots, vectors = np.linalg.eig(values)
    if np.abs(roots).min() > 0 and np.linalg.cond(vectors) <= _DIAGONALISABLE:
        logarithm = vectors @ np.diag(np.log(roots.astype(complex))) @ np.linalg.inv(vectors)
        if np.abs(logarithm.imag).max() <= 1e-6 * np.abs(logarithm).max():
            yield np.asarray(logarithm.real, dtype=np.float64)


def _is_drawn(values: Numbers, seed_noise: float) -> bool:
    values = _without_copies(values)
    if values.size < SMALLEST or _follows(values) or _separates(values):
        return False
    return not _packs(values, seed_noise)


def _tidy(values: NDArray[Any]) -> Numbers:
    """As float64, without axes of length one."""
    return np.squeeze(np.asarray(values, dtype=np.float64))


def _ends(values: Numbers) -> Iterator[Numbers]:
    """The first and the last of it along each axis: the whole, where it is small."""
    yield values[(slice(_SIDE),) * values.ndim]
    if max(values.shape) > _SIDE:
        yield values[(slice(-_SIDE, None),) * values.ndim]


def _without_copies(values: Numbers) -> Numbers:
    """With each line along an axis that is there more than once kept once."""
    for axis in range(values.ndim):
        lines = np.moveaxis(values, axis, 0)
        _, first = np.unique(lines.reshape(len(lines), -1), axis=0, return_index=True)
        values = np.moveaxis(lines[np.sort(first)], 0, axis)
    return np.squeeze(values)


def _follows(values: Numbers) -> bool:
    """Whether, along some axis, the two numbers before explain most of a number."""
    shapes = [np.moveaxis(values, axis, -1) for axis in range(values.ndim)]
    lines = [shape.reshape(-1, shape.shape[-1]) for shape in shapes]
    return any(
        explained(rows) >= _FOLLOWS
        for rows in [*lines, values.reshape(1, -1)]
        if rows.shape[-1] >= 2 * _ORDER + 3
    )


def explained(rows: Numbers) -> float:
    """Share of the variance that a linear rule of the two numbers before explains, of each row for
    itself; 0 for noise of any kind, at most 1.
    """
    length = rows.shape[1]
    rows = rows - rows.mean(axis=1, keepdims=True)
    rows = rows / np.maximum(rows.std(axis=1, keepdims=True), 1e-9 * max(rows.std(), 1e-9))
    wanted = rows[:, _ORDER:, None]
    before = [rows[:, lag : length - _ORDER + lag, None] for lag in range(_ORDER)]
    design = np.concatenate([*before, np.ones_like(wanted)], axis=2)
    turned = design.transpose(0, 2, 1)
    left = wanted - design @ (np.linalg.pinv(turned @ design, hermitian=True) @ (turned @ wanted))
    equations = length - _ORDER
    spread = ((wanted - wanted.mean(axis=1, keepdims=True)) ** 2).sum() / (equations - 1)
    unexplained = (left**2).sum() / (equations - _ORDER - 1)
    return 1.0 - float(unexplained / spread) if spread > 0 else 1.0


def _separates(values: Numbers) -> bool:
    """Whether a few products of a row and a column make up nearly all of it."""
    if values.ndim < 2:
        return False
    matrix = (values - values.mean()).reshape(len(values), -1)
    if min(matrix.shape) < 3:
        return False
    energy = np.linalg.svd(matrix, compute_uv=False) ** 2
    few = max(2, min(matrix.shape) // 3)
    return bool(energy[:few].sum() >= _NEARLY_ALL * energy.sum())


def _packs(values: Numbers, seed_noise: float) -> bool:
    """Whether the numbers as symbols can be packed, along some axis, better than drawn ones; so
    few that nothing can be said of them count as packed.
    """
    step = max(8 * seed_noise, float(np.ptp(values)) / _LEVELS)
    levels = np.round((values - np.median(values)) / step)
    levels = (levels - levels.min()).astype(np.uint8)
    _, counts = np.unique(levels, return_counts=True)
    bits = float(-(counts * np.log2(counts / levels.size)).sum())
    if bits < _FEWEST_BITS and len(counts) < levels.size / 2:
        return True
    packed = min(_size(np.moveaxis(levels, axis, -1).tobytes()) for axis in range(levels.ndim))
    return 8 * (packed - _HEADER_BYTES) < _PACKS * bits


def _size(data: bytes) -> int:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return len(packer.compress(data) + packer.flush())


def _is_reordered(a: Numbers, b: Numbers) -> bool:
    """Whether two arrays hold the same drawn magnitudes, in another order or with other signs."""
    one, two = (np.sort(np.abs(x), axis=None) for x in (a, b))
    top = max(float(one[-1]), float(two[-1]))
    if top <= 0 or np.mean(np.abs(one / one[-1] - two / two[-1]) < 1e-6) < 0.9:
        return False
    gaps = np.diff(np.unique(np.round(one / one[-1], 7)))
    if len(gaps) < 2 * SMALLEST:
        return False
    return float(np.median(np.abs(np.log(gaps[1:] / gaps[:-1])))) > _EVEN
