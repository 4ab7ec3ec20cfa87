"""Nodes that are killed while trials go on, many times: no trial is lost, nothing is left."""

from __future__ import annotations

import pytest

from archwright.benchmarks.cluster.faults import measure


@pytest.mark.nightly
@pytest.mark.parametrize("fault", ["agent", "raylet", "freeze", "shrink", "head"])
@pytest.mark.filterwarnings("default")  # Ray's own
def test_no_trial_is_lost_with_its_node(fault: str) -> None:
    if fault != "agent":
        pytest.importorskip("ray", reason="ray is not installed: pip install 'archwright[ray]'")
    found = measure(fault, 5)
    assert found["good"] == found["trials"] > 5
    assert found["processes_left"] == 0
