"""A training script as the task: what is wrong with its folder is said in one line."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from script_task import SETTINGS, TRAIN_PY, make_script_task

from archwright.core import TaskError, read_bundle
from archwright.tasks.checking import check_folder
from archwright.tasks.loading import load_task


@pytest.fixture
def script_folder(tmp_path: Path) -> Path:
    return make_script_task(tmp_path / "moons", samples=30)


def test_a_sound_folder_is_read(script_folder: Path) -> None:
    assert check_folder(script_folder) == []
    task = load_task(script_folder)
    script = task.spec.problem.script
    assert script is not None
    assert script.command == ("train.py", "--steps", "{budget}", "--seed", "{seed}")
    assert read_bundle(task.spec.baseline) == {"train.py": TRAIN_PY, "settings.json": SETTINGS}
    assert [path for path, _ in script.reads] == ["model.py", "data"]
    assert task.splits == ("validation", "test")
    x, y = task.load("validation")
    assert x.tolist() == list(range(30))
    assert y.shape == (30,)
    with pytest.raises(TaskError, match="no split 'train'"):
        task.load("train")


def test_all_that_a_script_reads_makes_the_task(script_folder: Path) -> None:
    before = load_task(script_folder).digest()
    for name in ("model.py", "settings.json", "data/points.npz"):
        file = script_folder / "repo" / name
        kept = file.read_bytes()
        file.write_bytes(kept + b" ")
        assert load_task(script_folder).digest() != before
        file.write_bytes(kept)
    assert load_task(script_folder).digest() == before


FAULTS = {
    "key": ("files = [", "file = [", "unknown key 'file' in [script]; did you mean files?"),
    "prediction": ('test = "out/test.npy"', "", "key 'test' is missing in [predictions]"),
    "repository": ('"repo"', '"repos"', "[script] repository repos is not a folder"),
    "file": ('"settings.json"]', '"setting.json"]', "[script] files: no file setting.json in"),
    "outside": ('"settings.json"]', '"../task.py"]', "'../task.py', which is not in the repo"),
    "absolute": ('"model.py"', '"/etc/passwd"', "'/etc/passwd', which is not in the repository"),
    "program": ("python train.py", "./train.sh", "write python FILE … or python -m MODULE …"),
    "options": ("python train.py", "python -u train.py", "write python FILE … or python -m MODULE"),
    "no script": ("python train.py", "python run.py", "run.py is in neither files nor reads"),
    "no module": ("python train.py", "python -m run", "module 'run' is in neither files nor reads"),
    "quotes": ("--seed {seed}", "'", "[script] command cannot be read"),
    "rungs": ("[20, 60]", "[60, 20]", "rungs must rise"),
    "metric": ("cross_entropy", "cross entropy", "unknown metric"),
    "ending": ("out/test.npy", "out/test.pt", "predictions on test must end in .npy, .npz, .csv"),
    "read-only": ("out/test.npy", "data/test.npy", "data/test.npy is read by the script"),
    "nowhere": ("out/test.npy", "../test.npy", "must be a file in the repository's tree"),
    "inner": ('"settings.json"]', '"data/note.txt"]', "reads holds the folder of data/note.txt"),
    "all": ('repository = "repo"', "", "[script] files: no file train.py in"),
}


@pytest.mark.parametrize(("old", "new", "said"), FAULTS.values(), ids=FAULTS)
def test_a_fault_is_said_in_a_line(script_folder: Path, old: str, new: str, said: str) -> None:
    (script_folder / "repo" / "data" / "note.txt").write_text("a note")
    file = script_folder / "task.toml"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))
    faults = check_folder(script_folder)
    assert any(said in fault for fault in faults)
    assert all("\n" not in fault for fault in faults)
    with pytest.raises(TaskError):
        load_task(script_folder)


def test_labels_never_enter_with_the_folder_that_holds_them(script_folder: Path) -> None:
    file = script_folder / "task.toml"
    text = file.read_text().replace('"repo"', '"."').replace('"train.py"', '"repo/train.py"')
    text = text.replace("python train.py", "python repo/train.py")
    text = text.replace('"settings.json"', '"repo/settings.json"')
    file.write_text(text.replace('["model.py", "data"]', '["*.py", "repo/model.py"]'))
    assert "[script] reads: no file *.py in" in check_folder(script_folder)[0]  # task.py is none
    (script_folder / "repo" / "task").symlink_to(script_folder)
    file.write_text(text.replace('["model.py", "data"]', '["repo/task"]'))
    assert "with it the labels" in check_folder(script_folder)[0]


def test_a_link_out_of_the_repository_is_refused(script_folder: Path) -> None:
    link = script_folder / "repo" / "settings.json"
    link.unlink()
    link.symlink_to("/etc/hostname")
    assert "settings.json is a link that leads out" in check_folder(script_folder)[0]


def test_labels_are_checked_like_those_of_any_task(script_folder: Path) -> None:
    for code, said in (
        ("def label(split): ...", "task.py defines no `labels(split)`"),
        ("def labels(split): return [1]", "labels must return a numpy array, not list"),
        ("import numpy as np\ndef labels(split): return np.full(9, 2)", "classes 2 to 2"),
    ):
        (script_folder / "task.py").write_text(code)
        assert any(said in fault for fault in check_folder(script_folder)), code


OWN_METRIC = 'metric = "task.py"\ndirection = "maximize"\nunit = "points"'


def test_a_task_may_score_by_its_own_code(script_folder: Path) -> None:
    toml, code = script_folder / "task.toml", script_folder / "task.py"
    toml.write_text(toml.read_text().replace('metric = "cross_entropy"', OWN_METRIC))
    assert "task.py defines no `score(predictions, y)`" in check_folder(script_folder)[0]
    code.write_text(code.read_text() + "\n\ndef score(p, y):\n    return (p[:, 0] + y).mean()\n")
    assert check_folder(script_folder) == []
    task = load_task(script_folder)
    assert (task.spec.metric.direction, task.spec.metric.unit) == ("maximize", "points")
    assert task.spec.problem.code == ""  # none of it is in the jail
    y = task.load("validation")[1]
    scorer = task.spec.metric.scorer(task.spec.problem)
    scorer.add(np.full((30, 2), 3.0, dtype=np.float32), y)
    assert scorer.score() == pytest.approx(3.0 + y.mean())


def test_the_documented_example_is_sound(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "scripts.md").read_text(encoding="utf-8")
    files = re.findall(r"`(digits-script/\S+)`.*:\n\n```\w+\n((?:(?!```).*\n)+)", page)
    assert len(files) == 4
    for name, text in files:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    making = re.search(r"The data file .*\n.*\n\n```python\n((?:(?!```).*\n)+)", page)
    assert making is not None
    subprocess.run([sys.executable, "-c", making[1]], cwd=tmp_path, check=True)
    assert check_folder(tmp_path / "digits-script") == []


def test_a_file_that_looks_like_a_bundle_is_refused(script_folder: Path) -> None:
    file = script_folder / "repo" / "train.py"
    file.write_text(f"{TRAIN_PY}\n# ==== file: other.py ====\n")
    assert "train.py has a line that names a file" in check_folder(script_folder)[0]


def test_labels_decide_what_the_sealed_split_is(script_folder: Path) -> None:
    before = load_task(script_folder).load("test")
    np.save(script_folder / "test_labels.npy", 1 - before[1])
    after = load_task(script_folder).load("test")
    assert np.array_equal(before[0], after[0])
    assert not np.array_equal(before[1], after[1])
