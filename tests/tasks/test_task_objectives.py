"""What a task says of loss and score, and the code of its own that goes to the jail."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from archwright.core import TaskError
from archwright.tasks.checking import check_folder
from archwright.tasks.loading import load_task
from archwright.tasks.slicing import slice_faults, sliced

Break = Callable[[str, str, str], Path]

METRIC = 'metric = "accuracy"\ndirection = "maximize"\nunit = "%"'
OWN = 'metric = "task.py"\ndirection = "minimize"\nunit = "points"\n'
CODE = """
import torch
from torch.nn import functional

SHARE = 0.1
UNUSED = np.zeros(3)


def soft(outputs, y):
    return functional.cross_entropy(outputs, y, label_smoothing=SHARE)


def loss(outputs, y):
    return soft(outputs, y)


def score(predictions, y):
    return (predictions.argmax(axis=1) != y).astype(float)


def load("""

# how: (what stands in place of the metric, what the line must say)
FAULTS = {
    "near": ('metric = "acuracy"', "did you mean 'accuracy'?"),
    "at k": ('metric = "ndcg@0"', "unknown metric 'ndcg@0'"),
    "direction": ('metric = "auroc"\ndirection = "minimize"', "direction of auroc is 'maximize'"),
    "no direction": ('metric = "task.py"', 'metric = "task.py" needs a direction as well'),
    "no unit": ('metric = "task.py"', 'metric = "task.py" needs a unit as well'),
    "no loss": (OWN, 'metric = "task.py" needs a loss as well; choose one of cross_entropy'),
    "no score": (OWN + 'loss = "mse"', "task.py defines no `score(predictions, y)`"),
    "loss": ('metric = "accuracy"\nloss = "hinge"', "unknown loss 'hinge'; choose one of cross"),
    "no own loss": ('metric = "accuracy"\nloss = "task.py"', "defines no `loss(outputs, y)`"),
    "no fit": (
        'metric = "macro_f1"\nloss = "mse"',
        "the loss mse takes values, the metric macro_f1 classes; choose the loss from cross_",
    ),
    "targets": (
        'metric = "accuracy"\ntargets = "labels"',
        "targets = 'labels' does not fit; accuracy and the loss cross_entropy take classes",
    ),
    "top 5": ('metric = "top5_accuracy"', "top5_accuracy needs more than 5 classes"),
    "option": (
        'metric = "accuracy"\n[loss_options]\nsmoothing = 0.1',
        "[loss_options] smoothing is not an option of the loss cross_entropy: it takes "
        "class_weights",
    ),
    "no option": (
        'metric = "mean_squared_error"\n[loss_options]\ndelta = 0.1',
        "[loss_options] delta is not an option of the loss mse: it takes none",
    ),
    "option bound": (
        'metric = "accuracy"\n[loss_options]\nlabel_smoothing = 1.0',
        "label_smoothing must be a number from 0 on and below 1, not 1.0",
    ),
    "weights": (
        'metric = "accuracy"\n[loss_options]\nclass_weights = [1, 2]',
        "class_weights has 2 numbers, output_shape ends in 3",
    ),
    "quantiles": (
        'metric = "quantile_loss"\n[loss_options]\nquantiles = [0.5, 0.1, 0.9]',
        "quantiles must rise",
    ),
    "quantiles shape": (
        'metric = "quantile_loss"\n[loss_options]\nquantiles = [0.1, 0.9]',
        "2 quantiles need an output_shape that ends in 2",
    ),
    "one number": (
        'metric = "mean_absolute_error"\nloss = "quantile"\n[loss_options]\n'
        "quantiles = [0.1, 0.5, 0.9]",
        "mean_absolute_error scores one number, not several quantiles",
    ),
}


@pytest.mark.parametrize("how", FAULTS)
def test_each_fault_of_an_objective_is_one_line(folder: Path, how: str) -> None:
    new, words = FAULTS[how]
    keys, _, options = new.partition("[loss_options]")
    file = folder / "task.toml"
    text = file.read_text()
    assert METRIC in text
    text = text.replace(METRIC, keys)
    file.write_text(text + (f"\n[loss_options]{options}\n" if options else ""))
    faults = check_folder(folder)
    assert any(words in fault and "\n" not in fault for fault in faults), faults


def test_a_task_brings_its_own_loss_and_score(folder: Path, change: Break) -> None:
    change("task.toml", METRIC, OWN + 'loss = "task.py"')
    change("task.py", "\ndef load(", CODE)
    assert check_folder(folder) == []
    spec = load_task(folder).spec
    assert (spec.metric.name, spec.metric.unit, spec.metric.direction) == (
        "score",
        "points",
        "minimize",
    )
    assert spec.problem.targets == "own"
    for name in ("from torch.nn", "SHARE = 0.1", "def soft", "def loss"):
        assert name in spec.problem.code
    for name in ("def load", "def score", "UNUSED", "POINTS", "numpy"):
        assert name not in spec.problem.code
    scorer = spec.metric.scorer(spec.problem)
    scorer.add(np.eye(3, dtype=np.float32)[[0, 1, 1]], np.array([0, 1, 2]))
    assert scorer.samples().tolist() == [0.0, 0.0, 1.0]
    assert scorer.score() == pytest.approx(1 / 3)
    assert scorer.errors() == ""


def test_a_score_that_raises_is_the_tasks_fault(folder: Path, change: Break) -> None:
    change("task.toml", METRIC, OWN + 'loss = "cross_entropy"')
    change(
        "task.py", "\ndef load(", "\ndef score(predictions, y):\n    return 1 / 0\n\n\ndef load("
    )
    spec = load_task(folder).spec
    assert spec.problem.targets == "classes"
    assert spec.problem.code == ""
    scorer = spec.metric.scorer(spec.problem)
    scorer.add(np.zeros((3, 3), np.float32), np.array([0, 1, 2]))
    with pytest.raises(TaskError, match=r"^task\.py line \d+: ZeroDivisionError: division by zero"):
        scorer.score()


LABELS = {
    "half": ("arm = arm / 2", "y holds 0.5; labels must be 0 or 1, and -1 where they"),
    "NaN": ("arm = np.full(len(arm), np.nan)", "y has 1800 values that are NaN or infinite"),
    "none": ("arm = arm * 0 - 1", "y is -1 throughout"),
    "alike": ("arm = arm * 0 + 1", "y has not both 0 and 1 of label 0; auroc needs it"),
}


@pytest.mark.parametrize("how", LABELS)
def test_each_fault_of_labels_is_one_line(folder: Path, change: Break, how: str) -> None:
    body, words = LABELS[how]
    change("task.toml", METRIC, 'metric = "auroc"\nloss = "binary_cross_entropy"')
    end = "return points.astype(np.float32), arm.astype(np.int64)"
    marks = "np.repeat(arm[:, None], 3, axis=1).astype(np.float32)"
    change("task.py", end, f"{body}\n    return points.astype(np.float32), {marks}")
    faults = check_folder(folder)
    assert any(words in fault for fault in faults), faults


def test_a_class_without_a_sample_is_told(folder: Path, change: Break) -> None:
    change("task.toml", METRIC, 'metric = "auroc"')
    change("task.py", "arm = rng.randint(ARMS", "arm = rng.randint(ARMS - 1")
    faults = check_folder(folder)
    assert "y has no sample of class 2; auroc needs it in every split" in faults[0]


def test_what_a_function_uses_comes_with_it() -> None:
    source = (
        "from __future__ import annotations\nimport torch, json\nimport pandas as pd\n"
        "A = B = 2\nfor i in range(3):\n    A += i\ndef f():\n    return A\n"
        "@torch.no_grad()\ndef g():\n    return f()\n"
        "def loss(outputs, y):\n    return outputs.mean() * g()\ndata = pd.read_csv('x')\n"
    )
    code = sliced(source)
    assert "pandas" not in code
    assert "data" not in code
    assert code.startswith("from __future__ import annotations\nimport torch, json\nA = B = 2\nfor")
    assert "@torch.no_grad()\ndef g" in code
    assert sliced("def load(split, seed): ...") == ""
    assert sliced("def loss(") == ""


def test_a_package_that_the_jail_lacks_is_told() -> None:
    code = "import torch, math\nimport sklearn.metrics\nfrom beside import x\nfrom . import y\n"
    faults = list(slice_faults(code, ()))
    assert len(faults) == 3
    assert 'write packages = ["scikit-learn"] under [sandbox]' in faults[0]
    assert "beside is not there; write its code in task.py" in faults[1]
    assert len(list(slice_faults(code, ("scikit-learn",)))) == 2
