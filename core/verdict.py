"""A verdict: what verification said of a finalist."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Literal, Self


@dataclass(frozen=True, slots=True)
class Comparison:
    """A finalist against one control on the same fresh seeds: the baseline, or the baseline scaled
    to the finalist's size. `mean` is the control's score; `effect` the finalist's mean paired gain
    over it, positive is better; `test_gain` the same on the test split, None when not opened, with
    `test_p` for "no gain" on other seeds and samples."""

    control: str
    parameters: int
    mean: float
    effect: float
    interval: tuple[float, float]
    p: float
    test_gain: float | None = None
    test_p: float | None = None
    kind: str = "baseline"
    """baseline, size (the baseline scaled to the finalist's size) or recipe (trained with the
    finalist's recipe)."""


@dataclass(frozen=True, slots=True)
class LaterVerdict:
    """What a forced round of verification said of a finalist whose verdict was known."""

    round: int
    verdict: str
    effect: float
    interval: tuple[float, float]
    p: float
    seeds: int
    test_gain: float | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What verification said of a finalist. `effect`, `interval`, `p` and `test_gain` are those of
    the hardest control; `mean` is the finalist's own score on the fresh seeds."""

    candidate: str
    title: str
    verdict: Literal["discovery", "no gain", "undecided"]
    effect: float
    interval: tuple[float, float]
    p: float
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
    comparisons: tuple[Comparison, ...] = ()
    review: Literal["open", "accepted", "rejected"] = "open"
    round: int = 0
    """How many times the run's test split had been opened before: above 0 it was forced."""
    again: tuple[LaterVerdict, ...] = ()
    """What forced rounds said after this verdict, which stands."""

    def numbers(self) -> dict[str, Any]:
        """What was measured, as plain data."""
        document = asdict(self)
        return {key: document[key] for key in _NUMBERS}

    @classmethod
    def from_json(cls, document: Mapping[str, Any], review: str = "open") -> Self:
        """The verdict that `dataclasses.asdict` gave, with what a person said of it since."""
        fields = {k: v for k, v in document.items() if k in cls.__dataclass_fields__}
        for key in ("interval", "suspicions", "own_scores"):
            fields[key] = tuple(fields.get(key, ()))
        fields["comparisons"] = tuple(
            Comparison(**{**c, "interval": tuple(c["interval"])}) for c in fields["comparisons"]
        )
        fields["again"] = tuple(
            LaterVerdict(**{**later, "interval": tuple(later["interval"])})
            for later in fields.get("again", ())
        )
        return cls(**{**fields, "review": review})


_NUMBERS: Final = (
    "verdict", "mean", "effect", "interval", "p", "seeds", "test_gain", "comparisons", "shrunk",
    "suspicions",
)  # fmt: skip
