"""Opens the backend that a run's settings name, with what the journal knows of it."""

from __future__ import annotations

import re
import threading
from typing import Any, Final

from archwright.agents.backends import Backend, Reply
from archwright.agents.backends.bandit import ModelPool, Pull, parse_models
from archwright.agents.backends.client import Client
from archwright.agents.backends.meter import Amount, Meter
from archwright.agents.backends.pricing import Price, parse_prices, price_of
from archwright.agents.roles import Agents, Prompts, record_by
from archwright.core import InputError
from archwright.core.settings import RunSettings
from archwright.runs.journal import Journal
from archwright.runs.workspace.finding import find_run
from archwright.runs.workspace.paths import WorkspacePaths

REPLAY: Final = "replay:"


def open_backend(
    settings: RunSettings, journal: Journal, workspace: WorkspacePaths, stop: threading.Event
) -> Backend:
    """The backend of a run.

    Raises:
        InputError: it cannot be had: a package, a recorded run or a price is missing.
    """
    if settings.backend == "symbolic":
        return symbolic()
    if settings.backend.startswith(REPLAY):
        return _replay(settings, workspace)
    return _llm(settings, journal, stop)


def symbolic() -> Backend:
    """The symbolic engine."""
    from archwright.agents.backends.symbolic import SymbolicBackend

    return SymbolicBackend()


def open_agents(backend: Backend, journal: Journal, workspace: WorkspacePaths) -> Agents:
    """The roles over a run's backend, every call of theirs in its journal."""
    engine = symbolic()
    return Agents(
        backend=backend,
        prompts=Prompts(workspace.prompts),
        record=record_by(journal.once),
        fallback=engine if journal.facts.settings.get("fallback") == "symbolic" else None,
        words=engine,
    )


def check_backend(settings: RunSettings) -> None:
    """Whether the backend can be had at all, before a run is made.

    Raises:
        InputError: an unknown backend, no model, a bad address, or a price that nobody knows.
    """
    check_url(settings.base_url)
    if settings.backend == "symbolic" or settings.backend.startswith(REPLAY):
        return
    if settings.backend != "llm":
        raise InputError(f"--backend must be symbolic or replay:RUN, not {settings.backend!r}")
    if not settings.models:
        raise InputError("the llm backend needs --model NAME")
    unknown = [name for name, price in known_prices(settings).items() if price is None]
    if unknown and settings.max_tokens is None:
        raise InputError(
            f"the price of {', '.join(unknown)} is not known, so no cost can be counted: give "
            "--price IN,OUT (dollars per million tokens; 0,0 for a server of your own), "
            "or bound the run with --max-tokens N"
        )
    if unknown and settings.max_usd is not None:
        raise InputError(
            f"--max-usd needs a price, and that of {', '.join(unknown)} is not known: "
            "give --price IN,OUT (dollars per million tokens)"
        )


def check_url(url: str | None) -> None:
    """Refuses an address that is none, or that would carry a secret into the journal.

    Raises:
        InputError: with the fix.
    """
    from urllib.parse import urlsplit

    if url is None:
        return
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InputError(f"--base-url {url} is not an address: http://HOST:PORT/v1 is")
    if "@" in parts.netloc or parts.query:
        raise InputError(
            "--base-url must hold no key or password: set ARCHWRIGHT_API_KEY in the environment"
        )


def model_pool(settings: RunSettings, journal: Journal | None = None) -> ModelPool:
    """The models of a run; the bandit learns from the journal."""
    lag = settings.candidates_ahead

    def pulls(number: int) -> list[Pull]:
        return _pulls(journal, number - lag) if journal is not None else []

    return ModelPool(parse_models(settings.models), pulls)


def known_prices(settings: RunSettings) -> dict[str, Price | None]:
    """The price of each model, None where nobody knows it."""
    said = parse_prices(settings.prices)
    listed = settings.base_url is None
    return {name: price_of(name, said, listed) for name in model_pool(settings).names}


def open_client(settings: RunSettings) -> Client:
    """How the models are reached: the server at `base_url`, or litellm's providers.

    Raises:
        InputError: a package is missing.
    """
    from archwright.agents.backends.client import LitellmClient, UrlClient

    limits = (settings.silence_seconds, settings.answer_tokens)
    return UrlClient(settings.base_url, *limits) if settings.base_url else LitellmClient(*limits)


