"""The objective of a task, from the keys of `task.toml` and the functions of `task.py`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from math import inf
from pathlib import Path
from typing import Any

from archwright.core import LOSSES, OWN, Direction, Metric, Own, Targets, find_metric
from archwright.core.objectives import LossOptions, metric_names, option_faults, read_options
from archwright.tasks.slicing import IN_JAIL, defined, slice_faults, sliced
from archwright.tasks.source import OwnScore

OWN_NAME = "score"
"""What scores by the task's own code are called."""


@dataclass(frozen=True, slots=True)
class ObjectiveKeys:
    """What `task.toml` says of the objective, and what goes with it."""

    metric: str
    loss: str | None
    options: Mapping[str, Any]
    targets: Targets | None
    direction: Direction | None
    unit: str | None
    output_shape: tuple[int, ...]
    packages: tuple[str, ...]
    folder: Path
    source: str
    """The text of `task.py`."""
    trains: bool = True
    """Whether the harness trains, so that there is a loss."""

    def faults(self) -> Iterator[str]:
        """What is wrong with the keys, one line each."""
        if self.metric != OWN and find_metric(self.metric) is None:
            close = get_close_matches(self.metric, list(metric_names()), n=1)
            hint = f"did you mean {close[0]!r}? " if close else ""
            yield f"unknown metric {self.metric!r}; {hint}{_choice(metric_names())}"
            return
        yield from self._metric_faults()
        if self._loss not in LOSSES:
            if self.loss is None:
                yield f'metric = "{OWN}" needs a loss as well; {_choice(LOSSES)}'
            else:
                yield f"unknown loss {self.loss!r}; {_choice(LOSSES)}"
            return
        yield from self._fit_faults()
        yield from option_faults(self._loss, self.metric, self.options, self.output_shape)
        yield from slice_faults(self.code, self.packages)

    def _metric_faults(self) -> Iterator[str]:
        given = {"direction": self.direction, "unit": self.unit}
        if self.metric != OWN:
            for key, value in given.items():
                wanted = getattr(self.found, key)
                if value is not None and value != wanted:
                    name = self.metric
                    yield f"{key} of {name} is {wanted!r}, not {value!r}; fix it or leave it out"
            return
        words = {"direction": '"maximize" or "minimize"', "unit": 'such as "%", or "" for none'}
        for key, value in given.items():
            if value is None:
                yield f'metric = "{OWN}" needs a {key} as well: {words[key]}'
        if "score" not in defined(self.source):
            yield f'metric = "{OWN}", but task.py defines no `score(predictions, y)`'

    def _fit_faults(self) -> Iterator[str]:
        takes = LOSSES[self._loss].targets
        if self.trains and self._loss == OWN and "loss" not in defined(self.source):
            yield f'loss = "{OWN}", but task.py defines no `loss(outputs, y)`'
        if not self._possible:
            fits = [name for name, loss in LOSSES.items() if {*loss.targets} & {*self._scored}]
            yield (
                f"the loss {self._loss} takes {' or '.join(takes)}, the metric {self.metric} "
                f"{' or '.join(self._scored)}; choose the loss from {', '.join(fits)}"
            )
            return
        if self.targets is not None and self.targets not in self._possible:
            yield (
                f"targets = {self.targets!r} does not fit; {self.metric} and the loss "
                f"{self._loss} take {' or '.join(self._possible)}"
            )
        elif self.chosen == "classes" and self.output_shape[-1] < 2:
            yield f"{self.metric} needs at least 2 classes on the last axis of output_shape"
        elif self.metric == "top5_accuracy" and self.output_shape[-1] <= 5:
            yield "top5_accuracy needs more than 5 classes on the last axis of output_shape"
        elif "@" in self.metric and len(self.output_shape) != 1:
            what = "an embedding" if self.chosen == "groups" else "a score for each item"
            yield f"{self.metric} needs one axis in output_shape: {what}"
        elif self._several_quantiles and self.metric not in ("quantile_loss", OWN):
            yield f"{self.metric} scores one number, not several quantiles; use quantile_loss"

    @property
    def _several_quantiles(self) -> bool:
        quantiles = self.options.get("quantiles")
        return isinstance(quantiles, list) and len(quantiles) > 1

    @property
    def _loss(self) -> str:
        if not self.trains and self.metric == OWN:
            return OWN
        return self.found.loss if self.loss is None else self.loss

    @property
    def _scored(self) -> tuple[Targets, ...]:
        """What labels the metric takes."""
        return self.found.targets or LOSSES[OWN].targets

    @property
    def _possible(self) -> list[Targets]:
        """What the labels may be, the likeliest first."""
        takes = LOSSES[self._loss].targets
        if self.metric == OWN and self._loss == OWN:
            return [self.targets or "own"]
        first, second = (takes, self._scored) if self.metric == OWN else (self._scored, takes)
        return [targets for targets in first if targets in second]

    @property
    def chosen(self) -> Targets:
        """What the labels are."""
        return self.targets or self._possible[0]

    @property
    def found(self) -> Metric:
        """The metric."""
        known = find_metric(self.metric)
        if known is not None:
            return known
        own = Own(OwnScore(self.folder / OWN))
        unit = self.unit or ""
        return Metric(OWN_NAME, self.direction or "maximize", unit, -inf, measure=own)

    @property
    def code(self) -> str:
        """The part of `task.py` that runs in the jail."""
        if not self.trains:
            return ""
        names = IN_JAIL if self._loss == OWN else [name for name in IN_JAIL if name != "loss"]
        return sliced(self.source, names)

    def problem_keys(self) -> dict[str, Any]:
        """Fields of a `Problem`."""
        options: LossOptions = read_options(self.options)
        return {
            "loss": self._loss,
            "loss_options": options,
            "targets": self.chosen,
            "code": self.code,
        }


def _choice(names: Any) -> str:
    return f"choose one of {', '.join(names)}" + ("" if OWN in names else f", or {OWN}")
