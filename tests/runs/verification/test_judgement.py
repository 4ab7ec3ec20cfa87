"""Verdicts, on gains whose truth is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from archwright.benchmarks.search.calibration import measure, play, wilson
from archwright.core import METRICS, Candidate, Check, Floor, SplitScores, Status, Trial, Verdict
from archwright.core.settings import RunSettings
from archwright.runs.verification.failures import failure
from archwright.runs.verification.judgement import Against, decide, screen
from archwright.runs.verification.statistics import (
    SplitGains,
    compare,
    compare_on_test,
    gains_on_test,
    levels,
)
from archwright.runs.verification.suspicion import suspect

ACCURACY, BITS = METRICS["accuracy"], METRICS["bits_per_character"]
NOISE = np.array([0.3, -0.4, 0.1, 0.2, -0.2, 0.0])
BASELINE = Against("baseline", "the baseline", 100, tuple(90.0 + NOISE))
WRAPPED = Against("wrapper", "the baseline in its wrapper", 100, tuple(93.0 + NOISE))


def _screen(own: np.ndarray, *controls: Against) -> Verdict:
    return screen(ACCURACY, "1", "t", list(own), [BASELINE, *controls])


def _test_scores(mean: float, seed: int) -> list[SplitScores]:
    return [SplitScores(each) for each in _each(mean, seed)]


def _each(mean: float, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return mean + rng.normal(0.0, 0.2, (6, 1)) + rng.normal(0.0, 1.0, (1, 500))


def _decide(own: float, *controls: float, level: float = 0.025) -> Verdict:
    """Of a finalist and controls with these test scores: the baseline, and its wrapper."""
    known = _screen(95.0 - NOISE, *[WRAPPED][: len(controls) - 1])
    others = [_test_scores(mean, 2 + n) for n, mean in enumerate(controls)]
    return decide(ACCURACY, known, _test_scores(own, 1), others, level)


def test_validation_alone_makes_no_discovery() -> None:
    verdict = _screen(95.0 - NOISE)
    assert verdict.verdict == "undecided"
    assert verdict.gain is not None
    assert verdict.gain.effect == pytest.approx(5.0)
    assert verdict.gain.interval[0] < 5.0 < verdict.gain.interval[1]
    assert verdict.gain.p < 0.001
    assert (verdict.test_gain, verdict.level) == (None, None)


def test_no_gain_is_none_and_a_small_one_is_undecided_with_what_it_takes() -> None:
    assert _screen(89.9 - NOISE).verdict == "no gain"
    verdict = _screen(90.2 - NOISE[::-1])
    assert verdict.verdict == "undecided"
    assert "seeds" in verdict.needs


def test_the_same_architecture_gains_nothing() -> None:
    verdict = _screen(90.0 + NOISE)
    assert (verdict.verdict, verdict.p) == ("no gain", 1.0)


def test_lower_is_better_where_the_metric_says_so() -> None:
    control = Against("baseline", "the baseline", 1, tuple(2.0 + 0.01 * NOISE))
    known = screen(BITS, "1", "t", list(1.5 - 0.01 * NOISE), [control])
    assert known.effect == pytest.approx(0.5)
    found = decide(BITS, known, _test_scores(1.5, 1), [_test_scores(3.0, 2)], 0.025)
    assert (found.verdict, found.effect) == ("discovery", pytest.approx(1.5, abs=0.3))


def test_every_control_must_be_beaten() -> None:
    larger = Against("size", "the baseline scaled", 900, tuple(96.0 + NOISE))
    verdict = _screen(95.0 - NOISE, larger)
    assert verdict.verdict == "no gain"
    assert verdict.reason == "a baseline of its size does as well"
    assert [c.effect for c in verdict.comparisons] == pytest.approx([5.0, -1.0])

    recipe = Against("recipe", "the baseline with its recipe", 100, tuple(95.0 + NOISE))
    assert _screen(95.0 + NOISE, recipe).reason == "the baseline does as well with its recipe"


def test_the_sealed_split_decides() -> None:
    held = _decide(94.0, 90.0)
    assert held.verdict == "discovery"
    assert held.gain is not None
    assert held.gain.effect == held.test_gain == pytest.approx(4.0, abs=0.5)
    assert held.validation_gain == pytest.approx(5.0)
    assert held.level == 0.025
    gone = _decide(89.0, 90.0)
    assert gone.verdict == "no gain"
    assert gone.reason == "on the sealed test split it does not beat the baseline"
    faint = _decide(90.0, 90.0)
    assert faint.verdict == "undecided"
    assert "within its noise" in faint.reason


def test_the_interval_lies_above_nothing_just_where_p_is_below_its_level() -> None:
    scores = SplitGains(_each(90.35, 1) - _each(90.0, 2))
    p = compare_on_test(scores).p
    assert 0.0 < p < 0.5
    for level in (0.9 * p, 1.1 * p):
        low = compare_on_test(scores, 1 - 2 * level).interval[0]
        assert (low > 0) == (p < level)


def test_what_the_wrapper_gives_is_told_from_what_the_architecture_gives() -> None:
    both = _decide(96.0, 90.0, 93.0)
    assert (both.verdict, both.of) == ("discovery", "architecture")
    assert both.gives["wrapper"] == pytest.approx(3.0, abs=0.5)
    assert both.gives["architecture"] == pytest.approx(3.0, abs=0.5)
    wrapper = _decide(93.0, 90.0, 93.0)
    assert (wrapper.verdict, wrapper.of) == ("discovery", "wrapper")
    assert wrapper.effect == pytest.approx(3.0, abs=0.5)
    assert "the gain is the wrapper's" in wrapper.reason
    assert _decide(90.0, 90.0, 93.0).verdict != "discovery"


def test_a_level_is_shared_and_handed_on() -> None:
    never, always = (lambda _: False), (lambda _: True)
    assert levels(0.05, [always]) == pytest.approx([0.05])
    assert levels(0.05, [never, never, never]) == pytest.approx([0.035, 0.01, 0.005])
    assert levels(0.05, [always, always, never]) == pytest.approx([0.035, 0.045, 0.05])
    assert levels(0.05, [always, never, never]) == pytest.approx([0.035, 0.045, 0.005])


def test_more_tests_need_more_evidence() -> None:
    gains = [0.5, 1.0, 1.5, 0.2, 0.9]
    one, three = compare(gains), compare(gains, tests=3)
    assert three.p == pytest.approx(3 * one.p)
    assert three.interval[0] < one.interval[0]


def _trial(status: Status, error: str = "") -> Trial:
    score = 90.0 if status is Status.OK else None
    return Trial("1", "verification", 0, 10, 0, status=status, score=score, error=error)


OWN, CONTROL = Candidate("1", "the finalist"), Candidate("baseline", "the baseline")
FINE = [_trial(Status.OK)] * 3


def test_what_measured_nothing_decides_nothing() -> None:
    assert failure((OWN, CONTROL), (FINE, FINE)) is None
    late = [*FINE, _trial(Status.TIMEOUT), _trial(Status.TIMEOUT), _trial(Status.OK)]
    found = failure((OWN, CONTROL), (late, FINE * 2))
    assert found is not None
    assert found[0] == "undecided"
    assert "it timed out on 2 of 6 fresh seeds" in found[1]
    other = failure((OWN, CONTROL), (FINE * 2, late))
    assert other is not None
    assert other[0] == "undecided"
    assert "the baseline timed out on 2 of 6 fresh seeds" in other[1]


def test_a_fault_of_its_own_is_no_gain_and_of_a_control_decides_nothing() -> None:
    broken = [*FINE, _trial(Status.INVALID, "the loss is nan at step 3")]
    own = failure((OWN, CONTROL), (broken, FINE))
    assert own is not None
    assert own[0] == "no gain"
    assert "1 of 4 fresh seeds" in own[1]
    assert "the loss is nan" in own[1]
    control = failure((OWN, CONTROL), (FINE, broken))
    assert control is not None
    assert control[0] == "undecided"


def test_suspicions_are_computed() -> None:
    floors = [Floor(10, 80.0, 1.0, (80.0,), 1), Floor(30, 90.0, 1.0, (90.0,), 1)]
    verdict = Verdict("1", "t", "discovery", 1.0, (0.5, 1.5), 0.001, 6, "", test_gain=1.0)
    verdict = replace(verdict, validation_gain=5.0)
    checks = [Check("parameters", True, "12 and 9,000 numbers in weight-like buffers")]
    found = list(suspect(ACCURACY, verdict, {0: 30.0, 1: 9.0}, (2.0, 0.5), checks, floors))
    assert [words.split(":")[0] for words in found] == [
        "too good too early",
        "the gain shrinks on the test split",
        "accuracy is out of line with the loss",
        "parameters may hide in buffers",
    ]
    assert len(list(suspect(ACCURACY, verdict, {0: 30.0, 1: 9.0}, None, checks, floors))) == 3
    clean = replace(verdict, effect=4.5, interval=(4.0, 5.0), test_gain=4.5)
    assert list(suspect(ACCURACY, clean, {0: 3.0, 1: 5.0}, (0.4, 0.5), [], floors)) == []


def test_a_campaign_is_the_same_each_time_it_is_played() -> None:
    settings = RunSettings(max_trials=120)
    assert play(3, 2.0, settings) == play(3, 2.0, settings)


def test_calibration_is_measured_and_holds() -> None:
    found = measure(campaigns=12, settings=RunSettings(max_trials=200))
    assert found["false_discovery_rate"] <= 0.13
    assert found["power"]["2"] >= 0.7
    assert found["power"]["1"] <= found["power"]["2"]
    assert found["coverage"] >= 0.92
    assert found["trainings"] <= 56


def test_wilsons_interval() -> None:
    low, high = wilson([True] * 5 + [False] * 5)
    assert (low, high) == pytest.approx((0.2366, 0.7634), abs=1e-3)


def test_a_score_of_the_whole_is_decided_by_its_resamples() -> None:
    """Gain and seeds are those of the whole; what samples contribute is the resamples' spread."""
    rng = np.random.default_rng(5)
    luck = rng.normal(0.0, 0.5, 200)

    def scores(mean: float, seed: int) -> list[SplitScores]:
        own = np.random.default_rng(seed)
        return [
            SplitScores(mean + own.normal(0.0, 0.2, 200) + luck, mean + noise, share=0.25)
            for noise in own.normal(0.0, 0.1, 6)
        ]

    own, other = scores(92.0, 1), scores(90.0, 2)
    gains = gains_on_test(own, other, 1.0)
    effect = compare_on_test(gains)
    assert effect.mean == pytest.approx(
        np.mean([a.mean - b.mean for a, b in zip(own, other, strict=True)])
    )
    by_sample = 0.25 * gains.each.mean(axis=0).var(ddof=1)
    assert gains.variance == (pytest.approx(by_sample), 199)
    known = _screen(95.0 - NOISE)
    assert decide(ACCURACY, known, own, [other], 0.025).verdict == "discovery"
    assert decide(ACCURACY, known, other, [own], 0.025).verdict == "no gain"
    # A resample that lacks a class has no score, and does not count.
    own[0].each[:5] = np.nan
    assert gains_on_test(own, other, 1.0).variance[1] == 194
