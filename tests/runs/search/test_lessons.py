"""The sentence that a candidate leaves behind."""

from __future__ import annotations

import pytest

from archwright.core import Candidate, CandidateStatus, Measurement
from archwright.runs.lessons import lesson_of


def candidate(gain: float | None, losses: tuple[float, ...] = ()) -> Candidate:
    curve = tuple((step, loss) for step, loss in enumerate(losses))
    return Candidate(
        "7", sequence=7000, title="a gate", rungs={1: Measurement(71.0, gain, 1, curve)}
    )


@pytest.mark.parametrize(
    ("gain", "words"),
    [
        (2.1, "above the noise (+2.1 sd)"),
        (2.0, "within the noise (+2.0 sd)"),
        (None, "within the noise (+0.0 sd)"),
        (-2.0, "within the noise (-2.0 sd)"),
        (-2.1, "below the noise (-2.1 sd)"),
    ],
)
def test_a_gain_is_told_by_the_noise(gain: float | None, words: str) -> None:
    assert lesson_of(candidate(gain)).startswith(f"a gate: {words}.")


@pytest.mark.parametrize(
    ("losses", "words"),
    [
        ((2.0, 1.0, 0.9), "too short to read"),
        ((2.0, 1.99, 1.99, 1.98), "does not learn at this rate"),
        ((2.0, 1.0, 0.5, 0.9), "training is unstable"),
        ((2.0, 1.6, 1.2, 0.8), "it would use more steps"),
        ((2.0, 0.06, 0.05, 0.04), "only generalisation is left to gain"),
        ((2.0, 1.0, 0.91, 0.9), "flattened before the end"),
        ((2.0, 1.8, 1.4, 1.1, 0.95, 0.92, 0.91, 0.90), "flattened before the end"),
    ],
)
def test_a_curve_is_read(losses: tuple[float, ...], words: str) -> None:
    assert words in lesson_of(candidate(0.5, losses))


def test_the_curve_of_a_suite_is_that_of_several_and_not_read() -> None:
    assert lesson_of(candidate(0.5, (2.0, 1.0, 0.5, 0.9)), has_one_curve=False) == (
        "a gate: within the noise (+0.5 sd)."
    )


@pytest.mark.parametrize(
    ("reason", "words"), [("no such layer", "a gate: invalid (no such layer)"), ("", "")]
)
def test_a_failure_is_its_own_lesson(reason: str, words: str) -> None:
    failed = Candidate("7", sequence=7000, title="a gate").ended(CandidateStatus.INVALID, reason)
    assert lesson_of(failed) == words
