"""Which of the best candidates are discoveries: controls, statistics, judgement, the test split."""

from __future__ import annotations

from archwright.runs.verification.account import Account, open_account
from archwright.runs.verification.verification import (
    Verification,
    fresh_seed,
    least_trainings,
    rounds_so_far,
    trainings_needed,
)

__all__ = [
    "Account",
    "Verification",
    "fresh_seed",
    "least_trainings",
    "open_account",
    "rounds_so_far",
    "trainings_needed",
]
