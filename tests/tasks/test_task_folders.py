"""A user's own folder: scaffolded, imported without traces, hashed, and the `task` command."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from archwright.cli import main
from archwright.core import TaskError
from archwright.tasks.checking import check_folder
from archwright.tasks.loading import built_in_names, load_task
from archwright.tasks.scaffold import new_task

Break = Callable[[str, str, str], Path]


def test_scaffold_is_sound_and_named_after_its_folder(tmp_path: Path) -> None:
    folder = new_task(tmp_path / "My first_Task")
    assert check_folder(folder) == []
    assert load_task(folder).spec.name == "my-first-task"


def test_scaffold_never_writes_over_anything(folder: Path) -> None:
    before = (folder / "task.toml").read_text()
    with pytest.raises(TaskError, match="already exists"):
        new_task(folder)
    with pytest.raises(TaskError, match="already exists"):
        new_task(folder / "task.py")
    assert (folder / "task.toml").read_text() == before


def test_loading_leaves_nothing_in_the_folder(folder: Path) -> None:
    before = sorted(folder.rglob("*"))
    load_task(folder).load("train")
    assert sorted(folder.rglob("*")) == before


def test_edited_code_is_never_its_older_self(change: Break, folder: Path) -> None:
    assert len(load_task(folder).load("train")[0]) == 600
    change("task.py", '"train": 600', '"train": 500')
    assert len(load_task(folder).load("train")[0]) == 500


def test_two_tasks_do_not_share_a_module(tmp_path: Path) -> None:
    one, other = new_task(tmp_path / "one"), new_task(tmp_path / "other")
    code = (other / "task.py").read_text().replace('"train": 600', '"train": 60')
    (other / "task.py").write_text(code)
    first, second = load_task(one), load_task(other)
    assert [len(task.load("train")[0]) for task in (first, second)] == [600, 60]


def test_task_code_may_define_dataclasses(change: Break) -> None:
    lines = "from __future__ import annotations\nfrom dataclasses import dataclass\n"
    change("task.py", "import numpy as np", f"{lines}import numpy as np")
    folder = change("task.py", "POINTS =", "@dataclass\nclass A:\n    b: int = 0\n\nPOINTS =")
    assert check_folder(folder) == []


def test_what_task_code_prints_stays_off_stdout(
    change: Break, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = change("task.py", "    rng =", "    print('loading')\n    rng =")
    load_task(folder).load("train")
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "loading" in captured.err


@pytest.mark.parametrize("file", ["task.toml", "task.py", "baseline.py"])
def test_digest_changes_with_each_file(folder: Path, file: str) -> None:
    before = load_task(folder).digest()
    with (folder / file).open("a") as stream:
        stream.write("\n# a remark\n")
    assert load_task(folder).digest() != before


def test_digest_changes_with_the_data_behind_the_code(change: Break, folder: Path) -> None:
    (folder / "arms.txt").write_text("3")
    read = "int((__import__('pathlib').Path(__file__).parent / 'arms.txt').read_text())"
    change("task.py", "ARMS = 3", f"ARMS = {read}")
    before = load_task(folder).digest()
    (folder / "arms.txt").write_text("2")
    assert load_task(folder).digest() != before


def test_list_and_show_print_one_document(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["task", "list", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [task["name"] for task in listed] == list(built_in_names())
    assert main(["task", "show", "recall", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["backbone"]["width"] == 32
    assert "class Mixer" in shown["baseline"]


def test_show_prints_the_contract(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["task", "show", "pydoc-lm"]) == 0
    assert "Predict each next character" in capsys.readouterr().out


def test_new_then_check_passes_and_trains_the_baseline(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "fresh"
    assert main(["task", "new", str(folder), "--json"]) == 0
    assert "task.toml" in json.loads(capsys.readouterr().out)["files"]
    assert main(["task", "check", str(folder), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["ok"]
    assert document["faults"] == []
    assert document["parameters"] == 4_547
    assert {check["name"] for check in document["checks"]} >= {"builds", "shapes", "gradients"}


def test_check_of_a_broken_folder_ends_with_2(
    change: Break, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = change("task.toml", "[150, 450]", "[450, 150]")
    assert main(["task", "check", str(folder)]) == 2
    captured = capsys.readouterr()
    assert "rungs must rise" in captured.out
    assert "has 1 fault" in captured.err


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("nn.Linear(64, output_shape[0])", "nn.Linear(64, 7)", "baseline.py: shapes:"),
        ("from torch", "RECIPE = {'rate': 1}\nfrom torch", "RECIPE has no key 'rate'"),
    ],
)
def test_check_executes_the_baseline(
    change: Break, capsys: pytest.CaptureFixture[str], old: str, new: str, said: str
) -> None:
    folder = change("baseline.py", old, new)
    assert main(["task", "check", str(folder), "--json"]) == 2
    document = json.loads(capsys.readouterr().out)
    assert said in document["faults"][0]
    assert document["error"].endswith(document["faults"][0])


def test_check_of_nothing_says_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["task", "check", "no-such-task", "--json"]) == 2
    captured = capsys.readouterr()
    assert "built in are digits" in json.loads(captured.out)["error"]
