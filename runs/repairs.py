"""How failures of the same kind were mended before: looked up before a repair is asked for."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from itertools import chain, islice
from typing import Final

from archwright.agents.questions import PastRepair
from archwright.domain import End
from archwright.knowledge.store import Knowledge
from archwright.runs.candidates import next_id
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


def past_repairs(
    journal: Journal, knowledge: Knowledge, reason: str, before: int
) -> tuple[PastRepair, ...]:
    """Mends of the same kind of failure whose result passed the checks: this run's, latest first,
    then those of earlier runs.

    Args:
        before: the sequence of the candidate in question; only what was settled before counts.
    """
    own = (m for m in _own_mends(journal, before) if signature(m.error) == signature(reason))
    earlier = _earlier_mends(knowledge, signature(reason), journal.fact("known_until"))
    return tuple(islice(chain(own, earlier), SHOWN))


def _own_mends(journal: Journal, before: int) -> Iterator[PastRepair]:
    rows = journal.query(
        "SELECT failed.reason AS reason, failed.source AS old, mended.source AS new "
        "FROM candidates AS failed JOIN candidates AS mended "
        "ON mended.sequence = failed.sequence + 1 "
        "JOIN steps ON steps.kind = 'check' AND steps.key = mended.id "
        "AND steps.state = 'finished' AND json_extract(steps.result, '$.status') = 'ok' "
        "WHERE failed.sequence < ? AND failed.reason LIKE ? ORDER BY failed.sequence DESC LIMIT ?",
        *(before, f"%{MARK}", SEARCHED),
    )
    return (_mend(row["reason"], row["old"], row["new"]) for row in rows)


def _earlier_mends(knowledge: Knowledge, wanted: str, until: int) -> Iterator[PastRepair]:
    for failed in knowledge.failures(MARK, SEARCHED, until):
        if signature(failed.reason) == wanted:
            mended = knowledge.find(failed.run, next_id(failed.candidate), until)
            if mended is not None and mended.end in (End.TRAINED, End.PROMOTED):
                yield _mend(failed.reason, failed.source, mended.source)


def _mend(reason: str, old: str, new: str) -> PastRepair:
    return PastRepair(error=reason.removesuffix(MARK), diff=_diff(old, new))


def _diff(old: str, new: str) -> str:
    lines = list(difflib.unified_diff(old.splitlines(), new.splitlines(), "", "", lineterm="", n=2))
    return "\n".join(lines[2 : 2 + DIFF_LINES])
