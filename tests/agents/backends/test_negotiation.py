"""What a model does not take is learned from its refusal, once, and said."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from protocol_server import Act, Call, Fail, ProtocolServer, Say
from server_runs import open_models

from archwright.agents.backends import Reply, Request
from archwright.core import InputError
from archwright.core.settings import RunSettings

Refuse = Callable[[Mapping[str, Any]], Fail | None]
"""The refusal of a call by what it says, None where it is served."""


def ask_twice(
    refuse: Refuse, prompt: str = "You are the coder.", **changes: Any
) -> tuple[list[Reply], list[Mapping[str, Any]], list[str]]:
    """Replies to two questions, the calls that were served, and what the backend said."""
    served: list[Mapping[str, Any]] = []
    notices: list[str] = []

    def act(call: Call) -> Act:
        if refusal := refuse(call.body):
            return refusal
        served.append(call.body)
        return Say("Yes.")

    with ProtocolServer(act) as server:
        backend = open_models(server.url, notices=notices, **changes)
        replies = [backend.answer(Request("coder", prompt, {}, seed)) for seed in range(2)]
    return replies, served, notices


def unsupported(name: str, message: str = "Unsupported parameter") -> Fail:
    fields = {"message": message, "param": name, "code": "unsupported_parameter"}
    return Fail(400, "", body={"error": {**fields, "type": "invalid_request_error"}})


def extra(name: str) -> Fail:
    said = {
        "type": "extra_forbidden",
        "loc": ["body", name],
        "msg": "Extra inputs are not permitted",
    }
    return Fail(422, "", body={"detail": [said]})


def worded(name: str) -> Fail:
    return Fail(400, f"Unsupported value: '{name}' is not supported with this model.")


@pytest.mark.parametrize("refusal", [unsupported, extra, worded])
@pytest.mark.parametrize("name", ["stream_options", "temperature", "top_p", "reasoning_effort"])
def test_a_parameter_that_is_refused_is_left_out_and_that_is_said(
    name: str, refusal: Callable[[str], Fail]
) -> None:
    replies, served, notices = ask_twice(
        lambda body: refusal(name) if name in body else None,
        temperature=0.5,
        top_p=0.9,
        reasoning_effort="low",
    )
    assert [r.tries for r in replies] == [2, 1]
    assert [r.text for r in replies] == ["Yes.", "Yes."]
    assert all(name not in body for body in served)
    assert len(notices) == 1
    assert f"toy does not take {name}" in notices[0]


def test_several_refusals_are_taken_one_after_the_other() -> None:
    names = ("stream_options", "temperature", "max_tokens")
    replies, served, _ = ask_twice(
        lambda body: next((worded(n) for n in names if n in body), None), temperature=1.0
    )
    assert [r.tries for r in replies] == [4, 1]
    assert served[0]["max_completion_tokens"] == 8192


@pytest.mark.parametrize("refusal", [unsupported, extra])
def test_the_limit_goes_by_the_name_that_is_taken(refusal: Callable[[str], Fail]) -> None:
    replies, served, notices = ask_twice(
        lambda body: refusal("max_tokens") if "max_tokens" in body else None
    )
    assert [r.tries for r in replies] == [2, 1]
    assert [b["max_completion_tokens"] for b in served] == [8192, 8192]
    assert notices == []
    both = ("max_tokens", "max_completion_tokens")
    replies, served, _ = ask_twice(lambda body: next((refusal(n) for n in both if n in body), None))
    assert [r.tries for r in replies] == [3, 1]
    assert not any(name in body for body in served for name in both)


def test_a_server_that_refuses_to_stream_is_asked_for_whole_replies() -> None:
    words = "Your organization must be verified to stream this model."
    replies, served, notices = ask_twice(
        lambda body: unsupported("stream", words) if body["stream"] else None
    )
    assert [r.tries for r in replies] == [2, 1]
    assert all(body["stream"] is False and "stream_options" not in body for body in served)
    assert notices == ["toy is asked without streaming, which it refuses"]


def test_only_what_is_set_is_sent() -> None:
    _, served, _ = ask_twice(lambda _: None)
    assert set(served[0]) == {"model", "messages", "max_tokens", "stream", "stream_options"}
    _, served, _ = ask_twice(lambda _: None, temperature=0.0)
    assert served[0]["temperature"] == 0.0
    with pytest.raises(InputError, match="temperature must be at most 2, not 3"):
        RunSettings(temperature=3)


# --- room -----------------------------------------------------------------------------------------


def test_an_answer_that_leaves_no_room_for_the_prompt_is_made_to_fit() -> None:
    context, prompt = 4096, 1500

    def refuse(body: Mapping[str, Any]) -> Fail | None:
        if body["max_tokens"] + prompt <= context:
            return None
        return Fail(
            400,
            f"'max_tokens' is too large: {body['max_tokens']}. This model's maximum context length"
            f" is {context} tokens and your request has {prompt} input tokens",
        )

    replies, served, notices = ask_twice(refuse, prompt="You are the coder." + " x" * 2000)
    assert [r.tries for r in replies] == [2, 1]
    assert 2000 < served[1]["max_tokens"] <= served[0]["max_tokens"] <= context - prompt
    assert len(notices) == 1
    assert "shares a context of 4,096 tokens" in notices[0]


def test_the_longest_answer_of_a_model_is_remembered() -> None:
    replies, served, notices = ask_twice(
        lambda body: (
            Fail(400, "max_tokens is too large: This model supports at most 4096 completion tokens")
            if body["max_tokens"] > 4096
            else None
        )
    )
    assert [r.tries for r in replies] == [2, 1]
    assert [body["max_tokens"] for body in served] == [4096, 4096]
    assert notices == ["toy answers with 4,096 tokens at most: answer_tokens is made smaller"]


@pytest.mark.parametrize(
    ("fits", "rooms", "tries"), [(3000, [2048, 2048], [3, 1]), (600, [512, 512], [5, 5])]
)
def test_where_no_number_is_said_the_room_is_made_smaller_in_steps(
    fits: int, rooms: list[int], tries: list[int]
) -> None:
    """A room that is very small may be this prompt's own: it is not kept."""

    def refuse(body: Mapping[str, Any]) -> Fail | None:
        short = body["max_tokens"] <= fits
        return None if short else Fail(400, "max_tokens must be at least 1, got -344")

    replies, served, _ = ask_twice(refuse)
    assert [body["max_tokens"] for body in served] == rooms
    assert [r.tries for r in replies] == tries


