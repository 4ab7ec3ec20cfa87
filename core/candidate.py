"""A candidate: one architecture as source, and how it stands."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Three levels of sameness, each a hash string; `graph` is empty until the code was built."""

    text: str
    tree: str
    graph: str = ""


class End(StrEnum):
    """How a candidate ended. Every candidate has one; failures are data."""

    OPEN = "open"
    DUPLICATE = "duplicate"
    INVALID = "invalid"
    CRASHED = "crashed"
    TRAINED = "trained"
    PROMOTED = "promoted"
