"""How failures of the same kind were mended before: looked up before a repair is asked for."""

from __future__ import annotations

import difflib
import re
from typing import Final

from archwright.agents.questions import PastRepair
from archwright.runs.journal import Journal

SHOWN: Final = 2
SEARCHED: Final = 500
DIFF_LINES: Final = 60
MARK: Final = "; repaired"


def signature(reason: str) -> str:
    """What failures of one kind have in common: the words without names and numbers."""
    words = reason.removesuffix(MARK).lower()
    words = re.sub(r"'[^']*'|\"[^\"]*\"", "'…'", words)
    return " ".join(re.sub(r"[\d.,]*\d|\([\d, #]*\)", "#", words).split())


def past_repairs(journal: Journal, reason: str, before: int) -> tuple[PastRepair, ...]:
    """Mends of the same kind of failure whose result passed the checks, latest first.

    Args:
        before: the sequence of the candidate in question; only what was settled before counts.
    """
    rows = journal.query(
        "SELECT failed.reason AS reason, failed.source AS old, mended.source AS new "
        "FROM candidates AS failed JOIN candidates AS mended "
        "ON mended.sequence = failed.sequence + 1 "
        "JOIN steps ON steps.kind = 'check' AND steps.key = mended.id "
        "AND steps.state = 'finished' AND json_extract(steps.result, '$.status') = 'ok' "
        "WHERE failed.sequence < ? AND failed.reason LIKE ? ORDER BY failed.sequence DESC LIMIT ?",
        *(before, f"%{MARK}", SEARCHED),
    )
    wanted = signature(reason)
    same = [row for row in rows if signature(row["reason"]) == wanted][:SHOWN]
    return tuple(
        PastRepair(error=row["reason"].removesuffix(MARK), diff=_diff(row["old"], row["new"]))
        for row in same
    )


def _diff(old: str, new: str) -> str:
    lines = list(difflib.unified_diff(old.splitlines(), new.splitlines(), "", "", lineterm="", n=2))
    return "\n".join(lines[2 : 2 + DIFF_LINES])
