"""Training-free proxies against values that were worked out another way."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from sandbox_candidates import GOOD
from torch import Tensor, nn

from archwright.core import Problem, Status
from archwright.sandbox.contract import ProblemProjection
from archwright.sandbox.in_process import InProcessSandbox
from archwright.sandbox.inside.model.proxies import (
    hidden_covariance,
    jacov,
    naswot,
    snip,
    spread_of_spectrum,
    synflow,
)
from archwright.sandbox.wall import Ended, report_of

JITTER = 1e-5


class Net(nn.Module):
    """Two linear layers with something between them."""

    def __init__(self, between: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(2, 2, bias=False), nn.Linear(2, 1, bias=False)
        self.between = between
        with torch.no_grad():
            self.first.weight.copy_(torch.tensor([[1.0, -2.0], [3.0, 4.0]]))
            self.last.weight.copy_(torch.tensor([[1.0, -1.0]]))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.last(self.between(self.first(x)))
        return out


def spectrum_score(rows: np.ndarray) -> float:
    values = np.linalg.eigvalsh(np.corrcoef(rows.astype(np.float64))) + JITTER
    return float(-(np.log(values) + 1.0 / values).sum())


def pattern_score(on: np.ndarray) -> float:
    kernel = (on[:, None, :] == on[None, :, :]).sum(axis=2).astype(np.float64)
    return float(np.linalg.slogdet(kernel)[1])


# --- synflow ------------------------------------------------------------------------------------


def test_synflow_is_the_sum_over_paths_once_for_each_layer() -> None:
    # Paths of absolute weights: 1 + 2 through the first unit, 3 + 4 through the second.
    assert synflow(Net(torch.relu), torch.zeros(1, 2)) == pytest.approx(math.log(2 * 10))


@pytest.mark.parametrize("norm", ["module", "function", "layer"])
def test_synflow_passes_normalisations_by(norm: str) -> None:
    stats = torch.tensor([5.0, -7.0]), torch.tensor([9.0, 0.1])
    batch = nn.BatchNorm1d(2)
    between = {
        "module": batch,
        "function": lambda x: nn.functional.batch_norm(x, stats[0].to(x), stats[1].to(x)),
        "layer": nn.LayerNorm(2),
    }[norm]
    assert synflow(Net(between), torch.zeros(1, 2)) == pytest.approx(math.log(20))


def test_synflow_stays_finite_where_float32_does_not() -> None:
    layers = [nn.Linear(1, 1, bias=False) for _ in range(30)]
    for layer in layers:
        nn.init.constant_(layer.weight, 1e5)
    value = synflow(nn.Sequential(*layers), torch.zeros(1, 1))
    assert value == pytest.approx(math.log(30) + 30 * math.log(1e5))


def test_synflow_lets_tokens_flow_themselves() -> None:
    table = nn.Embedding(3, 2)
    with torch.no_grad():
        table.weight.copy_(torch.tensor([[1.0, -1.0], [2.0, 5.0], [0.0, 0.0]]))
    assert synflow(table, torch.tensor([[1]])) == pytest.approx(math.log(7))


# --- the others ---------------------------------------------------------------------------------


def test_snip_by_hand() -> None:
    model = nn.Linear(1, 1, bias=False)
    nn.init.constant_(model.weight, 2.0)
    problem = ProblemProjection("Model", (1,), (1,), "mse", max_params=9, targets="values")
    # loss (2x - 5)^2 at x = 3: gradient 2 (6 - 5) 3 = 6, times the weight 2.
    value = snip(model, torch.tensor([[3.0]]), torch.tensor([[5.0]]), problem)
    assert value == pytest.approx(12.0)


def test_jacov_agrees_with_finite_differences() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(5, 16), nn.Tanh(), nn.Linear(16, 3)).double()
    x = torch.randn(6, 5, dtype=torch.float64)
    step = 1e-6
    with torch.no_grad():
        slopes = [
            (model(x + step * unit) - model(x - step * unit)).sum(1) / (2 * step)
            for unit in torch.eye(5, dtype=torch.float64)
        ]
    rows = torch.stack(slopes, dim=1).numpy()
    assert jacov(model, x) == pytest.approx(spectrum_score(rows), rel=1e-3)


def test_jacov_of_tokens_is_that_of_what_they_are_embedded_as() -> None:
    torch.manual_seed(0)
    table, rest = nn.Embedding(7, 4), nn.Sequential(nn.Flatten(), nn.Linear(12, 8), nn.Tanh())
    tokens = torch.randint(7, (5, 3))
    on_tokens = jacov(nn.Sequential(table, rest), tokens)
    assert on_tokens == pytest.approx(jacov(rest, table(tokens).detach()))


RECTIFIED: dict[str, Callable[[Tensor], Tensor]] = {
    "a module": nn.ReLU(),
    "a function": nn.functional.relu,
    "a method": lambda x: x.relu(),
    "in place": lambda x: nn.functional.relu(x, inplace=True),
    "clamped": lambda x: x.clamp_min(0.0),
    "gelu": nn.GELU(),
    "a gelu function": nn.functional.gelu,
    "silu": nn.functional.silu,
}


@pytest.mark.parametrize("how", RECTIFIED)
def test_naswot_sees_every_rectifier(how: str) -> None:
    torch.manual_seed(1)
    first = nn.Linear(4, 24)
    model = nn.Sequential(first, Rectifier(RECTIFIED[how]), nn.Linear(24, 2))
    x = torch.randn(6, 4)
    on = (first(x) > 0).numpy()
    assert naswot(model, x) == pytest.approx(pattern_score(on))


class Rectifier(nn.Module):
    """Any callable as a module."""

    def __init__(self, rectify: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.rectify = rectify

    def forward(self, x: Tensor) -> Tensor:
        return self.rectify(x)


def test_naswot_adds_up_over_layers() -> None:
    torch.manual_seed(2)
    first, second = nn.Linear(3, 10), nn.Linear(10, 10)
    model = nn.Sequential(first, nn.ReLU(), second, nn.ReLU())
    x = torch.randn(5, 3)
    hidden = first(x)
    on = torch.cat([hidden > 0, second(hidden.relu()) > 0], dim=1).numpy()
    assert naswot(model, x) == pytest.approx(pattern_score(on))


def test_naswot_needs_a_rectifier() -> None:
    assert math.isnan(naswot(nn.Linear(3, 3), torch.randn(4, 3)))


def test_hidden_covariance_reads_the_last_position_before_the_head() -> None:
    torch.manual_seed(3)
    mixer, head = nn.GRU(4, 6, batch_first=True), nn.Linear(6, 2)

    class Sequences(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.mixer, self.head = mixer, head

        def forward(self, x: Tensor) -> Tensor:
            out: Tensor = self.head(self.mixer(x)[0])
            return out

    x = torch.randn(5, 7, 4)
    with torch.no_grad():
        hidden = mixer(x)[0][:, -1].numpy()
    assert hidden_covariance(Sequences(), x) == pytest.approx(spectrum_score(hidden), rel=1e-4)


def test_the_spectrum_is_largest_for_rows_that_have_nothing_in_common() -> None:
    apart = torch.tensor([[1.0, -1, 1, -1], [1, 1, -1, -1], [1, -1, -1, 1]])
    assert spread_of_spectrum(apart) == pytest.approx(-3.0, rel=1e-4)
    assert spread_of_spectrum(apart) > spread_of_spectrum(apart + 2 * apart[0])


# --- in a check -----------------------------------------------------------------------------------


def test_a_check_reports_them_when_asked(problem: Problem, sequences: Problem) -> None:
    with InProcessSandbox() as sandbox:
        report, again = (sandbox.check(GOOD, problem, proxies=True) for _ in range(2))
        mixed = sandbox.check(MIXER, sequences, proxies=True)
        plain = sandbox.check(GOOD, problem)
    assert report.status is mixed.status is Status.OK
    assert set(report.proxies) == {"synflow", "jacov", "snip", "naswot"}
    assert report.proxies == again.proxies
    assert plain == replace(report, proxies={}, seconds=plain.seconds)
    # A mixer without rectifiers: those of its backbone are seen.
    assert set(mixed.proxies) == {*report.proxies, "hidden_covariance"}


MIXER = """
from torch import nn


