"""What one candidate teaches, in a sentence made from its numbers."""

from __future__ import annotations

from collections.abc import Sequence

from archwright.core import Candidate


def lesson_of(candidate: Candidate, has_one_curve: bool = True) -> str:
    """The lesson from the highest rung; a failure is its own lesson, and so is a control.

    Args:
        has_one_curve: whether its curve is that of one training; of a suite it is that of its
            problems, one behind the other.
    """
    shown = candidate.measured
    if shown is None or candidate.is_control:
        failure = f"{candidate.title}: {candidate.status} ({candidate.reason})"
        return failure if candidate.reason else ""
    gain = shown.gain or 0.0
    words = f"{candidate.title}: {_verdict_words(gain).lower()} ({gain:+.1f} sd)."
    return f"{words} {_read_curve([loss for _, loss in shown.curve])}" if has_one_curve else words


def _verdict_words(gain: float) -> str:
    if gain > 2:
        return "Above the noise"
    return "Below the noise" if gain < -2 else "Within the noise"


def _read_curve(losses: Sequence[float]) -> str:
    """What the training loss tells, in one sentence."""
    if len(losses) < 4:
        return "The curve is too short to read."
    quarter = max(1, len(losses) // 4)
    last, before = losses[-quarter:], losses[-2 * quarter : -quarter]
    drop = losses[0] - min(losses)
    if drop <= 0.02 * abs(losses[0]):
        return "The training loss hardly moved: it does not learn at this rate."
    late = sum(before) / len(before) - sum(last) / len(last)
    if late < -0.1 * drop:
        return "The training loss rose again at the end: training is unstable."
    if late > 0.1 * drop:
        return "The training loss was still falling at the end: it would use more steps."
    if losses[-1] < 0.05 * losses[0]:
        return "The training data are fitted: only generalisation is left to gain."
    return "The training loss flattened before the end."
