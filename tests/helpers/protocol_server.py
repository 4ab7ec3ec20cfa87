"""A real HTTP server that speaks the OpenAI chat-completions protocol from a script.

It streams when asked to, counts all that it serves, and plays every fault that a provider shows.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from random import Random
from types import TracebackType
from typing import Any, Self

ROLE = re.compile(r"You are the (\w+)\.")
WORDS_PER_PIECE = 4
CHARACTERS_PER_PIECE = 7
NO_PAGE = "404 page not found"


@dataclass(frozen=True)
class Call:
    """One request as it came. `name` is its idempotency key, or the hash of its body where there
    is none; `nth` counts requests of that name from 0."""

    model: str
    messages: tuple[Mapping[str, Any], ...]
    name: str
    nth: int
    key: str
    body: Mapping[str, Any] = field(default_factory=dict)
    """All that was sent, parameters included."""

    @property
    def role(self) -> str:
        """Who is asked, by the prompt."""
        found = ROLE.search(self.messages[0]["content"])
        return found.group(1) if found else ""

    @property
    def rng(self) -> Random:
        """The same for the same request, however often it comes."""
        return Random(self.name)


@dataclass(frozen=True)
class Say:
    """A reply in words. `usage` counts tokens; `drop_after` ends the stream after so many pieces;
    `wait_seconds` goes by before the first one; `thought` goes before the words, and `calls` of
    tools (name and arguments) after them; `details` join the usage."""

    text: str
    finish: str = "stop"
    usage: bool = True
    drop_after: int | None = None
    wait_seconds: float = 0.0
    thought: str = ""
    calls: tuple[tuple[str, str], ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Raw:
    """A reply of bytes, as they stand; with `left` the connection stays open, in silence, until the
    client hangs up, and the event is set then."""

    body: bytes
    kind: str = "text/event-stream"
    status: int = 200
    left: threading.Event | None = None


@dataclass(frozen=True)
class Fail:
    """A reply with an HTTP status; `body` in place of the usual one."""

    status: int
    message: str
    code: str = ""
    body: Mapping[str, Any] | str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


Act = Say | Fail | Raw
Script = Callable[[Call], Act]


@dataclass(frozen=True)
class Served:
    """One request and what became of it: `ok`, `dropped`, or the status."""

    call: Call
    act: Act
    end: str
    tokens: int


class ProtocolServer:
    """Serves on a free port of 127.0.0.1 for as long as the context lasts."""

    def __init__(self, script: Script, streams: bool = True) -> None:
        self.script = script
        self.streams = streams
        self._served: list[Served] = []
        self._seen: dict[str, int] = {}
        self._answering: set[int] = set()
        """The threads whose requests are not over; each has one at a time."""
        self._lock = threading.Condition()
        self.most_busy = 0
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._server.socket.listen(256)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    @property
    def served(self) -> list[Served]:
        """The requests that are over.

        A client has its answer a moment before its request is over, so a reader waits for
        requests in flight (two seconds at most); a script, which is one itself, does not.
        """
        with self._lock:
            if threading.get_ident() not in self._answering:
                self._lock.wait_for(lambda: not self._answering, timeout=2)
            return list(self._served)

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def take(self, body: Mapping[str, Any], headers: Mapping[str, str]) -> Call:
        """Number a request."""
        messages = tuple(body["messages"])
        text = json.dumps([body["model"], messages])
        name = headers.get("Idempotency-Key") or hashlib.sha256(text.encode()).hexdigest()
        key = headers.get("Authorization", "").removeprefix("Bearer ")
        with self._lock:
            nth = self._seen.get(name, 0)
            self._seen[name] = nth + 1
            self._answering.add(threading.get_ident())
            self.most_busy = max(self.most_busy, len(self._answering))
        return Call(body["model"], messages, name, nth, key, body)

    def note(self, call: Call, act: Act, end: str, tokens: int) -> None:
        """Count a request that is over."""
        with self._lock:
            self._answering.discard(threading.get_ident())
            self._served.append(Served(call, act, end, tokens))
            self._lock.notify_all()


def count_tokens(text: str) -> int:
    """The server's own count."""
    return len(text) // 4 + 1


def _pieces(text: str) -> Iterator[str]:
    words = re.findall(r"\S*\s*", text)
    for start in range(0, len(words), WORDS_PER_PIECE):
        if piece := "".join(words[start : start + WORDS_PER_PIECE]):
            yield piece


def _call(number: int, name: str, arguments: str) -> dict[str, Any]:
    function = {"name": name, "arguments": arguments}
    return {"index": number, "id": f"call_{number}", "type": "function", "function": function}


