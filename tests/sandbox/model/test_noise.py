"""What follows a rule is architecture, what looks drawn is noise: tables of both."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from archwright.sandbox.inside.chance.noise import looks_drawn

Numbers = NDArray[np.float64]
STEPS = np.arange(2048.0)


def sines(length: int, width: int) -> Numbers:
    angles = np.arange(length)[:, None] / 10_000 ** (np.arange(width // 2) * 2 / width)
    return np.stack([np.sin(angles), np.cos(angles)], -1).reshape(length, width)


def hadamard(size: int) -> Numbers:
    """Of Sylvester's construction."""
    found = np.ones((1, 1))
    while len(found) < size:
        found = np.block([[found, found], [found, -found]])
    return found


def state_matrix(size: int) -> Numbers:
    """HiPPO-LegS (Gu et al. 2020)."""
    root = np.sqrt(2 * np.arange(size) + 1)
    return np.diag(np.arange(size)) - np.tril(np.outer(root, root))


def legendre(size: int) -> Numbers:
    """Of a window that slides, as Legendre memory units have it (Voelker et al. 2019)."""
    row, column = np.mgrid[:size, :size]
    return (2 * row + 1) * np.where(row < column, -1, (-1.0) ** (row - column + 1))


def oscillators(size: int) -> Numbers:
    """Pairs of states that turn about each other, each pair faster."""
    return np.kron(np.diag(np.arange(1.0, size // 2 + 1)), [[0, 1], [-1, 0]])


def filters(count: int, side: int) -> Numbers:
    """Gabor's, at `count` angles."""
    y, x = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j]
    angles = np.pi * np.arange(count)[:, None, None] / count
    along = x * np.cos(angles) + y * np.sin(angles)
    return (np.exp(-2 * (x**2 + y**2)) * np.cos(np.pi * along))[:, None]


def cosines(size: int) -> Numbers:
    return np.cos(np.pi * (np.arange(size) + 0.5) * np.arange(size)[:, None] / size)


def turned(degrees: tuple[float, ...], side: int) -> Numbers:
    """Where a square grid's points lie after each rotation: `(angles, side, side, 2)`."""
    y, x = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j]
    angles = np.radians(degrees)[:, None, None]
    cos, sin = np.cos(angles), np.sin(angles)
    return np.stack([cos * x - sin * y, sin * x + cos * y], axis=-1)


LAPLACE = np.array([[0, 1, 0], [1, -4, 1], [0, 1, 0.0]])


def discrete(system: Numbers, step: float) -> Numbers:
    one = np.eye(len(system))
    return np.linalg.solve(one - step / 2 * system, one + step / 2 * system)


def exponential(system: Numbers) -> Numbers:
    term = total = np.eye(len(system))
    for n in range(1, 60):
        term = term @ system / n
        total = total + term
    return total


RULED = {
    "an identity": np.eye(64),
    "an identity of a convolution": np.einsum("ab,k->abk", np.eye(32), np.array([0, 0, 1, 0, 0.0])),
    "zeros": np.zeros((16, 16)),
    "one value": np.full((32, 8), 0.02),
    "a ramp": np.linspace(0, 1, 33),
    "logarithms of a ramp": np.log(np.tile(np.arange(1, 17.0), (64, 1))),
    "powers of two": 2.0 ** -np.arange(1, 17),
    "positions": sines(64, 32),
    "few positions": sines(12, 8),
    "cosines": cosines(32),
    "cosines of two axes": np.einsum("ai,bj->abij", cosines(5), cosines(5)).reshape(25, 1, 5, 5),
    "Hadamard": hadamard(32),
    "a state matrix": state_matrix(16),
    "Gabor filters": filters(8, 7),
    "grids at five angles": turned((-30, -15, 0, 15, 30), 5),
    "grids at three angles": turned((-15, 0, 15), 5),
    "a grid sheared": turned((7.0, 31.0, 58.0, 83.0), 3) * [1.0, 0.4],
    "one filter for all channels": np.tile(LAPLACE, (32, 1, 1, 1)),
    "a bell": np.exp(-((np.arange(9) - 4.0)[:, None] ** 2 + (np.arange(9) - 4.0) ** 2) / 4),
    "a mask": np.tril(np.ones((24, 24))),
    "a band": 1.0 * (np.abs(np.subtract.outer(np.arange(40), np.arange(40))) < 3),
    "blocks": np.kron(np.eye(8), np.ones((4, 4))),
    "distances": 1 / (1 + np.abs(np.subtract.outer(np.arange(32.0), np.arange(32.0)))),
    "Haar": np.kron(np.eye(16), np.array([[1, 1], [1, -1.0]])),
    "a reflection": np.eye(32) - np.ones((32, 32)) / 16,
    "Chebyshev": np.polynomial.chebyshev.chebvander(np.linspace(-1, 1, 32), 15),
    "a state matrix by the bilinear rule": discrete(state_matrix(16), 1 / 16),
    "a larger one": discrete(state_matrix(64), 1 / 64),
    "a state matrix over a step": exponential(state_matrix(16) / 16),
    "a small one": exponential(state_matrix(4) / 10),
    **{
        f"{size} Legendre memories, {name}": np.float32(rule)
        for size in (6, 8, 12)
        for name, rule in (
            ("over a step", exponential(legendre(size) / 16)),
            ("by the bilinear rule", discrete(legendre(size), 1 / 16)),
        )
    },
    "oscillators": np.float32(exponential(oscillators(16) / 10)),
    "oscillators that leak into all": np.float32(exponential(0.1 * oscillators(8) - 0.2)),
    "imaginary parts": np.tile(np.pi * np.arange(32), (4, 1)),
}


@pytest.mark.parametrize("name", RULED)
def test_a_rule_is_no_noise(name: str) -> None:
    assert not looks_drawn(RULED[name])


def by_hand(multiplier: int, add: int, bits: int) -> Numbers:
    found, state = [], 1
    for _ in STEPS:
        state = (multiplier * state + add) % (1 << bits)
        found.append(state / (1 << bits))
    return np.array(found)


DRAW = np.random.default_rng(11)
DRAWN = {
    "normal": DRAW.normal(size=(64, 32)),
    "uniform": DRAW.uniform(-1, 1, size=(16, 8, 3, 3)),
    "a short one": DRAW.normal(size=24),
    "orthogonal": np.linalg.qr(DRAW.normal(size=(64, 64)))[0],
    "pairs": np.random.default_rng(12).normal(size=(5, 5, 5, 2)),
    "pairs for three": np.random.default_rng(13).normal(size=(3, 5, 5, 2)),
    "signs": DRAW.choice([-1.0, 1.0], size=(32, 32)),
    "three values": DRAW.choice([-1.0, 0.0, 1.0], size=(32, 32)),
    "two decimals": np.round(DRAW.normal(size=(64, 32)), 2),
    "mostly zeros": DRAW.normal(size=(64, 32)) * (DRAW.random((64, 32)) < 0.1),
    "the sine of a shader": np.modf(np.sin(STEPS * 12.9898) * 43758.5453)[0],
    "a wave that rises": np.sin(STEPS**2 * 0.7).reshape(32, 64),
    "a generator by hand": by_hand(1103515245, 12345, 31).reshape(32, 64),
    "a golden sequence": (STEPS * (math.sqrt(5) - 1) / 2) % 1,
    "noise repeated": np.tile(DRAW.normal(size=(8, 8)), (4, 1)),
    "a triangle": np.tril(DRAW.normal(size=(32, 32))),
    "nearly one": np.eye(32) + 0.1 * DRAW.normal(size=(32, 32)),
    "the inverse of normal ones": np.linalg.inv(np.random.default_rng(14).normal(size=(16, 16))),
    "noise at the end of a ramp": np.concatenate([np.linspace(0, 1, 200), DRAW.normal(size=200)]),
}


@pytest.mark.parametrize("name", DRAWN)
def test_what_is_drawn_is_noise(name: str) -> None:
    assert looks_drawn(DRAWN[name])


def test_two_draws_have_no_noise_in_common() -> None:
    for seed in range(40):
        draw = np.random.default_rng(seed)
        assert not looks_drawn(draw.normal(size=(16, 8)), draw.normal(size=(16, 8)))
        assert not looks_drawn(draw.uniform(size=20), draw.uniform(size=20))


def test_noise_in_common_is_found_under_other_noise_orders_signs_and_scales() -> None:
    draw = np.random.default_rng(3)
    fixed = draw.normal(size=(64, 32))
    others = {
        "with a little noise": fixed + 0.2 * draw.normal(size=fixed.shape),
        "in another order": draw.permutation(fixed),
        "with other signs": fixed * draw.choice([-1.0, 1.0], size=fixed.shape),
        "in another order, larger": 1.7 * draw.permutation(fixed, axis=1),
    }
    found = {name: looks_drawn(fixed, other) for name, other in others.items()}
    assert found == dict.fromkeys(others, True)


def test_a_rule_under_noise_is_still_a_rule() -> None:
    draw = np.random.default_rng(4)
    for rule, share in ((np.eye(64), 0.01), (sines(64, 32), 0.1), (cosines(32), 0.1)):
        one, two = (rule + share * draw.normal(size=rule.shape) for _ in range(2))
        assert not looks_drawn(one, two)


def test_the_trials_own_order_of_even_numbers_is_no_noise() -> None:
    draw = np.random.default_rng(5)
    even = np.linspace(-1, 1, 512)
    assert not looks_drawn(draw.permutation(even), draw.permutation(even))
