"""Replies of every shape that servers send: each is read, or its fault is named; none raises."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from protocol_server import Act, Call, ProtocolServer, Raw, Say
from server_runs import open_models

from archwright.agents.backends import Reply, Request, ToolCall, ToolResult, Turn, whole_text
from archwright.agents.backends.wire.content import Completion
from archwright.agents.backends.wire.events import UNFINISHED, add_document
from archwright.agents.reading import read_json

ASKED = Request("coder", "You are the coder.", {}, 1)
TOOL = {"type": "function", "function": {"name": "check", "parameters": {"type": "object"}}}
HALF, OTHER = "\ud83d", "\ude00"


def event(**choice: Any) -> str:
    return "data: " + json.dumps({"choices": [{"index": 0, **choice}]}) + "\n\n"


def stream(*deltas: Any, end: str = "stop") -> bytes:
    said = "".join(event(delta=delta) for delta in deltas)
    return (said + event(delta={}, finish_reason=end) + "data: [DONE]\n\n").encode()


def whole(message: Any, finish: str | None = "stop", **more: Any) -> bytes:
    choice = {"index": 0, "message": message, "finish_reason": finish}
    return json.dumps({"choices": [choice], **more}).encode()


def ask(act: Act | Any, request: Request = ASKED, **changes: Any) -> tuple[Reply, int]:
    """The reply to one question, and the calls that it took."""
    script = act if callable(act) else lambda _: act
    with ProtocolServer(script) as server:
        reply = open_models(server.url, **changes).answer(request)
    return reply, reply.tries


PARTS = [
    {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]},
    {"type": "text", "text": "Yes."},
]


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("Yes.", "Yes."),
        (PARTS, "Yes."),
        (["Ye", {"type": "output_text", "text": "s."}], "Yes."),
        ({"type": "text", "text": "Yes."}, "Yes."),
        ({"text": {"value": "Yes."}}, "Yes."),
        ({"title": "a net"}, '{"title": "a net"}'),
        ([{"title": "a net"}], '[{"title": "a net"}]'),
        (7, "7"),
    ],
)
def test_content_comes_in_many_shapes(content: Any, text: str) -> None:
    for act in (
        Raw(stream({"content": content})),
        Raw(whole({"content": content}), "application/json"),
        Raw(whole({"content": content}), "text/event-stream"),
    ):
        reply, calls = ask(act)
        assert (reply.text, reply.error, calls) == (text, "", 1)


def test_a_part_that_thinks_is_thought() -> None:
    reply, _ = ask(Raw(stream({"content": PARTS[:1]}, {"content": PARTS[1:]})))
    assert (reply.text, reply.thought) == ("Yes.", "hm")
    assert 0 < reply.tokens_thought < reply.tokens


def test_text_of_the_protocol_of_old_is_read() -> None:
    reply, _ = ask(Raw(event(text="Ye").encode() + event(text="s.", finish_reason="stop").encode()))
    assert reply.text == "Yes."


def test_a_refusal_may_be_a_list_and_is_no_answer() -> None:
    said = [{"type": "refusal", "refusal": "I will not."}]
    for body in (stream({"refusal": said}), stream({"content": said})):
        reply, calls = ask(Raw(body))
        assert (reply.fault, reply.text, calls) == ("refused", "", 1)
        assert "I will not." in reply.error


@pytest.mark.parametrize("end", ["content_filter", "SAFETY"])
def test_a_filtered_reply_is_refused(end: str) -> None:
    reply, calls = ask(Raw(stream({"content": "Here"}, end=end)))
    assert (reply.fault, reply.text, calls) == ("refused", "", 1)


# --- bytes and characters -------------------------------------------------------------------------


def test_halves_of_a_character_are_joined_and_a_lone_one_is_replaced() -> None:
    both = stream({"content": f"a{HALF}"}, {"content": f"{OTHER}b"})
    assert ask(Raw(both))[0].text == "a\U0001f600b"
    assert ask(Raw(stream({"content": f"a{HALF}"}, {"content": "b"})))[0].text == "a\ufffdb"
    assert ask(Raw(whole({"content": f"{OTHER}b"}), "application/json"))[0].text == "\ufffdb"


def test_a_journal_that_holds_half_a_character_is_read_whole() -> None:
    row = json.loads('{"text": "a\\ud83d", "model": "toy", "tokens": 3, "tries": 1}')
    reply = Reply(**row)
    assert (reply.text, reply.calls, reply.fault) == ("a\ufffd", (), "")
    request = Request("coder", f"x{HALF}", {}, 1, turns=(Turn(f"{HALF}", "again"),))
    assert len(request.hash) == len(request.prompt_hash) == 64

    def act(call: Call) -> Act:
        return Say(json.dumps([m["content"] for m in call.messages]))

    assert json.loads(ask(act, request)[0].text) == ["x\ufffd", "\ufffd", "again"]


@given(st.text(st.characters(codec=None, categories=None), max_size=20))
def test_what_was_made_whole_can_be_written(text: str) -> None:
    assert whole_text(text).encode().decode() == whole_text(text)
    assert whole_text(whole_text(text)) == whole_text(text)


def test_bytes_that_are_no_text_do_no_harm() -> None:
    body = stream({"content": "Yes"}).replace(b"Yes", b"Y\xffs")
    assert ask(Raw(body))[0].text == "Y\ufffds"
    body = whole({"content": "Yes"}).replace(b"Yes", b"Y\xc3s")
    assert ask(Raw(body, "application/json"))[0].text == "Y\ufffds"


# --- how a reply ends -----------------------------------------------------------------------------


def test_done_is_an_end_and_silence_is_none() -> None:
    said = event(delta={"content": "Yes."}).encode()
    assert ask(Raw(said + b"data: [DONE]\n\n"))[0].text == "Yes."
    reply, calls = ask(Raw(said))
    assert (reply.fault, calls) == ("empty", 3)
    assert UNFINISHED in reply.error


def test_lines_without_empty_ones_between_comments_and_bare_json_are_read() -> None:
    said = stream({"content": "Ye"}, {"content": "s."}).replace(b"\n\n", b"\n")
    for body in (b": hello\n" + said, said.replace(b"\n", b"\r\n"), said.replace(b"data: {", b"{")):
        assert ask(Raw(body))[0].text == "Yes."


def test_an_error_in_the_body_of_a_reply_that_began_well_is_one() -> None:
    error = {"error": {"message": "This model's maximum context length is 100 tokens", "code": 400}}
    for act in (
        Raw(json.dumps(error).encode(), "application/json"),
        Raw(f"data: {json.dumps(error)}\n\n".encode()),
    ):
        assert ask(act)[0].fault == "context"
    gone = {"error": {"message": "Provider disconnected", "code": 502}}

    def act(call: Call) -> Act:
        return Raw(f"data: {json.dumps(gone)}\n\n".encode()) if call.nth == 0 else Say("Yes.")

    assert ask(act) == (ask(act)[0], 2)


def test_a_reply_that_the_server_gave_up_is_asked_for_again() -> None:
    def act(call: Call) -> Act:
        return Raw(stream({"content": "Ye"}, end="error")) if call.nth == 0 else Say("Yes.")

    reply, calls = ask(act)
    assert (reply.text, calls) == ("Yes.", 2)


def test_an_empty_reply_is_asked_for_three_times() -> None:
    reply, calls = ask(Raw(stream({"content": None})))
    assert (reply.fault, calls, reply.tries) == ("empty", 3, 3)
    assert "the reply was empty" in reply.error


# --- thought --------------------------------------------------------------------------------------


def test_what_was_thought_until_the_limit_is_said_at_once_with_the_setting() -> None:
    reply, calls = ask(Say("", finish="length", thought="I keep on thinking. " * 9))
    assert (calls, reply.fault) == (1, "cut")
    assert "it thought until its limit of 8,192 tokens without an answer" in reply.error
    assert "raise answer_tokens ([models] in archwright.toml)" in reply.error
    assert ask(Say("", finish="length"))[0].fault == "cut"


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
def test_an_answer_in_the_thoughts_alone_is_used(name: str) -> None:
    answer = 'So:\n```json\n{"title": "a net"}\n```'
    reply, calls = ask(Raw(stream({name: answer}, {"content": ""})))
    assert (reply.text, calls) == (answer, 1)
    reply, calls = ask(Raw(stream({name: "Hm, let me see."})))
    assert (reply.fault, calls) == ("empty", 3)
    assert "reasoning alone" in reply.error


def test_thought_and_cached_tokens_are_counted() -> None:
    usage = {
        "completion_tokens": 50,
        "completion_tokens_details": {"reasoning_tokens": 40},
        "prompt_tokens": 1000,
        "prompt_tokens_details": {"cached_tokens": 900},
        "total_tokens": 1050,
    }
    reply, _ = ask(Say("Yes.", thought="Hm. " * 800, details=usage), prices=("1,2,0.1",))
    assert (reply.tokens, reply.tokens_in) == (1050, 1000)
    assert (reply.tokens_thought, reply.tokens_cached) == (40, 900)
    assert reply.usd == pytest.approx((100 * 1 + 900 * 0.1 + 50 * 2) / 1e6)
    assert reply.thought.endswith("Hm. ")
    assert len(reply.thought) == 2000


def test_tokens_that_only_the_total_holds_were_thought() -> None:
    usage = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 200}
    reply, _ = ask(Say("Yes.", details=usage))
    assert (reply.tokens, reply.tokens_thought, reply.estimated) == (200, 90, False)


@pytest.mark.parametrize(
    "usage",
    [
        {"prompt_tokens": "many", "completion_tokens": 5},
        {"prompt_tokens": float("nan"), "completion_tokens": float("inf")},
        {"prompt_tokens": -3, "completion_tokens": [1]},
        {"prompt_tokens": 10**300, "completion_tokens": True},
        "none",
        [1, 2],
        {},
    ],
)
def test_usage_that_is_no_number_is_estimated(usage: Any) -> None:
    said = json.dumps({"choices": [], "usage": usage})
    body = event(delta={"content": "Yes."}, finish_reason="stop") + f"data: {said}\n\n"
    reply, calls = ask(Raw(body.encode()))
    assert (reply.text, reply.estimated, calls) == ("Yes.", True, 1)
    assert 0 < reply.tokens < 1000


# --- tools ----------------------------------------------------------------------------------------

OFFERED = Request("coder", "You are the coder.", {}, 1, tools=(TOOL,))


@pytest.mark.parametrize("streams", [True, False])
def test_tool_calls_are_put_together_and_their_results_sent_back(streams: bool) -> None:
    said = (("check", '{"source": "class Model: ..."}'), ("show", '{"id": 3}'))

    asked = []

    def act(call: Call) -> Act:
        asked.append(call)
        assert call.body["tools"] == [TOOL]
        return Say("", calls=said) if len(call.messages) == 1 else Say("Done.")

    with ProtocolServer(act, streams=streams) as server:
        backend = open_models(server.url)
        reply = backend.answer(OFFERED)
        assert reply.calls == tuple(
            ToolCall(f"call_{n}", name, arguments) for n, (name, arguments) in enumerate(said)
        )
        assert Reply(
            **json.loads(json.dumps({"calls": [{"id": "a", "name": "b", "arguments": ""}]}))
        )
        results = (ToolResult("call_0", "ok"), ToolResult("call_1", "none"))
        turn = Turn("", "", reply.calls, results)
        again = Request("coder", OFFERED.prompt, {}, 1, turns=(turn,), tools=(TOOL,))
        assert backend.answer(again).text == "Done."
    sent = asked[-1].messages
    assert [m["role"] for m in sent] == ["user", "assistant", "tool", "tool"]
    assert [c["function"]["name"] for c in sent[1]["tool_calls"]] == ["check", "show"]
    assert sent[2] == {"role": "tool", "tool_call_id": "call_0", "content": "ok"}


def test_a_request_without_tools_has_the_hash_that_it_had() -> None:
    plain = Request("coder", "p", {}, 1, turns=(Turn("a", "b"),))
    assert plain.hash == "8044d5911ec5559a68c51966ea6f71cd9440ae4db59417f5ae01fb93b622a847"
    hashes = {
        plain.hash,
        Request("coder", "p", {}, 1, turns=(Turn("a", "b"),), tools=(TOOL,)).hash,
        Request("coder", "p", {}, 1, turns=(Turn("a", "b", (ToolCall("1", "x", "{}"),)),)).hash,
    }
    assert len(hashes) == 3


def test_arguments_of_a_tool_that_nobody_offered_are_the_answer_or_it_is_named() -> None:
    reply, calls = ask(Say("", calls=(("answer", '{"title": "a net"}'),)))
    assert (read_json(reply.text), calls) == ({"title": "a net"}, 1)
    said = {"title": "a net", "code": "class Model:\n    pass\n"}
    text = ask(Say("", calls=(("write", json.dumps(said)),)))[0].text
    assert read_json(text) == said
    assert text.endswith("```python\nclass Model:\n    pass\n\n```")
    reply, calls = ask(Say("", calls=(("search", "{}"),)))
    assert (reply.fault, calls) == ("empty", 3)
    assert "tools that were not offered (search)" in reply.error


def test_tool_calls_without_numbers_are_told_apart() -> None:
    completion = Completion()
    for function in ({"name": "a", "arguments": "{"}, {"arguments": "}"}, {"name": "b"}):
        add_document({"choices": [{"delta": {"tool_calls": [{"function": function}]}}]}, completion)
    assert [(c.name, c.arguments) for c in completion.calls] == [("a", "{}"), ("b", "{}")]


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "text", "content", "thinking", "function", "name", "index"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)


@given(json_values, json_values, json_values)
def test_no_shape_at_all_raises(content: Any, calls: Any, usage: Any) -> None:
    said = {"content": content, "tool_calls": calls, "refusal": usage, "reasoning": calls}
    document = {"choices": [{"delta": said, "finish_reason": "stop"}], "usage": usage}
    for body in (document, {"choices": content, "usage": calls}):
        completion = Completion()
        add_document(body, completion)
        (completion.text + completion.thought + completion.refusal).encode()
        assert all(call.arguments for call in completion.calls)
