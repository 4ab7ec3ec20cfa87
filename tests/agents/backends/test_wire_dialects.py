"""How servers of many makers say the same: words of an end, of a model, of money, of room."""

from __future__ import annotations

import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from protocol_server import Act, Call, ProtocolServer, Raw, Say
from server_runs import open_models

from archwright.agents.backends import Reply, Request
from archwright.agents.backends.faults import Fault, read_fault
from archwright.agents.backends.keys import redact
from archwright.agents.backends.opening import check_url
from archwright.agents.backends.wire.content import Completion
from archwright.agents.backends.wire.events import RefusedError, gather_whole
from archwright.agents.backends.wire.refusals import Denial, read_refusal
from archwright.agents.backends.wire.room import read_room
from archwright.agents.backends.wire.terms import Terms
from archwright.core import BackendError, InputError

ASKED = Request("coder", "You are the coder.", {}, 1, candidate="1")


def ask(act: Act) -> Reply:
    with ProtocolServer(lambda _: act) as server:
        return open_models(server.url).answer(ASKED)


def refused(status: int | None, message: str, **fields: Any) -> RefusedError:
    return RefusedError(status, json.dumps({"error": {"message": message, **fields}}))


@pytest.fixture
def tls(tmp_path: Path) -> ssl.SSLContext:
    """What a server of TLS needs."""
    if shutil.which("openssl") is None:
        pytest.skip("there is no openssl here to make a certificate with")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost"),
            *("-days", "2", "-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


def denial(status: int, message: str, **fields: Any) -> Denial:
    found = read_refusal(refused(status, message, **fields))
    assert found is not None
    return found


def fault(status: int | None, message: str, **fields: Any) -> Fault:
    return read_fault(refused(status, message, **fields), "toy", "http://h/v1")


def event(**choice: Any) -> str:
    return "data: " + json.dumps({"choices": [{"index": 0, **choice}]}) + "\n\n"


# --- the reply ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("end", "text", "failure", "cut"),
    [
        ("stop", "Yes.", "", False),
        ("eos", "Yes.", "", False),
        ("FinishReason.MAX_TOKENS", "Yes.", "", True),
        ("model_context_window_exceeded", "Yes.", "", True),
        ("content_filter: PROHIBITED_CONTENT", "", "refused", False),
        ("refusal", "", "refused", False),
        ("SPII", "", "refused", False),
        ("function_call_filter: MALFORMED_FUNCTION_CALL", "", "empty", False),
    ],
)
def test_an_end_is_known_by_the_word_in_it(end: str, text: str, failure: str, cut: bool) -> None:
    body = event(delta={"content": "Yes."}) + event(delta={}, finish_reason=end)
    reply = ask(Raw(body.encode()))
    assert (reply.text, reply.fault, reply.cut) == (text, failure, cut)


def test_a_byte_order_mark_and_bare_carriage_returns_are_read() -> None:
    stream = event(delta={"content": "Ye"}) + event(delta={"content": "s."}, finish_reason="stop")
    for body in ("\ufeff" + stream, stream.replace("\n", "\r")):
        assert ask(Raw(body.encode())).text == "Yes."
    whole = "\ufeff" + json.dumps({"choices": [{"message": {"content": "Yes."}}]})
    assert ask(Raw(whole.encode(), "application/json")).text == "Yes."


def test_a_piece_beside_all_that_was_said_is_taken_once() -> None:
    said = {"content": "Yes."}
    whole = {"index": 0, "message": said, "delta": {"role": "assistant", "content": ""}}
    assert ask(Raw(json.dumps({"choices": [whole]}).encode(), "application/json")).text == "Yes."
    stream = (
        event(delta={"content": "Ye"}, message={"content": "Ye"})
        + event(delta={"content": "s."}, message=said)
        + event(delta={}, message=said, finish_reason="stop")
    )
    assert ask(Raw(stream.encode())).text == "Yes."


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ('{"choices": null, "base_resp": {"status_msg": "no such luck"}}', "application/json"),
        ('{"success": false, "msg": "no such luck"}', "application/json"),
        ("no such luck", "text/plain"),
        ("{no such luck}\nat all", "text/plain"),
        ("event: error\ndata: no such luck\n\n", "text/event-stream"),
    ],
)
def test_what_is_no_reply_is_shown_as_it_came(body: str, kind: str) -> None:
    reply = ask(Raw(body.encode(), kind))
    assert (reply.fault, reply.tries) == ("empty", 3)
    assert "no such luck" in reply.error


