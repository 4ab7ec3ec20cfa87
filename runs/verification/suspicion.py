"""What looks too good: computed from measurements, shown, and handed to the reviewer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from archwright.core import Check, Floor, Metric, Verdict

EARLY_GAIN: Final = 20.0
"""Noise standard deviations over the baseline at the first rung that it was trained at; a larger
gain there is suspicious."""
TEST_SHARE: Final = 0.5
"""Share of the gain on validation below which the gain on the test split is suspicious."""
LOSS_SHARE: Final = 1.0
"""Excess over the baseline's validation loss, as a share of it; more is suspicious."""


def suspect(
    metric: Metric,
    verdict: Verdict,
    gains: Mapping[int, float],
    losses: tuple[float, float] | None,
    checks: Sequence[Check],
    floors: Sequence[Floor],
) -> Iterator[str]:
    """What a person should check before accepting a finalist, one line each.

    Args:
        metric: of the scores.
        verdict: the finalist's.
        gains: its gain at each rung that it was trained at, in noise standard deviations.
        losses: validation loss of the finalist and of the baseline on the same seeds, None where
            the score is that loss. Training losses would not compare: dropout, noise and
            augmentation raise them, and a net that is better for it fits its training data less.
        checks: the executed checks of its source.
        floors: the noise floor at each rung.
    """
    first, last = min(gains, default=0), max(gains, default=0)
    if first < last and gains[first] > max(EARLY_GAIN, gains[last]):
        yield (
            f"too good too early: {gains[first]:+.1f} noise sd over the baseline after "
            f"{floors[first].steps} steps, {gains[last]:+.1f} after {floors[last].steps}"
        )
    on_validation = verdict.validation_gain
    if (
        verdict.aim is None  # A margin over a floor may be small on both.
        and verdict.test_gain is not None
        and on_validation is not None
        and verdict.test_gain < TEST_SHARE * on_validation
    ):
        yield (
            f"the gain shrinks on the test split: {verdict.test_gain:+.3g} there, "
            f"{on_validation:+.3g} on validation"
        )
    own, base = losses or (0.0, 0.0)
    if verdict.aim is None and (verdict.effect or 0.0) > 0 and own > base + LOSS_SHARE * abs(base):
        yield (
            f"{metric.name} is out of line with the loss: it scores better, but its loss on the "
            f"same samples is {own:.3g} where the baseline's is {base:.3g}"
        )
    for check in checks:
        if check.name == "wrapper":
            yield f"its input is not the task's alone: {check.detail}"
        if check.name == "parameters" and "buffer" in check.detail:
            yield f"parameters may hide in buffers: {check.detail}"
