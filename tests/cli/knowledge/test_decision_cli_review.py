"""`review` from the command line: what it lists, and everywhere that a decision is written."""

from __future__ import annotations

import json
import subprocess
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from archwright.cli import main
from archwright.core import Candidate, CandidateStatus, Measurement, Verdict
from archwright.knowledge.decisions.folder import Decision, DecisionFolder, Option
from archwright.knowledge.store import Entry, Knowledge
from archwright.runs.journal import Journal
from archwright.runs.results.branches.branches import Landing, LineageCommit, land
from archwright.runs.results.observing import observe
from archwright.runs.workspace.workspace import Workspace, init

RUN = "digits-20261124-ab12"


@dataclass(frozen=True)
class Place:
    """A workspace with a run: c1 is a winner, c2 a finalist without a gain, c3 unverified."""

    workspace: Workspace
    branch: str

    def git(self, *words: str) -> str:
        command = ["git", "-C", str(self.workspace.root), *words]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def verdict(self) -> Verdict:
        with Journal.open(self.workspace.paths.run(RUN)) as journal:
            return observe(journal).verdicts[0]

    def known(self) -> tuple[str, str]:
        with Knowledge(self.workspace.paths.knowledge) as knowledge:
            (hit,) = knowledge.search("wider", "result")
        return hit.entry.status, hit.entry.reason

    def decision(self) -> Decision:
        return DecisionFolder(self.workspace.paths.decisions).show(1)


def verdict(candidate: str, kind: str, **changes: Any) -> dict[str, Any]:
    found = Verdict(candidate, f"title of {candidate}", "discovery", 2.0, (1.0, 3.0), 0.01, 5, "")
    return {**asdict(found), "verdict": kind, **changes}


@pytest.fixture
def place(tmp_path: Path) -> Place:
    workspace = init(tmp_path / "place")
    facts = {
        "settings": {},
        "task": "digits",
        "metric": "accuracy",
        "rungs": [100],
        "created": 1.8e9,
        "state": "finished",
        "phase": "done",
    }
    path = DecisionFolder(workspace.paths.decisions).add(
        Decision(
            *("Wider", "Why?", "Wider", "it gained", "2026-11-24"),
            options=(Option("Wider"),),
            run=RUN,
            candidate="c1",
        )
    )
    lineage = (Candidate("baseline", "Baseline", "x = 0\n"), Candidate("c1", "Wider", "x = 1\n"))
    commits = tuple(LineageCommit(replace(c, created=1.8e9)) for c in lineage)
    landing = Landing(RUN, "digits", None, commits, path.name, path.read_text())
    branch = land(workspace, landing)
    with Journal.create(workspace.paths.run(RUN), facts) as journal:
        for number in (1, 2, 3):
            journal.propose(trained(number))
        journal.judge("c1", verdict("c1", "discovery", branch=branch, decision=path.name))
        journal.judge("c2", verdict("c2", "no gain"))
    with Knowledge(workspace.paths.knowledge) as knowledge:
        knowledge.record(Entry(run=RUN, candidate="c1", title="wider", source="x = 1\n"))
    return Place(workspace, branch)


def trained(number: int) -> Candidate:
    return Candidate(
        id=f"c{number}",
        sequence=number,
        title=f"title of c{number}",
        operator="widen",
        source=f"x = {number}\n",
        created=1.8e9,
        rungs={0: Measurement(94.0)},
        parameters=31204,
        status=CandidateStatus.TRAINED,
    )


def review(place: Place, *words: str) -> int:
    return main(["review", *words, "--workspace", str(place.workspace.root)])