def test_an_error_inside_of_a_choice_is_one() -> None:
    error = {"code": 429, "message": "slow down"}
    body = event(delta={"content": ""}, error=error, finish_reason="error")

    def act(call: Call) -> Act:
        return Say("Yes.") if call.nth else Raw(body.encode())

    with ProtocolServer(act) as server:
        assert open_models(server.url).answer(ASKED).text == "Yes."
    found = fault(None, "slow down", code=429)
    assert found.kind == "outage"


@pytest.mark.parametrize(
    ("status", "said"),
    [(498, "capacity_exceeded"), (499, "CANCELLED"), (424, "failed dependency")],
)
def test_what_a_server_could_not_serve_now_is_waited_for(status: int, said: str) -> None:
    assert fault(status, said).kind == "outage"


@pytest.mark.parametrize(
    ("code", "kind", "words"),
    [
        (1002, "outage", "too fast"),
        (1004, "lasting", "the key was refused"),
        (1008, "lasting", "the quota is exhausted"),
    ],
)
def test_a_refusal_under_a_status_of_success_is_one(code: int, kind: str, words: str) -> None:
    said = {"choices": None, "base_resp": {"status_code": code, "status_msg": "too fast"}}
    with pytest.raises(RefusedError) as caught:
        gather_whole(json.dumps(said).encode(), Completion())
    found = read_fault(caught.value, "toy", "http://h/v1")
    assert found.kind == kind
    assert words in found.words


@pytest.mark.parametrize(
    ("status", "message", "code"),
    [
        (403, "Country, region, or territory not supported", "unsupported_country_region"),
        (400, "User location is not supported for the API use.", "FAILED_PRECONDITION"),
    ],
)
def test_a_region_that_is_not_served_is_no_refused_key(
    status: int, message: str, code: str
) -> None:
    found = fault(status, message, code=code)
    assert found.kind == "lasting"
    assert found.words.endswith("use another provider, or its service for your region")


def test_a_page_that_refuses_a_key_does() -> None:
    page = "<html><title>401 Authorization Required</title></html>"
    found = read_fault(RefusedError(401, page), "toy", "http://h/v1")
    assert (found.kind, "the key was refused (401)" in found.words) == ("lasting", True)


def test_words_on_what_may_not_be_asked_are_no_refused_key() -> None:
    said = "Content violates usage guidelines. Failed check: SAFETY_CHECK_TYPE_BIO"
    found = fault(403, said)
    assert (found.kind, found.failure) == ("question", "refused")


