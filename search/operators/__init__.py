"""Operators: what makes one architecture of none, one or two others, on their source."""

from __future__ import annotations

from archwright.search.operators.operators import (
    OPERATORS,
    OperatorInfo,
    applicable,
    edit,
    edit_of,
)
from archwright.search.operators.parents import Edit, NotApplicable

__all__ = [
    "OPERATORS",
    "Edit",
    "NotApplicable",
    "OperatorInfo",
    "applicable",
    "edit",
    "edit_of",
]
