"""Whole runs with an LLM that is a scripted server: faults, money, outages, keys."""

from __future__ import annotations

import sqlite3
import threading
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest
from protocol_server import Act, Call, Fail, ProtocolServer, Raw, Say, Served
from scripts import FAULTS, good, with_faults, words_of

from archwright.core import BackendError, CandidateStatus, InputError
from archwright.runs.journal import Journal
from archwright.runs.workspace.control import request_stop

Runs = Any
KEY = "sk-planted-0123456789abcdef"


def ends(journal: Journal) -> Counter[str]:
    return Counter(candidate.status for candidate in journal.candidates())


def by_name(server: ProtocolServer) -> dict[str, list[Served]]:
    found = defaultdict(list)
    for served in server.served:
        found[served.call.name].append(served)
    return found


def was_usable(served: Served) -> bool:
    """Whether there was anything to read in a reply, and all of it arrived."""
    return served.end == "ok" and isinstance(served.act, Say) and bool(served.act.text)


@pytest.mark.parametrize("count", [50, pytest.param(200, marks=pytest.mark.nightly)])
def test_a_run_with_faults_loses_and_double_pays_nothing(runs: Runs, count: int) -> None:
    faults = with_faults(0.3)

    def act(call: Call) -> Act:
        # Which requests there are depends on what is ready first; the first of all fails, and none
        # goes wrong so often that it is given up.
        if call.nth >= 3:
            return good(call)
        return faults(call) if server.served or call.nth else Fail(500, "it broke")

    with ProtocolServer(act) as server, runs.run(server.url, max_candidates=count) as journal:
        assert journal.facts.state == "finished"
        assert {c.number for c in journal.candidates()} == set(range(1, count + 1))
        counted = ends(journal)
        assert counted[CandidateStatus.OPEN] == 0
        assert counted[CandidateStatus.TRAINED] + counted[CandidateStatus.PROMOTED] > 0.75 * count

        played = Counter(type(s.act).__name__ for s in server.served)
        assert played["Fail"]
        for tries in by_name(server).values():
            assert not any(was_usable(s) for s in tries[:-1]), "it was asked again, and paid twice"
            assert was_usable(tries[-1]), "an answer was given up"

        calls = [step.result for step in journal.steps("call") if step.result["model"] == "toy"]
        assert sum(row["tries"] for row in calls) == len(server.served)
        exact = [
            tries
            for tries in by_name(server).values()
            if all(s.end != "dropped" and getattr(s.act, "usage", True) for s in tries)
        ]
        assert sum(row["tokens"] for row in calls if not row["estimated"]) == sum(
            s.tokens for tries in exact for s in tries
        )


def test_every_fault_alone_is_survived(runs: Runs) -> None:
    kinds = sorted(FAULTS)

    def act(call: Call) -> Act:
        return (
            FAULTS[kinds[int(call.name[:6], 16) % len(kinds)]](call) if not call.nth else good(call)
        )

    with ProtocolServer(act) as server, runs.run(server.url, max_candidates=15) as journal:
        assert ends(journal)[CandidateStatus.OPEN] == 0
        assert set(ends(journal)) <= {
            CandidateStatus.TRAINED,
            CandidateStatus.PROMOTED,
            CandidateStatus.INVALID,
        }


def test_an_answer_that_never_parses_ends_its_candidates_after_three_tries(runs: Runs) -> None:
    def act(call: Call) -> Act:
        unwilling = call.role == "researcher" and server.served
        return Say("I would rather talk about the weather.") if unwilling else good(call)

    with ProtocolServer(act) as server, runs.run(server.url, max_candidates=7, lag=4) as journal:
        assert [c.number for c in journal.candidates() if not c.source] == [5, 6, 7]
        assert all("holds no proposal" in c.reason for c in journal.candidates() if not c.source)
        asked = [s for s in server.served if s.call.role == "researcher"]
        assert len(asked) == 4
        longest = max((s.call.messages for s in asked), key=len)
        assert [m["role"] for m in longest] == ["user", "assistant", "user", "assistant", "user"]
        assert "holds no proposal" in longest[2]["content"]


