"""What a run will cost, before it starts: from the prompts that it would send first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from archwright.agents.backends.client import estimate_tokens
from archwright.agents.backends.pricing import Price
from archwright.agents.roles import ROLES, RUN_ROLES, Prompts, sample
from archwright.agents.samples import Start
from archwright.core import TaskSpec

WORDS: Final = 350
"""Tokens of an answer beside its source."""
GROWTH: Final = 1.5
"""Parents and examples grow beyond the baseline as a search goes on."""


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
    candidates: int | None,
    prices: Mapping[str, Price | None],
) -> Estimate:
    """A rough estimate at the dearest model's price; a model that thinks aloud costs more."""
    source = GROWTH * estimate_tokens(spec.baseline)
    sent = answered = 0.0
    start = Start(spec, "swap_block")
    for role in (ROLES[name] for name in RUN_ROLES):
        prompt = prompts.render(role.name, sample(role.name, start))
        shown = examples * source if "examples" in role.question.model_fields else 0.0
        writes = source if "source" in role.answer.model_fields else 0.0
        sent += role.calls * (estimate_tokens(prompt) + shown)
        answered += role.calls * (WORDS + writes)
    count = candidates or 1
    known = [p for p in prices.values() if p is not None]
    usd = None
    if known and len(known) == len(prices):
        usd = max(p.usd(round(sent * count), round(answered * count)) for p in known)
    return Estimate(candidates, round((sent + answered) * count), usd)
