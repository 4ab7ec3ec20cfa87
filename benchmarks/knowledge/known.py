"""Made-up entries, for measuring how a knowledge base grows."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from archwright.core import CandidateStatus, Fingerprint
from archwright.knowledge.entries import Entry


def known_entries(count: int, task: str) -> Iterator[Entry]:
    """`count` results of `task`, each with a fingerprint of its own and a plausible end."""
    ends = (
        CandidateStatus.TRAINED,
        CandidateStatus.INVALID,
        CandidateStatus.CRASHED,
        CandidateStatus.PROMOTED,
    )
    for index in range(count):
        yield Entry(
            run="made-up",
            candidate=str(index),
            task=task,
            title=f"made-up {index}",
            fingerprint=known_fingerprint(index),
            end=ends[index % len(ends)],
            gain=float(index % 17) - 8.0,
        )


def known_fingerprint(index: int) -> Fingerprint:
    """The fingerprint of the entry with this index."""
    hashes = (hashlib.sha256(f"{level} {index}".encode()).hexdigest()[:32] for level in range(3))
    return Fingerprint(*hashes)
