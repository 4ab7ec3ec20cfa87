"""How words travel to a model and back: through litellm by name, or to a URL.

Replies are streamed, so that silence is told from slow work; a server that does not stream is
understood all the same.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import socket
import threading
import warnings
import weakref
from collections.abc import Iterator, Mapping
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any, Final, Protocol

from archwright.agents.backends.keys import key_for_url
from archwright.agents.backends.wire.content import Completion
from archwright.agents.backends.wire.events import (
    UNFINISHED,
    BrokenStreamError,
    RefusedError,
    add_document,
    begins_stream,
    gather_stream,
    gather_whole,
)
from archwright.core import InputError

if TYPE_CHECKING:
    import httpx

CHARACTERS_PER_TOKEN: Final = 3.5
CONNECT_SECONDS: Final = 15.0
NAME_HEADER: Final = "Idempotency-Key"


def import_litellm() -> Any:
    """litellm, told to fetch nothing, send nothing and print nothing."""
    # Without this it fetches a price list from the network at import.
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    with warnings.catch_warnings():
        # What it warns of at import is not the user's to fix.
        warnings.simplefilter("ignore")
        litellm: Any = importlib.import_module("litellm")
    litellm.suppress_debug_info = True
    litellm.telemetry = False
    litellm.drop_params = True
    return litellm


def estimate_tokens(text: str) -> int:
    """Roughly how many tokens a text has."""
    return round(len(text) / CHARACTERS_PER_TOKEN) + 1


class Client(Protocol):
    """Sends messages to a model. Raises what its package raises; `faults.read_fault` reads it."""

    @property
    def url(self) -> str | None:
        """The server's address, where it was given by that."""

    def complete(self, call: Mapping[str, Any], name: str, into: Completion) -> None:
        """Fill `into` as the reply comes, so that what a broken stream brought is known.

        Args:
            call: model, messages and parameters, as the OpenAI protocol names them.
            name: the request's own; a gateway that keeps such keys does not bill it twice.
        """


def open_http(**settings: Any) -> httpx.Client:
    """A client of HTTP that takes proxies and certificates from the environment.

    Raises:
        InputError: what the environment says of them cannot be used.
    """
    import httpx

    try:
        return httpx.Client(**settings)
    except ImportError:
        raise InputError(
            "a proxy in the environment (ALL_PROXY, HTTP_PROXY, HTTPS_PROXY) is of the kind SOCKS: "
            "pip install 'httpx[socks]', or unset it"
        ) from None
    except (ValueError, httpx.InvalidURL) as error:
        raise InputError(
            f"HTTP_PROXY, HTTPS_PROXY, ALL_PROXY or NO_PROXY in the environment cannot be used "
            f"({error}): correct it, or unset it"
        ) from None
    except OSError as error:
        raise InputError(
            f"SSL_CERT_FILE or SSL_CERT_DIR in the environment cannot be used ({error.strerror}): "
            "name certificates that are there, or unset it"
        ) from None


class UrlClient:
    """Any server that speaks the OpenAI protocol, at its address.

    The openai package sends and refuses; what a server says is read here, for many servers say it
    otherwise than that package's types.

    Args:
        silence_seconds: longest wait for bytes.
    """

    def __init__(self, url: str, silence_seconds: float) -> None:
        import httpx
        import openai

        self.url = url.strip()
        http = open_http(
            timeout=httpx.Timeout(silence_seconds, connect=CONNECT_SECONDS, pool=None),
            # A connection for each call, so that to hang up ends one call.
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=0),
            follow_redirects=True,
            event_hooks={"request": [self._watch]},
        )
        self._filling = threading.local()
        self._client = openai.OpenAI(
            api_key=key_for_url, base_url=self.url, max_retries=0, http_client=http
        )
        weakref.finalize(self, http.close)

    def _watch(self, request: httpx.Request) -> None:
        """Let the completion that a request fills hang up its connection."""
        into: Completion = self._filling.completion

        def note(event: str, said: Mapping[str, Any]) -> None:
            if event.endswith(("connect_tcp.complete", "start_tls.complete")):
                into.hang_up = partial(_shut, said["return_value"])

        request.extensions["trace"] = note

    def complete(self, call: Mapping[str, Any], name: str, into: Completion) -> None:
        """One call."""
        import httpx
        import openai

        self._filling.completion = into
        said = {key: value for key, value in call.items() if key not in ("model", "messages")}
        asked = self._client.chat.completions.with_streaming_response.create(
            model=call["model"],
            messages=call["messages"],
            extra_body=said,
            extra_headers={NAME_HEADER: name},
        )
        try:
            with asked as reply:
                _gather(reply.http_response, into)
        except openai.APIStatusError as error:
            answer = error.response
            raise RefusedError(
                answer.status_code, answer.content.decode("utf-8", "replace"), dict(answer.headers)
            ) from None
        except openai.APIConnectionError as error:
            raise error.__cause__ or error from None
        except httpx.HTTPError:
            # What came after the end of the reply is no loss.
            if not into.finish:
                raise


class LitellmClient:
    """Any model that litellm knows by name; each provider's key is where litellm looks for it."""

    url: str | None = None

    def __init__(self, silence_seconds: float) -> None:
        self._litellm = import_litellm()
        self._silence_seconds = silence_seconds

    def complete(self, call: Mapping[str, Any], name: str, into: Completion) -> None:
        """One call."""
        reply = self._litellm.completion(
            **call,
            extra_headers={NAME_HEADER: name},
            timeout=self._silence_seconds,
            max_retries=0,
            num_retries=0,
        )
        if not call.get("stream"):
            add_document(reply, into)
            into.finish = into.finish or "stop"
            return
        for chunk in reply:
            if into.left:
                return
            add_document(chunk, into)
        # litellm makes up an end for a stream that broke off; it knows whether the provider sent it
        if not into.finish or getattr(reply, "received_finish_reason", into.finish) is None:
            raise BrokenStreamError(UNFINISHED)


def _shut(stream: Any) -> None:
    """End a connection that another thread reads from: to close it would not wake that thread."""
    with contextlib.suppress(OSError):
        stream.get_extra_info("socket").shutdown(socket.SHUT_RDWR)


def _gather(response: httpx.Response, into: Completion) -> None:
    """A reply, streamed or not."""
    if response.request.method != "POST":  # a redirection made another call of it
        moved = f"the address has moved to {response.url}: use that in --base-url"
        raise RefusedError(response.history[0].status_code, moved)
    if "event-stream" in response.headers.get("content-type", ""):
        gather_stream(response.iter_bytes(), into)
    else:
        _gather_either(response.iter_bytes(), into)


def _gather_either(pieces: Iterator[bytes], into: Completion) -> None:
    """A reply whose header does not say stream: by how it begins."""
    begun = b""
    for piece in pieces:
        begun += piece
        if begun.lstrip():
            break
    rest = chain([begun], pieces)
    if begins_stream(begun):
        gather_stream(rest, into)
    else:
        gather_whole(b"".join(rest), into)
