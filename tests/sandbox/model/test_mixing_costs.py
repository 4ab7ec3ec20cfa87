"""What a mixer at any length costs, keeps and rounds is measured, and what it claims must hold."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from mixing_candidates import DELTA, FFT, GRU, HONEST, LINEAR, SOFTMAX, examined
from search_problems import BY_WIDTH

from archwright.sandbox.inside.faults import ContractError
from archwright.sandbox.inside.model.mixing.claims import CLASSES, check_complexity, class_of
from archwright.sandbox.inside.model.mixing.precision import check_precision
from archwright.sandbox.inside.model.mixing.stepping import check_steps
from archwright.tasks.loading import load_task


@pytest.mark.parametrize(
    ("costs", "kind"),
    [
        ([256, 512, 1024], "linear"),
        ([300, 600, 1100], "linear"),
        ([100 * n - 6_000 for n in (256, 512, 1024)], "linear"),
        ([100 * n * n - 900_000 for n in (256, 512, 1024)], "quadratic"),
        ([256 * 8, 512 * 9, 1024 * 10], "n log n"),
        ([256**2, 512**2, 1024**2], "quadratic"),
        ([100 * 256 + 256**2, 100 * 512 + 512**2, 100 * 1024 + 1024**2], "quadratic"),
        ([256**3, 512**3, 1024**3], "more than quadratic"),
        ([], "linear"),
    ],
)
def test_the_class_of_a_cost(costs: list[float], kind: str) -> None:
    assert CLASSES[class_of(costs)] == kind


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (DELTA, "linear, as claimed"),
        (FFT, "n log n, as claimed"),
        (SOFTMAX, "quadratic, as claimed"),
        (LINEAR.replace('"linear"', '"quadratic"'), "linear, claimed quadratic"),
        (BY_WIDTH, "linear; N = 256"),
    ],
    ids=["delta", "fft", "softmax", "less", "no claim"],
)
def test_what_a_mixer_costs_is_said(source: str, words: str) -> None:
    assert check_complexity(examined(source)).startswith(words)


@pytest.mark.parametrize(
    ("claim", "words"),
    [
        ("linear", "it says COMPLEXITY = 'linear', but FLOPs at N, 2N, 4N: 1.00, 3"),
        ("cheap", "COMPLEXITY must be one of linear, n log n, quadratic, not 'cheap'"),
    ],
)
def test_a_claim_that_does_not_hold_is_refused(claim: str, words: str) -> None:
    with pytest.raises(ContractError, match=words):
        check_complexity(examined(SOFTMAX.replace('"quadratic"', f'"{claim}"')))


def test_layers_that_differ_are_measured_each() -> None:
    """A hybrid costs what its dearest layer costs."""
    hybrid = BY_WIDTH.replace(
        "super().__init__()", "super().__init__()\n        self.place = layer"
    )
    hybrid = hybrid.replace(
        "return self.value(x).cumsum(1)",
        "v = self.value(x)\n        return (v @ v.mT).tril() @ v if self.place else v.cumsum(1)",
    )
    assert check_complexity(examined(hybrid)).startswith("quadratic")


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (DELTA, "a state of 512 numbers, whatever the length"),
        (SOFTMAX, "the state grows: 64, 4,480 and 35,840 numbers after 1, 70 and 560 positions"),
        (HONEST["window"], "a state of 3,200 numbers, whatever the length"),
        (FFT, "no start and step"),
    ],
    ids=["delta", "softmax", "window", "none"],
)
def test_how_the_state_grows_is_said(source: str, words: str) -> None:
    assert check_steps(examined(source)).startswith(words)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (DELTA.replace("rate * (v", "(v"), "step by step the outputs are not those of forward"),
        (GRU.replace("def step", "def walk"), "defines start alone"),
        (GRU.replace("zeros(batch,", "zeros(1, batch,"), "the batch axis of each tensor"),
        (GRU.replace("def start", "def begin"), "defines step alone"),
        (
            SOFTMAX.replace('"quadratic"', '"linear"'),
            "it says COMPLEXITY = 'linear', but the state grows",
        ),
    ],
    ids=["wrong", "start", "batch axis", "step", "grows"],
)
def test_steps_that_break_the_contract_are_refused(source: str, words: str) -> None:
    with pytest.raises(ContractError, match=words):
        check_steps(examined(source))


def test_what_a_search_found_keeps_the_contract() -> None:
    """The mixer that the documentation shows steps as it reads, in a state that does not grow."""
    source = (Path(__file__).parents[3] / "docs" / "found" / "tied_squares.py").read_text()
    task = load_task("sequence-mixers").spec
    found = examined(source, task.problem)
    assert check_steps(found) == "states of 2,068 to 35,336 numbers by layer, whatever the length"
    assert check_complexity(found).startswith("linear, as claimed")
    assert check_precision(found)


def test_precision_is_measured_and_what_overflows_is_refused() -> None:
    said = check_precision(examined(DELTA))
    assert "float32 is off by" in said
    assert "bf16 is off by" in said
    assert said.endswith("finite at 30 times larger inputs and at length 2,048")
    with pytest.raises(ContractError, match="at inputs 30 times larger gives outputs that are not"):
        check_precision(examined(LINEAR.replace("F.elu(k) + 1", "(9 * k).exp()")))
    # In float32 the sum of 2,048 is as exact as that of 131; in bf16 it is not.
    drifts = BY_WIDTH.replace(
        "self.value(x).cumsum(1)", "torch.stack(list(accumulate(self.value(x).unbind(1))), 1)"
    )
    drifts = f"import torch\nfrom itertools import accumulate\n{drifts}"
    assert re.search(
        r"at length 2,048, where bf16 is off by [\d.]+ %$", check_precision(examined(drifts))
    )
    exact = BY_WIDTH.replace("self.value(x).cumsum(1)", "self.value(x.float()).cumsum(1)")
    assert "float64 does not run" in check_precision(examined(exact))


def test_what_float32_cannot_hold_is_refused() -> None:
    lost = BY_WIDTH.replace("self.value(x).cumsum", "(self.value(x) + 1e8 - 1e8).cumsum")
    with pytest.raises(ContractError, match=r"float32 is off by .* at most 5 %"):
        check_precision(examined(lost))
