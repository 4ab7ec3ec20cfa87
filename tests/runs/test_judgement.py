"""Verdicts, on gains whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest

from archwright.benchmarks.search.calibration import measure, play, wilson
from archwright.core import METRICS, Check, Floor, Verdict
from archwright.core.settings import RunSettings
from archwright.runs.verification.judgement import Against, confirm, judge
from archwright.runs.verification.suspicion import suspect

ACCURACY, BITS = METRICS["accuracy"], METRICS["bits_per_character"]
NOISE = np.array([0.3, -0.4, 0.1, 0.2, -0.2, 0.0])
BASELINE = Against("baseline", "the baseline", 100, tuple(90.0 + NOISE))


def _judge(own: np.ndarray, *controls: Against, tried: int = 1) -> Verdict:
    return judge(ACCURACY, "1", "t", list(own), [BASELINE, *controls], tried)


def test_a_clear_gain_is_a_discovery() -> None:
    verdict = _judge(95.0 - NOISE)
    assert verdict.verdict == "discovery"
    assert verdict.effect == pytest.approx(5.0)
    assert verdict.interval[0] < 5.0 < verdict.interval[1]
    assert verdict.shrunk is not None
    assert 4.0 < verdict.shrunk < 5.0


def test_no_gain_is_none_and_a_small_one_is_undecided_with_what_it_takes() -> None:
    assert _judge(89.9 - NOISE).verdict == "no gain"
    verdict = _judge(90.2 - NOISE[::-1])
    assert verdict.verdict == "undecided"
    assert "seeds" in verdict.needs


def test_the_same_architecture_gains_nothing() -> None:
    verdict = _judge(90.0 + NOISE)
    assert (verdict.verdict, verdict.p) == ("no gain", 1.0)


def test_lower_is_better_where_the_metric_says_so() -> None:
    control = Against("baseline", "the baseline", 1, tuple(2.0 + 0.01 * NOISE))
    verdict = judge(BITS, "1", "t", list(1.5 - 0.01 * NOISE), [control], 1)
    assert verdict.verdict == "discovery"
    assert verdict.effect == pytest.approx(0.5)


def test_every_control_must_be_beaten() -> None:
    larger = Against("size", "the baseline scaled", 900, tuple(96.0 + NOISE))
    verdict = _judge(95.0 - NOISE, larger)
    assert verdict.verdict == "no gain"
    assert verdict.reason == "a baseline of its size does as well"
    assert [c.effect for c in verdict.comparisons] == pytest.approx([5.0, -1.0])

    recipe = Against("recipe", "the baseline with its recipe", 100, tuple(95.0 + NOISE))
    assert _judge(95.0 + NOISE, recipe).reason == "the baseline does as well with its recipe"


def test_more_finalists_need_more_evidence() -> None:
    own = 91.2 - NOISE
    assert _judge(own, tried=1).p < _judge(own, tried=3).p


def _test_scores(mean: float, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return mean + rng.normal(0.0, 0.2, (6, 1)) + rng.normal(0.0, 1.0, (1, 500))


def test_a_gain_must_hold_on_the_test_split() -> None:
    passed = _judge(95.0 - NOISE)
    control = _test_scores(90.0, 1)
    held = confirm(ACCURACY, passed, _test_scores(94.0, 2), [control], 1)
    assert held.verdict == "discovery"
    assert held.test_gain == pytest.approx(4.0, abs=0.5)
    gone = confirm(ACCURACY, passed, _test_scores(89.0, 2), [control], 1)
    assert (gone.verdict, gone.reason) == ("no gain", "the gain vanishes on the test split")
    faint = confirm(ACCURACY, passed, _test_scores(90.02, 2), [control], 1)
    assert faint.verdict in ("undecided", "no gain")


def test_suspicions_are_computed() -> None:
    floors = [Floor(10, 80.0, 1.0, (80.0,), 1), Floor(30, 90.0, 1.0, (90.0,), 1)]
    verdict = Verdict("1", "t", "discovery", 5.0, (4.0, 6.0), 0.001, 6, "", test_gain=1.0)
    checks = [Check("parameters", True, "12 and 9,000 numbers in weight-like buffers")]
    found = list(suspect(ACCURACY, verdict, {0: 30.0, 1: 9.0}, (2.0, 0.5), checks, floors))
    assert [words.split(":")[0] for words in found] == [
        "too good too early",
        "the gain shrinks on the test split",
        "accuracy is out of line with the loss",
        "parameters may hide in buffers",
    ]
    clean = Verdict("1", "t", "discovery", 5.0, (4.0, 6.0), 0.001, 6, "", test_gain=4.5)
    assert list(suspect(ACCURACY, clean, {0: 3.0, 1: 5.0}, (0.4, 0.5), [], floors)) == []


def test_a_campaign_is_the_same_each_time_it_is_played() -> None:
    settings = RunSettings(max_trials=80)
    assert play(3, 2.0, settings) == play(3, 2.0, settings)


def test_calibration_is_measured_and_holds() -> None:
    found = measure(campaigns=40, settings=RunSettings(max_trials=200))
    assert found["false_discovery_rate"] <= 0.1
    assert found["power"] >= 0.75
    assert found["coverage"] >= 0.93


def test_wilsons_interval() -> None:
    low, high = wilson([True] * 5 + [False] * 5)
    assert (low, high) == pytest.approx((0.2366, 0.7634), abs=1e-3)
