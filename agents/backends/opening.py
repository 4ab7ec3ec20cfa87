"""Backends by name, and the models that settings name: checked, priced and opened."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from archwright.agents.backends import Backend, Reply
from archwright.agents.backends.bandit import ModelPool, Pull, parse_models, parse_others
from archwright.agents.backends.client import Client, LitellmClient, UrlClient, open_http
from archwright.agents.backends.faults import lacks_version
from archwright.agents.backends.keys import key_for_url
from archwright.agents.backends.llm import LlmBackend, Patience
from archwright.agents.backends.meter import Amount, Meter
from archwright.agents.backends.pricing import Price, parse_prices, price_of
from archwright.agents.backends.replay import ReplayBackend
from archwright.core import InputError
from archwright.core.settings import RunSettings

REPLAY: Final = "replay:"


@dataclass(frozen=True, slots=True)
class BackendSource:
    """What a backend is opened from; each takes of it what it needs."""

    settings: RunSettings
    notify: Callable[[str], None] = lambda _: None
    """Is told once of each outage."""
    stop: threading.Event = field(default_factory=threading.Event)
    pulls: Callable[[int], Sequence[Pull]] = lambda _: ()
    """What the bandit learns from, see `ModelPool`."""
    spent: Amount | None = None
    patience: Patience | None = None
    """How long faults are waited out; None: as the settings say."""
    recorded: tuple[str, Mapping[str, Reply]] = ("", {})
    """The recorded run's name and its replies by request hash, for a replay."""


@dataclass(frozen=True, slots=True)
class BackendKind:
    """A backend that settings can name."""

    usage: str
    """What `--backend` takes for it; after a colon comes what it is opened with."""
    open: Callable[[BackendSource], Backend]
    offered: bool = True
    """Whether messages offer it by this name: `--model NAME` chooses the llm one."""

    def is_named_by(self, word: str) -> bool:
        """Whether the value of `--backend` means this one."""
        name, colon, _ = self.usage.partition(":")
        return word.startswith(name + colon) if colon else word == name


def symbolic(_: BackendSource | None = None) -> Backend:
    """The symbolic engine."""
    from archwright.agents.backends.symbolic import SymbolicBackend

    return SymbolicBackend()


def open_llm(source: BackendSource) -> LlmBackend:
    """The models that the settings name. Nothing is asked yet, and no price is insisted on."""
    settings = source.settings
    patience = source.patience or Patience(
        outage_seconds=60 * settings.outage_minutes, silence_seconds=settings.silence_seconds
    )
    options = {
        "temperature": settings.temperature,
        "top_p": settings.top_p,
        "reasoning_effort": settings.reasoning_effort,
    }
    others = parse_others(settings.or_models)
    return LlmBackend(
        client=_open_client(settings),
        pool=ModelPool(parse_models(settings.models), source.pulls, others),
        prices=known_prices(settings),
        meter=Meter(settings.max_usd, settings.max_tokens, source.spent),
        answer_tokens=settings.answer_tokens,
        stop=source.stop,
        notify=source.notify,
        patience=patience,
        calls=settings.calls,
        options={name: value for name, value in options.items() if value is not None},
        goes_on=settings.fallback == "symbolic",
    )


BACKENDS: Final = (
    BackendKind("symbolic", symbolic),
    BackendKind("replay:RUN", lambda source: ReplayBackend(*source.recorded)),
    BackendKind("llm", open_llm, offered=False),
)
"""All that settings can name. `ScriptedBackend`, the fake, is not: settings can hold no script."""


def open_backend(source: BackendSource) -> Backend:
    """The backend that the settings name.

    Raises:
        InputError: see `check_backend`.
    """
    check_backend(source.settings)
    return _kind_of(source.settings.backend).open(source)


def check_backend(settings: RunSettings) -> None:
    """Whether the backend can be had at all, before a run is made.

    Raises:
        InputError: an unknown backend, no model, a bad address, or a price that nobody knows.
    """
    check_url(settings.base_url)
    if _kind_of(settings.backend).usage != "llm":
        return
    if not settings.models:
        raise InputError("the llm backend needs --model NAME")
    if settings.base_url:
        key_for_url()
        check_address(settings.base_url)
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
    if url is None:
        return
    try:
        parts = urlsplit(url)
        is_address = bool(parts.hostname) and parts.port != 0 and url.strip().isprintable()
    except ValueError:  # a port or an IPv6 address that is none
        is_address = False
    if not is_address or parts.scheme not in ("http", "https") or " " in url.strip():
        raise InputError(f"--base-url {url} is not an address: http://HOST:PORT/v1 is")
    if parts.path.rstrip("/").endswith(ENDPOINT):
        better = url.rstrip("/").removesuffix(ENDPOINT)
        raise InputError(f"--base-url {url} is where one call goes: use {better}")
    if "@" in parts.netloc or parts.query:
        raise InputError(
            "--base-url must hold no key or password: set ARCHWRIGHT_API_KEY in the environment"
        )


ENDPOINT: Final = "/chat/completions"
LOOK_SECONDS: Final = 3.0


def check_address(url: str) -> None:
    """Looks, free of charge, whether an address without a version means the one with it. A server
    that does not answer the look is left to the first question.

    Raises:
        InputError: it does; the message has the address.
    """
    import httpx

    if not lacks_version(url):
        return
    headers = {"Authorization": f"Bearer {key_for_url()}"}
    better = f"{url.rstrip('/')}/v1"

    def lists_models(address: str) -> bool:
        answer = http.get(f"{address.rstrip('/')}/models")
        return answer.is_success and "json" in answer.headers.get("content-type", "")

    try:
        with open_http(headers=headers, timeout=LOOK_SECONDS) as http:
            wrong = not lists_models(url) and lists_models(better)
    except (httpx.HTTPError, ValueError):
        return
    if wrong:
        raise InputError(f"--base-url {url} lists no models, and {better} does: use that")


def known_prices(settings: RunSettings) -> dict[str, Price | None]:
    """The price of each model, None where nobody knows it."""
    said = parse_prices(settings.prices)
    listed = settings.base_url is None
    models = (*parse_models(settings.models).values(), *parse_others(settings.or_models).values())
    return {name: price_of(name, said, listed) for names in models for name in names}


def _kind_of(word: str) -> BackendKind:
    for kind in BACKENDS:
        if kind.is_named_by(word):
            return kind
    offered = " or ".join(kind.usage for kind in BACKENDS if kind.offered)
    raise InputError(f"--backend must be {offered}, not {word!r}")


def _open_client(settings: RunSettings) -> Client:
    """How the models are reached: the server at `base_url`, or litellm's providers."""
    # The backend hears silence first; this only ends what it has left.
    seconds = settings.silence_seconds + 1.0
    return UrlClient(settings.base_url, seconds) if settings.base_url else LitellmClient(seconds)
