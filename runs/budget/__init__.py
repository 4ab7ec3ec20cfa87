"""A run's budget: how it is split, who is granted what of it, and the time that is left."""

from __future__ import annotations

from archwright.runs.budget.allocation import Budget, record_grant
from archwright.runs.budget.progress import EndedCandidates, Grant, Progress

__all__ = ["Budget", "EndedCandidates", "Grant", "Progress", "record_grant"]