@pytest.mark.parametrize("words", [[], ["latest"], [RUN], ["digits"]])
def test_the_list_has_the_winners_with_their_evidence(
    place: Place, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert review(place, *words, "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["run"], document["task"]) == (RUN, "digits")
    (winner,) = document["winners"]
    assert winner == {
        "candidate": "c1",
        "title": "title of c1",
        "score": 94.0,
        "effect": 2.0,
        "interval": [1.0, 3.0],
        "p": 0.01,
        "seeds": 5,
        "test_gain": None,
        "parameters": 31204,
        "branch": place.branch,
        "decision": "0001-wider.md",
        "review": "open",
    }


def test_people_read_the_evidence_and_what_to_do(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    assert review(place) == 0
    text = capsys.readouterr().out
    for part in ("c1", "open", "+2.00 points", "p 0.01", "31,204", place.branch, "accept|reject"):
        assert part in text
    assert "c2" not in text


def test_accepting_reaches_record_branch_knowledge_and_journal(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    tip = place.git("rev-parse", place.branch)
    assert review(place, RUN, "accept", "c1", "--reason", "simple enough", "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["review"], document["branch"]) == ("accepted", place.branch)
    assert place.verdict().review == "accepted"
    assert place.decision().status == "accepted"
    assert place.decision().notes[-1].endswith("accepted: simple enough")
    assert place.known() == ("accepted", "simple enough")
    assert place.git("rev-parse", f"{place.branch}^") == tip
    record = place.git("show", f"{place.branch}:docs/decisions/0001-wider.md")
    assert record == Path(document["decision"]).read_text().strip()
    assert place.git("status", "--porcelain") == "?? archwright.toml"


def test_a_verdict_may_change(place: Place) -> None:
    assert review(place, "accept", "c1") == 0
    assert review(place, "reject", "c1", "--reason", "too slow in service") == 0
    assert place.verdict().review == "rejected"
    assert place.decision().status == "rejected"
    assert place.known() == ("rejected", "too slow in service")


def test_a_winner_whose_branch_was_deleted_can_be_rejected(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    place.git("branch", "-D", place.branch)
    assert review(place, "reject", "c1", "--reason", "no") == 0
    assert f"{place.branch} is gone" in capsys.readouterr().err
    assert place.verdict().review == "rejected"
    assert place.git("branch", "--list", place.branch) == ""


def test_a_branch_under_ones_feet_stops_all_of_it(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    place.git("checkout", "-q", place.branch)
    assert review(place, "accept", "c1") == 2
    assert "checked out" in capsys.readouterr().err
    assert place.verdict().review == "open"
    assert place.decision().status == "proposed"


def test_a_knowledge_base_that_lost_the_candidate_stops_all_of_it(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    place.workspace.paths.knowledge.unlink()
    tip = place.git("rev-parse", place.branch)
    assert review(place, "accept", "c1") == 2
    assert "knowledge base" in capsys.readouterr().err
    assert place.decision().status == "proposed"
    assert place.git("rev-parse", place.branch) == tip


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["accept", "c2"], "c2 is not a winner (no gain); the winners"),
        (["accept", "c3"], "c3 is not a winner (not verified)"),
        (["accept", "c9"], "no candidate 'c9'; its winners: c1"),
        (["accept"], "takes one candidate"),
        (["accept", "c1", "c2"], "takes one candidate"),
        (["reject", "c1"], "--reason TEXT"),
        (["latest", "approve", "c1"], "no action 'approve'"),
        (["other"], "no run is called 'other'"),
        (["other", "accept", "c1"], "no run is called 'other'"),
    ],
)
def test_bad_words_are_one_line(
    place: Place, words: list[str], part: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert review(place, *words) == 2
    captured = capsys.readouterr()
    assert part in captured.err
    assert captured.err.count("\n") == 1
    assert place.verdict().review == "open"


def test_the_same_verdict_twice_is_one_line(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    assert review(place, "accept", "c1", "--reason", "good") == 0
    tip = place.git("rev-parse", place.branch)
    capsys.readouterr()
    assert review(place, "accept", "c1", "--reason", "good") == 2
    assert "c1 is accepted already" in capsys.readouterr().err
    assert place.git("rev-parse", place.branch) == tip


def test_what_a_winner_left_and_was_deleted_is_said(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["review", "--workspace", str(place.workspace.root)]
    assert main(words) == 0
    assert "note:" not in capsys.readouterr().err
    place.git("branch", "-D", place.branch)
    (record,) = place.workspace.paths.decisions.glob("*.md")
    record.unlink()
    assert main(words) == 0
    notes = [line for line in capsys.readouterr().err.splitlines() if line.startswith("note: ")]
    assert [place.branch in notes[0], "c1 has no decision record" in notes[1]] == [True, True]
