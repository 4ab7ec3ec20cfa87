"""The memo of a run: rewritten by the evaluator after every few results, checked against them."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Final

from archwright.agents.memo import Memo, MemoQuestion, checked
from archwright.agents.proposers.campaign import LedgerRow
from archwright.agents.questions import Brief
from archwright.agents.roles import EVALUATOR, Agents
from archwright.core import AnswerError, seed_of
from archwright.runs.context import RunContext
from archwright.runs.noise import measured_floors
from archwright.runs.proposing.viewing import ledger_rows, most_telling
from archwright.runs.results.ledger import problem_gains
from archwright.runs.results.memo import MEMO, latest_memo

EVERY: Final = 8
"""Results after which it is written anew."""


@dataclass(frozen=True, slots=True)
class Memos:
    """Writes the memo of a run. Any thread may ask for it: who comes while it is written waits."""

    context: RunContext
    agents: Agents
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def upto_date(self, least: int = EVERY) -> Memo:
        """The memo as it stands, written anew first where so many results came since.

        The text of each is a step of the journal, with the results that it covers.
        """
        with self._lock:
            return self._upto_date(least)

    def _upto_date(self, least: int) -> Memo:
        journal = self.context.journal
        before, covered = latest_memo(journal) or (Memo(), 0)
        results = sum(len(c.rungs) for c in journal.each_candidate() if c.gain is not None)
        if results - covered < least or not results:
            return before
        rows, hypotheses = self._rows()
        shown = most_telling(rows)
        floors = measured_floors(self.context.floors)
        unit = self.context.metric.unit
        question = MemoQuestion(
            brief=Brief.of(self.context.spec),
            noise=tuple((f.steps, f.mean, f.sd) for f in floors),
            ledger=shown,
            omitted=len(rows) - len(shown),
            hypotheses=hypotheses,
            memo=before.to_text(unit),
        )
        return self._write(before, question, rows, results)

    def _write(
        self, before: Memo, question: MemoQuestion, rows: Sequence[LedgerRow], results: int
    ) -> Memo:
        journal = self.context.journal
        number = journal.count_steps(MEMO) + 1
        key = f"memo-{number}"
        shown = journal.once("question", key, "", {}, lambda: {**question.model_dump(mode="json")})
        question = MemoQuestion.model_validate(shown)
        seed = seed_of(self.context.settings.seed, key)
        try:
            memo = checked(self.agents.ask(EVALUATOR, key, question, seed), rows)
        except AnswerError:
            memo = before
        if not memo.to_text(""):
            memo = before  # An answer that says nothing does not wipe the page.
        document = {"memo": memo.model_dump(mode="json"), "results": results}
        journal.once(MEMO, str(number), "", {}, lambda: document)
        return memo

    def _rows(self) -> tuple[tuple[LedgerRow, ...], dict[str, str]]:
        context = self.context
        journal = context.journal
        candidates = chain([context.baseline], journal.each_candidate())
        sds = [f.sd for f in measured_floors(context.floors)]
        gains = problem_gains(journal.each_trial()) if context.spec.members else {}
        rows = ledger_rows(candidates, context.spec.rungs, sds, gains)
        rows = [r for r in rows if r.gains or r.candidate == context.baseline.id]
        newest = (journal.candidate(row.candidate) for row in rows[-EVERY:])
        return tuple(rows), {c.id: c.hypothesis for c in newest if c and c.hypothesis}
