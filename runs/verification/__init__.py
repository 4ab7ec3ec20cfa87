"""Which of the best candidates are discoveries: controls, statistics, judgement, the test split."""

from __future__ import annotations

from archwright.runs.verification.verification import Verification, fresh_seed, rounds_so_far

__all__ = ["Verification", "fresh_seed", "rounds_so_far"]