def test_a_prompt_that_is_too_long_for_any_answer_says_so() -> None:
    words = "request (9123 tokens) exceeds the available context size (8192 tokens)"
    replies, served, _ = ask_twice(lambda _: Fail(400, words))
    assert served == []
    assert [(r.fault, r.tries) for r in replies] == [("context", 1), ("context", 1)]
    assert "9123 tokens" in replies[0].error


# --- tools ----------------------------------------------------------------------------------------

TOOLS = ({"type": "function", "function": {"name": "check", "parameters": {}}},)


@pytest.mark.parametrize(
    "refusal",
    [
        Fail(400, "toy does not support tools"),
        Fail(400, '"auto" tool choice requires --enable-auto-tool-choice'),
        Fail(404, "No endpoints found that support tool use"),
        Fail(500, "tools param requires --jinja flag"),
        extra("tools"),
    ],
)
def test_a_server_that_takes_no_tools_is_known_after_one_call(refusal: Fail) -> None:
    def act(call: Call) -> Act:
        return refusal if "tools" in call.body else Say("Yes.")

    with ProtocolServer(act) as server:
        backend = open_models(server.url)
        asked = Request("coder", "You are the coder.", {}, 1, tools=TOOLS)
        first, second = backend.answer(asked), backend.answer(asked)
        assert (first.fault, first.tries, second.fault, second.tries) == ("tools", 1, "tools", 0)
        assert "takes no tools" in second.error
        assert backend.answer(Request("coder", "You are the coder.", {}, 1)).text == "Yes."


def test_a_call_on_other_terms_is_another_call_to_a_gateway() -> None:
    names: list[str] = []

    def act(call: Call) -> Act:
        names.append(call.name)
        return worded("stream_options") if "stream_options" in call.body else Say("Yes.")

    asked = Request("coder", "You are the coder.", {}, 1)
    with ProtocolServer(act) as server:
        open_models(server.url).answer(asked)
    assert names[0] == asked.hash
    assert re.fullmatch(rf"{asked.hash}-\w{{8}}", names[1])
