"""Arrays whose splits do not fit each other, or lack a part."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

Says = Callable[..., str]
RNG = np.random.default_rng(0)
X = RNG.normal(size=(90, 4)).astype(np.float32)
Y = np.arange(90) % 3
NPZ = ("--npz", "data.npz")


def rows(*shapes: tuple[int, ...]) -> Any:
    found = np.empty(30, dtype=object)
    for place in range(30):
        found[place] = RNG.normal(size=shapes[place % len(shapes)])
    return found


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"x_val": X[:30, :3], "y_val": Y[:30]}, "x_val in "),
        (
            {"x_test": np.abs(X[:30]).astype(int), "y_test": Y[:30]},
            "of integers (4,), x_train of floats",
        ),
        ({"x_test": X[:30], "y_test": Y[:29]}, "x_test has 30, y_test has 29 samples"),
        ({"x_test": X[:30] + 1, "y_test": Y[:30] + 1}, "hold 3, which is not a class of train"),
        ({"x_test": X[:30] + 1, "y_test": np.eye(3)[Y[:30]]}, "store both alike"),
        ({"y_valid": Y[:30]}, "there is y_valid, and no x_valid: add it"),
        ({"x_test": X, "y_test": Y}, "all 90 samples of train are in test as well"),
        ({"x_test": X[:0], "y_test": Y[:0]}, "x_test in "),
    ],
)
def test_splits_that_do_not_fit_are_refused(
    refused: Says, arrays: dict[str, Any], said: str
) -> None:
    np.savez("data.npz", x_train=X, y_train=Y, **arrays)
    assert said in refused(*NPZ)


def test_a_test_without_targets_is_left_out_in_words(assumed: Says) -> None:
    np.savez("data.npz", x_train=X, y_train=Y, x_test=X + 1)
    said = assumed(*NPZ)
    assert "test has no y_test, and is cut from train in place of it" in said
    assert "left out: x_test" in said


def test_what_train_loses_to_the_others_is_said(assumed: Says) -> None:
    np.savez("data.npz", x_train=X, y_train=Y, x_testing=X[:12], y_testing=Y[:12])
    said = assumed(*NPZ)
    assert "12 samples of train are held out as well, and left out of train" in said
    assert "12 test" in said


@pytest.mark.parametrize(
    ("x", "said"),
    [
        (rows((5, 2), (6, 3)), "has rows of (2,) and (3,) numbers a step: only lengths may vary"),
        (rows((5, 2), (0, 2)), "has rows without numbers"),
        (np.array([["a"] * n for n in range(1, 31)], dtype=object), "rows that are not numbers"),
    ],
)
def test_rows_that_are_unlike_are_refused(refused: Says, x: Any, said: str) -> None:
    np.savez("data.npz", x=x, y=Y[:30])
    assert said in refused(*NPZ)


def test_values_that_never_change_are_refused(refused: Says) -> None:
    np.savez("data.npz", x=X, y=np.full(90, 0.5))
    assert "holds 0.5 throughout: nothing to predict" in refused(*NPZ)
    assert not Path("made").exists()


EDGES = RNG.integers(0, 90, (2, 300))


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"x": X, "y": np.array([None, 1, 2] * 30)}, "neither all words nor all whole numbers"),
        ({"x": X, "y": np.zeros((90, 0))}, "y in "),
        ({"edges": EDGES, "labels": np.array(["b", "c"] * 45)}, "number it from 0"),
        (
            {"edges": EDGES, "labels": Y, "features": X * np.nan},
            "are not finite numbers: fill them in",
        ),
        ({"edges": EDGES, "labels": np.full(90, -1)}, "give some nodes a class"),
    ],
)
def test_targets_and_graphs_are_looked_at(refused: Says, arrays: dict[str, Any], said: str) -> None:
    np.savez("data.npz", **arrays)
    assert said in refused(*NPZ)
