"""What a person has banned from a search."""

from __future__ import annotations

from collections.abc import Sequence


def is_banned(source: str, title: str, operator: str, bans: Sequence[str]) -> str | None:
    """The ban that a proposal falls under."""
    del source
    return next((ban for ban in bans if ban in (title, operator)), None)
