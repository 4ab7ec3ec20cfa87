"""Tells faults that pass from those of one question and those that last.

Codes and structure are believed first, words last: a server that asks to wait is waited for,
whatever else it says.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from archwright.agents.backends import Failure
from archwright.agents.backends.keys import OWN_KEY, redact
from archwright.agents.backends.wire.refusals import LONGEST_WORDS, Denial, read_refusal
from archwright.agents.backends.wire.room import read_room

FaultKind = Literal["outage", "broken", "question", "lasting"]
"""`outage`: the service does not serve now; `broken`: it served this reply badly; `question`: it
will not answer this one question; `lasting`: it will answer none until somebody fixes it."""

_PASSING: Final = frozenset({408, 409, 420, 424, 425, 429, 498, 499})
_LIMIT_CODES: Final = ("rate_limit", "ratelimit", "too_many_requests", "throttl", "overload")
_QUOTA_CODES: Final = (
    "insufficient_quota", "quota_exceeded", "billing", "insufficient_balance", "arrear",
    "budget_exceeded", "freetieronly",
)  # fmt: skip
_QUOTA: Final = re.compile(
    r"your quota|current quota|billing|credit balance|insufficient (?:balance|credit)|payment"
    r"|(?:any|included|no|out of|purchase) credits|budget has been exceeded|key limit exceeded"
    r"|(?:reached|exceeded) your (?:specified )?(?:api )?(?:usage|spend\w*) limits?"
    r"|余额不足|欠费"
)
_KEY: Final = re.compile(r"api[ _]?key")
_MODERATED_CODES: Final = (
    "content_filter", "content_policy", "moderation", "data_inspection", "datainspection",
    "responsibleai", "safety", "inappropriate", "flagged",
)  # fmt: skip
_MODERATED: Final = re.compile(
    r"content[ _](?:filter|policy|management)|moderation|flagged|inappropriate|data_inspection"
    r"|usage policies|safety (?:system|reasons|filter)|failed check|safety_check|new_sensitive"
    r"|violates? (?:our |the |its )?(?:usage|content|community|safety) (?:guidelines|polic|rules)"
)
_REGION: Final = re.compile(
    r"unsupported_country|(?:country|region|location|territory)[a-z ,]{0,40}"
    r" (?:is )?not (?:supported|available|allowed)"
    r"|not (?:available|supported) in your (?:country|region|location)"
)
_NO_MODEL_CODES: Final = (
    "model_not_found", "model_not_exist", "not_found_error", "invalid_model",
    "model_decommissioned", "model_access_denied", "deploymentnotfound",
)  # fmt: skip
_NO_MODEL: Final = re.compile(
    r"model\b.*(?:not found|not exist|no such|unknown|not available|not supported|no endpoints)"
    r"|(?:no such|unknown|no endpoints|not found|invalid).*\bmodel\b"
)
_MODEL_UNKNOWN: Final = re.compile(
    r"model not exist|invalid model(?: name)?\b|not a valid model|unknown model|no models? loaded"
    r"|model\b[^.]{0,80}(?:does not exist|decommissioned|not found)|模型不存在"
    r"|llm provider not provided"
)
"""The same, where the status says only that the call is refused."""
_GARBLED_CODES: Final = ("tool_use_failed", "output_parse_failed", "json_validate_failed")
"""The model said what the server cannot read: it may say it better when asked again."""
_NO_PLACE: Final = re.compile(r"unexpected endpoint|no such (?:route|endpoint)|cannot post")
"""How a server that answers every call with success says that it knows no such address."""
_LOST: Final = (
    "Connect", "Timeout", "Network", "Proxy", "ReadError", "WriteError", "CloseError", "Protocol",
    "MidStream",
)  # fmt: skip
"""Parts of the names that packages give to what happens on the way to a server and back."""
_HUNG_UP: Final = ("ReadError", "RemoteProtocolError")
_PLAIN: Final = re.compile(r"https (?:port|server)|speaking plain http")
"""How a server of TLS says that it was not spoken to in it."""
_VERSION: Final = re.compile(r"/v\d|/openai\b|/api/|/deployments\b")


@dataclass(frozen=True, slots=True)
class Fault:
    """What went wrong, in one line without any key. `wait_seconds` is what the server asked for."""

    kind: FaultKind
    words: str
    wait_seconds: float | None = None
    reached: bool = True
    """Whether a server answered at all."""
    failure: Failure = "question"
    """What the reply says of it where the question ends with it."""


class FaultError(Exception):
    """A try that ended with a fault, and the refusal that it was, if it was one."""

    def __init__(self, fault: Fault, refusal: Denial | None = None) -> None:
        super().__init__(fault.words)
        self.fault = fault
        self.refusal = refusal


def read_fault(error: Exception, model: str, url: str | None = None, begun: bool = False) -> Fault:
    """The fault behind an exception of ours, or of the httpx, openai or litellm package.

    Args:
        url: the server's address, where it was given by that.
        begun: whether a part of the reply had come.
    """
    refusal = None if _is_connection(error) else read_refusal(error)
    if refusal is None:
        return _read_lost(error, model, url, begun)
    return _read_refused(refusal, model, url)


def _read_lost(error: Exception, model: str, url: str | None, begun: bool) -> Fault:
    """What happened to a call that no server refused."""
    words = " ".join(redact(str(error)).split())[:LONGEST_WORDS] or _name(error)
    if begun or not any(sign in _name(error) for sign in _LOST):
        return Fault("broken", f"{model}: {words}", failure="empty")
    reached = "Connect" not in _name(error) + type(error.__cause__).__name__
    if "CERTIFICATE_VERIFY_FAILED" in words:
        fix = "name a file with its authority in SSL_CERT_FILE"
        return Fault("lasting", f"{model}: the server's certificate is not trusted: {fix}: {words}")
    if "WRONG_VERSION_NUMBER" in words or "RECORD_LAYER_FAILURE" in words:
        fix = f"try http:// in --base-url {url}" if url else "see HTTPS_PROXY"
        return Fault("lasting", f"{model}: the server does not speak TLS: {fix}: {words}")
    if url is not None and urlsplit(url).scheme == "http" and _name(error) in _HUNG_UP:
        # As a server of TLS does, when it is not spoken to in it.
        reached = False
        words = f"{url} closes the connection without answering ({words})"
        words += ": try https:// in --base-url, or see its log"
    elif not reached and (proxy := _proxy_of(url)):
        words = f"{proxy} does not connect to {url or 'the server'} ({words})"
        words += ": correct it, unset it, or name the server in NO_PROXY"
    elif not reached and url is not None:
        words = f"no server answers at {url} ({words}): start it, or check --base-url"
    return Fault("outage", f"{model}: {words}", reached=reached)


def _proxy_of(url: str | None) -> str:
    """What the environment sends calls through, in words without its password; "" where they go
    straight."""
    address, proxies = urlsplit(url or "https://"), getproxies()
    if address.hostname and proxy_bypass(address.hostname):
        return ""
    for scheme in (address.scheme, "all"):
        if given := proxies.get(scheme):
            proxy = urlsplit(given if "//" in given else f"//{given}")
            return f"the proxy {proxy.hostname}:{proxy.port} of {scheme.upper()}_PROXY"
    return ""


def _read_refused(refusal: Denial, model: str, url: str | None) -> Fault:
    status, lower = refusal.status, refusal.lower
    said = f"{model}: {status or 'an error in its reply'}: {refusal.words[:LONGEST_WORDS]}"
    if status == 400 and url is not None and _PLAIN.search(lower):
        return Fault("lasting", f"{said}: try https:// in --base-url {url}")
    if refusal.is_page:
        return _read_page(refusal, model, said, url)
    if read_room(refusal, 1) is not None:
        return Fault("question", said, failure="context")
    if status != 401 and (refusal.has_code(*_MODERATED_CODES) or _MODERATED.search(lower)):
        return Fault("question", said, failure="refused")
    if _REGION.search(lower) or refusal.has_code("unsupported_country"):
        return Fault("lasting", f"{said}: use another provider, or its service for your region")
    if status == 429 or (status in (None, 400, 402, 403) and _is_about_money(refusal)):
        return _read_limit(refusal, model, said)
    if _names_no_model(refusal):
        return Fault("lasting", f"{model}: no such model there, check --model: {said}")
    if status in (401, 403) or (status == 400 and _is_about_key(refusal)):
        return _refused_key(refusal, model)
    if refusal.has_code(*_GARBLED_CODES):
        return Fault("broken", said, failure="empty")
    if status is not None and 300 <= status < 400:
        return Fault("lasting", said)
    if status in (404, 405) or (status is None and _NO_PLACE.search(lower)):
        return Fault("lasting", f"{said}: {_address_words(url)}")
    if status in _PASSING or (status or 0) >= 500:
        return Fault("outage", said, refusal.wait_seconds)
    return Fault("broken" if status is None or status < 400 else "question", said)


def _refused_key(refusal: Denial, model: str) -> Fault:
    words = (
        f"{model}: the key was refused ({refusal.status}): set the provider's key in the "
        f"environment, or {OWN_KEY} for a server named by --base-url. It said: {refusal.words}"
    )
    return Fault("lasting", words[:600])


def _read_page(refusal: Denial, model: str, said: str, url: str | None) -> Fault:
    """A web page: of a wrong address, or of what stands before the server."""
    status = refusal.status
    if status == 401:
        return _refused_key(refusal, model)
    if status in (200, 404, 405):
        return Fault("lasting", f"{said}: {_address_words(url)}")
    if status == 413:
        return Fault("question", said, failure="context")
    if status in _PASSING or (status or 0) >= 500:
        return Fault("outage", said)
    return Fault("broken", f"{said}: a proxy or firewall stands before the server")


def _read_limit(refusal: Denial, model: str, said: str) -> Fault:
    """Too many requests, or no money: only what names no end of the wait lasts."""
    lasts = refusal.has_code(*_QUOTA_CODES) or _QUOTA.search(refusal.lower) is not None
    waits = refusal.wait_seconds is not None or refusal.has_code(*_LIMIT_CODES)
    if (lasts and not waits) or refusal.status == 402:
        return Fault("lasting", f"{model}: the quota is exhausted ({said})")
    return Fault("outage", said, refusal.wait_seconds)


def _is_about_money(refusal: Denial) -> bool:
    return (
        refusal.status == 402
        or refusal.has_code(*_QUOTA_CODES, *_LIMIT_CODES)
        or _QUOTA.search(refusal.lower) is not None
    )


def _names_no_model(refusal: Denial) -> bool:
    if refusal.has_code(*_NO_MODEL_CODES):
        return True
    if refusal.status == 404:
        return _NO_MODEL.search(refusal.lower) is not None
    return refusal.status in (400, 422) and _MODEL_UNKNOWN.search(refusal.lower) is not None


def _is_about_key(refusal: Denial) -> bool:
    return refusal.has_code("api_key") or _KEY.search(refusal.lower) is not None


def _address_words(url: str | None) -> str:
    if url is None:
        return "there is no such address: check --model"
    if lacks_version(url):
        return f"--base-url {url} has no /v1: try --base-url {url.rstrip('/')}/v1"
    return f"check --base-url {url} and --model"


def lacks_version(url: str) -> bool:
    """Whether an address has not the part that those of the OpenAI protocol mostly have."""
    return _VERSION.search(urlsplit(url).path + "/") is None


def _is_connection(error: Exception) -> bool:
    """litellm gives a status of 500 or 408 to what never reached a server."""
    names = ("APIConnectionError", "APITimeoutError", "Timeout", "MidStreamFallbackError")
    return _name(error) in names


def _name(error: Exception) -> str:
    return type(error).__name__
