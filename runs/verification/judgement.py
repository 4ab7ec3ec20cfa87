"""From measured gains to a verdict: pure functions, so that simulation can calibrate them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil
from statistics import fmean, stdev
from typing import Final

from archwright.core import Array, Comparison, Metric, Verdict
from archwright.runs.verification.statistics import ALPHA, STAGES, compare, compare_on_test, shrink


@dataclass(frozen=True, slots=True)
class Against:
    """A finalist's control and both sides' scores on the same fresh seeds, validation split.

    `kind` is baseline, size (the baseline scaled to the finalist's size) or recipe (the baseline
    trained with the finalist's recipe).
    """

    kind: str
    title: str
    parameters: int
    scores: tuple[float, ...]


_LOST: Final[Mapping[str, str]] = {
    "baseline": "it does not beat the baseline",
    "size": "a baseline of its size does as well",
    "recipe": "the baseline does as well with its recipe",
}


def judge(
    metric: Metric,
    candidate: str,
    title: str,
    own: Sequence[float],
    controls: Sequence[Against],
    tried: int,
) -> Verdict:
    """The verdict on validation alone: the finalist must beat every control.

    Args:
        metric: of the scores.
        candidate: the finalist's id.
        title: the finalist's title.
        own: the finalist's scores, one per fresh seed.
        controls: what it is compared with, on the same seeds.
        tried: how many finalists are verified.
    """
    gains = [[metric.gain(a, b) for a, b in zip(own, c.scores, strict=True)] for c in controls]
    compared = [_compare(c, g, tried) for c, g in zip(controls, gains, strict=True)]
    hardest = min(range(len(compared)), key=lambda i: compared[i].interval[0])
    verdict = _in_numbers_of(
        Verdict(candidate, title, "discovery", 0.0, (0.0, 0.0), 1.0, len(own), ""), compared
    )
    verdict = replace(
        verdict, mean=fmean(own), own_scores=tuple(own), shrunk=shrink(gains[hardest])
    )
    lost = min(range(len(compared)), key=lambda i: compared[i].effect)
    if compared[lost].effect <= 0:
        reason = _LOST[controls[lost].kind]
        return replace(verdict, verdict="no gain", reason=reason)
    if verdict.p >= ALPHA or verdict.interval[0] <= 0:
        low, high = verdict.interval
        reason = f"a gain from {low:+.3g} to {high:+.3g} fits what was measured"
        needs = _needed(gains[hardest], tried)
        return replace(verdict, verdict="undecided", reason=reason, needs=needs)
    return verdict


def _compare(control: Against, gains: Sequence[float], tried: int) -> Comparison:
    effect = compare(gains, tried)
    return Comparison(
        control=control.title,
        parameters=control.parameters,
        mean=fmean(control.scores),
        effect=effect.mean,
        interval=effect.interval,
        p=effect.p,
        kind=control.kind,
    )


def _needed(gains: Sequence[float], tried: int) -> str:
    """How many seeds would settle an effect of this size, by the normal approximation."""
    from scipy import stats

    quantile = float(stats.norm.isf(ALPHA / 2 / (tried * STAGES))) + 0.84
    seeds = ceil((quantile * stdev(gains) / fmean(gains)) ** 2)
    return f"about {max(seeds, len(gains) + 1)} seeds, if the effect is what it seems"


def confirm(
    metric: Metric, verdict: Verdict, own: Array, controls: Sequence[Array], tested: int
) -> Verdict:
    """The verdict after the one evaluation on the test split.

    Args:
        metric: of the scores.
        verdict: `judge`'s, a discovery so far.
        own: the finalist's test scores `(seeds, samples)`.
        controls: the controls', in the order of `verdict.comparisons`.
        tested: how many finalists are evaluated on the test split.
    """
    sign = 1.0 if metric.direction == "maximize" else -1.0
    compared = []
    for known, scores in zip(verdict.comparisons, controls, strict=True):
        effect = compare_on_test(sign * (own - scores), tested)
        compared.append(replace(known, test_gain=effect.mean, test_p=effect.p))
    verdict = _in_numbers_of(verdict, compared)
    worst = max(c.test_p for c in compared if c.test_p is not None)
    if verdict.test_gain is None or verdict.test_gain <= 0:
        return replace(verdict, verdict="no gain", reason="the gain vanishes on the test split")
    if worst >= ALPHA:
        reason = (
            f"the gain on the test split ({verdict.test_gain:+.3g}) is within its noise "
            f"(p = {worst:.2g})"
        )
        needs = "a larger test split, or a larger gain"
        return replace(verdict, verdict="undecided", reason=reason, needs=needs)
    beaten = ", ".join(c.control for c in compared)
    return replace(verdict, reason=f"it beats {beaten}: on fresh seeds and on the test split")


def _in_numbers_of(verdict: Verdict, compared: Sequence[Comparison]) -> Verdict:
    """The verdict in the numbers of the control that is hardest to beat."""
    hardest = min(compared, key=lambda c: c.interval[0])
    tested = [c.test_gain for c in compared if c.test_gain is not None]
    return replace(
        verdict,
        effect=hardest.effect,
        interval=hardest.interval,
        p=max(c.p for c in compared),
        test_gain=min(tested, default=None),
        comparisons=tuple(compared),
    )
