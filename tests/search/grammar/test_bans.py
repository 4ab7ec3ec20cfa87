"""Bans and pins: families, operators and words, in a title or among what a source calls."""

from __future__ import annotations

import pytest

from archwright.core import CONTROL
from archwright.search.bans import first_met, kind_of
from archwright.search.operators import OPERATORS
from archwright.source.fingerprint import FAMILIES, family, mixing

SOURCE = """
from torch import nn

class Attention(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.mix = nn.MultiheadAttention(width, 2)
        self.norm = nn.BatchNorm1d(width)

    def forward(self, x):
        return self.norm(self.mix(x, x, x)[0])

class Sweep(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.cell = nn.GRU(width, width)

    def forward(self, x):
        return self.cell(x)[0]

class Model(nn.Module):
    def __init__(self, input_shape, output_shape):
        super().__init__()
        self.body = nn.Sequential(Attention(8), Sweep(8))

    def forward(self, x):
        return self.body(x)
"""


def banned(*bans: str, source: str = SOURCE, operator: str = "swap_block") -> str | None:
    return first_met(source, "Attention beside a sweep, re-gated (GELU)", operator, bans)


def test_of_a_hybrid_all_families_count() -> None:
    assert family(SOURCE) == "hybrid"
    assert mixing(SOURCE) == {"attention", "recurrent"}
    assert banned("attention") == "attention"
    assert banned("conv", "Recurrent") == "Recurrent"
    assert banned("hybrid") == "hybrid"
    assert banned("conv", "mlp", "linear  attention") is None


@pytest.mark.parametrize("ban", ["swap_block", "swap block", "Swap-Block"])
def test_an_operator_goes_by_its_name(ban: str) -> None:
    assert kind_of(ban) == "operator"
    assert banned(ban) == ban
    assert banned(ban, operator="widen") is None


@pytest.mark.parametrize(
    "ban",
    ["batch norm", "BatchNorm", "batchnorm1d", "batch_norm", "GRU", "gelu", "sweep", "re-gated",
     "MultiheadAttention", "beside a  SWEEP"],
)  # fmt: skip
def test_words_are_found_whole_in_the_title_and_among_what_is_called(ban: str) -> None:
    assert kind_of(ban) == "words"
    assert banned(ban) == ban


@pytest.mark.parametrize("ban", ["norm", "atten", "sweeps", "self", "forward", "", " ", "[(", "1d"])
def test_parts_of_words_and_empty_ones_are_not(ban: str) -> None:
    assert banned(ban) is None


def test_the_first_of_several_is_named() -> None:
    assert banned("conv", "gru", "attention") == "gru"


def test_a_source_that_does_not_parse_has_its_title_and_operator() -> None:
    assert banned("attention", source="def") is None
    assert banned("gelu", source="def") == "gelu"
    assert banned("swap_block", source="def") == "swap_block"


def test_the_control_arm_is_out_of_reach() -> None:
    for words in ("attention", "control", "gru"):
        assert banned(words, operator=CONTROL) is None
        assert first_met(SOURCE, "", CONTROL, [words]) is None


def test_pins_are_read_as_bans_are() -> None:
    assert first_met(SOURCE, "", "widen", ["conv", "attention"]) == "attention"
    assert first_met(SOURCE, "", "widen", ["conv"]) is None


def test_each_kind_is_told() -> None:
    assert {kind_of(name.upper()) for name in FAMILIES} == {"family"}
    assert {kind_of(name) for name in OPERATORS} == {"operator"}
    assert kind_of("gated units") == "words"
