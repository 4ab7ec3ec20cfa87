"""A candidate on its way through a run."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from string import ascii_lowercase
from typing import Final

from archwright.domain import End, Fingerprint, Recipe

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
    end: End = End.OPEN
    reason: str = ""

    @property
    def id(self) -> str:
        """`17`, and `17b`, `17c` … for what came after it under the same number."""
        return f"{self.number}{_letters(self.attempt)}"

    @property
    def sequence(self) -> int:
        """The order of all that was ever proposed in the run."""
        return self.number * 1000 + self.attempt


def _letters(attempt: int) -> str:
    return "" if attempt == 0 else _letters(attempt // 26) + ascii_lowercase[attempt % 26]


def seed_of(*parts: object) -> int:
    """A seed that depends on all of `parts` and on nothing else."""
    text = "/".join(map(str, parts))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6], "big")
