"""What earlier runs learned is put before the roles: failures, their fixes, relatives, parents."""

from __future__ import annotations

from typing import Any

import pytest
from protocol_server import Act, Call, ProtocolServer, Say
from scripts import good, words_of

from archwright.agents.backends.symbolic import SymbolicBackend
from archwright.agents.questions import Brief, Review, ReviewQuestion, ShownCandidate
from archwright.agents.roles import REVIEWER, Agents, Prompts
from archwright.core import candidate_id, next_id
from archwright.tasks.loading import load_task

Runs = Any
WRONG_SHAPE = ", 7)"


def breaks_first(call: Call) -> Act:
    """Every network has the wrong output at first; what goes back comes right."""
    if call.role != "researcher" or len(call.messages) > 1:
        return good(call)
    return Say(words_of(call).replace(", output_shape[0])", WRONG_SHAPE))


def prompts_of(server: ProtocolServer, role: str) -> list[str]:
    """First messages to a role, in the order served."""
    return [s.call.messages[0]["content"] for s in server.served if s.call.role == role]


def test_failures_and_their_fixes_reach_the_next_run(runs: Runs) -> None:
    with ProtocolServer(breaks_first) as server:
        runs.run(server.url, max_candidates=3, workers=1, lag=1).close()
    with ProtocolServer(breaks_first) as server:
        runs.run(server.url, max_candidates=1, seed=8).close()
    sent_back = next(s.call.messages[2]["content"] for s in server.served if s.call.messages[1:])
    past = sent_back.partition("was fixed before like this")[2]
    assert any(line.startswith("-") and WRONG_SHAPE in line for line in past.splitlines())
    researcher = prompts_of(server, "researcher")[0]
    warnings = researcher.partition("# Warnings: what failed")[2]
    assert "ended invalid (shapes" in warnings


def test_the_reviewer_sees_what_was_known_and_not_what_this_run_found(runs: Runs) -> None:
    changes = {"max_candidates": 4, "finalists": 1, "screen_seeds": 2, "deciding_seeds": 4}
    with ProtocolServer(good) as server:
        runs.run(server.url, **changes).close()
        first = prompts_of(server, "reviewer")
        runs.run(server.url, **changes, seed=8).close()
        second = prompts_of(server, "reviewer")[len(first) :]
    known = "# What is known that resembles it"
    assert all("None." in p.partition(known)[2].partition("# The candidate")[0] for p in first)
    assert first
    assert second
    assert all("### known:" in p.partition(known)[2] for p in second)
    assert all("noise standard deviations" in p.partition(known)[2] for p in second)


def test_the_number_of_examples_changes_no_parent(runs: Runs) -> None:
    with ProtocolServer(good) as server:
        runs.run(server.url, max_candidates=5).close()
        begun = [runs.begin(server.url, max_candidates=2, examples=n, seed=8) for n in (0, 2)]
        seen = []
        for paths in begun:
            with runs.carry_out(paths) as journal:
                seen.append({step.key: step.result for step in journal.steps("retrieve")})
    none, two = seen
    assert none["inherited"] == two["inherited"]
    assert len(none["inherited"]["examples"]) == 3
    assert [len(s["1"]["examples"]) for s in seen] == [0, 2]
    assert none["1"]["lessons"] == two["1"]["lessons"]


@pytest.mark.parametrize("attempt", [0, 1, 25, 26, 27, 700])
def test_an_attempt_is_followed_by_the_next(attempt: int) -> None:
    assert next_id(candidate_id(12, attempt)) == candidate_id(12, attempt + 1)


def review_of(source: str, similar: tuple[ShownCandidate, ...]) -> Review:
    question = ReviewQuestion(
        brief=Brief.of(load_task("digits").spec),
        title="wider",
        rationale="",
        source=source,
        parameters=10,
        baseline_parameters=10,
        recipe={},
        parent_titles=(),
        similar=similar,
        verdict=None,
    )
    agents = Agents(SymbolicBackend(), Prompts(), lambda _, __, ask: ask())
    return agents.ask(REVIEWER, "1", question, 0)


def test_without_a_model_novelty_is_judged_by_rule() -> None:
    known = ShownCandidate(
        id="known:3", title="narrow", source="x = f(16, 1e-3)\n", score=1.0, gain=1.0
    )
    twin = review_of("x = f(320,  0.5)\n", (known,))
    assert any("known:3" in s and "numbers alone" in s for s in twin.suspicions)
    other = review_of("x = g(16)\n", (known,))
    assert not other.suspicions
    assert "known:3 (narrow) is most like it" in other.summary
    assert "Nothing that was known before the run resembles it" in review_of("y", ()).summary
