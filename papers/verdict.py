"""From scores on paired seeds to whether a claim holds here: pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Final, Literal

from archwright.core import Metric
from archwright.papers.experiment import ComparedClaim
from archwright.runs.verification.statistics import compare

STAGES: Final = 3
"""Interim analyses at most, each with more seeds."""

Ruling = Literal["reproduced", "not reproduced", "undecided"]


@dataclass(frozen=True, slots=True)
class ClaimResult:
    """What was measured of a claim. `effect` is the method's mean paired gain over the baseline,
    positive is better, with its interval at 95 % for all claims and stages at once."""

    claim: str
    ruling: Ruling
    reason: str
    effect: float = 0.0
    interval: tuple[float, float] = (0.0, 0.0)
    p: float = 1.0
    seeds: int = 0
    method_mean: float | None = None
    baseline_mean: float | None = None


def rule(
    metric: Metric,
    claim: ComparedClaim,
    method: Sequence[float],
    baseline: Sequence[float],
    claims: int,
) -> ClaimResult:
    """Whether a claim holds, by the interval of the paired gains.

    "better" is reproduced where the interval lies above nothing, and not reproduced where it lies
    below the margin: a difference that matters is ruled out ("worse" the other way round). "equal"
    is reproduced where the interval lies within the margins (two one-sided tests: Schuirmann 1987,
    "A Comparison of the Two One-Sided Tests Procedure and the Power Approach …"), and not where it
    lies outside of them.

    Args:
        metric: of the scores.
        claim: what is claimed.
        method: scores of the method, one per seed, at least two.
        baseline: scores of the baseline on the same seeds.
        claims: how many claims are tested; the interval is corrected for them, and for stages.
    """
    gains = [metric.gain(a, b) for a, b in zip(method, baseline, strict=True)]
    sign = -1.0 if claim.direction == "worse" else 1.0
    towards = compare([sign * gain for gain in gains], claims * STAGES)
    if claim.direction == "equal":
        ruling, reason = _rule_equal(towards.interval, claim.margin)
    else:
        ruling, reason = _rule_direction(towards.interval, claim)
    low, high = (sign * end for end in towards.interval)
    return ClaimResult(
        claim=claim.id,
        ruling=ruling,
        reason=reason,
        effect=sign * towards.mean,
        interval=(min(low, high), max(low, high)),
        p=towards.p,
        seeds=len(gains),
        method_mean=fmean(method),
        baseline_mean=fmean(baseline),
    )


def _rule_direction(interval: tuple[float, float], claim: ComparedClaim) -> tuple[Ruling, str]:
    low, high = interval
    if low > 0:
        return "reproduced", f"it is {claim.direction}, whatever the seed"
    if low == high == 0:
        return "not reproduced", "there is no difference on any seed"
    if high <= 0:
        return "not reproduced", f"it is not {claim.direction}: the difference goes the other way"
    if high < claim.margin:
        return "not reproduced", f"a difference of {claim.margin:g} that way is ruled out"
    return "undecided", "the interval holds both no difference and one that matters"


def _rule_equal(interval: tuple[float, float], margin: float) -> tuple[Ruling, str]:
    low, high = interval
    if -margin < low and high < margin:
        return "reproduced", f"any difference is below {margin:g}"
    if low >= margin or high <= -margin:
        return "not reproduced", f"the difference is above {margin:g}"
    return "undecided", f"the interval goes over the margin of {margin:g}"


def rule_all(findings: Sequence[ClaimResult]) -> Ruling:
    """The paper's verdict: reproduced where all claims are, not where one is not."""
    rulings = {finding.ruling for finding in findings}
    if "not reproduced" in rulings:
        return "not reproduced"
    return "reproduced" if rulings == {"reproduced"} else "undecided"
