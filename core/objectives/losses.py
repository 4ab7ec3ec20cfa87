"""What is trained on: the losses by name, their options, and the labels that they take.

The losses themselves are torch, and run in the jail alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

Targets = Literal["classes", "labels", "values", "groups", "own"]
"""What labels are: one class of several on the last axis of the output; several labels that are 0
or 1 each; numbers; a group that a sample's embedding belongs to; or what the task's own code takes.
"""
LossOptions = tuple[tuple[str, tuple[float, ...]], ...]
"""Options of a loss by name; a single number is a tuple of one."""
OWN: Final = "task.py"
"""What stands in task.toml for a loss or a metric that is the task's own code."""


@dataclass(frozen=True, slots=True)
class LossOption:
    """A number, or several, that a loss takes."""

    low: float = 0.0
    high: float = math.inf
    """Values lie in between; a bound itself is taken where it is `closed`."""
    closed: bool = False
    several: bool = False
    """Whether it may be a list: for each class or label, or of quantiles."""

    def holds(self, value: float) -> bool:
        """Whether a number is within the bounds."""
        within = self.low < value < self.high
        return within or (self.closed and value == self.low)


@dataclass(frozen=True, slots=True)
class Loss:
    """One loss: the labels that it takes, the usual ones first, and its options."""

    targets: tuple[Targets, ...]
    options: Mapping[str, LossOption] = field(default_factory=dict)


_WEIGHTS: Final = LossOption(closed=True, several=True)
_QUANTILES: Final = LossOption(high=1.0, several=True)

LOSSES: Final[Mapping[str, Loss]] = {
    "cross_entropy": Loss(
        ("classes",),
        {"class_weights": _WEIGHTS, "label_smoothing": LossOption(high=1.0, closed=True)},
    ),
    "binary_cross_entropy": Loss(("labels",), {"pos_weight": LossOption(several=True)}),
    "mse": Loss(("values",)),
    "mae": Loss(("values",)),
    "huber": Loss(("values",), {"delta": LossOption()}),
    "quantile": Loss(("values",), {"quantiles": _QUANTILES}),
    "dice": Loss(("classes", "labels")),
    "contrastive": Loss(("groups",), {"temperature": LossOption()}),
    OWN: Loss(("classes", "labels", "values", "groups", "own")),
}


def read_options(given: Mapping[str, Any]) -> LossOptions:
    """Options as a task writes them: a number each, or a list of them."""
    return tuple(
        (name, tuple(map(float, value)) if isinstance(value, list) else (float(value),))
        for name, value in given.items()
    )


def option(options: LossOptions, name: str) -> tuple[float, ...]:
    """The value of an option; empty where it is not set."""
    return dict(options).get(name, ())


def option_faults(
    loss: str, metric: str, given: Mapping[str, Any], output_shape: Sequence[int]
) -> Iterator[str]:
    """What is wrong with the options of a loss, one line each.

    Args:
        loss: one of `LOSSES`.
        metric: `quantile_loss` takes quantiles as well, whatever the loss.
        given: as a task writes them.
        output_shape: of one prediction.
    """
    known = dict(LOSSES[loss].options)
    if metric == "quantile_loss":
        known["quantiles"] = _QUANTILES
    for name, value in given.items():
        if name not in known:
            takes = f"it takes {', '.join(known)}" if known else "it takes none"
            yield f"[loss_options] {name} is not an option of the loss {loss}: {takes}"
            continue
        yield from _value_faults(name, known[name], value, output_shape)


def _value_faults(
    name: str, option: LossOption, value: Any, output_shape: Sequence[int]
) -> Iterator[str]:
    values = value if isinstance(value, list) and option.several else [value]
    numbers = [v for v in values if isinstance(v, int | float) and not isinstance(v, bool)]
    if not values or len(numbers) < len(values) or not all(map(option.holds, numbers)):
        what = "a number, or a list of numbers," if option.several else "a number"
        bound = f"from {option.low:g} on" if option.closed else f"above {option.low:g}"
        below = f" and below {option.high:g}" if math.isfinite(option.high) else ""
        yield f"[loss_options] {name} must be {what} {bound}{below}, not {value!r}"
    elif name == "quantiles":
        if numbers != sorted(set(numbers)):
            yield f"[loss_options] quantiles must rise, not {value!r}"
        elif len(numbers) > 1 and output_shape[-1] != len(numbers):
            yield (
                f"{len(numbers)} quantiles need an output_shape that ends in {len(numbers)}, "
                f"not {output_shape[-1]}"
            )
    elif len(numbers) > 1 and output_shape[-1] != len(numbers):
        yield (
            f"[loss_options] {name} has {len(numbers)} numbers, "
            f"output_shape ends in {output_shape[-1]}: give one for each"
        )
    elif name == "class_weights" and (not isinstance(value, list) or not any(numbers)):
        yield "[loss_options] class_weights must list a number for each class, not all of them 0"
