"""What is measured of a trained network beside its predictions."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn

from archwright.core import Resources, Status, TrialJob
from archwright.sandbox.in_process import InProcessSandbox
from archwright.sandbox.inside.calibration import calibrate
from archwright.sandbox.inside.model.measuring import round_weights, rounded_bytes
from archwright.sandbox.replies import ReplyReader
from archwright.sandbox.wall import Ended, outcome_of


def test_weights_are_rounded_to_255_levels_and_biases_are_not() -> None:
    torch.manual_seed(0)
    layer = nn.Linear(40, 30)
    before, bias = layer.weight.detach().clone(), layer.bias.detach().clone()
    round_weights(layer)
    step = before.abs().max() / 127
    levels = layer.weight.detach() / step
    assert torch.allclose(levels, levels.round(), atol=1e-3)
    assert len(levels.round().unique()) <= 255
    assert float((layer.weight.detach() - before).abs().max()) <= float(step) * 0.501
    assert torch.equal(layer.bias, bias)


def test_weights_of_zero_stay_zero() -> None:
    layer = nn.Linear(3, 3)
    nn.init.zeros_(layer.weight)
    round_weights(layer)
    assert not layer.weight.any()


def test_the_size_in_int8_counts_what_is_rounded_and_what_stays_as_it_is() -> None:
    assert rounded_bytes(nn.Linear(40, 30)) == 40 * 30 + 4 + 4 * 30
    norm = nn.BatchNorm1d(8)  # a weight, a bias, two statistics; the whole counter is not counted
    assert rounded_bytes(norm) == 4 * 8 * 4
    shared = nn.Sequential(nn.Linear(5, 5, bias=False))
    shared.append(shared[0])
    assert rounded_bytes(shared) == 5 * 5 + 4


def test_a_job_that_measures_predicts_with_rounded_weights_too(
    make_job: Callable[..., TrialJob],
) -> None:
    with InProcessSandbox() as sandbox:
        plain = sandbox.train(make_job())
        both = sandbox.train(make_job(measures=True, splits=("validation", "test")))
    assert both.status is Status.OK
    assert set(both.predictions) == {"validation", "test", "validation_int8"}
    exact, rounded = both.predictions["validation"], both.predictions["validation_int8"]
    np.testing.assert_array_equal(plain.predictions["validation"], exact)
    assert not np.array_equal(exact, rounded)
    assert np.corrcoef(exact.ravel(), rounded.ravel())[0, 1] > 0.99
    assert plain.resources.latency_ms == 0.0 < both.resources.latency_ms


@pytest.mark.parametrize("latency", [-1.0, float("inf"), "fast", 3])
def test_a_latency_that_is_no_time_is_refused(latency: object) -> None:
    reply = {"status": "ok", "latency_ms": latency}
    with pytest.raises(Ended, match="latency"):
        outcome_of(reply, ReplyReader(), 1, Resources(), 0.0)


def test_calibration_gives_rates_and_leaves_threads_alone() -> None:
    threads = torch.get_num_threads()
    found = calibrate()
    assert torch.get_num_threads() == threads
    assert found.pop("name")
    assert all(value > 0 for value in found.values())
    assert found["flops_per_second"] > 1e8
