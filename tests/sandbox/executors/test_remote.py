"""What becomes of trials when agents say strange things, die, or are not of one kind."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fake_agents import FakeAgents, Said, hello
from sandbox_candidates import GOOD

from archwright.core import (
    CheckReport,
    Limitation,
    Problem,
    SandboxError,
    Status,
    Stopped,
    TrialJob,
)
from archwright.sandbox.executors import Arrival, LauncherError
from archwright.sandbox.executors.messages import Files, outcome_header, report_header
from archwright.sandbox.executors.nodes import RemoteNode
from archwright.sandbox.executors.places import Durations, Need, Places
from archwright.sandbox.executors.remote import RemoteSandbox
from archwright.sandbox.in_process import InProcessSandbox
from archwright.sandbox.inside import frames

Jobs = Callable[..., TrialJob]


def agent(*answers: Said) -> Callable[[dict[str, Any]], Said]:
    """An agent that introduces itself, then gives these answers to its jobs, the last for ever."""
    left = list(answers)

    def answer(heard: dict[str, Any]) -> Said:
        if "open" in heard:
            return hello()
        if "job" not in heard:
            return [b""]
        said = left.pop(0) if len(left) > 1 else left[0]
        return [s if isinstance(s, bytes) else ({**s[0], "job": heard["job"]}, s[1]) for s in said]

    return answer


PASSED: Said = [(report_header(CheckReport(Status.OK, parameters=7, seconds=0.5)), b"")]
DIES: Said = [b""]


class LastAgents(FakeAgents):
    """A launcher that will start no others after its last."""

    def arrivals(self) -> list[Arrival]:
        if not self._coming:
            raise LauncherError("no more of them")
        return super().arrivals()


def told(sandbox: RemoteSandbox, words: str) -> str:
    """What the sandbox says, once it says something with these words."""
    said: list[str] = []
    while not any(words in line for line in said):
        threading.Event().wait(0.01)
        said += sandbox.news()
    return "\n".join(said)


def test_a_check_comes_back(problem: Problem) -> None:
    with RemoteSandbox(FakeAgents(agent(PASSED))) as sandbox:
        report = sandbox.check(GOOD, problem)
    assert (report.status, report.parameters, report.seconds) == (Status.OK, 7, 0.5)


def test_a_job_that_is_lost_with_its_node_is_done_by_another(problem: Problem) -> None:
    with RemoteSandbox(FakeAgents(agent(DIES), agent(PASSED))) as sandbox:
        assert sandbox.check(GOOD, problem).status is Status.OK
        assert "node fake-0 is lost: its agent ended" in told(sandbox, "lost")


def test_a_candidate_under_which_two_nodes_die_is_kept_away_from_the_others(
    problem: Problem,
) -> None:
    agents = FakeAgents(agent(DIES), agent(DIES), agent(PASSED))
    with RemoteSandbox(agents) as sandbox:
        report = sandbox.check(GOOD, problem)
        assert (report.status, report.lost) == (Status.CRASHED, False)
        assert report.error == "kept away from all nodes: fake-0 and fake-1 died under it"
        assert sandbox.check(GOOD, problem).status is Status.CRASHED
        assert sandbox.check(GOOD + "\n", problem).status is Status.OK
        jobs = [heard for heard in agents.channels[2].heard if "job" in heard]
        assert len(jobs) == 1


def test_a_node_whose_sandbox_fails_is_not_used_where_there_is_another(problem: Problem) -> None:
    broken = agent([({"fault": "no space left on device"}, b"")])
    agents = FakeAgents(broken, agent(PASSED))
    with RemoteSandbox(agents) as sandbox:
        while len(sandbox._places.nodes) < 2:
            threading.Event().wait(0.01)
        assert sandbox.check(GOOD, problem).status is Status.OK
        assert "no space left" in told(sandbox, "fake-0")
    assert agents.avoided == ["fake-0"]
    with (
        RemoteSandbox(FakeAgents(agent([({"fault": "no space left"}, b"")]))) as sandbox,
        pytest.raises(SandboxError, match="node fake-0: no space left"),
    ):
        sandbox.check(GOOD, problem)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ([b"GET / HTTP/1.1\r\nHost: a.b\r\n\r\n"], "over the limit"),
        ([({"fault": "no sandbox here"}, b"")], "no sandbox here"),
        ([({"hello": {"version": 3}}, b"")], "malformed"),
        (hello(version="0.0.1"), "Archwright 0.0.1"),
        ([({"job": [1], "trained": {}}, b"")], "unhashable"),
    ],
)
def test_a_node_that_cannot_be_used_is_named_with_the_reason(said: Said, words: str) -> None:
    agents = FakeAgents(lambda heard: said if "open" in heard else [b""])
    sandbox = RemoteSandbox(agents, first_seconds=0.5)
    with sandbox, pytest.raises(SandboxError, match=words) as caught:
        sandbox.limitations()
    assert "leave --on out to train on this machine" in str(caught.value)


def test_nodes_are_of_one_kind() -> None:
    odd = Limitation("network", "open", "close it")
    other = lambda heard: hello(kind="torch 2 on another") if "open" in heard else [b""]  # noqa: E731
    first = lambda heard: hello(limitations=(odd,)) if "open" in heard else [b""]  # noqa: E731
    with RemoteSandbox(FakeAgents(first, other)) as sandbox:
        assert sandbox.limitations() == (odd,)
        assert sandbox.kind == "torch 2 on a processor"
        assert "torch 2 on another, not" in told(sandbox, "scores there differ")
        assert len(sandbox._places.nodes) == 1


def test_a_node_that_is_refused_decides_nothing() -> None:
    old = lambda heard: hello(version="0.0.1", kind="another") if "open" in heard else [b""]  # noqa: E731
    sound = lambda heard: hello() if "open" in heard else [b""]  # noqa: E731
    with RemoteSandbox(FakeAgents(old, sound)) as sandbox:
        sandbox.limitations()
        assert sandbox.kind == "torch 2 on a processor"
        assert "Archwright 0.0.1" in told(sandbox, "Archwright")


def test_a_kind_that_is_wished_for_is_waited_for() -> None:
    """What has begun on one kind goes on there, also when a node of another kind answers first."""
    another = lambda heard: hello(kind="torch 2 on another") if "open" in heard else [b""]  # noqa: E731
    wished = lambda heard: hello() if "open" in heard else [b""]  # noqa: E731
    agents = FakeAgents(another, another, wished)
    with RemoteSandbox(agents, kind="torch 2 on a processor") as sandbox:
        sandbox.limitations()
        assert sandbox.kind == "torch 2 on a processor"
        told(sandbox, "it is torch 2 on another, not torch 2 on a processor")
    with RemoteSandbox(FakeAgents(another, another), kind="gone", first_seconds=4) as sandbox:
        sandbox.limitations()
        assert sandbox.kind == "torch 2 on another"
        while len(sandbox._places.nodes) < 2:
            threading.Event().wait(0.01)


# --- what it says is hostile ----------------------------------------------------------------------


@pytest.mark.parametrize("said", [{"trained": {}}, {"checked": 3}, {"checked": {"status": "ok"}}])
def test_a_report_that_is_none_is_refused(problem: Problem, said: dict[str, Any]) -> None:
    with RemoteSandbox(FakeAgents(agent([(said, b"")]))) as sandbox:
        report = sandbox.check(GOOD, problem)
    assert report.status is Status.INVALID
    assert "refused" in report.error


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"status": "splendid"}, "splendid"),
        ({"parameters": -1}, "parameters"),
        ({"curve": [[1, 0.5]] * 65}, "curve"),
        ({"curve": [[31, 0.5]]}, "steps are out of range"),
        ({"lost": "no"}, "lost"),
        ({"resources": {"seconds": "1"}}, "seconds"),
        ({}, "predictions on validation are missing"),
    ],
)
def test_an_outcome_that_is_not_plain_data_is_refused(
    make_job: Jobs, changes: dict[str, Any], words: str
) -> None:
    true = InProcessSandbox().train(make_job())
    header = {**outcome_header(true)["trained"], **changes}
    with RemoteSandbox(FakeAgents(agent([({"trained": header}, b"")]))) as sandbox:
        outcome = sandbox.train(make_job())
    assert outcome.status is Status.INVALID
    assert words in outcome.error


def test_predictions_come_in_blocks_once_they_are_whole(make_job: Jobs) -> None:
    job, said = make_job(), []
    true = InProcessSandbox().train(job)
    sender = frames.Sender(lambda piece: said.append(({"piece": len(piece)}, piece)))
    sender.block("validation", 0, true.predictions["validation"])
    half: Said = [*said, b""]
    whole: Said = [*said, (outcome_header(true), b"")]
    came: list[Any] = []
    with RemoteSandbox(FakeAgents(agent(half), agent(whole))) as sandbox:
        outcome = sandbox.train(job, receive=lambda *block: came.append(block))
    assert outcome.status is Status.OK
    assert [(name, start, len(rows)) for name, start, rows in came] == [("validation", 0, 90)]
    # What the first node had sent was dropped with it.
    assert outcome.resources.steps == 30


def test_what_sends_too_much_is_cut_off(problem: Problem) -> None:
    flood: Said = [({"piece": 1}, b"x")]
    with RemoteSandbox(FakeAgents(agent(flood), agent(PASSED))) as sandbox:
        assert sandbox.check(GOOD, problem).status is Status.OK
        assert "sends out more than it may" in told(sandbox, "fake-0")


# --- who gets which place -------------------------------------------------------------------------


def test_work_that_nobody_can_do_says_so() -> None:
    places = Places(patience_seconds=0.05)
    with pytest.raises(SandboxError, match="no node with a GPU"), places.place(Need(1, gpu=True)):
        pass
    with pytest.raises(SandboxError, match="no node has been there"), places.checker():
        pass


def ready(places: Places, seconds: float, name: str = "short") -> RemoteNode:
    """A node that is there for so long."""
    channel = FakeAgents(agent(PASSED)).channels[0]
    node = RemoteNode(Arrival(name, channel, seconds), {}, Files(), places.join, lambda *_: None)
    node.start()
    while node not in places.nodes:
        threading.Event().wait(0.01)
    return node


def test_a_trial_is_not_sent_to_a_node_whose_time_is_too_short() -> None:
    places = Places()
    short, never = ready(places, 1000.0), Need(seconds=1e9)
    with places.place(never) as node:  # however long it is, or it would be for nobody
        assert node is short
    short._until -= 500
    with places.place(Need(seconds=400)) as node:
        assert node is short
    assert not places.spent()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(places.place(never).__enter__)
        while not places.spent():
            threading.Event().wait(0.01)
        assert places.spent() == [short]
        other = ready(places, 1000.0, "other")
        assert waiting.result() is other
        assert not places.spent()
    short.end("over", 0.0)
    other.end("over", 0.0)


def test_trials_are_expected_to_take_as_long_as_the_slowest_of_the_last() -> None:
    durations = Durations()
    assert durations.expect(100) == 0
    for seconds in (900.0, *[10.0] * 19, 20.0):
        durations.note(100, seconds)
    assert durations.expect(100) == pytest.approx(24)
    assert durations.expect(300) == pytest.approx(72)
    assert durations.expect(10) == pytest.approx(24)


def test_an_agent_that_is_sent_away_is_replaced_and_blames_nobody(problem: Problem) -> None:
    leaves: Callable[[dict[str, Any]], Said] = lambda heard: (  # noqa: E731
        hello() if "open" in heard else [({"leaving": 1}, b"")]
    )
    agents = FakeAgents(leaves, leaves, agent(PASSED))
    with RemoteSandbox(agents) as sandbox:
        assert sandbox.check(GOOD, problem).status is Status.OK
        assert "fake-1 leaves: its time limit was reached" in told(sandbox, "fake-1")
    assert not agents.avoided


def test_a_launcher_that_gives_up_frees_all_who_wait(make_job: Jobs) -> None:
    with RemoteSandbox(LastAgents(agent([b""]))) as sandbox:
        with pytest.raises(SandboxError, match="no more of them; check it, then resume"):
            sandbox.train(make_job())
        assert [line for line in sandbox.news() if "no more" in line] == ["no more of them"]


def test_a_stopped_sandbox_turns_everybody_away(make_job: Jobs, problem: Problem) -> None:
    sandbox = RemoteSandbox(FakeAgents())
    with sandbox:
        waiting = threading.Timer(0.05, sandbox.stop)
        waiting.start()
        with pytest.raises(Stopped):
            sandbox.train(make_job())
        with pytest.raises(Stopped):
            sandbox.check(GOOD, problem)


def test_a_folder_that_a_node_lacks_is_named(problem: Problem, tmp_path: Path) -> None:
    from archwright.sandbox.executors.agent import _find_folders

    with pytest.raises(SandboxError, match="put it there under the same path"):
        _find_folders(replace(problem, folders=(str(tmp_path / "absent"),)))
