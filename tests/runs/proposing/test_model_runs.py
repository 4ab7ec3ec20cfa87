"""Whole runs with a model: what they ask, how they go on, and that they can be repeated."""

from __future__ import annotations

import os
import signal
import threading
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

from carrying import start
from model_runs import begin_models, finished_run, go_on, proposals, scripted, wide
from protocol_server import Act, Call, Fail, ProtocolServer
from scripts import good

from archwright.agents.backends import Request
from archwright.agents.backends.scripted import ScriptedBackend
from archwright.core import TRAINED_STATUSES, Candidate, CandidateStatus
from archwright.runs.amending import amend
from archwright.runs.journal import Journal
from archwright.runs.workspace.control import request_stop
from archwright.runs.workspace.paths import RunPaths

FAILS_AT_FIRST = ", 3)"


def fixed(request: Request) -> dict[str, Any]:
    """Every second network has the wrong shape at first."""
    answer = proposals(wide, parents=["baseline"], expected=2.0)(request)
    if not request.turns:
        for said in answer["proposals"][::2]:
            said["source"] = said["source"].replace(", output_shape[0])", FAILS_AT_FIRST)
    return answer


def repaired(request: Request) -> dict[str, Any]:
    """As `fixed`, where what was refused comes back in its order."""
    answer = fixed(request)
    return {"proposals": answer["proposals"][::2]} if request.turns else answer


def candidates(paths: RunPaths) -> list[Candidate]:
    with Journal.open(paths) as journal:
        return [replace(candidate, created=0.0) for candidate in journal.candidates(first=0)]


def asked(backend: ScriptedBackend, role: str = "researcher") -> list[Request]:
    return [r for r in backend.requests if r.role == role]


def test_no_two_requests_of_a_run_are_equal(spirals: Path, workspace: Path) -> None:
    backend = scripted(researcher=repaired)
    settings = {"max_trials": 36, "workers": 3, "control": 0.1, "proposals": 2}
    with finished_run(spirals, workspace, backend, **settings) as journal:
        found = journal.candidates()
    sent = Counter((r.role, r.prompt, r.turns) for r in backend.requests)
    assert len(asked(backend)) > 5
    assert max(sent.values()) == 1
    trained = [c for c in found if c.trials and not c.is_control]
    assert len(trained) > 8


def test_a_call_is_shown_the_campaign(spirals: Path, workspace: Path) -> None:
    backend = scripted(researcher=proposals(wide, parents=["baseline"], expected=2.0))
    with finished_run(spirals, workspace, backend, max_trials=28, proposals=2, lag=2) as journal:
        found = {c.id: c for c in journal.candidates()}
    last = asked(backend)[-1]
    rows = {row["candidate"]: row for row in last.context["ledger"]}
    ended = [id_ for id_, c in found.items() if id_ in rows and rows[id_]["gains"]]
    assert len(ended) > 5
    for id_ in ended:
        assert f"{id_} < baseline | " in last.prompt
        assert rows[id_]["expected"] == 2.0
    best = max((found[id_] for id_ in ended), key=lambda c: c.fitness)
    assert best.source.strip() in last.prompt
    assert "trainings of the search" in last.context["left"]
    assert "Validation has 200 samples" in last.prompt


# --- stopped, killed, continued -------------------------------------------------------------------


def test_a_run_that_was_stopped_repeats_no_call_and_asks_the_same(
    spirals: Path, workspace: Path
) -> None:
    paths = begin_models(spirals, workspace, proposals=2, lag=4, max_trials=26)

    def research(request: Request) -> dict[str, Any]:
        if request.context["number"] == 5:
            request_stop(paths)
        return repaired(request)

    first, second = scripted(researcher=research), scripted(researcher=repaired)
    stopped = go_on(workspace, paths, first)
    assert stopped.state == "stopped"
    before = {c.id: c for c in candidates(paths) if c.status in TRAINED_STATUSES}
    assert go_on(workspace, paths, second).state == "finished"
    assert asked(second)
    assert not {r.hash for r in first.requests} & {r.hash for r in second.requests}
    with Journal.open(paths) as journal:
        calls = journal.steps("call")
        questions = {s.key: s.result for s in journal.steps("question")}
    assert len(calls) == len(first.requests) + len(second.requests)
    for request in (*asked(first), *asked(second)):
        said = questions[str(request.context["number"])]
        assert {**said, "with_code": True} == request.context
    kept = {c.id: c for c in candidates(paths)}
    assert before
    assert {id_: kept[id_] for id_ in before} == before


def killed_at_the_third_question(log: Path) -> ScriptedBackend:
    """A model that notes what it is asked; the process dies while it thinks, once."""

    def research(request: Request) -> dict[str, Any]:
        with log.open("a") as file:
            file.write(f"{request.hash}\n")
        if len(log.read_text().split()) == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        return repaired(request)

    return scripted(researcher=research)


def test_a_run_that_was_killed_asks_once_more_only_what_was_open(
    spirals: Path, workspace: Path, tmp_path: Path
) -> None:
    paths, log = begin_models(spirals, workspace, proposals=2), tmp_path / "asked"
    ends = []
    for _ in range(2):
        process = start(workspace, killed_at_the_third_question, log)
        process.join()
        ends.append(process.exitcode)
    assert ends == [-signal.SIGKILL, 0]
    times = Counter(log.read_text().split())
    assert sorted(times.values())[-2:] == [1, 2], "only what was in flight is asked again"
    assert times[log.read_text().split()[2]] == 2, "and it is the same question"
    assert all(c.status is not CandidateStatus.OPEN for c in candidates(paths) if c.number)


