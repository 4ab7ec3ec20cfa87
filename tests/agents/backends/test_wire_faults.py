"""Faults by what servers say: what is waited for, what is one question's own, what lasts."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest
from protocol_server import Act, Call, Fail, ProtocolServer, Raw, Say
from server_runs import open_models

from archwright.agents.backends import Reply, Request
from archwright.agents.backends.faults import Fault, read_fault
from archwright.agents.backends.llm import Patience
from archwright.agents.backends.opening import check_address, check_url
from archwright.agents.backends.wire.events import RefusedError
from archwright.agents.backends.wire.refusals import read_refusal
from archwright.agents.backends.wire.room import read_room
from archwright.core import BackendError, InputError, Stopped

ASKED = Request("coder", "You are the coder.", {}, 1, candidate="1")


def fault_of(status: int | None, said: Any, url: str = "http://h/v1", **headers: str) -> Fault:
    body = said if isinstance(said, str) else json.dumps(said)
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return read_fault(RefusedError(status, body, names), "toy", url)


def error(message: str, **fields: Any) -> dict[str, Any]:
    return {"error": {"message": message, **fields}}


GEMINI = error(
    "You exceeded your current quota, please check your plan and billing details.",
    code=429,
    status="RESOURCE_EXHAUSTED",
    details=[{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "2.5s"}],
)


@pytest.mark.parametrize(
    ("said", "headers", "seconds"),
    [
        (GEMINI, {}, 2.5),
        (
            error("Rate limit reached. Please try again in 7m12.5s. Add a payment method."),
            {},
            432.5,
        ),
        (error("You exceeded your current quota. Please retry in 120ms."), {}, 0.12),
        (error("slow down, see billing"), {"retry_after": "7"}, 7.0),
        (error("slow down, see billing"), {"retry_after_ms": "1500"}, 1.5),
        (error("Your quota will reset after 1h2m"), {}, 3720.0),
        (error("slow down", code="rate_limit_exceeded", type="billing"), {}, None),
        (error("slow down", retry_after=3), {}, 3.0),
        (error("slow down"), {}, None),
    ],
)
def test_too_many_requests_are_waited_for_whatever_the_words(
    said: Any, headers: dict[str, str], seconds: float | None
) -> None:
    fault = fault_of(429, said, **headers)
    assert (fault.kind, fault.wait_seconds) == ("outage", seconds)


@pytest.mark.parametrize(
    ("status", "said", "words"),
    [
        (429, error("You exceeded your current quota", code="insufficient_quota"), "quota"),
        (400, error("Your credit balance is too low"), "quota"),
        (402, error("Insufficient Balance"), "quota"),
        (401, error("Incorrect API key"), "key was refused"),
        (403, error("not allowed here"), "key was refused"),
        (400, error("API key not valid. Please pass a valid API key."), "key was refused"),
        (404, error("The model `x` does not exist", code="model_not_found"), "no such model"),
        (404, error("model 'x' not found, try pulling it first"), "no such model"),
        (404, error("not here"), "check --base-url http://h/v1"),
    ],
)
def test_what_lasts_is_named_in_one_line(status: int, said: Any, words: str) -> None:
    fault = fault_of(status, said)
    assert fault.kind == "lasting"
    assert words in fault.words
    assert "\n" not in fault.words


@pytest.mark.parametrize("status", [404, 405])
@pytest.mark.parametrize("said", ["404 page not found", {"detail": "Not Found"}, "<html></html>"])
def test_an_address_without_a_version_is_named_with_it(status: int, said: Any) -> None:
    fault = fault_of(status, said, url="http://h:8000")
    assert fault.kind == "lasting"
    assert fault.words.endswith("try --base-url http://h:8000/v1")


def test_an_address_that_every_server_answers_is_known_by_its_words() -> None:
    said = {"error": "Unexpected endpoint or method. (POST /chat/completions)"}
    assert fault_of(None, said, url="http://h:1234").words.endswith("http://h:1234/v1")
    with pytest.raises(InputError, match=r"is where one call goes: use http://h/v1$"):
        check_url("http://h/v1/chat/completions")


MODERATED = error("Your input was flagged", code=403, metadata={"reasons": ["violence"]})


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (403, MODERATED),
        (
            400,
            error("Input data may contain inappropriate content.", code="data_inspection_failed"),
        ),
        (400, error("The response was filtered", code="content_filter")),
    ],
)
def test_moderation_is_no_refused_key(status: int, said: Any) -> None:
    fault = fault_of(status, said)
    assert (fault.kind, fault.failure) == ("question", "refused")


def test_a_page_of_what_stands_before_the_server_is_no_refused_key() -> None:
    fault = fault_of(403, "<html><title>Just a moment...</title></html>")
    assert fault.kind == "broken"
    assert "a web page named 'Just a moment...'" in fault.words
    assert fault_of(503, "<html></html>").kind == "outage"


# A server's words on a prompt or an answer that is too long, and the answer that fits where 8,192
# tokens did not: None where they do not say, below zero where none does.
DIALECTS = [
    (400, "maximum context length is 4096 tokens. However, you requested 9692 tokens (1500 in the"
     " messages, 8192 in the completion). Please reduce the length of the messages", 2596),
    (400, "maximum context length is 128000 tokens. However, your messages resulted in 204308"
     " tokens", -76308),
    (400, "'max_tokens' or 'max_completion_tokens' is too large: 8192. This model's maximum context"
     " length is 4096 tokens and your request has 1500 input tokens", 2596),
    (400, "You requested 8192 output tokens and your prompt contains at least 1500 input tokens."
     " This model's maximum context length is 4096 tokens", 2596),
    (400, "request (9123 tokens) exceeds the available context size (8192 tokens)", -931),
    (500, "context size has been exceeded", None),
    (500, "input is too large to process. increase the physical batch size", None),
    (400, "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576)",
     -151424),
    (422, "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 3000"
     " `inputs` tokens and 8192 `max_new_tokens`", 1096),
    (422, "Input validation error: `inputs` must have less than 4096 tokens. Given: 5000", None),
    (413, "Request too large for model `x` on tokens per minute (TPM): Limit 6000, Requested 9123,"
     " please reduce your message size and try again", 5069),
    (429, "Request too large for x on tokens per min (TPM): Limit 6000, Requested 9123.", 5069),
    (400, "prompt is too long: 210000 tokens > 200000 maximum", -10000),
    (400, "input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000", 10000),
    (400, "max_tokens must be at least 1, got -344.", None),
    (400, "The input (5000 tokens) is longer than the model's context length (4096 tokens).", -904),
    (400, "Requested token count exceeds the model's maximum context length of 4096 tokens. You"
     " requested a total of 11192 tokens: 3000 tokens from the input messages and 8192 tokens for"
     " the completion.", 1096),
    (400, "maximum prompt length is 131072 but the request contains 537812 tokens", -406740),
    (400, "the model is loaded with context length of only 4096 tokens, to keep the first 9000"
     " tokens", -4904),
    (400, "Please reduce the length of the input.", None),
    (400, "max_tokens is too large: 8192. It supports at most 4096 completion tokens", 4096),
    (400, "Invalid max_tokens value, the valid range of max_tokens is [1, 4096]", 4096),
    (400, "Range of max_tokens should be [1, 2000]", 2000),
    (400, "max_tokens: 8192 > 4096, which is the maximum allowed number of output tokens", 4096),
    (400, "`max_tokens` must be less than or equal to `4096`, the maximum value for `max_tokens` is"
     " less than the `context_window` for this model", 4096),
    (402, "This request requires more credits, or fewer max_tokens. You requested up to 8192"
     " tokens, but can only afford 5000.", 5000),
]  # fmt: skip


@pytest.mark.parametrize(("status", "words", "fits"), DIALECTS)
def test_words_on_what_is_too_long_are_understood(
    status: int, words: str, fits: int | None
) -> None:
    refusal = read_refusal(RefusedError(status, json.dumps(error(words))))
    assert refusal is not None
    room = read_room(refusal, 8192)
    assert room is not None
    assert room.fits(8192) == fits
    assert fault_of(status, error(words)).failure == "context"


def test_fields_say_it_where_words_do_not() -> None:
    said = error("no", type="exceed_context_size_error", n_prompt_tokens=9123, n_ctx=8192)
    assert fault_of(400, said).failure == "context"
    said = {"detail": [{"type": "less_than_equal", "loc": ["body", "max_tokens"],
                        "msg": "Input should be less than or equal to 4096"}]}  # fmt: skip
    refusal = read_refusal(RefusedError(422, json.dumps(said)))
    assert refusal is not None
    room = read_room(refusal, 8192)
    assert room is not None
    assert room.most == 4096


def test_other_words_are_no_matter_of_length() -> None:
    for status, words in (
        (429, "Too many tokens, please wait before trying again."),
        (503, "context deadline exceeded"),
        (
            400,
            "'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
        ),
    ):
        refusal = read_refusal(RefusedError(status, json.dumps(error(words))))
        assert refusal is not None
        assert read_room(refusal, 8192) is None


# --- what becomes of a question -------------------------------------------------------------------


def questions(server: ProtocolServer, count: int, **changes: Any) -> list[Reply]:
    """Replies to so many questions, each of a candidate of its own."""
    backend = open_models(server.url, **changes)
    return [
        backend.answer(Request("coder", f"You are the coder. {n}", {}, n, candidate=str(n)))
        for n in range(count)
    ]


def test_a_wait_that_is_asked_for_is_waited() -> None:
    quick = error("current quota", details=[{"retryDelay": "0.01s"}])

    def act(call: Call) -> Act:
        return Say("Yes.") if call.nth else Fail(429, "", body=quick)

    with ProtocolServer(act) as server:
        reply = open_models(server.url).answer(ASKED)
    assert (reply.text, reply.tries) == ("Yes.", 2)


def test_a_wait_beyond_the_bound_ends_at_once_and_names_the_setting() -> None:
    later = Fail(429, "slow down", headers={"Retry-After": "86400"})
    with (
        ProtocolServer(lambda _: later) as server,
        pytest.raises(BackendError, match=r"asks to wait 86,400 s.*outage_minutes"),
    ):
        open_models(server.url).answer(ASKED)


@pytest.mark.parametrize(
    ("act", "words"),
    [
        (Say("", finish="length"), "answer_tokens"),
        (Say(""), "the reply was empty"),
        (Fail(400, "I do not like it"), "I do not like it"),
        (Fail(403, "", body="<html><title>Wall</title></html>"), "named 'Wall'"),
        (
            Fail(400, "context size exceeded", code="context_length_exceeded"),
            "larger context, or lower",
        ),
    ],
)
def test_a_cause_that_meets_every_question_stops_after_three(act: Act, words: str) -> None:
    with (
        ProtocolServer(lambda _: act) as server,
        pytest.raises(BackendError, match=f"3 questions in a row.*{words}"),
    ):
        questions(server, 3)


def test_a_bad_question_of_a_model_that_works_is_that_questions_own() -> None:
    def act(call: Call) -> Act:
        bad = call.messages[0]["content"].endswith(("1", "2", "3", "4"))
        return Fail(400, "I do not like it") if bad else Say("Yes.")

    with ProtocolServer(act) as server:
        replies = questions(server, 7)
    assert [r.fault for r in replies] == ["", *["question"] * 4, "", ""]


def test_the_same_question_in_other_words_counts_once() -> None:
    with ProtocolServer(lambda _: Fail(400, "prompt is too long")) as server:
        backend = open_models(server.url)
        for n in range(6):
            request = Request("coder", f"You are the coder. {n}", {}, n, candidate="1")
            assert backend.answer(request).fault == "context"


def test_a_dead_model_leaves_the_questions_to_the_engine_where_that_is_wanted() -> None:
    notices: list[str] = []
    with ProtocolServer(lambda _: Fail(401, "no")) as server:
        replies = questions(server, 3, fallback="symbolic", notices=notices)
        assert all("key was refused" in r.error for r in replies)
    assert len(notices) == 1
    assert notices[0].endswith("the symbolic engine answers from here on")


# --- silence, and a stop --------------------------------------------------------------------------

SAID = b'data: {"choices": [{"delta": {"content": "Ye"}}]}\n\n'


@pytest.mark.parametrize("begun", [b"", SAID, b": still here\n\n"])
def test_silence_ends_with_the_setting_that_bounds_it(begun: bytes) -> None:
    left = threading.Event()
    patience = Patience(0.01, 0.05, outage_seconds=0.5, contact_seconds=0.5, silence_seconds=0.3)
    with ProtocolServer(lambda _: Raw(begun, left=left)) as server:
        backend = open_models(server.url, patience=patience)
        try:
            said = backend.answer(ASKED).error
        except BackendError as error:
            said = str(error)
        assert left.wait(30), "the connection was left open"
    assert "nothing came for 0.3 s (silence_seconds" in said


@pytest.mark.parametrize("begun", [b"", SAID])
def test_a_stop_ends_an_open_call_whose_server_is_silent(begun: bytes) -> None:
    stop, left, asked = threading.Event(), threading.Event(), threading.Event()
    ends: list[BaseException] = []

    def act(_: Call) -> Act:
        asked.set()
        return Raw(begun, left=left)

    with ProtocolServer(act) as server:
        backend = open_models(server.url, stop)

        def ask() -> None:
            try:
                backend.answer(ASKED)
            except Stopped as error:
                ends.append(error)

        caller = threading.Thread(target=ask)
        caller.start()
        assert asked.wait(30)
        stop.set()
        caller.join(30)
        assert not caller.is_alive()
        assert left.wait(30), "the connection was left open"
    assert len(ends) == 1


def test_a_reply_is_whole_at_its_end_though_the_connection_stays_open() -> None:
    left = threading.Event()
    end = b'data: {"choices": [{"delta": {}, "finish_reason": "stop"}]}\n\ndata: [DONE]\n\n'
    with ProtocolServer(lambda _: Raw(SAID + end, left=left)) as server:
        assert open_models(server.url).answer(ASKED).text == "Ye"
        assert left.wait(30)


# --- the address ----------------------------------------------------------------------------------


def test_an_address_that_lacks_its_version_is_found_before_anything_is_asked() -> None:
    with ProtocolServer(lambda _: Say("Yes.")) as server:
        check_address(server.url)
        with pytest.raises(InputError, match=r"lists no models, and http://.*/v1 does: use that"):
            check_address(server.url.removesuffix("/v1"))
        with pytest.raises(BackendError, match=r"try --base-url http://.*/v1$"):
            open_models(server.url.removesuffix("/v1")).answer(ASKED)
    check_address("http://127.0.0.1:9")
