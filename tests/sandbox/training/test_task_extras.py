"""Packages and data folders that a task asks for: readable, never writable, never labels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from sandbox_candidates import GOOD

from archwright.core import InputError, Problem, Status, TaskError
from archwright.sandbox import Sandbox
from archwright.sandbox.pool.sandbox import package_paths
from archwright.tasks.loading import load_task, task_folder

Doing = Callable[[str], str]


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder of a task's, beside something that is not for candidates."""
    folder = tmp_path_factory.mktemp("task")
    (folder / "embeddings").mkdir()
    (folder / "embeddings" / "table.txt").write_text("given")
    (folder / "task.py").write_text("s3cret")
    return folder / "embeddings"


def test_what_a_task_asks_for_is_there_and_the_rest_is_not(
    jail: Sandbox, problem: Problem, given: Path, doing: Doing
) -> None:
    asking = replace(problem, packages=("jinja2",), folders=(str(given),))

    def found(body: str) -> str:
        return jail.check(doing(body), asking).error.rpartition("\n")[2]

    assert found(f"found = open('{given}/table.txt').read()").endswith("found: given")
    assert found("import jinja2; found = jinja2.Template('{{ 1 + 1 }}').render()").endswith("2")
    assert "Error" in found(f"found = open('{given}/table.txt', 'w')")
    assert "Error" in found(f"found = open('{given}/../task.py').read()")
    assert "Error" in found("import sklearn; found = sklearn")
    assert (given / "table.txt").read_text() == "given"
    assert jail.check(GOOD, problem).status is Status.OK
    assert "Error" in jail.check(doing(f"found = open('{given}/table.txt')"), problem).error


def test_a_package_that_is_not_there_names_the_fix() -> None:
    with pytest.raises(InputError, match="pip install there-is-none"):
        package_paths(("there-is-none",))


@pytest.fixture
def digits(tmp_path: Path) -> Path:
    """A copy of a built-in task, to be given a [sandbox] table."""
    folder = tmp_path / "mine"
    folder.mkdir()
    for name in ("task.toml", "task.py", "baseline.py"):
        (folder / name).write_text((task_folder("digits") / name).read_text())
    (folder / "given").mkdir()
    return folder


def asking(folder: Path, table: str) -> Path:
    """The task, asking for that."""
    with (folder / "task.toml").open("a") as file:
        file.write(f"\n[sandbox]\n{table}\n")
    return folder


def test_a_task_says_what_it_needs(digits: Path) -> None:
    folder = asking(digits, 'packages = ["jinja2"]\ndata = ["given"]')
    problem = load_task(folder).spec.problem
    assert problem.packages == ("jinja2",)
    assert problem.folders == (str(digits.resolve() / "given"),)


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ('packages = ["there-is-none"]', "pip install there-is-none"),
        ('packages = ["archwright"]', "never see it"),
        ('packages = ["-x"]', "not a package's name"),
        ('data = ["nowhere"]', "nowhere does not exist"),
        ('data = ["."]', "holds the task itself"),
        ('data = ["/"]', "holds the task itself"),
        ('labels = ["y"]', "unknown key 'labels'"),
    ],
)
def test_what_cannot_be_given_is_refused(digits: Path, table: str, words: str) -> None:
    with pytest.raises(TaskError, match=words):
        load_task(asking(digits, table))
