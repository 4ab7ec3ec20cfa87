"""A candidate on its way through a run."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from string import ascii_lowercase, digits
from typing import Final

from archwright.core import End, Fingerprint, Recipe

REPAIRED: Final = " (repaired)"
UNKNOWN: Final = Fingerprint("", "")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A candidate on its way. `number` is its place in the run; each attempt has its own id."""

    number: int
    attempt: int
    title: str
    rationale: str
    operator: str
    parents: tuple[str, ...]
    source: str
    recipe: Recipe
    fingerprint: Fingerprint = UNKNOWN
    parameters: int = 0
    flops: int = 0
    latency_ms: float | None = None
    """Predicted, where the machine was measured."""
    proxies: Mapping[str, float] = field(default_factory=dict)
    end: End = End.OPEN
    reason: str = ""
    citations: tuple[str, ...] = ()
    """Passages of papers that its idea rests on."""

    @property
    def id(self) -> str:
        """`17`, and `17b`, `17c` … for what came after it under the same number."""
        return candidate_id(self.number, self.attempt)

    @property
    def sequence(self) -> int:
        """The order of all that was ever proposed in the run."""
        return self.number * 1000 + self.attempt


def candidate_id(number: int, attempt: int) -> str:
    """The id of a number's attempt, from 0."""
    return f"{number}{_letters(attempt)}"


def next_id(id: str) -> str:
    """The id of the attempt that came after one."""
    letters = id.lstrip(digits)
    attempt = 0
    for letter in letters:
        attempt = 26 * attempt + ascii_lowercase.index(letter)
    return candidate_id(int(id.removesuffix(letters)), attempt + 1)


def _letters(attempt: int) -> str:
    return "" if attempt == 0 else _letters(attempt // 26) + ascii_lowercase[attempt % 26]


def seed_of(*parts: object) -> int:
    """A seed that depends on all of `parts` and on nothing else."""
    text = "/".join(map(str, parts))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6], "big")
