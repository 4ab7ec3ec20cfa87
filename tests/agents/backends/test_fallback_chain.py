"""Where a model is dead, the next one of its chain answers for the rest of the run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from protocol_server import Act, Call, Fail, ProtocolServer, Say
from scripts import good
from server_runs import open_models

from archwright.agents.backends import Request
from archwright.agents.backends.bandit import parse_others
from archwright.agents.backends.opening import check_backend
from archwright.core import BackendError, InputError
from archwright.core.settings import RunSettings

Runs = Any


def dead(*models: str, refusal: Act | None = None) -> Any:
    """A script in which these models are dead."""
    return lambda call: (refusal or Fail(401, "no")) if call.model in models else Say(call.model)


def ask(server: ProtocolServer, *roles: str, **changes: Any) -> list[str]:
    """Who answered each of these roles."""
    backend = open_models(server.url, **{"models": ("a",), **changes})
    return [backend.answer(Request(r, f"You are the {r}.", {}, 1)).text for r in roles]


def ask_of_four_candidates(act: Callable[[Call], Act]) -> list[str]:
    """What is answered to a question on each, where b takes over from a."""
    with ProtocolServer(act) as server:
        backend = open_models(server.url, models=("a",), or_models=("b",))
        return [
            backend.answer(Request("coder", "You are the coder.", {}, n, candidate=str(n))).text
            for n in range(4)
        ]


@pytest.mark.parametrize(
    "refusal",
    [
        Fail(401, "no"),
        Fail(429, "gone", "insufficient_quota"),
        Fail(404, "model a not found"),
        Fail(429, "slow down", headers={"Retry-After": "86400"}),
    ],
)
def test_the_next_of_the_chain_takes_over_and_that_is_said_once(refusal: Fail) -> None:
    notices: list[str] = []
    with ProtocolServer(dead("a", refusal=refusal)) as server:
        said = ask(server, "coder", "coder", "reviewer", or_models=("b", "c"), notices=notices)
        assert said == ["b", "b", "b"]
        assert Counter(s.call.model for s in server.served)["a"] == 1
    assert len(notices) == 1
    assert notices[0].startswith("a: ")
    assert notices[0].endswith(": b answers from here on")


def test_a_chain_goes_on_to_its_end_and_then_names_all() -> None:
    with ProtocolServer(dead("a", "b")) as server:
        assert ask(server, "coder", or_models=("b", "c")) == ["c"]
    with (
        ProtocolServer(dead("a", "b")) as server,
        pytest.raises(BackendError, match=r"^a: the key was refused.*; b: the key was refused"),
    ):
        ask(server, "coder", or_models=("b",))


def test_a_model_that_answers_nothing_usable_is_dead_too() -> None:
    def act(call: Call) -> Act:
        return Say("") if call.model == "a" else Say(call.model)

    assert ask_of_four_candidates(act) == ["", "b", "b", "b"]


def test_a_model_that_refuses_question_after_question_hands_over() -> None:
    """Also one that had answered, and whose words say nothing that is known to last."""

    asked: list[Call] = []

    def act(call: Call) -> Act:
        asked.append(call)
        is_refused = call.model == "a" and len(asked) > 1
        return Fail(400, "come back another day") if is_refused else Say(call.model)

    assert ask_of_four_candidates(act) == ["a", "", "b", "b"]


def test_a_role_may_have_a_chain_of_its_own() -> None:
    with ProtocolServer(dead("a", "b")) as server:
        assert ask(server, "coder", "reviewer", or_models=("b", "coder=c", "d")) == ["c", "d"]
    assert parse_others(["coder=c", "d"]) == {"coder": ("c",), "": ("d",)}
    with pytest.raises(InputError, match="--or tailor=c: the roles are"):
        parse_others(["tailor=c"])


def test_who_takes_over_is_one_that_lives() -> None:
    notices: list[str] = []
    with ProtocolServer(dead("a", "b")) as server:
        chains = {"models": ("a", "coder=b"), "or_models": ("b", "c", "coder=c")}
        assert ask(server, "coder", "reviewer", notices=notices, **chains) == ["c", "c"]
    assert [notice.partition(": ")[0] for notice in notices] == ["b", "a"]
    assert all(notice.endswith(": c answers from here on") for notice in notices)


def test_prices_of_a_chain_are_asked_for_like_all() -> None:
    settings = RunSettings(models="a", or_models="b", prices="a=1,2", base_url="http://h/v1")
    with pytest.raises(InputError, match="the price of b is not known"):
        check_backend(settings)


def test_a_run_goes_on_with_the_next_model_when_the_first_dies(runs: Runs) -> None:
    def act(call: Call) -> Act:
        if call.model == "toy" and len(server.served) >= 1:
            return Fail(429, "You exceeded your quota", "insufficient_quota")
        return good(call)

    with (
        ProtocolServer(act) as server,
        runs.run(server.url, max_candidates=12, or_models=("spare",)) as journal,
    ):
        assert journal.facts.state == "finished"
        assert {call.model for call in journal.calls()} >= {"toy", "spare"}
        assert any("spare answers from here on" in notice for notice in journal.notices())