def _llm(settings: RunSettings, journal: Journal, stop: threading.Event) -> Backend:
    from archwright.agents.backends.llm import LlmBackend, Patience

    check_backend(settings)
    prices, spent = known_prices(settings), journal.spend()
    for name in (n for n, price in prices.items() if price is None):
        journal.notice(f"the price of {name} is not known: its dollars are not counted")
    return LlmBackend(
        client=open_client(settings),
        pool=model_pool(settings, journal),
        prices=prices,
        meter=Meter(settings.max_usd, settings.max_tokens, Amount(spent.usd, spent.tokens)),
        answer_tokens=settings.answer_tokens,
        stop=stop,
        notify=journal.notice,
        patience=Patience(outage_seconds=60 * settings.outage_minutes),
        calls=settings.calls,
    )


def _pulls(journal: Journal, upto: int) -> list[Pull]:
    """The gains of each model's candidates, up to a number: all have ended."""
    last = 1000 * upto + 999
    gains = {c.number: c.gain for c in journal.candidates(1000, last) if c.gain is not None}
    costs: dict[tuple[int, str], float] = {}
    for call in journal.calls():
        number = _number(call.candidate)
        if 1 <= number <= upto:
            place = (number, call.model)
            costs[place] = costs.get(place, 0.0) + call.usd
    return [Pull(m, gains.get(n, 0.0), usd) for (n, m), usd in sorted(costs.items())]


def _number(candidate: str) -> int:
    """The number of a candidate by its id; 0 for what is none of the search."""
    found = re.match(r"\d+", candidate)
    return int(found[0]) if found else 0


# --- replay -----------------------------------------------------------------------------------


def recorded_settings(settings: RunSettings, workspace: WorkspacePaths) -> RunSettings:
    """The settings that repeat the run that `settings.backend` names: its own, with as many
    candidates as it had, and no limit of time, money or tokens.

    Raises:
        RunError: there is no such run.
    """
    with _recorded(settings, workspace) as journal:
        name = journal.paths.name
        recorded = RunSettings(**journal.facts.settings)
        last = journal.last_number()
    return recorded.changed(
        # By its full name: "the latest" will soon be the replay itself.
        backend=f"{REPLAY}{name}",
        workers=settings.workers,
        lag=recorded.candidates_ahead,
        sandbox=settings.sandbox,
        max_candidates=max(1, last),
        hours=None,
        max_usd=None,
        max_tokens=None,
    )


def recorded_facts(settings: RunSettings, workspace: WorkspacePaths) -> dict[str, Any]:
    """What a replay must know as the recorded run knew it; nothing for any other run."""
    if not settings.backend.startswith(REPLAY):
        return {}
    with _recorded(settings, workspace) as journal:
        facts = journal.facts
        return {"known_until": facts.known_until, "head": facts.head}


def copy_choices(settings: RunSettings, workspace: WorkspacePaths, journal: Journal) -> None:
    """Give a replay what the recorded run decided and no call holds: which results each candidate
    saw, what the policy chose for it, and the examples and lessons that it retrieved."""
    if not settings.backend.startswith(REPLAY):
        return
    with _recorded(settings, workspace) as recorded:
        last = recorded.last_number()
        grants = (grant for grant in recorded.steps("grant") if int(grant.key) <= last)
        journal.copy_steps([*recorded.steps("retrieve"), *recorded.steps("choice"), *grants])


def _recorded(settings: RunSettings, workspace: WorkspacePaths) -> Journal:
    name = settings.backend.removeprefix(REPLAY)
    paths = find_run(_Place(workspace), name or "latest")
    return Journal.open(paths)


class _Place:
    def __init__(self, paths: WorkspacePaths) -> None:
        self.paths = paths


def _replay(settings: RunSettings, workspace: WorkspacePaths) -> Backend:
    from archwright.agents.backends.replay import ReplayBackend

    with _recorded(settings, workspace) as journal:
        return ReplayBackend(journal.paths.name, recorded_replies(journal))


def recorded_replies(journal: Journal) -> dict[str, Reply]:
    """What models answered, by the hash of all that was sent. What the symbolic engine answered
    in a model's place is left out: it answers the same again."""
    calls = (call for call in journal.steps("call") if not call.key.endswith("/symbolic"))
    return {call.request["request"]: Reply(**call.result) for call in calls}
