"""The memo: one page of what a campaign has shown, rewritten as results come.

The evaluator writes it; its numbers are those of the ledger, whatever it says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean

from archwright.agents.proposers.campaign import LedgerRow
from archwright.agents.questions import Brief, Typed
from archwright.core import BASELINE

LEAST_EFFECT = 0.5
"""Noise standard deviations from which the rule calls a mean effect help or harm."""


class Finding(Typed):
    """Something that helps or does not, with what shows it."""

    words: str
    candidates: tuple[str, ...] = ()
    """Ids of the candidates that show it."""
    against: str = ""
    """What they are compared with: an id; without it each with its own first parent."""
    effect: float | None = None
    """Mean gain over that, in the metric's unit; positive is better."""

    def to_line(self, unit: str) -> str:
        """The finding in one line, with its evidence."""
        over = self.against or "their parents"
        shown = f" ({', '.join(self.candidates)} over {over}"
        effect = "" if self.effect is None else f": {self.effect:+.3g} {unit}".rstrip()
        return f"{self.words}{shown}{effect})" if self.candidates else self.words


class Memo(Typed):
    """What a campaign has shown so far."""

    helps: tuple[Finding, ...] = ()
    hurts: tuple[Finding, ...] = ()
    open: tuple[str, ...] = ()
    """Hypotheses that nothing has decided."""
    next: tuple[str, ...] = ()
    """What to try."""

    def to_text(self, unit: str) -> str:
        """The page as it is shown to a model and a person."""
        parts = (
            ("Helps", [f.to_line(unit) for f in self.helps]),
            ("Does not help", [f.to_line(unit) for f in self.hurts]),
            ("Open", self.open),
            ("Next", self.next),
        )
        return "\n".join(
            f"{name}:\n" + "\n".join(f"- {line}" for line in lines)
            for name, lines in parts
            if lines
        )

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All that rests on measurements."""
        return (*self.helps, *self.hurts)


class MemoQuestion(Typed):
    """To the evaluator: what has the campaign shown?"""

    brief: Brief
    noise: tuple[tuple[int, float, float], ...]
    """For each rung its steps, the baseline's mean and its noise standard deviation."""
    ledger: tuple[LedgerRow, ...]
    omitted: int = 0
    """Measured candidates that are not in the ledger, for lack of space."""
    hypotheses: Mapping[str, str] = {}
    """What would be seen if the idea of a candidate is right, by its id."""
    memo: str = ""
    """The page as it was."""


def checked(memo: Memo, rows: Sequence[LedgerRow]) -> Memo:
    """A memo with the effects that the ledger shows in place of those that it claims.

    A finding goes whose evidence was not measured, or shows the opposite of what it says.
    """
    helps = (_measured(finding, rows) for finding in memo.helps)
    hurts = (_measured(finding, rows) for finding in memo.hurts)
    return memo.model_copy(
        update={
            "helps": tuple(f for f in helps if f is not None and (f.effect or 0.0) > 0),
            "hurts": tuple(f for f in hurts if f is not None and (f.effect or 0.0) <= 0),
        }
    )


def _measured(finding: Finding, rows: Sequence[LedgerRow]) -> Finding | None:
    by_id = {row.candidate: row for row in rows}
    if finding.against and finding.against not in by_id:
        return None
    shown = {
        id_: effect
        for id_ in finding.candidates
        if id_ in by_id and (effect := effect_of(by_id[id_], by_id, finding.against)) is not None
    }
    if not shown:
        return None
    update = {"candidates": tuple(shown), "effect": fmean(shown.values())}
    return finding.model_copy(update=update)


def effect_of(row: LedgerRow, by_id: Mapping[str, LedgerRow], against: str = "") -> float | None:
    """Gain of a candidate over another (without one: over its first parent, else the baseline) at
    the highest rung that both were measured at, in the metric's unit; None where there is none."""
    other = by_id.get(against or next(iter(row.parents), BASELINE)) or by_id.get(BASELINE)
    if other is None:
        return None
    common = [steps for steps in row.gains if steps in other.gains]
    if other.candidate == BASELINE and row.gains:
        return row.gains[max(row.gains, key=int)]
    if not common:
        return None
    highest = max(common, key=int)
    return row.gains[highest] - other.gains[highest]


def memo_by_rule(question: MemoQuestion) -> Memo:
    """What operators did to the score on average, as numbers show it without a model."""
    by_id = {row.candidate: row for row in question.ledger}
    effects: dict[str, dict[str, float]] = {}
    for row in question.ledger:
        effect = effect_of(row, by_id)
        if effect is not None and row.operator and row.parents:
            effects.setdefault(row.operator, {})[row.candidate] = effect
    least = LEAST_EFFECT * question.noise[-1][2] if question.noise else 0.0
    found = [
        Finding(words=operator, candidates=tuple(shown), effect=fmean(shown.values()))
        for operator, shown in sorted(effects.items())
        if len(shown) > 1
    ]
    return Memo(
        helps=tuple(f for f in found if (f.effect or 0.0) > least),
        hurts=tuple(f for f in found if (f.effect or 0.0) < -least),
        open=tuple(
            f"{operator} ({', '.join(shown)}): tried once"
            for operator, shown in sorted(effects.items())
            if len(shown) == 1
        ),
    )
