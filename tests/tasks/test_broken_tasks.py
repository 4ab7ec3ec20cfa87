"""Every kind of breakage gives its one line, and the line names the fix."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from archwright.core import TaskError
from archwright.tasks.checking import check_folder
from archwright.tasks.loading import load_task

Break = Callable[[str, str, str], Path]

# how: (file, what stands there, what replaces it, what the line must say)
IN_TOML = {
    "broken": ("rungs = [150, 450]", "rungs = [150,", "task.toml is not valid TOML"),
    "deep": ("rungs = [150, 450]", f"rungs = {'[' * 3000}", "its brackets are nested too deeply"),
    "long number": ("[150, 450]", f"[{'9' * 5000}]", "a number has thousands of digits"),
    "unknown key": ("rungs =", "rung = [1]\nrungs =", "unknown key 'rung'; did you mean rungs?"),
    "unknown limit": ("memory_mb =", "memory =", "unknown key 'memory' in [limits]"),
    "unknown section": ("[limits]", "[extra]\na = 1\n[limits]", "unknown key 'extra'"),
    "missing key": ("rungs = [150, 450]", "", "key 'rungs' is missing: training budgets"),
    "missing limit": ("max_params = 20_000", "", "key 'max_params' is missing in [limits]"),
    "wrong type": ("[150, 450]", '"150"', "rungs should be a valid list, not '150'"),
    "float rung": ("[150, 450]", "[1.5, 3]", "rungs.0 should be a valid integer, not 1.5"),
    "no rung": ("[150, 450]", "[]", "rungs should have at least 1 item"),
    "no words": ("summary = ", "summary = ' ' #", "summary should have at least 1 character"),
    "not a number": ("trial_seconds = 60.0", "trial_seconds = nan", "trial_seconds should be a"),
    "no time": ("trial_seconds = 60.0", "trial_seconds = 1e-9", "trial_seconds should be greater"),
    "ages": ("trial_seconds = 60.0", "trial_seconds = 1e300", "trial_seconds should be less"),
    "no machine's memory": ("memory_mb = ", "memory_mb = 9223372036854775807 #", "should be less"),
    "long name": ('name = "mine"', f'name = "{"m" * 300}"', "name must have at most 80 characters"),
    "kind": ('name = "mine"', 'name = "mine"\nkind = "scriptt"', 'kind must be "script" or left'),
    "falling rungs": ("[150, 450]", "[450, 150]", "rungs must rise"),
    "plateau": (
        'plateau = "broaden"',
        'plateau = "rest"',
        "plateau should be 'broaden', 'cost' or",
    ),
    "equal rungs": ("[150, 450]", "[150, 150]", "rungs must rise"),
    "metric": ('metric = "accuracy"', 'metric = "f1"', "unknown metric 'f1'; choose one of acc"),
    "direction": ('"maximize"', '"minimize"', "direction of accuracy is 'maximize'"),
    "bad direction": ('"maximize"', '"up"', "direction should be 'maximize' or 'minimize'"),
    "unit": ('unit = "%"', 'unit = "points"', "unit of accuracy is '%', not 'points'"),
    "name": ('name = "mine"', 'name = "My Task"', "name 'My Task' must be lower-case letters"),
    "shape": (
        "input_shape = [2]",
        "input_shape = [0]",
        "input_shape should be a shape such as [3, 8, 8]",
    ),
    "one class": ("output_shape = [3]", "output_shape = [1]", "needs at least 2 classes"),
    "entry": ("output_shape =", 'entry = "Net"\noutput_shape =', "entry should be 'Model' or"),
    "no backbone": ("output_shape =", 'entry = "Mixer"\noutput_shape =', "needs a [backbone]"),
    "backbone": ("[limits]", "[backbone]\nwidth = 8\nlayers = 1\n[limits]", "[backbone] is for"),
    "any length": (
        "[limits]",
        "entry = 'Mixer'\n[backbone]\nwidth = 8\nlayers = 1\npositions = false\n[limits]",
        "positions = false is for mixers that are causal; add causal = true",
    ),
    "causal": ("output_shape =", "causal = true\noutput_shape =", "needs an output for each"),
    "recipe key": ("schedule =", "scheduler =", "[recipe] has no key 'scheduler'"),
    "recipe bound": ("learning_rate = 3e-3", "learning_rate = 5", "[recipe]['learning_rate'] must"),
    "vocabulary": (
        "input_shape = [2]",
        "input_shape = [2, 2]\nvocabulary = 9",
        "with a vocabulary",
    ),
}

END = "return points.astype(np.float32), arm.astype(np.int64)"
IN_CODE = {
    "syntax": ("import numpy as np", "import numpy as", "task.py line 8:"),
    "import": ("import numpy as np", "import no_such_package", "task.py line 8: ModuleNotFound"),
    "exit": ("import numpy as np", "raise SystemExit(3)", "task.py line 8: SystemExit: 3"),
    "base exception": ("import numpy as np", "raise BaseException('q')", "BaseException: q"),
    "no words": (
        "import numpy as np",
        "class E(Exception):\n    __str__ = None\nraise E",
        "task.py line 10: E",
    ),
    "no load": ("def load(", "def loads(", "defines no `load(split, seed)`"),
    "raises": ("    rng =", "    raise ValueError('no\\nrows')\n    rng =", "ValueError: no rows"),
    "not a pair": (END, "return points", "must return a pair (x, y), not ndarray"),
    "list": (END, "return points.tolist(), arm", "x must be a numpy array, not list"),
    "x dtype": (END, "return points, arm", "x must be float32, not float64; use .astype"),
    "y dtype": (END, END.replace("int64", "int32"), "y must be int64, not int32"),
    "x shape": (END, END.replace("points.a", "points[:, :1].a"), "shape (N, 2), not (600, 1)"),
    "y shape": (END, END.replace("arm.a", "arm[:, None].a"), "y must have the shape (N), not"),
    "scalar": (END, "return np.ones((), np.float32), arm", "x must have the shape"),
    "empty": (END, END.replace("points.a", "points[:0].a"), "x is empty"),
    "lengths": (END, END.replace("points.a", "points[1:].a"), "x has 599 samples, y has 600"),
    "NaN": (END, f"points[0] = np.nan; {END}", "x has 2 values that are NaN or infinite"),
    "high label": (END, f"arm[0] = 3; {END}", "y holds classes 0 to 3; they must lie in -1 to 2"),
    "low label": (END, f"arm[0] = -2; {END}", "y holds classes -2 to 2"),
    "lone class": (END, END.replace("arm.a", "(0 * arm).a"), "y holds the class 0 alone: number"),
    "plus and minus": (
        END,
        f"arm = np.where(arm == 1, 1, -1); {END}",
        "y holds the class 1 alone, and -1 is not scored: number two classes or more from 0",
    ),
    "masked": (
        END,
        f"points = np.ma.masked_greater(points, 0.5); {END}",
        "x is masked in places, and masks are not read; use .filled(VALUE)",
    ),
    "big-endian": (
        END,
        END.replace("np.float32", "'>f4'"),
        "must be float32, not >f4; use .astype(np.float32)",
    ),
    "unscored": (END, f"arm[:] = -1; {END}", "y is -1 throughout"),
}

IN_BASELINE = {
    "syntax": ("import nn", "import", "baseline.py line 3:"),
    "class": ("class Model", "class Net", "baseline.py defines no `class Model(nn.Module)`"),
    "forward": ("def forward", "def forwards", "has no method forward"),
    "signature": ("self, input_shape, output_shape", "self, shape", "needs __init__(self, input"),
    "a file beside it": (
        "import nn",
        "import nn\nfrom task import load",
        "line 4: it imports task, a",
    ),
}

CASES = [
    pytest.param(file, *case, id=f"{file}: {how}")
    for file, cases in (
        ("task.toml", IN_TOML),
        ("task.py", IN_CODE),
        ("baseline.py", IN_BASELINE),
    )
    for how, case in cases.items()
]


@pytest.mark.parametrize(("file", "old", "new", "said"), CASES)
def test_breakage_gives_its_line(change: Break, file: str, old: str, new: str, said: str) -> None:
    faults = check_folder(change(file, old, new))
    assert said in faults[0]
    assert all("\n" not in fault and len(fault) < 400 for fault in faults)


@pytest.mark.parametrize(("file", "old", "new", "said"), CASES)
def test_breakage_stops_a_run_with_the_same_line(
    change: Break, file: str, old: str, new: str, said: str
) -> None:
    folder = change(file, old, new)
    with pytest.raises(TaskError) as caught:
        load_task(folder).load("train")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("file", ["task.toml", "task.py", "baseline.py"])
def test_missing_file_is_named(folder: Path, file: str) -> None:
    (folder / file).unlink()
    assert check_folder(folder) == [
        f"{file} is missing; `archwright task new DIR` writes a complete task"
    ]
    with pytest.raises(TaskError, match=f"{file} is missing"):
        load_task(folder)


def test_file_that_is_not_utf8_is_named(folder: Path) -> None:
    (folder / "task.toml").write_bytes(b'name = "\xff"')
    assert check_folder(folder) == ["task.toml is not UTF-8 (byte 8); save it as UTF-8"]


@pytest.mark.parametrize("file", ["task.toml", "task.py"])
def test_a_pipe_is_not_waited_for(folder: Path, file: str) -> None:
    (folder / file).unlink()
    os.mkfifo(folder / file)
    assert f"{file} cannot be read: it is not a file" in check_folder(folder)[0]


def test_broken_toml_says_the_line(change: Break) -> None:
    faults = check_folder(change("task.toml", 'name = "mine"', "name = mine"))
    assert "line 4" in faults[0]


def test_all_faults_are_listed_and_the_first_names_the_others(change: Break) -> None:
    change("task.toml", "[150, 450]", "[450, 150]")
    change("task.toml", 'unit = "%"', 'unit = "points"')
    folder = change("baseline.py", "class Model", "class Net")
    assert len(check_folder(folder)) == 3
    with pytest.raises(TaskError, match=r"\(and 2 more\); `archwright task check"):
        load_task(folder)


def test_token_outside_the_vocabulary_is_a_fault(change: Break) -> None:
    change("task.toml", "input_shape = [2]", "input_shape = [2]\nvocabulary = 9")
    tokens = "np.clip(points * 20, -1, 9).astype(np.int64)"
    faults = check_folder(change("task.py", END, f"return {tokens}, arm.astype(np.int64)"))
    assert "x holds tokens -1 to 9; they must lie in 0 to 8" in faults[0]


def test_regression_labels_are_floats_of_the_output_shape(change: Break) -> None:
    change("task.toml", 'metric = "accuracy"', 'metric = "mean_squared_error"')
    change("task.toml", 'unit = "%"', "")
    change("task.toml", 'direction = "maximize"', "")
    folder = change("task.toml", "output_shape = [3]", "output_shape = [2]")
    assert "y must be float32" in check_folder(folder)[0]
    change("task.py", END, "return points.astype(np.float32), points.astype(np.float32)")
    assert check_folder(folder) == []


def test_one_split_for_all_is_a_fault(change: Break) -> None:
    change("task.py", '"validation": 1, "test": 2}', '"validation": 1, "test": 1}')
    assert check_folder(change("task.py", "x", "x")) == [
        "validation and test are the same inputs; each split needs samples of its own"
    ]


def test_validation_that_moves_with_the_seed_is_a_fault(change: Break) -> None:
    folder = change("task.py", 'seed if split == "train" else 0', "seed")
    assert check_folder(folder) == [
        "validation data changes with the seed; use a fixed seed",
        "test data changes with the seed; use a fixed seed",
    ]


def test_training_data_drawn_from_the_clock_is_a_fault(change: Break) -> None:
    folder = change(
        "task.py", "[STREAM[split], seed]", "None if split == 'train' else [9, len(split)]"
    )
    assert check_folder(folder) == [
        "train data differs between two loads with seed 0; draw from a generator of the seed alone"
    ]


def test_folder_that_is_none(tmp_path: Path) -> None:
    assert "is not a folder" in check_folder(tmp_path / "nowhere")[0]


@pytest.mark.parametrize("file", ["task.toml", "task.py", "baseline.py"])
def test_a_byte_order_mark_is_no_breakage(folder: Path, file: str) -> None:
    text = (folder / file).read_text(encoding="utf-8")
    (folder / file).write_text(text.replace("\n", "\r\n"), encoding="utf-8-sig", newline="")
    assert check_folder(folder) == []
    assert load_task(folder).spec.problem.entry == "Model"


def test_a_baseline_may_inherit_what_it_needs(folder: Path) -> None:
    text = (folder / "baseline.py").read_text(encoding="utf-8")
    text = text.replace("class Model(nn.Module)", "class Base(nn.Module)")
    (folder / "baseline.py").write_text(f"{text}\n\nclass Model(Base):\n    pass\n")
    assert check_folder(folder) == []


def test_task_code_that_changes_the_folder_goes_alone(
    change: Break, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it opens by a relative path is found where it went; nobody else is taken along."""
    (elsewhere := tmp_path / "elsewhere").mkdir()
    (elsewhere / "note.txt").write_text("here")
    monkeypatch.chdir(tmp_path)
    goes = f"import os\nos.chdir({str(elsewhere)!r})\nimport numpy as np"
    change("task.py", "import numpy as np", goes)
    opens = "open('note.txt').close()\n    points += rng"
    folder = change("task.py", "points += rng", opens)
    task = load_task(str(folder))
    assert Path.cwd() == tmp_path
    task.load("train")
    assert Path.cwd() == tmp_path
