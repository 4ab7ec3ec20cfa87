"""Mixers at any length: what leaks is found, what is sound passes."""

from __future__ import annotations

from dataclasses import replace

import pytest
from mixing_candidates import HONEST, HOSTILE, examined
from search_problems import PROBLEMS

from archwright.core import Backbone, Problem
from archwright.sandbox.inside.faults import ContractError
from archwright.sandbox.inside.model.mixing.plan import plan_mixing
from archwright.sandbox.process import ProcessSandbox

PROBLEM = PROBLEMS["any length"]
ONE_LAYER = replace(PROBLEM, backbone=Backbone(32, 1, positions=False, convolution=4))


def finding(source: str, problem: Problem = PROBLEM) -> tuple[str, str]:
    """The first check that a mixer fails, and why."""
    exam = examined(source, problem)
    for name, check in plan_mixing():
        try:
            check(exam)
        except ContractError as error:
            return name, str(error)
    return "", ""


@pytest.mark.parametrize("name", HONEST)
def test_a_sound_mixer_passes(name: str) -> None:
    assert finding(HONEST[name], ONE_LAYER) == ("", "")


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
    report = process_sandbox.check(HONEST["fft"], PROBLEM)
    assert report.status == "ok", report.error
    assert {name for name, _ in plan_mixing()} <= {check.name for check in report.checks}


def test_one_output_for_all_leaves_the_mixers_to_be_checked() -> None:
    pooled = replace(PROBLEM, output_shape=(5,))
    exam = examined(HOSTILE["sum of the future"], pooled)
    with pytest.raises(ContractError, match="the mixer of layer 0"):
        next(iter(plan_mixing()))[1](exam)
