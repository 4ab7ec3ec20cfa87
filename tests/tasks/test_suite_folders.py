"""Suites as folders: what is read of them, and what is said of broken ones."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from suite_task import make_suite

from archwright.cli import main
from archwright.core import Recipe, TaskError
from archwright.tasks.checking import check_folder
from archwright.tasks.loading import load_task


@pytest.fixture
def suite(tmp_path: Path, make_task: Callable[[Path], Path]) -> Path:
    """A suite of two problems."""
    return make_suite(tmp_path / "suite", make_task)


def change(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def test_a_suite_is_its_problems_with_one_baseline(suite: Path) -> None:
    task = load_task(suite)
    spec = task.spec
    assert check_folder(suite) == []
    assert (spec.metric.name, spec.metric.direction, spec.metric.unit) == (
        "suite_gain",
        "maximize",
        "problem sd",
    )
    assert spec.rungs == (25, 85)
    assert [member.name for member in spec.members] == ["plane", "space"]
    assert {member.spec.baseline for member in spec.members} == {spec.baseline}
    assert spec.problem == spec.members[0].spec.problem
    assert task.parts[1].load("train")[0].shape == (96, 3)


def test_a_gain_is_positive_where_the_score_is_better(suite: Path) -> None:
    plane, space = load_task(suite).spec.members
    assert plane.gain(plane.reference[1] + 6.0, 1) == pytest.approx(2.0)
    assert space.gain(space.reference[1] - 0.022, 1) == pytest.approx(1.0)


def test_a_recipe_changes_what_a_problem_has_only_where_it_asks(suite: Path) -> None:
    change(suite / "space/task.toml", "batch_size = 16", "batch_size = 24")
    spec = load_task(suite).spec
    space = spec.members[1]
    assert space.recipe(spec.recipe, spec.recipe).batch_size == 24
    asked = spec.recipe.updated({"learning_rate": 0.5})
    assert space.recipe(asked, spec.recipe) == Recipe(learning_rate=0.5, batch_size=24)


def test_a_change_in_any_problem_changes_the_digest(suite: Path) -> None:
    before = load_task(suite).digest()
    assert load_task(suite).digest() == before
    change(suite / "space/task.py", "8001", "8003")
    assert load_task(suite).digest() != before


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("task.toml", '"space"]', '"space", "space"]', "names space 2 times"),
        ("task.toml", '"space"]', '"spice"]', "no folder spice is here"),
        ("task.toml", '["plane", "space"]', '["plane"]', "should have at least 2 items"),
        ("task.toml", "sd = [2.0, 3.0]", "sd = [2.0]", "an sd for each of 2 rungs"),
        ("task.toml", "sd = [2.0, 3.0]", "sd = [0, 3.0]", "should be greater than 0"),
        ("task.toml", "[suite.scale.space]", "[suite.scale.other]", "belongs to no problem"),
        ("task.toml", "problems =", "problem =", "did you mean problems?"),
        ("space/task.toml", "rungs = [10, 40]", "rungs = [10]", "has 1 rungs, plane 2"),
        ("space/task.toml", '"cross_entropy"', '"perplexity"', "which is of the whole split"),
        ("space/task.toml", "max_params", "max_parameters", "problem space: task.toml: unknown"),
        ("space/task.py", "def load", "def loads", "problem space: task.py defines no"),
        ("baseline.py", "class Model", "class Network", "baseline.py defines no `class Model"),
    ],
)
def test_a_broken_suite_is_said_in_a_line(
    suite: Path, file: str, old: str, new: str, said: str
) -> None:
    change(suite / file, old, new)
    if new == '"perplexity"':
        change(suite / file, 'unit = "nats"', 'unit = ""')
    faults = check_folder(suite)
    assert any(said in fault for fault in faults), faults
    assert not any("\n" in fault for fault in faults)


def test_a_problem_brings_no_baseline_and_no_suite_of_its_own(suite: Path) -> None:
    (suite / "plane/baseline.py").write_text("")
    change(suite / "space/task.toml", "[limits]", "[suite]\n[limits]")
    faults = check_folder(suite)
    assert any("plane: it has a baseline.py of its own" in fault for fault in faults)
    assert any("space: it is a suite itself" in fault for fault in faults)


def test_without_scales_nothing_can_be_scored(suite: Path) -> None:
    text = (suite / "task.toml").read_text()
    (suite / "task.toml").write_text(text.partition("[suite.scale")[0])
    with pytest.raises(TaskError, match="archwright task scale"):
        load_task(suite)


def test_a_suite_is_shown_and_tried_problem_by_problem(
    suite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["task", "show", str(suite), "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert list(shown["members"]) == ["plane", "space"]
    assert shown["members"]["space"]["sd"] == [0.025, 0.022]
    words = [str(suite / "baseline.py"), "--task", str(suite), "--sandbox", "process"]
    assert main(["try", *words, "--rung", "0", "--json"]) == 0
    tried = json.loads(capsys.readouterr().out)
    assert tried["steps"] == 25
    gains = [problem["gain"] for problem in tried["problems"].values()]
    assert tried["score"] == pytest.approx(sum(gains) / 2)


def test_scales_are_measured_by_a_command(suite: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = (suite / "task.toml").read_text().partition("[suite.scale")[0]
    (suite / "task.toml").write_text(text)
    words = ["task", "scale", str(suite), "--seeds", "3", "--sandbox", "process"]
    assert main(words) == 0
    tables = capsys.readouterr().out
    (suite / "task.toml").write_text(text + tables)
    plane, space = load_task(suite).spec.members
    assert plane.sd[0] >= 2.0
    assert 0 < space.sd[0] < space.reference[0]
    assert main(["task", "scale", "digits"]) == 2
    assert "is not a suite" in capsys.readouterr().err
