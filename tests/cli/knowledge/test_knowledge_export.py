"""`archwright knowledge export --for fine-tuning`: what is written, and what is kept out."""

from __future__ import annotations

import json
import socket
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from archwright.cli import main
from archwright.core import Candidate, CandidateStatus, Floor, Measurement, Verdict
from archwright.knowledge.decisions.folder import Decision, DecisionFolder, Option
from archwright.runs.journal import Journal
from archwright.runs.tuning.examples import TuningExample, split_sets
from archwright.runs.tuning.scrubbing import Scrubber
from archwright.runs.workspace.paths import RunPaths
from archwright.runs.workspace.workspace import Workspace, init

SOURCE = """\
from torch import nn


class Model(nn.Module):
    def __init__(self, input_shape, output_shape):
        super().__init__()
        # asked jane.doe@corp.example.org, see /home/janedoe/notes
        self.token = nn.Linear(8, {width})

    def forward(self, q, k):
        return self.token(q@k.mean(0))
"""


@pytest.fixture
def place(tmp_path: Path) -> Workspace:
    return init(tmp_path / "place")


def add_run(
    place: Workspace, name: str, width: int, verdict: str = "discovery", review: str = "open"
) -> RunPaths:
    """A run of the symbolic engine that verified one candidate."""
    paths = place.paths.run(name)
    floors = [Floor(steps, 92.0, 0.5, (91.5, 92.5), 9_000) for steps in (100, 300)]
    facts = {"settings": {"seed": 3}, "task": "digits", "task_from": "digits", "noise": floors,
             "metric": "accuracy", "rungs": [100, 300],
             "workspace": str(place.root)}  # fmt: skip
    made = Candidate("1", "wider", SOURCE.format(width=width), sequence=1000, operator="draft",
                     rationale="janedoe asked for room", proposer="symbolic")  # fmt: skip
    with Journal.create(paths, facts) as journal:
        journal.propose(Candidate("baseline", "the baseline", "class Model:\n    pass\n"))
        journal.propose(made)
        rungs = {1: Measurement(94.0, 4.0, 3)}
        journal.update(replace(made, rungs=rungs).ended(CandidateStatus.PROMOTED))
        found = Verdict(candidate="1", title="wider", verdict=verdict, effect=2.314,  # type: ignore[arg-type]
                        interval=(1.0, 3.6), p=0.004, seeds=5, reason="")  # fmt: skip
        journal.judge("1", asdict(found))
        if review != "open":
            journal.set_review("1", review, "no")
    return paths