class Mixer(nn.Module):
    def __init__(self, input_shape, output_shape):
        super().__init__()
        self.scan = nn.GRU(input_shape[-1], output_shape[-1], batch_first=True)

    def forward(self, x):
        return self.scan(x)[0]
"""

SINGLE = """
import torch
from torch import nn


class Model(nn.Module):
    def __init__(self, input_shape, output_shape):
        super().__init__()
        self.layer = nn.Linear(input_shape[0], output_shape[0])

    def forward(self, x):
        if x.dtype is not torch.float32:
            raise TypeError("single precision alone")
        return self.layer(x)
"""


def test_a_proxy_that_does_not_fit_is_left_out(problem: Problem) -> None:
    with InProcessSandbox() as sandbox:
        report = sandbox.check(SINGLE, problem, proxies=True)
    assert report.status is Status.OK
    assert set(report.proxies) == {"jacov", "snip"}


@pytest.mark.parametrize(
    "proxies", [{"x": math.nan}, {"x": 1}, {"x" * 99: 1.0}, [1.0], {str(i): 0.0 for i in range(99)}]
)
def test_malformed_numbers_are_refused(proxies: object) -> None:
    with pytest.raises(Ended, match="refused"):
        report_of({"status": "ok", "proxies": proxies}, 0.0)