@pytest.mark.parametrize("start", [b"", b"retry: 5\n", b"id: 1\n", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("prefix", [b"data: ", b""])
def test_a_stream_is_one_whatever_its_header_says(start: bytes, prefix: bytes) -> None:
    said = event(delta={"content": "Yes."}, finish_reason="stop").encode()
    body = start + said.replace(b"data: ", prefix)
    assert ask(Raw(body, "application/x-ndjson")).text == "Yes."


@pytest.mark.parametrize("stream", [True, False])
def test_a_reply_in_another_protocol_names_the_address(stream: bool) -> None:
    said = json.dumps({"model": "x", "message": {"role": "assistant", "content": "hi"}})
    body = f"data: {said}\n\n" if stream else said
    kind = "text/event-stream" if stream else "application/json"
    reply = ask(Raw(body.encode(), kind))
    assert "it is not of the OpenAI protocol, check --base-url" in reply.error


def test_an_error_that_a_stream_says_on_a_line_of_its_own_is_read() -> None:
    said = {"code": 400, "message": "the request exceeds the available context size"}
    assert ask(Raw(f"error: {json.dumps(said)}\n\n".encode())).fault == "context"


@pytest.mark.parametrize("where", ["x_groq", "choices"])
def test_tokens_are_counted_wherever_they_stand(where: str) -> None:
    said = json.loads(event(delta={"content": "Yes."}, finish_reason="stop")[6:])
    usage = {"usage": {"prompt_tokens": 70, "completion_tokens": 7}}
    said |= {"x_groq": usage} if where == "x_groq" else {}
    said["choices"][0] |= usage if where == "choices" else {}
    reply = ask(Raw(f"data: {json.dumps(said)}\n\ndata: [DONE]\n\n".encode()))
    assert (reply.tokens, reply.estimated) == (77, False)


# --- refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "message", "fields"),
    [
        (400, "Invalid model name passed in model=foo.", {}),
        (400, "Model Not Exist", {"type": "invalid_request_error"}),
        (400, "foo/bar is not a valid model ID", {}),
        (400, "The model `x` has been decommissioned", {"code": "model_decommissioned"}),
        (400, "No models loaded. Please load a model.", {}),
        (400, "模型不存在，请检查模型代码。", {"code": "1211"}),
        (401, "key not allowed to access model", {"type": "key_model_access_denied"}),
        (403, "no access to model `x`", {"code": "model_not_found"}),
        (404, "The API deployment does not exist.", {"code": "DeploymentNotFound"}),
        (400, "{'error': '/chat/completions: Invalid model name passed in model=foo'}", {}),
        (400, "LLM Provider NOT provided. You passed model=foo", {}),
    ],
)
def test_a_model_that_is_not_there_is_named_whatever_the_status(
    status: int, message: str, fields: dict[str, Any]
) -> None:
    found = fault(status, message, **fields)
    assert found.kind == "lasting"
    assert "no such model there, check --model" in found.words


@pytest.mark.parametrize(
    ("status", "message", "fields"),
    [
        (400, "Make sure your account is in good standing.", {"code": "Arrearage"}),
        (400, "Budget has been exceeded! Max budget: 10.0", {"type": "budget_exceeded"}),
        (403, "Your team doesn't have any credits yet. You can purchase credits.", {}),
        (403, "Key limit exceeded (total limit).", {}),
        (429, "余额不足或无可用资源包,请充值。", {"code": "1113"}),
        (429, "You have exceeded your monthly included credits.", {}),
        (
            400,
            "You have reached your specified API usage limits. You will regain access on"
            " 2026-12-01.",
            {"type": "invalid_request_error"},
        ),
    ],
)
def test_money_that_is_spent_is_no_limit_to_wait_for(
    status: int, message: str, fields: dict[str, Any]
) -> None:
    found = fault(status, message, **fields)
    assert found.kind == "lasting"
    assert "the quota is exhausted" in found.words


def test_a_limit_that_more_credits_would_raise_is_waited_for() -> None:
    found = fault(429, "Rate limit exceeded. Add 10 credits to unlock 1000 requests per day")
    assert (found.kind, found.wait_seconds) == ("outage", None)
    assert fault(503, "Model is currently loading", estimated_time=20.0).wait_seconds == 20.0


@pytest.mark.parametrize("code", ["tool_use_failed", "output_parse_failed"])
def test_words_of_the_model_that_the_server_cannot_read_are_asked_for_again(code: str) -> None:
    found = fault(400, "Failed to call a function.", code=code, type="invalid_request_error")
    assert (found.kind, found.failure) == ("broken", "empty")


@pytest.mark.parametrize(
    ("message", "fits"),
    [
        ("Prompt contains 30000 tokens, too large for model with 32768 maximum context length",
         2768),
        ("max_tokens=8192 cannot be greater than max_model_len=max_total_tokens=4096.", 4096),
        ("integer above maximum value for `max_tokens`, expected a value <= 4096", 4096),
        ("The maximum tokens you requested exceeds the model limit of 4096.", 4096),
        ("Prompt exceeds max length", None),
        ("Prompt 超长", None),
        ("The number of tokens to keep from the initial prompt is greater than the context length"
         " (n_keep: 5109>= n_ctx: 4096). Try to load the model with a larger context length",
         -1013),
        ("Total message token length exceed model limit", None),
        ("Your request exceeded model token limit: 8192", None),
        ("The decoder prompt (length 5000) is longer than the maximum model length of 4096.", None),
    ],
)  # fmt: skip
def test_more_words_on_what_is_too_long(message: str, fits: int | None) -> None:
    room = read_room(denial(400, message, code="3051"), 8192)
    assert room is not None
    assert room.fits(8192) == fits


@pytest.mark.parametrize(
    ("message", "name"),
    [
        ("`temperature` and `top_p` cannot both be specified for this model.", "temperature"),
        ("`temperature` may only be set to 1 when thinking is enabled.", "temperature"),
        ("参数 temperature 非法", "temperature"),
        ("reasoning_effort: Input should be 'high' or 'low'", "reasoning_effort"),
        ("Argument not supported on this model: reasoningEffort", "reasoning_effort"),
        ('"x" does not support thinking', "reasoning_effort"),
        ("`reasoning_effort` must be one of `none` or `default`", "reasoning_effort"),
        ("temperature must be between 0 and 1", "temperature"),
        ("`top_p` must be unset or >= 0.95 when thinking is enabled", "top_p"),
        (
            "unknown field `stream_options`, expected one of `max_tokens`, `stream`, `temperature`",
            "stream_options",
        ),
    ],
)
def test_a_parameter_is_known_by_other_names_and_words(message: str, name: str) -> None:
    options = {"temperature": 0.5, "top_p": 0.9, "reasoning_effort": "low"}
    terms = Terms(8192, options)
    before = terms.parameters(8192)
    assert terms.learn(denial(400, message), before)
    assert set(before) - set(terms.parameters(8192)) == {name}


@pytest.mark.parametrize("said", ['{"error": {"message": "context size exceeded", "n_ctx": NaN}}',
                                  '{"error": "²", "code": "²"}'])  # fmt: skip
def test_numbers_that_are_none_do_no_harm(said: str) -> None:
    refusal = read_refusal(RefusedError(400, said))
    assert refusal is not None
    read_room(refusal, 8192)


# --- the way there --------------------------------------------------------------------------------


def test_an_address_that_moved_is_named() -> None:
    found = read_fault(
        RefusedError(301, "the address has moved to https://h/v1/chat/completions"), "toy"
    )
    assert found.kind == "lasting"
    assert "moved to https://h/v1" in found.words


@pytest.mark.parametrize(
    "url",
    ["http://h:abc/v1", "http://h:99999/v1", "http://[::1/v1", "http://h/v 1", "http://h\n/v1"],
)
def test_an_address_that_is_none_is_refused_in_one_line(url: str) -> None:
    with pytest.raises(InputError, match="is not an address"):
        check_url(url)
    check_url("http://[::1]:8000/v1")


def test_a_key_with_a_line_break_behind_it_is_kept_out() -> None:
    said = redact("Bearer sk-abcdef123456", {"MY_API_KEY": "sk-abcdef123456\n"})
    assert said == "Bearer [key]"


BEGIN = """
from archwright.agents.backends.opening import check_backend
from archwright.core.settings import RunSettings
import sys
check_backend(RunSettings(backend="llm", models=("toy",), prices=("0,0",), base_url=sys.argv[1]))
"""


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("ALL_PROXY", "socks5://127.0.0.1:9", "of the kind SOCKS"),
        ("NO_PROXY", "[::1]", "NO_PROXY in the environment cannot be used"),
        ("HTTP_PROXY", "foo://127.0.0.1:9", "HTTP_PROXY"),
        ("SSL_CERT_FILE", "/nowhere/at/all.pem", "SSL_CERT_FILE"),
        ("ARCHWRIGHT_API_KEY", "sk-abc\ndef", "the key in ARCHWRIGHT_API_KEY holds a line break"),
        ("ARCHWRIGHT_API_KEY", "“sk-abcdef”", "a character that no key has"),
    ],
)
def test_an_environment_that_cannot_be_used_is_named(
    name: str, value: str, words: str, tmp_path: Path
) -> None:
    command = [sys.executable, "-c", BEGIN, "http://127.0.0.1:9"]
    done = subprocess.run(
        command, env={**os.environ, name: value}, capture_output=True, text=True, cwd=tmp_path
    )
    last = done.stderr.strip().splitlines()[-1]
    assert "InputError" in last
    assert words in last


