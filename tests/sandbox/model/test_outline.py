"""Outlines: what a network costs, counted on shapes alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from archwright.core import Problem, Status
from archwright.runs.training.checking import check_all
from archwright.sandbox.in_process import InProcessSandbox
from archwright.search.mixers import sized
from archwright.tasks.loading import load_task
from archwright.tasks.scaffold.ladder import rung_of

ROOM = 10**12


def problem_of(layers: int, length: int = 64) -> Problem:
    rung = replace(rung_of("bytes-64"), layers=layers, length=length)
    return rung.problem(256, ROOM)


@pytest.mark.parametrize("name", ["softmax", "kda", "long-convolution"])
def test_costs_are_those_of_the_real_network(name: str) -> None:
    problem, source = problem_of(2), sized(name, 64, 2)
    with InProcessSandbox() as sandbox:
        outlined = sandbox.check(source, problem, outline=0)
        checked = sandbox.check(source, replace(problem, input_shape=(64,)))
    assert outlined.status is Status.OK, outlined.error
    assert outlined.checks == ()
    assert outlined.parameters == checked.parameters
    assert outlined.flops == checked.flops
    assert outlined.layers == checked.layers
    assert outlined.int8_bytes == checked.int8_bytes
    assert outlined.saved_bytes > 4 * 64 * 256
    assert outlined.operations > 0


def test_a_deep_network_is_the_sum_of_its_layers() -> None:
    source = sized("gated-deltanet", 64, 2)
    with InProcessSandbox() as sandbox:
        odd, even, deep = (
            sandbox.check(source, problem_of(layers), outline=0) for layers in (5, 6, 7)
        )
    for cost in ("parameters", "flops", "operations"):
        low, middle, high = (getattr(report, cost) for report in (odd, even, deep))
        assert middle == (low + high) / 2
    assert even.saved_bytes == pytest.approx((odd.saved_bytes + deep.saved_bytes) / 2, rel=1e-3)


def test_340_million_parameters_take_no_memory() -> None:
    rung = rung_of("340m")
    with InProcessSandbox() as sandbox:
        report = sandbox.check(sized("retnet", 1024, 8), rung.problem(256, ROOM), outline=4)
    assert report.status is Status.OK, report.error
    assert 330e6 < report.parameters < 350e6
    assert report.flops > 2 * 300e6 * rung.length
    assert report.step_seconds == 0


def test_states_grow_or_stay() -> None:
    with InProcessSandbox() as sandbox:
        linear, softmax = (
            sandbox.check(sized(name, 64, 2), problem_of(2), outline=0).state_numbers
            for name in ("retnet", "softmax")
        )
    assert linear[1] == 0
    assert softmax[1] == 2 * 160


def test_a_step_is_timed_where_it_is_cheap() -> None:
    with InProcessSandbox() as sandbox:
        report = sandbox.check(sized("linear", 64, 2), problem_of(2), outline=2)
    assert report.step_seconds > 0


def test_what_needs_numbers_is_named() -> None:
    source = "import torch\nfrom torch import nn\n\n\nclass Mixer(nn.Module):\n"
    source += "    def __init__(self, width, layer=0):\n        super().__init__()\n"
    source += "        self.out = nn.Linear(width, width)\n\n    def forward(self, x):\n"
    source += "        return self.out(x) if x.sum() > 0 else x\n"
    with InProcessSandbox() as sandbox:
        report = sandbox.check(source, problem_of(2), outline=4)
    assert report.status is Status.OK
    assert report.parameters > 0
    assert report.flops == report.saved_bytes == 0
    assert {check.name for check in report.checks} == {"state", "flops", "gradients"}
    assert all("not known" in check.detail for check in report.checks)


def test_a_large_network_is_checked_in_part_and_counted_whole() -> None:
    suite = load_task("sequence-mixers").spec.members[0].spec
    problem = problem_of(6)
    spec = replace(suite, problem=problem)
    source = sized("retnet", 64, 2)
    with InProcessSandbox() as sandbox:
        report = check_all(sandbox, source, spec)
        whole = sandbox.check(source, problem, outline=0)
        small = replace(spec, problem=replace(problem, max_params=whole.parameters - 1))
        refused = check_all(sandbox, source, small)
    assert report.status is Status.OK, report.error
    assert report.parameters == whole.parameters
    assert report.flops == whole.flops
    assert refused.status is Status.INVALID
    assert f"the limit is {whole.parameters - 1:,}" in refused.error
