"""What crosses the wall: taken from the core by name, read strictly, the same on both sides."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import pytest
from sandbox_candidates import GOOD

from archwright.core import Backbone, Problem, Recipe, Stage, TrialJob
from archwright.sandbox import contract
from archwright.sandbox.contract import (
    BackboneProjection,
    CheckReply,
    ContractBreach,
    JobRequest,
    ProblemProjection,
    RecipeProjection,
    StageProjection,
    TrainReply,
    TrainRequest,
    project,
    read,
)
from archwright.sandbox.forkserver import CODE, scrubbed_environment
from archwright.sandbox.inside import LOADER
from archwright.sandbox.wall import check_request, train_request

Jobs = Callable[..., TrialJob]


def through_json(value: Any) -> Any:
    return json.loads(json.dumps(asdict(value)))


def test_the_contract_imports_the_standard_library_alone() -> None:
    tree = ast.parse(Path(contract.__file__).read_text(encoding="utf-8"))
    found = [node for node in ast.walk(tree) if isinstance(node, (ast.Import, ast.ImportFrom))]
    names = {a.name for node in found if isinstance(node, ast.Import) for a in node.names}
    names |= {node.module or "." for node in found if isinstance(node, ast.ImportFrom)}
    assert {name.partition(".")[0] for name in names} <= sys.stdlib_module_names


@pytest.mark.parametrize(
    ("projection", "core"),
    [
        (BackboneProjection, Backbone),
        (ProblemProjection, Problem),
        (RecipeProjection, Recipe),
        (StageProjection, Stage),
        (TrainRequest, TrialJob),
    ],
)
def test_a_projection_has_only_fields_of_what_it_projects(projection: Any, core: Any) -> None:
    assert {f.name for f in fields(projection)} <= {f.name for f in fields(core)}


def test_a_training_arrives_as_it_was_sent(make_job: Jobs, sequences: Problem) -> None:
    before = Stage(GOOD, Recipe(learning_rate=0.5), 7)
    job = make_job(problem=sequences, before=before, ceiling=(10, 1.0), measures=True)
    sent = JobRequest(1.0, 64, train=train_request(job), readable=("/a", "/b"))
    assert read(JobRequest, through_json(sent)) == sent
    assert sent.train is not None
    assert sent.train.problem.backbone == BackboneProjection(8, 2, 2.0)
    assert sent.train.before == StageProjection(GOOD, project(RecipeProjection, before.recipe), 7)
    assert sent.train.data == str(job.data.resolve())


def test_whole_numbers_become_measured_ones_on_the_way(problem: Problem) -> None:
    recipe = project(RecipeProjection, Recipe(learning_rate=1))
    assert type(recipe.learning_rate) is float
    sent = JobRequest(1.0, 64, check=check_request(GOOD, problem, 3, True))
    assert read(JobRequest, through_json(sent)) == sent


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"status": "splendid"}, "no valid status"),
        ({"status": ["ok"]}, "no valid status"),
        ({"curve": [[1, 1.0]] * 65}, "curve is too long"),
        ({"curve": {"1": 1.0}}, "curve is malformed"),
        ({"curve": [[1]]}, "curve is malformed"),
        ({"curve": [1]}, "curve is malformed"),
        ({"curve": [[1, float("nan")]]}, "curve is not finite"),
        ({"curve": [[1, 1]]}, "curve is malformed"),
        ({"curve": [[-1, 1.0]]}, "curve is out of range"),
        ({"steps": True}, "steps is malformed"),
        ({"steps": 1.0}, "steps is malformed"),
        ({"parameters": 1 << 60}, "parameters is out of range"),
        ({"error": None}, "error is malformed"),
        ({"first_step_at": "now"}, "first_step_at is malformed"),
    ],
)
def test_what_breaks_the_contract_is_refused(fault: dict[str, Any], words: str) -> None:
    good = through_json(TrainReply("ok", curve=[(1, 0.5)], steps=1))
    assert read(TrainReply, {**good, "more": 1}).curve == [(1, 0.5)]
    with pytest.raises(ContractBreach, match=words):
        read(TrainReply, {**good, **fault})


@pytest.mark.parametrize(
    "checks", [[{"name": 1, "ok": True}], [{"ok": True}], ["x"], [{"name": "x"}], [[]] * 33, "x"]
)
def test_malformed_checks_are_refused(checks: object) -> None:
    with pytest.raises(ContractBreach):
        read(CheckReply, {"status": "ok", "checks": checks})


@pytest.mark.parametrize("raw", [None, [], "ok", 1])
def test_only_an_object_is_read(raw: object) -> None:
    with pytest.raises(ContractBreach, match="not the JSON of a TrainReply"):
        read(TrainReply, raw)


LOADED = f"""
{LOADER}
from walled import contract
from walled.inside import jobs
import json
sent = contract.read(contract.JobRequest, json.load(sys.stdin))
print(jobs.perform(sent, None, None)["status"], contract.__name__, "archwright" in sys.modules)
"""


def test_a_jail_loads_the_same_file_and_nothing_else_of_archwright(
    problem: Problem, tmp_path: Path
) -> None:
    sent = JobRequest(1.0, 64, check=replace(check_request(GOOD, problem, 0, False)))
    command = [sys.executable, "-s", "-P", "-c", LOADED, str(CODE)]
    said = subprocess.run(
        command,
        input=json.dumps(asdict(sent)),
        env=scrubbed_environment(tmp_path),
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout.split() == ["ok", "walled.contract", "False"]
