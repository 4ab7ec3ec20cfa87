"""What a run will cost, before it starts: from the prompts that it would send first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from archwright.agents.backends.client import estimate_tokens
from archwright.agents.backends.pricing import Price
from archwright.agents.roles import EVALUATOR, RESEARCHER, Prompts, Role, sample
from archwright.agents.samples import Start
from archwright.core import TaskSpec

WORDS: Final = 120
"""Tokens of a proposal beside its source."""
SENT_BACK: Final = 0.4
"""Answers of which something goes back, per question."""
ROWS: Final = 20
"""Rows of the ledger on average."""
ROW: Final = 35
PAGE: Final = 300
"""Tokens of a memo."""
SHOWN: Final = 2.5
"""Works that are shown whole, as large as the baseline."""
RESULTS: Final = 8
"""Results between two memos."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a run may cost. `usd` is None where a price is unknown; `candidates` where only time
    bounds the run, and then tokens and dollars are those of one candidate."""

    candidates: int | None
    tokens: int
    usd: float | None


def estimate(
    spec: TaskSpec,
    prompts: Prompts,
    examples: int,
    proposals: int,
    candidates: int | None,
    prices: Mapping[str, Price | None],
) -> Estimate:
    """What it costs if models propose every candidate, at the dearest model's price; a model that
    thinks aloud costs more."""
    start, source = Start(spec, proposals), estimate_tokens(spec.baseline)
    count = candidates or 1
    ledger = ROWS * ROW + PAGE
    asked = _tokens(prompts, RESEARCHER, start) + ledger + (SHOWN + examples) * source
    answered = proposals * (WORDS + source)
    again = SENT_BACK * (asked + 1.5 * answered)
    questions, memos = count / proposals, count / RESULTS
    sent = questions * (asked + again)
    sent += memos * (_tokens(prompts, EVALUATOR, start) + ledger)
    said = questions * (1 + SENT_BACK / 2) * answered + memos * PAGE
    known = [p for p in prices.values() if p is not None]
    usd = None
    if known and len(known) == len(prices):
        usd = max(p.usd(round(sent), round(said)) for p in known)
    return Estimate(candidates, round(sent + said), usd)


def _tokens(prompts: Prompts, role: Role[Any, Any], start: Start) -> int:
    return estimate_tokens(prompts.render(role.name, sample(role.name, start)))
