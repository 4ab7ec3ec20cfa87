"""A verdict: what verification said of a finalist."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Literal, Self


@dataclass(frozen=True, slots=True)
class Comparison:
    """A finalist against one control, both trained on the same fresh seeds.

    `effect` is the finalist's mean paired gain over the control, positive is better, with its
    interval and one-sided p: on the sealed test split where that was opened (`test_gain` and
    `test_p` are the same numbers then), else on validation. `mean` is the control's score on
    validation."""

    control: str
    parameters: int
    mean: float
    effect: float
    interval: tuple[float, float]
    p: float
    test_gain: float | None = None
    test_p: float | None = None
    kind: str = "baseline"
    """baseline, size (the baseline scaled to the finalist's size), recipe (trained with the
    finalist's recipe), wrapper (fed as the finalist feeds itself) or floor (of the aim, which has
    the same score whatever the seed, and no parameters)."""
    validation_gain: float | None = None
    """The gain on validation in the trainings that decided on the sealed split."""


@dataclass(frozen=True, slots=True)
class Reached:
    """What a finalist was to reach, where the aim is a cost: the least of it at a floor of
    quality."""

    objective: str
    """parameters, flops, latency or int8."""
    floor: float
    """In the metric's unit."""
    cost: float
    """The finalist's."""
    baseline: float | None
    """The baseline's cost; None where it is not known."""
    baseline_meets: bool
    """Whether the baseline's mean is at the floor: only then its cost is to be beaten."""


@dataclass(frozen=True, slots=True)
class Gain:
    """A mean paired gain in the metric's unit, its two-sided interval, and its one-sided p."""

    effect: float
    interval: tuple[float, float]
    p: float


@dataclass(frozen=True, slots=True)
class LaterVerdict:
    """What a forced round of verification said of a finalist whose verdict was known."""

    round: int
    verdict: str
    effect: float | None
    interval: tuple[float, float] | None
    p: float | None
    seeds: int
    test_gain: float | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What verification said of a finalist.

    `effect`, `interval`, `p` and `test_gain` are those of the hardest control (see `Comparison`),
    None where too little was measured to say anything; `mean` is the finalist's own score on
    validation. A discovery of the `wrapper` owes its gain to what it does to its input and output:
    the baseline gains as much in the same wrapper."""

    candidate: str
    title: str
    verdict: Literal["discovery", "no gain", "undecided"]
    effect: float | None
    interval: tuple[float, float] | None
    p: float | None
    seeds: int
    reason: str
    branch: str | None = None
    decision: str | None = None
    test_gain: float | None = None
    mean: float | None = None
    own_scores: tuple[float, ...] = ()
    """One per fresh seed, on validation."""
    shrunk: float | None = None
    """The effect, shrunk for having been selected."""
    needs: str = ""
    """What it would take to decide, where the verdict is undecided."""
    suspicions: tuple[str, ...] = ()
    reproduce: Mapping[str, Any] = field(default_factory=dict)
    """The command that trains it again, and the interval that the score must land in."""
    usage: Mapping[str, str] = field(default_factory=dict)
    """Of a discovery: its file, and the lines that import, train, load and export it."""
    comparisons: tuple[Comparison, ...] = ()
    review: Literal["open", "accepted", "rejected"] = "open"
    round: int = 0
    """How many times the run's test split had been opened before: above 0 it was forced."""
    validation_gain: float | None = None
    """The gain on validation in the trainings that decided on the sealed split."""
    level: float | None = None
    """What p had to be below, where the sealed split was opened."""
    look: int | None = None
    """Which test evaluation of the workspace on the sealed split this was, from 1."""
    of: Literal["architecture", "wrapper"] = "architecture"
    """What the gain is owed to."""
    gives: Mapping[str, float] = field(default_factory=dict)
    """Where there is a wrapper: the gain that it gives, and the gain of the architecture in it."""
    problems: Mapping[str, float] = field(default_factory=dict)
    """Of a suite: the mean paired gain over the baseline on each problem, on validation, in the
    noise sd of the suite's reference."""
    again: tuple[LaterVerdict, ...] = ()
    """What forced rounds said after this verdict, which stands."""
    aim: Reached | None = None
    """Where the aim is a cost: then `effect`, `interval`, `p` and `test_gain` are over the floor,
    and a discovery is at the floor beyond noise, which is no gain in quality."""

    @property
    def gain(self) -> Gain | None:
        """Effect, interval and p together; None where too little was measured."""
        if self.effect is None or self.interval is None or self.p is None:
            return None
        return Gain(self.effect, self.interval, self.p)

    def numbers(self) -> dict[str, Any]:
        """What was measured, as plain data."""
        document = asdict(self)
        return {key: document[key] for key in _NUMBERS}

    @classmethod
    def from_json(cls, document: Mapping[str, Any], review: str = "open") -> Self:
        """The verdict that `dataclasses.asdict` gave, with what a person said of it since."""
        fields = {k: v for k, v in document.items() if k in cls.__dataclass_fields__}
        for key in ("suspicions", "own_scores"):
            fields[key] = tuple(fields.get(key, ()))
        fields["interval"] = _pair(fields["interval"])
        fields["comparisons"] = tuple(
            Comparison(**{**c, "interval": tuple(c["interval"])}) for c in fields["comparisons"]
        )
        fields["again"] = tuple(
            LaterVerdict(**{**later, "interval": _pair(later["interval"])})
            for later in fields.get("again", ())
        )
        if fields.get("aim") is not None:
            fields["aim"] = Reached(**fields["aim"])
        return cls(**{**fields, "review": review})


def _pair(bounds: Sequence[float] | None) -> tuple[float, float] | None:
    return None if bounds is None else (bounds[0], bounds[1])


_NUMBERS: Final = (
    "verdict", "mean", "effect", "interval", "p", "seeds", "reason", "level", "test_gain",
    "validation_gain", "of", "gives", "comparisons", "shrunk", "suspicions", "aim",
    "problems",
)  # fmt: skip
