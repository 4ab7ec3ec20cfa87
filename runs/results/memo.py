"""The memo of a run as it was written last."""

from __future__ import annotations

from typing import Final

from archwright.agents.memo import Memo
from archwright.runs.journal import Journal

MEMO: Final = "memo"
"""The kind of a step that is a memo; its key is a number, from 1."""


def latest_memo(journal: Journal) -> tuple[Memo, int] | None:
    """The memo, and how many results it covers; None before there is one."""
    step = journal.last_step(MEMO)
    if step is None:
        return None
    return Memo.model_validate(step.result["memo"]), int(step.result["results"])


def memo_text(journal: Journal) -> str:
    """The memo for a person; empty before there is one."""
    latest, metric = latest_memo(journal), journal.facts.metric
    return latest[0].to_text(metric.unit) if latest else ""
