"""Mixers at any length: what leaks is found, what is sound passes, what is claimed is measured."""

from __future__ import annotations

from dataclasses import replace

import pytest
from mixing_candidates import DELTA, FFT, GRU, HONEST, HOSTILE, LINEAR, SOFTMAX
from search_problems import BY_WIDTH, PROBLEMS

from archwright.core import Problem
from archwright.sandbox.contract import ProblemProjection, project
from archwright.sandbox.inside.faults import ContractError
from archwright.sandbox.inside.model.examination import Examination
from archwright.sandbox.inside.model.mixing.claims import CLASSES, check_complexity, class_of
from archwright.sandbox.inside.model.mixing.plan import plan_mixing
from archwright.sandbox.inside.model.mixing.precision import check_precision
from archwright.sandbox.inside.model.mixing.stepping import check_steps
from archwright.sandbox.process import ProcessSandbox

PROBLEM = PROBLEMS["any length"]


def exam(source: str, problem: Problem = PROBLEM) -> Examination:
    found = Examination(source, project(ProblemProjection, problem), 0)
    found.jitter()  # as the check of gradients does
    return found


def finding(source: str) -> tuple[str, str]:
    """The first check that a mixer fails, and why."""
    examined = exam(source)
    for name, check in plan_mixing():
        try:
            check(examined)
        except ContractError as error:
            return name, str(error)
    return "", ""


@pytest.mark.parametrize("name", sorted(set(HONEST) - {"gru"}))  # which the jail checks, below
def test_a_sound_mixer_passes(name: str) -> None:
    assert finding(HONEST[name]) == ("", "")


@pytest.mark.parametrize("name", HOSTILE)
def test_a_leak_is_found(name: str) -> None:
    check, said = finding(HOSTILE[name])
    assert check in {"causality", "neighbours", "lengths"}, f"{check}: {said}"


def test_there_are_twenty_leaks_and_more() -> None:
    assert len(set(HOSTILE.values())) >= 20


def test_the_jail_names_what_leaks_and_where(process_sandbox: ProcessSandbox) -> None:
    report = process_sandbox.check(HOSTILE["in the second layer"], PROBLEM)
    failed = {check.name: check.detail for check in report.checks if not check.ok}
    assert "the mixer of layer 1 in eval mode: at length" in failed["causality"]
    report = process_sandbox.check(GRU, PROBLEM)
    assert report.status == "ok", report.error
    assert {name for name, _ in plan_mixing()} <= {check.name for check in report.checks}


@pytest.mark.parametrize(
    ("costs", "kind"),
    [
        ([256, 512, 1024], "linear"),
        ([300, 600, 1100], "linear"),
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
    assert check_complexity(exam(source)).startswith(words)


@pytest.mark.parametrize(
    ("claim", "words"),
    [
        ("linear", "it says COMPLEXITY = 'linear', but FLOPs at N, 2N, 4N: 1.00, 3"),
        ("cheap", "COMPLEXITY must be one of linear, n log n, quadratic, not 'cheap'"),
    ],
)
def test_a_claim_that_does_not_hold_is_refused(claim: str, words: str) -> None:
    with pytest.raises(ContractError, match=words):
        check_complexity(exam(SOFTMAX.replace('"quadratic"', f'"{claim}"')))


def test_layers_that_differ_are_measured_each() -> None:
    """A hybrid costs what its dearest layer costs."""
    hybrid = BY_WIDTH.replace(
        "super().__init__()", "super().__init__()\n        self.place = layer"
    )
    hybrid = hybrid.replace(
        "return self.value(x).cumsum(1)",
        "v = self.value(x)\n        return (v @ v.mT).tril() @ v if self.place else v.cumsum(1)",
    )
    assert check_complexity(exam(hybrid)).startswith("quadratic")


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
    assert check_steps(exam(source)).startswith(words)


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
        check_steps(exam(source))


def test_precision_is_measured_and_what_overflows_is_refused() -> None:
    said = check_precision(exam(DELTA))
    assert "float32 is off by" in said
    assert "bf16 is off by" in said
    assert said.endswith("finite at 30 times larger inputs and at length 2,048")
    with pytest.raises(ContractError, match="at inputs 30 times larger gives outputs that are not"):
        check_precision(exam(LINEAR.replace("F.elu(k) + 1", "(9 * k).exp()")))
    exact = BY_WIDTH.replace("self.value(x).cumsum(1)", "self.value(x.float()).cumsum(1)")
    assert "float64 does not run" in check_precision(exam(exact))


def test_what_float32_cannot_hold_is_refused() -> None:
    lost = BY_WIDTH.replace("self.value(x).cumsum", "(self.value(x) + 1e8 - 1e8).cumsum")
    with pytest.raises(ContractError, match=r"float32 is off by .* at most 5 %"):
        check_precision(exam(lost))


def test_one_output_for_all_leaves_the_mixers_to_be_checked() -> None:
    pooled = replace(PROBLEM, output_shape=(5,))
    examined = exam(HOSTILE["sum of the future"], pooled)
    with pytest.raises(ContractError, match="the mixer of layer 0"):
        next(iter(plan_mixing()))[1](examined)
