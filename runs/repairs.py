"""How failures of the same kind were fixed before: looked up before a repair is asked for."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from itertools import chain, islice
from typing import Final

from archwright.agents.questions import PastRepair
from archwright.core import CandidateStatus, next_id
from archwright.knowledge.store import Knowledge
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
    """Fixes of the same kind of failure whose result passed the checks: this run's, latest first,
    then those of earlier runs.

    Args:
        before: the sequence of the candidate in question; only what was settled before counts.
    """
    own = (m for m in _own_fixes(journal, before) if signature(m.error) == signature(reason))
    earlier = _earlier_fixes(knowledge, signature(reason), journal.facts.known_until)
    return tuple(islice(chain(own, earlier), SHOWN))


def _own_fixes(journal: Journal, before: int) -> Iterator[PastRepair]:
    for failed in journal.failed_before(before, MARK, SEARCHED):
        fixed = journal.candidate(next_id(failed.id))
        check = journal.step("check", next_id(failed.id))
        if fixed is not None and check is not None and check.result["status"] == "ok":
            yield _fix(failed.reason, failed.source, fixed.source)


def _earlier_fixes(knowledge: Knowledge, wanted: str, until: int) -> Iterator[PastRepair]:
    for failed in knowledge.failures(MARK, SEARCHED, until):
        if signature(failed.reason) == wanted:
            fixed = knowledge.find(failed.run, next_id(failed.candidate), until)
            if fixed is not None and fixed.end in (
                CandidateStatus.TRAINED,
                CandidateStatus.PROMOTED,
            ):
                yield _fix(failed.reason, failed.source, fixed.source)


def _fix(reason: str, old: str, new: str) -> PastRepair:
    return PastRepair(error=reason.removesuffix(MARK), diff=_diff(old, new))


def _diff(old: str, new: str) -> str:
    lines = list(difflib.unified_diff(old.splitlines(), new.splitlines(), "", "", lineterm="", n=2))
    return "\n".join(lines[2 : 2 + DIFF_LINES])
