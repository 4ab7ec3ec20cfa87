"""A model that may look and try before it submits, over the real protocol."""

from __future__ import annotations

import json
from random import Random
from typing import Any

from protocol_server import Act, Call, Fail, ProtocolServer, Say
from scripts import good, network

Runs = Any
FILE = network(Random(5))


def call(name: str, **arguments: str) -> tuple[str, str]:
    return name, json.dumps(arguments)


def results_of(asked: Call) -> list[str]:
    return [m["content"] for m in asked.messages if m["role"] == "tool"]


def test_a_model_checks_looks_and_tries_before_it_submits(runs: Runs) -> None:
    def act(asked: Call) -> Act:
        if asked.role != "researcher" or results_of(asked):
            return good(asked)
        return Say(
            "",
            finish="tool_calls",
            calls=(
                call("check", source=FILE),
                call("check", source=FILE.replace("output_shape[0])", "7)")),
                call("quick_train", source=FILE),
                call("show", candidate="baseline"),
                call("diff", a="baseline", b="baseline"),
                call("curve", candidate="99"),
                call("search_knowledge", words="perceptron"),
                call("fly", where="up"),
                ("check", "{"),
                call("check", words="x"),
            ),
        )

    with (
        ProtocolServer(act) as server,
        runs.run(server.url, proposer="tools", max_candidates=4) as journal,
    ):
        (said,) = [results_of(s.call) for s in server.served if results_of(s.call)]
        sound, broken, tried, shown, same, unknown, _, none, torn, missing = said
        assert "parameters (layers.0" in sound
        assert broken.startswith("it fails: shapes")
        assert "after 15 steps with one seed" in tried
        assert "class Model" in shown
        assert same == "the same"
        assert "no candidate '99'" in unknown
        assert "there is no tool 'fly'" in none
        assert "not JSON" in torn
        assert "check needs source" in missing
        (quick,) = journal.trials(purpose="quick")
        assert quick.score is not None
        first = journal.candidate("1")
        assert first is not None
        assert first.proposer == "tools"
        assert first.trials == 1 + len(journal.trials("1")), "a quick training is counted"
        assert all(c.number for c in journal.candidates()), "what was tried is no candidate"


def test_a_model_that_calls_without_end_is_told_to_submit(runs: Runs) -> None:
    def act(asked: Call) -> Act:
        told = asked.messages[-1]["role"] == "user" and len(asked.messages) > 1
        if asked.role != "researcher" or told:
            return good(asked)
        return Say("", finish="tool_calls", calls=(call("show", candidate="baseline"),) * 5)

    with (
        ProtocolServer(act) as server,
        runs.run(server.url, proposer="tools", max_candidates=1) as journal,
    ):
        asked = [s.call for s in server.served if s.call.role == "researcher"]
        assert len(asked) == 4
        assert asked[-1].messages[-1]["content"].startswith("Submit now")
        assert journal.candidate("1").source


def test_a_server_without_tools_is_asked_for_proposals_alone_and_that_is_said(runs: Runs) -> None:
    def act(asked: Call) -> Act:
        if "tools" in asked.body:
            return Fail(400, "tools is not supported by this model", "unsupported_parameter")
        return good(asked)

    with (
        ProtocolServer(act) as server,
        runs.run(server.url, proposer="tools", max_candidates=2) as journal,
    ):
        assert all(c.source for c in journal.candidates())
        assert any("takes no tools" in notice for notice in journal.notices())
