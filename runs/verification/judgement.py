"""From measured gains to a verdict: pure functions, so that simulation can calibrate them.

A finalist is screened on validation; what passes is trained again on seeds of its own and decided
on the sealed test split, at the level that the account of test evaluations gives.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil
from statistics import fmean, stdev
from typing import Final, Literal

from archwright.core import Candidate, Comparison, Metric, SplitScores, Verdict
from archwright.runs.verification.statistics import (
    ALPHA,
    CONFIDENCE,
    Effect,
    compare,
    compare_on_test,
    gains_on_test,
    shrink,
)

WRAPPER: Final[Literal["wrapper"]] = "wrapper"
FLOOR: Final = "floor"
"""The kind of a comparison with an aim's floor, which then alone decides."""


@dataclass(frozen=True, slots=True)
class Against:
    """A finalist's control and its scores on validation, on the finalist's fresh seeds.

    `kind` is that of `Comparison`.
    """

    kind: str
    title: str
    parameters: int
    scores: tuple[float, ...]


_LOST: Final[Mapping[str, str]] = {
    "baseline": "it does not beat the baseline",
    "size": "a baseline of its size does as well",
    "recipe": "the baseline does as well with its recipe",
    WRAPPER: "the baseline does as well in its wrapper",
    FLOOR: "it is below the floor",
}


def screen(
    metric: Metric,
    candidate: str,
    title: str,
    own: Sequence[float],
    controls: Sequence[Against],
) -> Verdict:
    """What validation says of a finalist: no gain, or undecided with a p to be screened by.

    Args:
        metric: of the scores.
        candidate: the finalist's id.
        title: the finalist's title.
        own: the finalist's scores, one per fresh seed, at least two.
        controls: what it is compared with, on the same seeds.
    """
    gains = [[metric.gain(a, b) for a, b in zip(own, c.scores, strict=True)] for c in controls]
    compared = [_on_validation(c, g) for c, g in zip(controls, gains, strict=True)]
    verdict = Verdict(candidate, title, "undecided", None, None, None, len(own), "")
    verdict = replace(verdict, mean=fmean(own), own_scores=tuple(own))
    plain = _plain(compared)
    verdict = _in_numbers_of(verdict, plain, compared)
    hardest = gains[compared.index(_hardest(plain))]
    verdict = replace(verdict, shrunk=shrink(hardest))
    lost = _lost(plain)
    if lost is not None:
        return replace(verdict, verdict="no gain", reason=_LOST[lost.kind])
    low, high = _hardest(plain).interval
    what = "margin over the floor" if plain[0].kind == FLOOR else "gain"
    reason = f"a {what} from {low:+.3g} to {high:+.3g} fits what was measured"
    return replace(verdict, reason=reason, needs=_needed(hardest))


def decide(
    metric: Metric,
    on_validation: Verdict,
    own: Sequence[SplitScores],
    controls: Sequence[Sequence[SplitScores]],
    level: float,
) -> Verdict:
    """The verdict on the sealed test split.

    Args:
        metric: of the scores.
        on_validation: `screen` of the same trainings, which nothing was chosen by.
        own: the finalist's test scores, of each seed.
        controls: the controls', in the order of `on_validation.comparisons`.
        level: what p must be below. Intervals hold 95 %, more where the level is below 2.5 %.
    """
    sign = 1.0 if metric.direction == "maximize" else -1.0
    gains = [gains_on_test(own, other, sign) for other in controls]
    compared = [
        _on_test(known, compare_on_test(g, max(CONFIDENCE, 1 - 2 * level)))
        for known, g in zip(on_validation.comparisons, gains, strict=True)
    ]
    plain, wrapped = _plain(compared), [c for c in compared if c.kind == WRAPPER]
    aimed = plain[0].kind == FLOOR
    beats_plain, beats_all = (all(c.p < level for c in those) for those in (plain, compared))
    deciding = compared if beats_all and not aimed else plain
    hardest = _hardest(deciding)
    verdict = replace(
        _in_numbers_of(on_validation, deciding, compared),
        level=level,
        needs="",
        validation_gain=hardest.validation_gain,
        shrunk=shrink(gains[compared.index(hardest)].by_seed.tolist()),
        gives=_shares(_hardest(plain), wrapped[0]) if wrapped else {},
    )
    if aimed and beats_plain:
        if (hardest.validation_gain or 0.0) < 0:
            reason = "it is at the floor on the sealed test split, but not on validation"
            return replace(verdict, verdict="undecided", reason=reason, needs="a larger margin")
        reason = "it is at the floor beyond noise: with new seeds, on the sealed test split"
        return replace(verdict, verdict="discovery", reason=reason)
    if beats_all:
        beaten = ", ".join(c.control for c in compared)
        reason = f"it beats {beaten}: with new seeds, on the sealed test split"
        return replace(verdict, verdict="discovery", reason=reason)
    if beats_plain:
        reason = f"{_LOST[WRAPPER]}: the gain is the wrapper's, not the architecture's"
        return replace(verdict, verdict="discovery", of=WRAPPER, reason=reason)
    lost = _lost(plain)
    if lost is not None:
        reason = f"on the sealed test split {_LOST[lost.kind]}"
        return replace(verdict, verdict="no gain", reason=reason)
    what = "margin over the floor" if aimed else "gain"
    reason = (
        f"the {what} on the sealed test split ({hardest.effect:+.3g}) is within its noise "
        f"(p = {verdict.p:.2g}, to be below {level:.2g})"
    )
    needs = f"a larger test split, or a larger {'margin' if aimed else 'gain'}"
    return replace(verdict, verdict="undecided", reason=reason, needs=needs)


