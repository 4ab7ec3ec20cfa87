"""Calls to the backend in the journal: recorded before and after, and what they cost."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from archwright.agents.backends import Reply, Request
from archwright.agents.roles import Recorder
from archwright.core.settings import RunSettings
from archwright.runs.journal import Journal


def record_calls(journal: Journal) -> Recorder:
    """Answers a call from the journal, or makes it once and keeps the reply, errors included.

    The row's request holds role, seed and the hashes of the prompt and of all that is sent; its
    result the reply with model, tokens and dollars.
    """

    def record(key: str, request: Request, ask: Callable[[], Reply]) -> Reply:
        asked = {
            "role": request.role,
            "seed": request.seed,
            "prompt": request.prompt_hash,
            "request": request.hash,
        }
        candidate = key.partition("/")[0]
        return read_reply(journal.once("call", key, candidate, asked, lambda: {**asdict(ask())}))

    return record


def read_reply(result: Mapping[str, Any]) -> Reply:
    """A reply from its row in the journal."""
    return Reply(**result)


def recorded_replies(journal: Journal) -> dict[str, Reply]:
    """What models answered, by the hash of all that was sent. What the symbolic engine answered
    in a model's place is left out: it answers the same again."""
    calls = (call for call in journal.steps("call") if not call.key.endswith("/symbolic"))
    return {call.request["request"]: read_reply(call.result) for call in calls}


def allowance(settings: RunSettings, journal: Journal) -> Callable[[int, int], bool]:
    """`may_begin(number, under_way)`: whether another candidate fits the limits of candidates,
    money and tokens, when it and those under way cost what one cost so far on average.
    """

    def may_begin(number: int, under_way: int) -> bool:
        if settings.max_candidates is not None and number > settings.max_candidates:
            return False
        if settings.max_usd is None and settings.max_tokens is None:
            return True
        spent = journal.spend()
        share = (1 + under_way) / max(1, number - 1 - under_way)
        return _fits(spent.usd, share, settings.max_usd) and _fits(
            spent.tokens, share, settings.max_tokens
        )

    return may_begin


def _fits(spent: float, share: float, limit: float | None) -> bool:
    return limit is None or (spent < limit and spent * (1 + share) <= limit) or spent == 0
