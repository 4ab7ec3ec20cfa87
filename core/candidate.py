"""A candidate: one architecture as source, with its measurements and its status."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from string import ascii_lowercase, digits
from typing import Any, Final, Literal, Self

from archwright.core.task import Recipe

BASELINE: Final = "baseline"
"""The id of the architecture to beat."""
CONTROL: Final = "control"
"""The operator of the control arm: a random draw that no search has touched."""
PERSON: Final = "person"
"""The proposer of what a person brought."""
ATTEMPTS: Final = 1000
"""Room for the attempts of one number in the order of all that was proposed."""

Curve = tuple[tuple[int, float], ...]
"""(step, mean training loss since the point before)."""


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Three levels of sameness, each a hash string; `graph` is empty until the code was built."""

    text: str = ""
    tree: str = ""
    graph: str = ""


class CandidateStatus(StrEnum):
    """The status of a candidate. Every candidate ends in one of these; failures are data."""

    OPEN = "open"
    DUPLICATE = "duplicate"
    INVALID = "invalid"
    CRASHED = "crashed"
    UNMEASURED = "unmeasured"
    """Its training or checks ended without a measurement: it may be proposed again."""
    TRAINED = "trained"
    PROMOTED = "promoted"
    DROPPED = "dropped"
    """It waited for a training until better was known, and was given up, unpaid."""


TRAINED_STATUSES: Final = (CandidateStatus.TRAINED, CandidateStatus.PROMOTED)
"""How a candidate stands that was trained, whether to the end or until it was hopeless."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """What a candidate showed at one rung.

    `score` is the mean over `seeds` seeds in the metric's unit; `gain` the mean paired gain over
    the baseline in its noise standard deviations; `curve` that of the first seed, `errors` where
    its predictions went wrong on validation, in a line. A gain of None was not measured: there is
    no baseline at that rung.
    """

    score: float
    gain: float | None = None
    seeds: int = 0
    curve: Curve = ()
    errors: str = ""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One architecture everywhere: on its way through a run, in the journal, for a policy, under
    verification, in a report."""

    id: str
    """`17`, and `17b`, `17c` … for what came after it under the same number."""
    title: str = ""
    source: str = ""
    recipe: Recipe = field(default_factory=Recipe)
    sequence: int = 0
    """The order of all that was ever proposed in the run; 0 for what was known before."""
    operator: str = ""
    parents: tuple[str, ...] = ()
    rationale: str = ""
    proposer: str = ""
    """What proposed it: the name of a proposer, or `person`."""
    hypothesis: str = ""
    """What would be seen if its idea is right."""
    expected: float | None = None
    """Gain over the baseline at the top rung that its proposer expected, in the metric's unit."""
    call: str = ""
    """The key in the journal of the call to a model that wrote it; empty for the symbolic one."""
    examples: tuple[str, ...] = ()
    """Ids of the knowledge entries that were shown when it was proposed."""
    citations: tuple[str, ...] = ()
    """Passages of papers that its idea rests on."""
    created: float = 0.0
    """Unix time in seconds."""
    fingerprint: Fingerprint = field(default_factory=Fingerprint)
    parameters: int = 0
    flops: int = 0
    latency_ms: float | None = None
    """Of one sample, predicted from the graph; None where the machine was not measured."""
    int8_bytes: int = 0
    """What the network takes with weights rounded to INT8."""
    proxies: Mapping[str, float] = field(default_factory=dict)
    """Training-free guesses at its quality, by name, where they were asked for."""
    rungs: Mapping[int, Measurement] = field(default_factory=dict)
    trials: int = 0
    """Trainings that the search used on it, failed ones too."""
    status: CandidateStatus = CandidateStatus.OPEN
    reason: str = ""
    """Why it ended where it did."""
    lesson: str = ""
    measured_ms: float | None = None
    """Of one sample, timed when it was verified."""
    wrapper: str = ""
    """Of a control: source of the candidate whose views of the input it is shown."""
    int8: float | None = None
    """Mean score with weights rounded to INT8, over the seeds that verified it."""

    @property
    def number(self) -> int:
        """Its place in the run, shared by all attempts at it; 0 for what was known before."""
        return self.sequence // ATTEMPTS

    @property
    def attempt(self) -> int:
        """The place among the attempts of its number, from 0."""
        return self.sequence % ATTEMPTS

    @property
    def rung(self) -> int | None:
        """The highest rung that it was measured at."""
        return max(self.rungs, default=None)

    @property
    def measured(self) -> Measurement | None:
        """What it showed at its highest rung."""
        return self.rungs[max(self.rungs)] if self.rungs else None

    @property
    def score(self) -> float | None:
        """Mean score at its highest rung, in the metric's unit."""
        return self.measured.score if self.measured else None

    @property
    def gain(self) -> float | None:
        """Gain over the baseline at its highest rung, in noise standard deviations."""
        return self.measured.gain if self.measured else None

    @property
    def seeds(self) -> int:
        """Seeds at its highest rung."""
        return self.measured.seeds if self.measured else 0

    @property
    def fitness(self) -> tuple[int, float]:
        """What a search compares by: a higher rung is better than a lower one, then the larger gain
        is; what was not measured is worse than all else."""
        return (-1, 0.0) if self.rung is None or self.gain is None else (self.rung, self.gain)

    @property
    def is_from_person(self) -> bool:
        """Whether a person brought it."""
        return self.proposer == PERSON

    @property
    def arm(self) -> Literal["search", "control"]:
        """Which arm of the run it belongs to."""
        return "control" if self.is_control else "search"

    @property
    def is_control(self) -> bool:
        """Whether it belongs to the control arm."""
        return self.operator == CONTROL

    def ended(self, status: CandidateStatus, reason: str = "") -> Self:
        """The candidate with the status that it ended in."""
        return replace(self, status=status, reason=reason)

    def to_json(self) -> dict[str, Any]:
        """Plain data, for the journal; curves stay with the trials."""
        document = asdict(self)
        for measured in document["rungs"].values():
            del measured["curve"]
        return {**document, "rungs": {str(k): v for k, v in document["rungs"].items()}}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """The candidate that `to_json` gave; what is missing has its default."""
        fields = dict(document)
        made: dict[str, Any] = {
            "recipe": Recipe(**fields.pop("recipe", {})),
            "fingerprint": Fingerprint(**fields.pop("fingerprint", {})),
            "rungs": {int(k): Measurement(**v) for k, v in fields.pop("rungs", {}).items()},
            "status": CandidateStatus(fields.pop("status", "open")),
        }
        lists = ("parents", "examples", "citations")
        made |= {name: tuple(fields.pop(name, ())) for name in lists}
        return cls(**fields, **made)


def candidate_id(number: int, attempt: int = 0) -> str:
    """The id of a number's attempt, from 0."""
    return f"{number}{_letters(attempt)}"


def sequence_of(number: int, attempt: int = 0) -> int:
    """The place of a number's attempt in the order of all that was proposed."""
    return ATTEMPTS * number + attempt


def next_id(id_: str) -> str:
    """The id of the attempt that came after one."""
    letters = id_.lstrip(digits)
    attempt = 0
    for letter in letters:
        attempt = 26 * attempt + ascii_lowercase.index(letter)
    return candidate_id(int(id_.removesuffix(letters)), attempt + 1)


def _letters(attempt: int) -> str:
    return "" if attempt == 0 else _letters(attempt // 26) + ascii_lowercase[attempt % 26]


def seed_of(*parts: object) -> int:
    """A seed that depends on all of `parts` and on nothing else."""
    text = "/".join(map(str, parts))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6], "big")
