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
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from random import Random
from types import TracebackType
from typing import Any, Self

ROLE = re.compile(r"You are the (\w+)\.")
WORDS_PER_PIECE = 4


@dataclass(frozen=True)
class Call:
    """One request as it came. `name` is its idempotency key, or the hash of its body where there
    is none; `nth` counts requests of that name from 0."""

    model: str
    messages: tuple[Mapping[str, str], ...]
    name: str
    nth: int
    key: str

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
    `wait_seconds` goes by before the first one."""

    text: str
    finish: str = "stop"
    usage: bool = True
    drop_after: int | None = None
    wait_seconds: float = 0.0


@dataclass(frozen=True)
class Fail:
    """A reply with an HTTP status."""

    status: int
    message: str
    code: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


Act = Say | Fail
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
        self.served: list[Served] = []
        self.streams = streams
        self._seen: dict[str, int] = {}
        self._lock = threading.Lock()
        self.busy = 0
        self.most_busy = 0
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._server.socket.listen(256)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

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
            self.busy += 1
            self.most_busy = max(self.most_busy, self.busy)
        return Call(body["model"], messages, name, nth, key)

    def note(self, call: Call, act: Act, end: str, tokens: int) -> None:
        """Count a request that is over."""
        with self._lock:
            self.busy -= 1
            self.served.append(Served(call, act, end, tokens))


def count_tokens(text: str) -> int:
    """The server's own count."""
    return len(text) // 4 + 1


def _pieces(text: str) -> Iterator[str]:
    words = re.findall(r"\S*\s*", text)
    for start in range(0, len(words), WORDS_PER_PIECE):
        if piece := "".join(words[start : start + WORDS_PER_PIECE]):
            yield piece


def _handler(server: ProtocolServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: object) -> None:
            pass

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            call = server.take(body, dict(self.headers))
            act = server.script(call)
            try:
                if isinstance(act, Fail):
                    self._fail(act)
                    server.note(call, act, str(act.status), 0)
                    return
                time.sleep(act.wait_seconds)
                whole = self._say(call, act, bool(body.get("stream")) and server.streams)
            except OSError:
                whole = False
            sent = sum(count_tokens(m["content"]) for m in call.messages)
            tokens = sent + count_tokens(act.text) if whole else 0
            server.note(call, act, "ok" if whole else "dropped", tokens)

        def _fail(self, act: Fail) -> None:
            error = {"message": act.message, "code": act.code, "type": "error"}
            self._send(act.status, json.dumps({"error": error}), act.headers)

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
            sent = sum(count_tokens(m["content"]) for m in call.messages)
            usage = {"prompt_tokens": sent, "completion_tokens": count_tokens(act.text)}
            usage["total_tokens"] = sum(usage.values())
            if not stream:
                message = {"role": "assistant", "content": act.text}
                choice = {"index": 0, "message": message, "finish_reason": act.finish}
                document = {"id": "x", "object": "chat.completion", "created": 0}
                document |= {"model": call.model, "choices": [choice], "usage": usage}
                self._send(200, json.dumps(document), {})
                return True
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Connection", "close")
            self.end_headers()
            self.close_connection = True
            for number, piece in enumerate(_pieces(act.text)):
                if act.drop_after is not None and number >= act.drop_after:
                    return False
                self._event(call, {"content": piece}, None)
            self._event(call, {}, act.finish)
            if act.usage:
                self._event(call, None, None, usage)
            self.wfile.write(b"data: [DONE]\n\n")
            return True

        def _event(
            self,
            call: Call,
            delta: Mapping[str, str] | None,
            finish: str | None,
            usage: Mapping[str, int] | None = None,
        ) -> None:
            choices = [] if delta is None else [{"index": 0, "delta": delta}]
            for choice in choices:
                choice["finish_reason"] = finish
            document = {"id": "x", "object": "chat.completion.chunk", "created": 0}
            document |= {"model": call.model, "choices": choices, "usage": usage}
            self.wfile.write(f"data: {json.dumps(document)}\n\n".encode())
            self.wfile.flush()

    return Handler