def export(place: Workspace, out: Path, capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    capsys.readouterr()
    command = ["knowledge", "export", "--for", "fine-tuning", "-o", str(out), "--json"]
    assert main([*command, "--workspace", str(place.root), *words]) == 0
    return json.loads(capsys.readouterr().out)


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_a_verified_proposal_is_a_chat_with_its_measured_effect(
    place: Workspace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    add_run(place, "one", 16)
    add_run(place, "two", 17, verdict="no gain")
    add_run(place, "three", 18, review="rejected")
    document = export(place, tmp_path / "set.jsonl", capsys)
    assert document["train"] == {"file": str(tmp_path / "set.jsonl"), "examples": 1}
    (line,) = lines(tmp_path / "set.jsonl")
    asked, said = line["messages"]
    assert (asked["role"], said["role"]) == ("user", "assistant")
    assert "You are the researcher" in asked["content"]
    assert "Answer with 1 different proposal," in asked["content"]
    assert "300 steps: the baseline reaches 92" in asked["content"]
    assert '"expected": 2.31' in said["content"]
    assert "class Model(nn.Module)" in said["content"]
    assert {k: line[k] for k in ("run", "kind", "id", "task", "effect", "p", "seeds")} == {
        "run": "one", "kind": "proposal", "id": "1", "task": "digits", "effect": 2.314,
        "p": 0.004, "seeds": 5,
    }  # fmt: skip
    assert lines(tmp_path / "set.validation.jsonl") == []


def test_secrets_and_people_are_gone_and_code_is_whole(
    place: Workspace,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    add_run(place, "one", 16)
    text = f"Key sk-abcdefghijklmnop1234, {place.root}/task, mail jo@gpu-box.local."
    accepted = Decision("Use it", text, "it", "It is exact.", "2026-01-31", "accepted")
    DecisionFolder(place.paths.decisions).add(accepted)
    export(place, tmp_path / "set.jsonl", capsys)
    written = (tmp_path / "set.jsonl").read_text()
    for secret in ("sk-abc", "janedoe", "jane.doe", "/home/", "jo@", str(place.root)):
        assert secret not in written, secret
    proposal, decision = lines(tmp_path / "set.jsonl")
    assert "self.token(q@k.mean(0))" in proposal["messages"][1]["content"]
    assert "Key [key], [folder]/task, mail [address]." in decision["messages"][0]["content"]


def test_the_same_is_written_once_and_no_run_is_in_both(
    place: Workspace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(4):
        add_run(place, f"run-{number}", 16 + number)
    add_run(place, "again", 16)
    folder = DecisionFolder(place.paths.decisions)
    good = Decision("Wider", "Keys.", "wider", "It helps.", "2026-01-31", "accepted",
                    (Option("wider", "room"),), run="run-1", candidate="1")  # fmt: skip
    folder.add(good)
    folder.add(replace(good, candidate="2"))
    folder.add(replace(good, candidate="3", status="rejected", because="No."))
    folder.add(replace(good, candidate="4", status="proposed", because="Maybe."))
    document = export(place, tmp_path / "set.jsonl", capsys, "--validation", "0.5")
    train, held = (lines(Path(document[n]["file"])) for n in ("train", "validation"))
    assert (document["proposals"], document["decisions"], document["duplicates"]) == (4, 1, 2)
    assert len(train) + len(held) == 5
    assert train
    assert held
    assert not {line["run"] for line in train} & {line["run"] for line in held}
    assert {line["kind"] for line in train + held} == {"proposal", "decision"}
    (decision,) = (line for line in train + held if line["kind"] == "decision")
    assert '"chosen": "wider"' in decision["messages"][1]["content"]


@pytest.mark.usefixtures("made_run")
def test_a_model_is_shown_the_question_that_it_was_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = Workspace.open(tmp_path)
    export(place, tmp_path / "set.jsonl", capsys)
    (line,) = lines(tmp_path / "set.jsonl")
    assert line["messages"][0]["content"] == "What next?"
    assert '"hypothesis": "it rises"' in line["messages"][1]["content"]


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["--for", "fine-tuning"], "nothing to export: no run here has a verified gain"),
        (["--for", "fun"], "fine-tuning"),
        ([], "--for"),
        (["--for", "fine-tuning", "--validation", "1"], "--validation must be a share"),
    ],
)
def test_what_cannot_be_exported_is_one_line(
    place: Workspace, words: list[str], part: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["knowledge", "export", *words, "--workspace", str(place.root)]) == 2
    captured = capsys.readouterr()
    assert part in captured.err.splitlines()[-1]
    assert "Traceback" not in captured.err


def test_a_file_that_cannot_be_written_is_one_line(
    place: Workspace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    add_run(place, "one", 16)
    words = ["knowledge", "export", "--for", "fine-tuning", "-o", str(tmp_path / "no" / "x.jsonl")]
    assert main([*words, "--workspace", str(place.root)]) == 2
    assert "name another file with -o" in capsys.readouterr().err


def test_runs_stay_in_their_set_when_more_are_added() -> None:
    def example(run: str) -> TuningExample:
        return TuningExample(run, "proposal", "1", run, "q", "a")

    few = [example(f"r{n}") for n in range(20)]
    sets = split_sets(few, 0.1)
    assert (len(sets.train), len(sets.validation)) == (18, 2)
    assert split_sets(few[::-1], 0.1).validation == sets.validation[::-1]
    assert split_sets(few, 0).validation == ()
    assert split_sets(few[:1], 0.5).validation == ()


SECRETS = {
    "api_key = 'Zx81kQpL02'": "api_key = '[key]'",
    "Authorization: Bearer abcdef0123456789": "Authorization: Bearer [key]",
    "https://jo:hunter22@host.org/x": "https://[key]@host.org/x",
    "ghp_abcdefghijklmnopqrstuvwxyz0123456789": "[key]",
    "write to a.b@c.org!": "write to [address]!",
    "at 10.1.2.3 and C:\\Users\\jo.smith\\x": "at [address] and ~\\x",
    "file /Users/jsmith/net.py": "file ~/net.py",
    "recall@10 rose to 92.5": "recall@10 rose to 92.5",
    "token = self.embedding(x)": "token = self.embedding(x)",
    "the tokens: 128 of them": "the tokens: 128 of them",
}


@pytest.mark.parametrize("text", SECRETS)
def test_what_is_taken_out(text: str) -> None:
    assert Scrubber().clean(text) == SECRETS[text]


def test_this_machine_and_its_user_are_not_named() -> None:
    host = socket.gethostname()
    scrubber = Scrubber.of([], ["Jane Doe"], ["see /home/jsmith42/x"])
    assert scrubber.clean(f"Jane Doe and jsmith42 on {host}") in (
        "[person] and [person] on [machine]",
        f"[person] and [person] on {host}",  # where the host has a name that says nothing
    )
