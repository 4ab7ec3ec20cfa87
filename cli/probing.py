"""One tiny call to each model: does it answer, what does that cost, does structured output work."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from archwright.core.settings import RunSettings

if TYPE_CHECKING:
    from archwright.agents.backends.pricing import Price

ANSWER_TOKENS: Final = 2048
"""So that a model that does not stop is cut off; enough for one that thinks a little."""

_FIXES: Final = {
    "cut": "a lower --reasoning-effort, or a model that thinks less",
    "context": "a server with a larger context",
}


@dataclass(frozen=True, slots=True)
class Probe:
    """What a model did with the call."""

    model: str
    ok: bool
    detail: str
    fix: str = ""


def probe_models(settings: RunSettings) -> Iterator[Probe]:
    """Ask every model of the settings once.

    Raises:
        InputError: a package is missing, or the address is none.
    """
    from archwright.agents.backends.opening import check_address, check_url, known_prices
    from archwright.agents.roles import Prompts

    check_url(settings.base_url)
    if settings.base_url:
        check_address(settings.base_url)
    prompt = Prompts().fill("probe.md", {})
    for name, price in known_prices(settings).items():
        yield _probe(settings, name, price, prompt)


def _probe(settings: RunSettings, name: str, price: Price | None, prompt: str) -> Probe:
    from archwright.agents.backends import Request
    from archwright.agents.backends.llm import Patience
    from archwright.agents.backends.opening import BackendSource, open_llm
    from archwright.core import BackendError

    one = settings.changed(models=(name,), or_models=(), answer_tokens=ANSWER_TOKENS)
    patience = Patience(outage_seconds=10.0, contact_seconds=5.0, broken_tries=1)
    learned: list[str] = []
    backend = open_llm(BackendSource(one, learned.append, patience=patience))
    started = time.monotonic()
    try:
        reply = backend.answer(Request("probe", prompt, {}, 0))
    except BackendError as error:
        return Probe(name, False, str(error), "check the name, the address and the key")
    if reply.error:
        return Probe(name, False, reply.error, _FIXES.get(reply.fault, "try another model"))
    cost = "at an unknown price" if price is None else f"${reply.usd:.6f}"
    counted = " (estimated)" if reply.estimated else ""
    thought = f", {reply.tokens_thought} of them thought" if reply.tokens_thought else ""
    terms = "".join(f"; {words}" for words in learned)
    structured = _is_structured(reply.text)
    return Probe(
        name,
        structured,
        f"answered in {time.monotonic() - started:.1f} s, {reply.tokens_in} + "
        f"{reply.tokens - reply.tokens_in} tokens{counted}{thought}, {cost}; structured output "
        f"{'works' if structured else 'does not work: the answer lacks the requested JSON'}"
        f"{terms}",
        "" if structured else "a larger model; with this one most candidates will end as failures",
    )


def _is_structured(text: str) -> bool:
    from archwright.agents.reading import FormatError, read_json

    try:
        return read_json(text).get("works") is True
    except FormatError:
        return False
