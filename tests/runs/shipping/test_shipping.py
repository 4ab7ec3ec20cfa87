"""A winner trained at any length, kept with its weights, and loaded again."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from whole_runs import Finished, Git

import archwright
from archwright.core import InputError, Outcome, TrialJob
from archwright.runs.results.branches.usage import readme_of, usage_of
from archwright.runs.shipping.card import model_card
from archwright.runs.shipping.folder import TrainedFolder
from archwright.runs.shipping.loading import load_network, trained_folder
from archwright.runs.shipping.training import open_training, steps_of, train
from archwright.runs.shipping.winner import Winner, default_folder, find_winner
from archwright.runs.workspace.workspace import Workspace
from archwright.sandbox import Sandbox
from archwright.sandbox.in_process import InProcessSandbox
from archwright.sandbox.process import ProcessSandbox
from archwright.tasks.loading import load_task


class StoppedAfter(InProcessSandbox):
    """Is interrupted, as by Ctrl-C, after so many jobs."""

    def __init__(self, jobs: int) -> None:
        super().__init__()
        self.left = jobs

    def train(self, job: TrialJob, *rest: Any, **more: Any) -> Outcome:
        if not self.left:
            raise KeyboardInterrupt
        self.left -= 1
        return super().train(job, *rest, **more)


@pytest.fixture
def winner(spirals: Path) -> Winner:
    """The baseline of spirals, as if a run had found it."""
    task = load_task(spirals)
    spec = task.spec
    return Winner("run", "7", "Wide", spec.baseline, spec.recipe, task, str(spirals))


def carry_on(winner: Winner, path: Path, sandbox: Sandbox, total: int = 45) -> TrainedFolder:
    folder = open_training(winner, path, total, 0, False)
    with sandbox:
        return train(folder, winner.task, sandbox, lambda _: None)


def test_a_training_that_was_interrupted_ends_as_if_it_had_not_been(
    winner: Winner, tmp_path: Path
) -> None:
    whole = carry_on(winner, tmp_path / "whole", InProcessSandbox())
    with pytest.raises(KeyboardInterrupt):
        carry_on(winner, tmp_path / "parts", StoppedAfter(2))
    left = TrainedFolder.open(tmp_path / "parts")
    assert (left.record.step, left.record.is_complete) == (30, False)
    again = carry_on(winner, tmp_path / "parts", InProcessSandbox())
    assert again.weights.read_bytes() == whole.weights.read_bytes()
    assert again.record == whole.record
    assert [step for step, _ in again.record.scores] == [15, 30, 45]
    assert sorted(p.name for p in (again.path / "checkpoints").glob("*.npz")) == [
        "step-00000045.npz"
    ]
    curve = (again.path / "curve.csv").read_text().splitlines()
    assert curve[0] == "step,training_loss,validation_score"
    assert curve[-1].startswith("45,")


def test_the_weights_that_leave_the_jail_are_those_that_scored(
    winner: Winner, tmp_path: Path
) -> None:
    folder = carry_on(winner, tmp_path / "out", ProcessSandbox(1), total=30)
    model = load_network(trained_folder(folder.path))
    assert not model.training
    x, y = winner.task.load("validation")
    with torch.no_grad():
        right = model(torch.from_numpy(x)).argmax(1).numpy() == y
    assert 100 * right.mean() == pytest.approx(folder.record.scores[-1][1])
    loaded = archwright.load(folder.path)
    assert [p.shape for p in loaded.parameters()] == [p.shape for p in model.parameters()]


def test_on_all_data_nothing_is_scored(winner: Winner, tmp_path: Path) -> None:
    folder = open_training(winner, tmp_path / "all", 16, 0, True)
    with InProcessSandbox() as sandbox:
        done = train(folder, winner.task, sandbox, lambda _: None)
    assert done.record.scores == ()
    assert done.record.is_complete
    assert steps_of(winner, 2, all_data=False) == 12, "of 96 samples, 16 at a time"
    assert steps_of(winner, 1, all_data=True) == 31


def test_a_folder_is_of_one_training(winner: Winner, tmp_path: Path) -> None:
    open_training(winner, tmp_path / "one", 45, 0, False)
    with pytest.raises(InputError, match=r"a training of 45 steps.*--steps 45"):
        open_training(winner, tmp_path / "one", 50, 0, False)
    with pytest.raises(InputError, match=r"another training \(candidate 7 of run, seed 0\)"):
        open_training(winner, tmp_path / "one", 45, 1, False)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").touch()
    with pytest.raises(InputError, match="is not empty"):
        open_training(winner, tmp_path / "full", 45, 0, False)


def test_what_has_no_weights_says_how_to_make_them(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="archwright train CANDIDATE --out"):
        trained_folder(tmp_path)
    with pytest.raises(InputError, match="neither a folder"):
        trained_folder(tmp_path / "nowhere")
    (tmp_path / "training.json").write_text("{}")
    with pytest.raises(InputError, match="cannot be read"):
        trained_folder(tmp_path)


def test_a_network_that_does_not_train_is_one_line(winner: Winner, tmp_path: Path) -> None:
    broken = Winner(
        **{name: getattr(winner, name) for name in winner.__dataclass_fields__ if name != "source"},
        source=winner.source.replace("return ", "return float('nan') * "),
    )
    with pytest.raises(InputError, match="failed after 0 steps: the training loss is nan"):
        carry_on(broken, tmp_path / "broken", InProcessSandbox())


def test_a_task_that_changed_since_the_run_is_noticed(winner: Winner) -> None:
    assert not winner.is_task_changed  # another task was asked for by name
    began_with = replace(winner, task_digest=winner.task.digest())
    assert not began_with.is_task_changed
    with (winner.task.spec.folder / "task.py").open("a") as file:
        file.write("SIZES['train'] = 64\n")
    assert replace(began_with, task=load_task(winner.task.spec.folder)).is_task_changed
    assert not winner.is_task_changed


def test_usage_names_the_exact_lines(winner: Winner) -> None:
    usage = usage_of(winner.task.spec, "archwright/run/wide", winner.source)
    assert usage["import"] == "from architecture import Model; Model((2,), (2,))"
    assert usage["train"] == "archwright train archwright/run/wide --steps 450"
    text = readme_of("Wide\nnet", "Spirals.", usage)
    assert text.startswith("# Wide net\n")
    assert all(line in text for line in usage.values())


@pytest.mark.xdist_group("finished")
def test_a_branch_tells_how_to_use_it_and_leads_to_its_weights(
    finished: Finished, git: Git, tmp_path: Path
) -> None:
    place = Workspace.open(finished.copy(tmp_path / "workspace"))
    found = finished.result["discoveries"][0]
    branch = found["branch"]
    readme = git(place.root, "show", f"{branch}:discoveries/spirals/README.md")
    assert f"archwright export {branch} --to DIR --format transformers" in readme
    by_branch = find_winner([branch], place)
    by_id = find_winner([finished.result["run"], found["candidate"]], place)
    assert by_branch.source.strip() == by_id.source.strip()
    assert by_branch.recipe == by_id.recipe
    assert by_branch.branch == by_id.branch == branch
    assert by_branch.evidence is not None
    assert by_branch.task_digest == by_id.task_digest == by_id.task.digest()
    assert json.dumps(by_branch.evidence["verification"]["p"])
    with pytest.raises(InputError, match=f"`archwright train {branch} --steps N`"):
        trained_folder(branch, place.root)
    carry_on(by_branch, default_folder(by_branch, place), InProcessSandbox(), total=15)
    assert archwright.load(branch, workspace=place.root)(torch.zeros(3, 2)).shape == (3, 2)


@pytest.mark.xdist_group("finished")
def test_a_branch_that_was_changed_is_trained_as_it_is_now(
    finished: Finished, git: Git, tmp_path: Path
) -> None:
    place = Workspace.open(finished.copy(tmp_path / "workspace"))
    branch = finished.result["discoveries"][0]["branch"]
    before = find_winner([branch], place)
    git(place.root, "switch", "-q", branch)
    file = place.root / "discoveries" / "spirals" / "architecture.py"
    file.write_text(
        file.read_text().replace("class Model", "class Extra:\n    pass\n\n\nclass Model")
    )
    git(place.root, "commit", "-qam", "Mine")
    after = find_winner([branch], place)
    assert "class Extra" in after.source
    assert (before.changed, after.changed) == (False, True)
    assert not after.evidence
    assert default_folder(after, place) != default_folder(before, place)
    folder = carry_on(after, tmp_path / "out", InProcessSandbox(), total=15)
    assert "class Extra" in folder.source
    made = {"format": "pt2", "difference": 0.0, "length_varies": False}
    assert "changed by hand since" in model_card(folder.record, made, "", "make it")


@pytest.mark.xdist_group("finished")
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["archwright/no/such"], "no branch archwright/no/such"),
        (["something"], "name a candidate as RUN CANDIDATE"),
        (["latest", "999"], "has no candidate '999'"),
        (["a", "b", "c"], "name a candidate as RUN CANDIDATE"),
    ],
)
def test_what_is_no_candidate_is_one_line(finished: Finished, words: list[str], said: str) -> None:
    with pytest.raises(InputError, match=said):
        find_winner(words, Workspace.open(finished.workspace))


@pytest.mark.xdist_group("finished")
def test_a_branch_without_its_run_needs_its_task(
    finished: Finished, git: Git, tmp_path: Path
) -> None:
    clone = tmp_path / "clone"
    git(finished.workspace, "clone", "-q", str(finished.workspace), str(clone))
    branch = finished.result["discoveries"][0]["branch"]
    git(clone, "branch", branch, f"origin/{branch}")
    place = Workspace.open(clone)
    with pytest.raises(InputError, match="say where its task spirals is with --task DIR"):
        find_winner([branch], place)
    assert find_winner([branch], place, str(finished.task)).task_from == str(finished.task)


def test_inputs_are_kept_as_a_network_is_given_them(winner: Winner, tmp_path: Path) -> None:
    folder = open_training(winner, tmp_path / "out", 15, 0, False)
    x, _ = winner.task.load("validation")
    np.testing.assert_array_equal(folder.inputs, x[:64])