def test_a_model_that_never_gives_a_usable_answer_is_asked_a_few_times_at_most(runs: Runs) -> None:
    act = lambda call: Say("No.") if call.role == "researcher" else good(call)  # noqa: E731
    with ProtocolServer(act) as server:
        paths = runs.begin(server.url, max_candidates=100)
        with pytest.raises(BackendError, match="no usable answer 3 times in a row") as caught:
            runs.carry_out(paths)
        assert "\n" not in str(caught.value)
        assert 9 <= len(server.served) <= 15, "those that were under way are the last"


def test_what_fails_its_checks_goes_back_with_the_reason_and_the_fix_that_helped_before(
    runs: Runs,
) -> None:
    def act(call: Call) -> Act:
        words = words_of(call)
        if call.role == "researcher" and len(call.messages) == 1:
            return Say(words.replace("output_shape[0]),", "output_shape[0] + 1),"))
        return Say(words)

    with (
        ProtocolServer(act) as server,
        runs.run(server.url, max_candidates=6, proposals=2, lag=2) as journal,
    ):
        fixed = [k for k in ends(journal) if k != CandidateStatus.INVALID]
        assert set(fixed) <= {CandidateStatus.TRAINED, CandidateStatus.PROMOTED}
        assert ends(journal)[CandidateStatus.INVALID] == 6
        sent_back = [s.call.messages[2]["content"] for s in server.served if s.call.messages[1:]]
        assert "shapes: " in sent_back[0]
        assert "fixed before" not in sent_back[0]


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Fail(401, f"Incorrect API key provided: {KEY}"), "the key was refused"),
        (Fail(404, "The model does not exist"), "no such model"),
        (Fail(429, "You exceeded your quota", "insufficient_quota"), "quota is exhausted"),
    ],
)
def test_a_permanent_fault_stops_the_run_which_goes_on_when_it_is_fixed(
    runs: Runs, monkeypatch: pytest.MonkeyPatch, fault: Fail, words: str
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    state = {"broken": False}

    def act(call: Call) -> Act:
        state["broken"] = state["broken"] or len(server.served) >= 2
        return fault if state["broken"] is True else good(call)

    with ProtocolServer(act) as server:
        paths = runs.begin(server.url, max_candidates=16)
        with pytest.raises(BackendError, match=words) as caught:
            runs.carry_out(paths)
        assert "\n" not in str(caught.value)
        with Journal.open(paths) as journal:
            assert journal.facts.state == "failed"
        answered = {s.call.name for s in server.served if was_usable(s)}
        server.script = good
        already = len(server.served)
        with runs.carry_out(paths) as journal:
            assert journal.facts.state == "finished"
            assert ends(journal)[CandidateStatus.OPEN] == 0
        again = {s.call.name for s in server.served[already:]}
        assert not again & answered, "what was answered before was paid again"


def test_an_outage_pauses_the_run_and_says_so(runs: Runs) -> None:
    def act(call: Call) -> Act:
        # Forty refusals in the middle of a run are an outage to all calls in flight.
        return Fail(503, "down") if 10 <= len(server.served) < 50 else good(call)

    with ProtocolServer(act) as server, runs.run(server.url, max_candidates=10) as journal:
        assert journal.facts.state == "finished"
        assert ends(journal)[CandidateStatus.OPEN] == 0


def test_money_is_never_passed_by_more_than_one_call(runs: Runs) -> None:
    with (
        ProtocolServer(good) as server,
        runs.run(server.url, max_candidates=40, max_usd=0.02, prices=("1,2",)) as journal,
    ):
        spent = journal.spend()
        dearest = max(call.usd for call in journal.calls())
        assert 0.01 < spent.usd < 0.02 + dearest
        assert spent.tokens == sum(s.tokens for s in server.served)
        assert ends(journal)[CandidateStatus.OPEN] == 0
        assert journal.facts.state == "finished"


def test_tokens_bound_a_run_whose_price_nobody_knows(runs: Runs) -> None:
    with ProtocolServer(good) as server:
        with pytest.raises(InputError, match=r"price of toy is not known.*--max-tokens"):
            runs.begin(server.url, prices=())
        with runs.run(server.url, prices=(), max_tokens=12_000, max_candidates=40) as journal:
            assert 6_000 < journal.spend().tokens < 20_000


def test_a_key_is_nowhere_but_in_the_environment(
    runs: Runs, workspace: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)

    def act(call: Call) -> Act:
        assert call.key == KEY
        if call.role == "evaluator":
            return Say(f'{{"open": ["Your key is {KEY}", "Bearer {KEY}"]}}')
        return with_faults(0.3)(call)

    with ProtocolServer(act) as server:
        runs.run(
            server.url, max_candidates=8, finalists=1, screen_seeds=2, deciding_seeds=4
        ).close()
        server.script = lambda _: Fail(401, f"Incorrect API key provided: {KEY}")
        paths = runs.begin(server.url, max_candidates=2, seed=9)
        with pytest.raises(BackendError):
            runs.carry_out(paths)
    out = "".join(capfd.readouterr())
    assert KEY not in out
    files = [p for p in workspace.rglob("*") if p.is_file()]
    assert any(p.suffix == ".db" for p in files)
    for path in files:
        assert KEY.encode() not in path.read_bytes(), path
    for path in workspace.rglob("journal.db"):
        with sqlite3.connect(path) as connection:
            assert KEY not in "\n".join(connection.iterdump())


def test_a_server_that_does_not_stream_is_understood(runs: Runs) -> None:
    with (
        ProtocolServer(good, streams=False) as server,
        runs.run(server.url, max_candidates=4) as journal,
    ):
        assert set(ends(journal)) <= {CandidateStatus.TRAINED, CandidateStatus.PROMOTED}
        assert journal.spend().tokens == sum(s.tokens for s in server.served)


def test_the_journal_says_who_was_asked_what_for_how_much(runs: Runs) -> None:
    with ProtocolServer(good) as server, runs.run(server.url, max_candidates=2) as journal:
        step = journal.step("call", "1/researcher")
        assert step is not None
        assert step.candidate == "1"
        assert {"prompt", "request", "role", "seed"} <= set(step.request)
        assert {"model", "tokens", "usd", "text"} <= set(step.result)
    assert server.served


def test_where_a_model_gives_no_answer_the_symbolic_engine_can(runs: Runs) -> None:
    def act(call: Call) -> Act:
        return Say("No.") if call.role == "researcher" and server.served else good(call)

    with (
        ProtocolServer(act) as server,
        runs.run(server.url, max_candidates=14, lag=4, fallback="symbolic") as journal,
    ):
        assert {c.proposer for c in journal.candidates()} == {"one-call", "symbolic"}
        notices = [n for n in journal.notices() if "the symbolic engine continues alone" in n]
        assert len(notices) == 1
        assert len(server.served) <= 1 + 5 * 3


def test_calls_at_a_time_are_bounded(runs: Runs) -> None:
    def act(call: Call) -> Act:
        return Say(words_of(call), wait_seconds=0.02)

    with ProtocolServer(act) as server:
        runs.run(server.url, max_candidates=8, calls=1).close()
        assert server.most_busy == 1


def test_a_stop_request_ends_a_run_whose_calls_are_all_open(runs: Runs) -> None:
    asked, left = threading.Event(), threading.Event()

    def act(_: Call) -> Act:
        asked.set()
        return Raw(b"", left=left)

    with ProtocolServer(act) as server:
        paths = runs.begin(server.url, max_candidates=4)
        run = threading.Thread(target=lambda: runs.carry_out(paths, patient=True).close())
        run.start()
        assert asked.wait(120)
        request_stop(paths)
        run.join(60)
        assert not run.is_alive()
        assert left.wait(30)
    with Journal.open(paths) as journal:
        assert journal.facts.state == "stopped"