def _call_pieces(calls: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Tool calls as they are streamed: each begun with its name, then all arguments in turns."""
    rest = {}
    for call in calls:
        function = call["function"]
        rest[call["index"]] = function["arguments"]
        yield {**call, "function": {**function, "arguments": ""}}
    while any(rest.values()):
        for index, arguments in rest.items():
            if arguments:
                yield {"index": index, "function": {"arguments": arguments[:CHARACTERS_PER_PIECE]}}
                rest[index] = arguments[CHARACTERS_PER_PIECE:]


def _handler(server: ProtocolServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: object) -> None:
            pass

        def do_GET(self) -> None:
            if self.path == "/v1/models":
                self._send(200, '{"object": "list", "data": []}', {})
            else:
                self._send(404, NO_PAGE, {"Content-Type": "text/plain"})

        def do_POST(self) -> None:
            if not self.path.startswith("/v1/"):
                self._send(404, NO_PAGE, {"Content-Type": "text/plain"})
                return
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            call = server.take(body, dict(self.headers))
            act = server.script(call)
            try:
                if isinstance(act, Fail):
                    self._fail(act)
                    server.note(call, act, str(act.status), 0)
                    return
                if isinstance(act, Raw):
                    self._raw(act)
                    server.note(call, act, "ok", 0)
                    return
                time.sleep(act.wait_seconds)
                whole = self._say(call, act, bool(body.get("stream")) and server.streams)
            except OSError:
                whole = False
            sent = sum(count_tokens(m["content"] or "") for m in call.messages)
            tokens = sent + count_tokens(act.text) if whole else 0
            server.note(call, act, "ok" if whole else "dropped", tokens)

        def _fail(self, act: Fail) -> None:
            error = {"message": act.message, "code": act.code, "type": "error"}
            body = {"error": error} if act.body is None else act.body
            text = body if isinstance(body, str) else json.dumps(body)
            kind = {"Content-Type": "text/html"} if isinstance(body, str) else {}
            self._send(act.status, text, {**kind, **act.headers})

        def _raw(self, act: Raw) -> None:
            self.send_response(act.status)
            self.send_header("Content-Type", act.kind)
            self.send_header("Connection", "close")
            self.end_headers()
            self.close_connection = True
            self.wfile.write(act.body)
            self.wfile.flush()
            if act.left is not None:
                with suppress(OSError):
                    self.rfile.read(1)
                act.left.set()

        def _send(self, status: int, text: str, headers: Mapping[str, str]) -> None:
            data = text.encode()
            self.send_response(status)
            for name, value in {
                "Content-Type": "application/json",
                "Content-Length": str(len(data)),
                **headers,
            }.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        def _say(self, call: Call, act: Say, stream: bool) -> bool:
            sent = sum(count_tokens(m["content"] or "") for m in call.messages)
            usage = {"prompt_tokens": sent, "completion_tokens": count_tokens(act.text)}
            usage = {**usage, "total_tokens": sum(usage.values()), **act.details}
            calls = [_call(n, name, said) for n, (name, said) in enumerate(act.calls)]
            finish = "tool_calls" if calls else act.finish
            if not stream:
                message: dict[str, Any] = {"role": "assistant", "content": act.text or None}
                message |= {"reasoning_content": act.thought} if act.thought else {}
                message |= {"tool_calls": calls} if calls else {}
                choice = {"index": 0, "message": message, "finish_reason": finish}
                document = {"id": "x", "object": "chat.completion", "created": 0}
                document |= {"model": call.model, "choices": [choice], "usage": usage}
                self._send(200, json.dumps(document), {})
                return True
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Connection", "close")
            self.end_headers()
            self.close_connection = True
            for piece in _pieces(act.thought):
                self._event(call, {"reasoning_content": piece}, None)
            for number, piece in enumerate(_pieces(act.text)):
                if act.drop_after is not None and number >= act.drop_after:
                    return False
                self._event(call, {"content": piece}, None)
            for piece in _call_pieces(calls):
                self._event(call, {"tool_calls": [piece]}, None)
            self._event(call, {}, finish)
            if act.usage:
                self._event(call, None, None, usage)
            self.wfile.write(b"data: [DONE]\n\n")
            return True

        def _event(
            self,
            call: Call,
            delta: Mapping[str, Any] | None,
            finish: str | None,
            usage: Mapping[str, Any] | None = None,
        ) -> None:
            choices = [] if delta is None else [{"index": 0, "delta": delta}]
            for choice in choices:
                choice["finish_reason"] = finish
            document = {"id": "x", "object": "chat.completion.chunk", "created": 0}
            document |= {"model": call.model, "choices": choices, "usage": usage}
            self.wfile.write(f"data: {json.dumps(document)}\n\n".encode())
            self.wfile.flush()

    return Handler
