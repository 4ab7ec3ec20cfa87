"""Features, latency and FLOPs from the text of real graphs."""

from __future__ import annotations

import numpy as np
import pytest
from search_problems import PROBLEMS, check

from archwright.benchmarks.search.features import (
    COLUMNS,
    GROUPS,
    columns_of,
    count_branches,
    features,
)
from archwright.core import CheckReport, Status
from archwright.search.grammar import draw
from archwright.search.predict.latency import NOMINAL, Device, latency_ms, loads_of, read_graph

HEAD = """
import torch
from torch import nn

class Model(nn.Module):
    def __init__(self, input_shape, output_shape):
        super().__init__()
        self.first = nn.Conv2d(input_shape[0], 8, 3, padding=1)
        self.second = nn.Conv2d(8, 8, 3, padding=1, groups=GROUPS)
        self.head = nn.Linear(8, output_shape[0])

    def forward(self, x):
"""
CHAIN = """
        x = torch.relu(self.first(x))
        x = torch.relu(self.second(x))
        return self.head(x.mean(dim=(2, 3)))
"""
FORKED = """
        x = torch.relu(self.first(x))
        x = x + torch.relu(self.second(x))
        return self.head(x.mean(dim=(2, 3)))
"""


def checked(forward: str, groups: int = 1) -> CheckReport:
    report = check(HEAD.replace("GROUPS", str(groups)) + forward, PROBLEMS["digits"])
    assert report.status is Status.OK, report.error
    return report


def column(report: CheckReport, name: str) -> float:
    row = features(report.graph, report.parameters, report.flops, report.proxies)
    return float(row[COLUMNS.index(name)])


def test_a_graph_is_read_back() -> None:
    graph = read_graph(checked(CHAIN).graph)
    names = [op.name for op in graph.operations if not op.is_view]
    assert names == ["convolution", "relu", "convolution", "relu", "mean", "addmm"]
    assert graph.batch == 2
    first = graph.operations[0]
    assert [v.shape for v in first.inputs] == [(2, 1, 8, 8), (8, 1, 3, 3), (8,)]
    assert [v.kind for v in first.inputs] == ["input", "parameter", "parameter"]
    assert [v.depth for op in graph.operations if op.name == "addmm" for v in op.outputs] == [6]


def test_lines_that_say_something_else_are_passed_by() -> None:
    relu = "t2 = aten.relu.default(t0, t9) float32[2,4]"
    lines = ["t0 = input float32[2,4]", "= (", "t1 = what", relu, "return t2"]
    graph = read_graph("\n".join([*lines, "rest: 12 lines, sha256 ab"]))
    assert [op.name for op in graph.operations] == ["relu"]
    assert graph.missing == 12


@pytest.mark.parametrize("name", ["digits", "recall", "series", "tokens", "volume"])
def test_flops_from_the_text_are_those_that_were_counted(name: str) -> None:
    """Within a tenth: the text is of train mode, where dropout and batch norm do more."""
    from random import Random

    rng = Random(1)
    reports = [check(draw(PROBLEMS[name], rng).source, PROBLEMS[name]) for _ in range(4)]
    passed = [r for r in reports if r.status is Status.OK and "rest:" not in r.graph]
    assert passed
    for report in passed:
        from_text = sum(load.flops for load in loads_of(read_graph(report.graph)))
        assert from_text == pytest.approx(report.flops, rel=0.1)


def test_latency_is_the_longer_of_arithmetic_and_memory_and_the_start() -> None:
    text = "t0 = input float32[2,100]\nt1 = parameter float32[100,50] random\n"
    text += "t2 = aten.mm.default(t0, t1) float32[2,50]\nreturn t2"
    # For one of the two samples; weights are read whole.
    flops, traffic = 2 * 100 * 50, 4 * (100 + 100 * 50 + 50)
    slow_at_sums = Device("a", 1e6, 1e12, 0.0, 0.5)
    slow_at_memory = Device("b", 1e12, 1e6, 0.0, 0.5)
    assert latency_ms(text, slow_at_sums) == pytest.approx(1e3 * (0.5 + flops / 1e6))
    assert latency_ms(text, slow_at_memory) == pytest.approx(1e3 * (0.5 + traffic / 1e6))


def test_views_take_no_time() -> None:
    text = "t0 = input float32[2,6]\nt1 = aten.view.default(t0, [2, 3, 2]) float32[2,3,2]"
    assert latency_ms(text, NOMINAL) == 0.0


def test_what_a_long_text_leaves_out_counts_as_much_as_what_it_has() -> None:
    lines = ["t0 = input float32[2,6]", "t1 = aten.relu.default(t0) float32[2,6]"]
    short = latency_ms("\n".join(lines), NOMINAL)
    cut = latency_ms("\n".join([*lines, "rest: 2 lines, sha256 ab"]), NOMINAL)
    assert cut == pytest.approx(2 * short)


def test_columns_have_names_and_groups() -> None:
    report = checked(CHAIN)
    row = features(report.graph, report.parameters, report.flops, {"snip": 2.5})
    assert row.shape == (len(COLUMNS),)
    assert sorted(columns_of(*GROUPS)) == list(range(len(COLUMNS)))
    assert row[COLUMNS.index("log_parameters")] == pytest.approx(np.log1p(report.parameters))
    assert row[COLUMNS.index("snip")] == 2.5
    gaps = {name for name, value in zip(COLUMNS, row, strict=True) if np.isnan(value)}
    assert gaps == set(GROUPS["proxies"]) - {"snip"}


def test_features_tell_architectures_apart() -> None:
    chain, forked, grouped = checked(CHAIN), checked(FORKED), checked(CHAIN, groups=8)
    assert column(chain, "branches") == 0
    assert column(forked, "branches") == 1
    assert column(forked, "depth") == column(chain, "depth") + 1
    assert column(forked, "log_sums") > column(chain, "log_sums")
    assert column(grouped, "grouped_share") > column(chain, "grouped_share") == 0
    assert column(chain, "log_width_max") == pytest.approx(np.log1p(10))


def test_branches_are_seen_through_views_and_not_in_place_work() -> None:
    text = """t0 = input float32[2,6]
t1 = aten.relu.default(t0) float32[2,6]
t2 = aten.view.default(t1, [2, 3, 2]) float32[2,3,2]
t3 = aten.sigmoid.default(t2) float32[2,3,2]
t4 = aten.tanh.default(t1) float32[2,6]
t4 = aten.mul_.Tensor(t4, t4) float32[2,6]
t5 = aten.exp.default(t4) float32[2,6]"""
    assert count_branches(read_graph(text).operations) == 1


def test_an_empty_graph_has_features() -> None:
    row = features("", 0, 0, {})
    assert np.isfinite(row[: -len(GROUPS["proxies"])]).all()
