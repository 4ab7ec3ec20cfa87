"""The only SQL of a run: its schema, typed reads and writes, and a cursor for what is new."""

from __future__ import annotations

from archwright.runs.journal.facts import Facts, Phase
from archwright.runs.journal.journal import CLAIM, Journal
from archwright.runs.journal.reads import Call, Changes, Spend, Step

__all__ = ["CLAIM", "Call", "Changes", "Facts", "Journal", "Phase", "Spend", "Step"]