def test_a_replay_of_a_run_with_a_model_asks_nobody(spirals: Path, workspace: Path) -> None:
    backend = scripted(researcher=repaired)
    recorded = begin_models(
        spirals, workspace, workers=2, control=0.1, proposals=2, model_share=None, max_trials=24
    )
    go_on(workspace, recorded, backend)
    before = len(backend.requests)
    again = begin_models(spirals, workspace, backend=f"replay:{recorded.name}")
    go_on(workspace, again)
    assert candidates(again) == candidates(recorded)
    assert {c.proposer for c in candidates(again)} == {"", "one-call", "symbolic"}
    assert len(backend.requests) == before


def test_more_budget_takes_up_what_was_dropped(spirals: Path, workspace: Path) -> None:
    backend = scripted(researcher=proposals(wide))
    paths = begin_models(spirals, workspace, proposals=8, max_trials=12, workers=2)
    go_on(workspace, paths, backend)
    dropped = {c.id for c in candidates(paths) if c.status is CandidateStatus.DROPPED}
    amend(paths, {"max_trials": 24})
    go_on(workspace, paths, backend)
    assert not [c for c in candidates(paths) if c.status is CandidateStatus.OPEN and c.number]
    if dropped:
        ended = {c.id: c.status for c in candidates(paths)}
        assert {ended[id_] for id_ in dropped} <= {"trained", "promoted"}
    assert len({r.hash for r in backend.requests}) == len(backend.requests)


# --- who proposes ---------------------------------------------------------------------------------


def test_a_slow_model_holds_nobody_up_for_ever(spirals: Path, workspace: Path) -> None:
    """More numbers than threads, late and short answers, refusals, controls."""
    pause = threading.Event()

    def research(request: Request) -> dict[str, Any]:
        pause.wait(0.05 * (request.context["number"] % 4))
        return {"proposals": repaired(request)["proposals"][:2]}

    settings = {"workers": 4, "proposals": 3, "control": 0.2, "model_share": 0.7}
    with finished_run(
        spirals, workspace, scripted(researcher=research), max_trials=36, **settings
    ) as journal:
        assert journal.facts.state == "finished"
        found = journal.candidates()
    assert not [c for c in found if c.status is CandidateStatus.OPEN]
    assert {c.proposer for c in found} == {"one-call", "symbolic"}


def test_what_is_spent_on_models_ends_them_and_not_the_run(spirals: Path, workspace: Path) -> None:
    with ProtocolServer(good) as server:
        settings = {"models": ("toy",), "base_url": server.url, "prices": ("1,2",)}
        paths = begin_models(
            spirals, workspace, **settings, max_usd=0.006, model_share=0.5, proposer="",
            max_trials=36, proposals=2,
        )  # fmt: skip
        assert go_on(workspace, paths).state == "finished"
        served = len(server.served)
    with Journal.open(paths) as journal:
        notices = [n for n in journal.notices() if "continues alone" in n]
        spent = journal.spend()
    proposers = [c.proposer for c in candidates(paths) if c.number]
    assert served
    assert 0.003 < spent.usd < 0.012
    assert set(proposers) == {"one-call", "symbolic"}
    assert set(proposers[-4:]) == {"symbolic"}
    assert len(notices) == 1
    assert "--max-usd 0.006" in notices[0]


def test_a_model_that_dies_ends_itself_and_not_the_run(spirals: Path, workspace: Path) -> None:
    """The evaluator and the reviewer are the same model: they, too, are answered by rules."""

    def act(call: Call) -> Act:
        if server.served:
            return Fail(429, "You exceeded your quota", "insufficient_quota")
        return good(call)

    with ProtocolServer(act) as server:
        settings = {"models": ("toy",), "base_url": server.url, "prices": ("1,2",)}
        paths = begin_models(
            spirals, workspace, **settings, model_share=0.5, proposer="", max_trials=36,
            proposals=2, finalists=1, screen_seeds=2, deciding_seeds=4,
        )  # fmt: skip
        assert go_on(workspace, paths).state == "finished"
        assert len(server.served) == 2
    with Journal.open(paths) as journal:
        notices = [n for n in journal.notices() if "continues alone" in n]
        assert journal.verdicts()
    assert {c.proposer for c in candidates(paths) if c.number} == {"one-call", "symbolic"}
    assert len(notices) == 1
    assert "quota is exhausted" in notices[0]


def test_a_persons_own_are_trained_first_whoever_proposes(
    spirals: Path, workspace: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    baseline = (spirals / "baseline.py").read_text()
    for number, name in ((90, "ninety"), (91, "more")):
        (folder / f"{name}.py").write_text(wide(baseline, number))
    backend = scripted(researcher=proposals(wide))
    with finished_run(spirals, workspace, backend, seed_from=str(folder)) as journal:
        first, second, *rest = journal.candidates()
    assert [(c.id, c.proposer, c.title) for c in (first, second)] == [
        ("1", "person", "more"),
        ("2", "person", "ninety"),
    ]
    assert all(c.trials for c in (first, second))
    assert {c.proposer for c in rest} == {"one-call"}


def test_a_task_that_says_stop_ends_at_the_ceiling(spirals: Path, workspace: Path) -> None:
    """Where one number tells the classes apart, nothing is left to gain."""
    task, code = spirals / "task.toml", spirals / "task.py"
    text = task.read_text().replace("rungs = [15, 45]", 'rungs = [45]\nplateau = "stop"')
    task.write_text(text)
    code.write_text(code.read_text().replace("    return x", "    x[:, 0] = 9 * y\n    return x"))
    backend = scripted(researcher=proposals(wide))
    with finished_run(spirals, workspace, backend, max_trials=200, proposals=2) as journal:
        assert journal.facts.state == "finished"
        assert "nothing more is gained: the search stops, as the task says" in journal.notices()
        assert journal.spend().trials < 40