def without_numbers(
    finalist: Candidate, seeds: int, verdict: Literal["no gain", "undecided"], reason: str
) -> Verdict:
    """The verdict where a training failed or measured nothing: nothing is computed of the rest."""
    return Verdict(finalist.id, finalist.title, verdict, None, None, None, seeds, reason)


def _on_validation(control: Against, gains: Sequence[float]) -> Comparison:
    effect = compare(gains)
    return Comparison(
        control=control.title,
        parameters=control.parameters,
        mean=fmean(control.scores),
        effect=effect.mean,
        interval=effect.interval,
        p=effect.p,
        kind=control.kind,
    )


def _on_test(known: Comparison, found: Effect) -> Comparison:
    return replace(
        known,
        effect=found.mean,
        interval=found.interval,
        p=found.p,
        test_gain=found.mean,
        test_p=found.p,
        validation_gain=known.effect,
    )


def _in_numbers_of(
    verdict: Verdict, deciding: Sequence[Comparison], compared: Sequence[Comparison]
) -> Verdict:
    """The verdict in the numbers of the control that is hardest to beat of those that decide."""
    hardest = _hardest(deciding)
    return replace(
        verdict,
        effect=hardest.effect,
        interval=hardest.interval,
        p=max(c.p for c in deciding),
        test_gain=hardest.test_gain,
        comparisons=tuple(compared),
    )


def _plain(compared: Sequence[Comparison]) -> list[Comparison]:
    """All but the wrapper's: what the wrapper gives is a gain, too, though not the
    architecture's. Where there is a floor, it alone."""
    return [c for c in compared if c.kind == FLOOR] or [c for c in compared if c.kind != WRAPPER]


def _hardest(compared: Sequence[Comparison]) -> Comparison:
    return min(compared, key=lambda c: c.interval[0])


def _lost(compared: Sequence[Comparison]) -> Comparison | None:
    """The control that a finalist does not beat at all."""
    worst = min(compared, key=lambda c: c.effect)
    return worst if worst.effect <= 0 else None


def _shares(whole: Comparison, wrapped: Comparison) -> Mapping[str, float]:
    """What of the whole gain is the wrapper's."""
    return {WRAPPER: whole.effect - wrapped.effect, "architecture": wrapped.effect}


def _needed(gains: Sequence[float]) -> str:
    """How many seeds would settle an effect of this size at the level of the first test evaluation
    in four of five cases, by the normal approximation."""
    from scipy import stats

    mean = fmean(gains)
    if mean <= 0:
        return ""
    quantile = float(stats.norm.isf(ALPHA / 2)) + 0.84
    seeds = max(ceil((quantile * stdev(gains) / mean) ** 2), len(gains) + 1)
    return f"about {seeds} seeds, if the effect is what it seems"