def test_what_speaks_no_tls_is_named() -> None:
    with (
        ProtocolServer(lambda _: Say("Yes.")) as server,
        pytest.raises(BackendError, match="does not speak TLS: try http://"),
    ):
        open_models(server.url.replace("http://", "https://")).answer(ASKED)


def test_a_server_that_speaks_tls_alone_is_named(tls: ssl.SSLContext) -> None:
    def serve(listening: socket.socket) -> None:
        while listening.fileno() >= 0:
            with suppress(OSError), listening.accept()[0] as plain:
                tls.wrap_socket(plain, server_side=True)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=serve, args=(listening,), daemon=True).start()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/v1"
        with pytest.raises(BackendError, match=r"without answering .*: try https:// in"):
            open_models(url).answer(ASKED)


@pytest.mark.parametrize(
    "said",
    [
        "<html><head><title>400 The plain HTTP request was sent to HTTPS port</title></head>"
        "<body><center><h1>400 Bad Request</h1></center><hr><center>nginx</center></body></html>",
        "Client sent an HTTP request to an HTTPS server.",
        "You're speaking plain HTTP to an SSL-enabled server port.",
    ],
)
def test_what_servers_say_of_plain_http_is_read(said: str) -> None:
    found = read_fault(RefusedError(400, said), "toy", "http://h/v1")
    assert found.kind == "lasting"
    assert found.words.endswith("try https:// in --base-url http://h/v1")


def test_a_proxy_that_is_gone_is_named_without_its_password(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://me:hunter2@127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    with pytest.raises(BackendError) as raised:
        open_models("http://models.invalid/v1").answer(ASKED)
    assert (
        "the proxy 127.0.0.1:9 of HTTP_PROXY does not connect to http://models.invalid/v1"
        in str(raised.value)
    )
    assert "hunter2" not in str(raised.value)
    # A server that is reached without it has nothing to do with it.
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with pytest.raises(BackendError, match=r"no server answers at http://127\.0\.0\.1:9"):
        open_models("http://127.0.0.1:9/v1").answer(ASKED)
