"""The dedup bench: networks are really built, and false merges really caught."""

from __future__ import annotations

import importlib.metadata
import random
from collections.abc import Iterator

import pytest

from archwright.benchmarks.dedup.dedup import Nets, _check_merges, _trace_sample
from archwright.benchmarks.dedup.lemur import read_lemur
from archwright.benchmarks.dedup.nets import Builder
from archwright.core import InputError
from archwright.source.code import CONTRACT_NAMES

FORM = """\
import torch.nn as nn
class Model(nn.Module):
    def __init__(self, input_shape, output_shape):
        super().__init__()
        {0}
        {1}
    def forward(self, x):
        return self.b(self.a(x.flatten(1)).{2}())
"""
A, B = "self.a = nn.Linear(12, 8)", "self.b = nn.Linear(8, 3)"
PLAIN = FORM.format(A, B, "relu")
REORDERED = FORM.format(B, A, "relu")
OTHER = FORM.format(A, B, "tanh")
LEMUR = """\
import torch.nn as nn
def supported_hyperparameters():
    return {"lr", "dropout"}
class Net(nn.Module):
    def __init__(self, in_shape, out_shape, prm, device):
        super().__init__()
        self.head = nn.Linear(in_shape[1] * in_shape[2] * in_shape[3], out_shape[0])
        self.drop = nn.Dropout(prm["dropout"])
    def forward(self, x):
        return self.drop(self.head(x.flatten(1)))
"""
SHAPE = (3, 2, 2)


@pytest.fixture(scope="module")
def builder() -> Iterator[Builder]:
    with Builder(SHAPE, 3) as started:
        yield started


def test_pairs_are_compared_by_execution(builder: Builder) -> None:
    same, moved, other = (builder.build(PLAIN, b) for b in (PLAIN, REORDERED, OTHER))
    assert (same["seeded"], same["copied"]) == (True, True)
    assert (moved["seeded"], moved["copied"]) == (False, True)
    assert (other["seeded"], other["copied"]) == (False, False)
    assert moved["graphs"][0] == moved["graphs"][1]
    assert other["graphs"][0] != other["graphs"][1]


def test_both_contracts_are_built_and_failures_are_answers(builder: Builder) -> None:
    assert "error" not in builder.build(LEMUR)
    assert "ValueError: no" in builder.build(PLAIN + "\nraise ValueError('no')")["error"]
    assert "error" in builder.build(PLAIN + "\nimport os\nos._exit(3)")
    assert "error" not in builder.build(PLAIN)


def test_a_false_merge_is_reported(builder: Builder) -> None:
    sources = {"plain": PLAIN, "reordered": REORDERED, "other": OTHER, "broken": "1 / 0"}
    nets = Nets("four", sources, CONTRACT_NAMES, SHAPE, 3)
    traced, pairs = _trace_sample(nets, builder, 4, random.Random(0))
    assert (traced["sampled"], traced["ran"], traced["duplicates"]) == (4, 3, 1)
    assert pairs == [("graph", "plain", "reordered")]
    checked = _check_merges(nets, builder, [*pairs, ("tree", "plain", "other")])
    assert checked["graph"] == {"checked": 1, "false": 0, "not_run": 0}
    assert checked["tree"] == {"checked": 1, "false": 1, "not_run": 0}
    assert checked["false_pairs"] == [["tree", "plain", "other"]]


def test_a_missing_data_set_names_the_fix() -> None:
    try:
        importlib.metadata.distribution("nn-dataset")
    except importlib.metadata.PackageNotFoundError:
        with pytest.raises(InputError, match="pip install --no-deps nn-dataset"):
            read_lemur()
    else:
        assert len(read_lemur()) > 100
