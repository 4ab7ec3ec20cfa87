"""Training scripts in a jail: what they find there, what they must leave, and how they end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from script_task import make_script_task

from archwright.core import Outcome, Status, TaskSpec, TrialJob, read_bundle, write_bundle
from archwright.runs.training.data import TrialData
from archwright.sandbox import Sandbox
from archwright.sandbox.in_process import InProcessSandbox
from archwright.tasks.loading import Task, load_task

Run = Callable[..., Outcome]

LEAVE = """\
import os, numpy as np
os.makedirs("out", exist_ok=True)
np.save("out/validation.npy", np.{})
"""
SOUND = LEAVE.format("zeros((30, 2))")


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> Task:
    return load_task(make_script_task(tmp_path_factory.mktemp("script") / "moons", samples=30))


def job_of(task: Task, folder: Path, text: str = "", **changes: object) -> TrialJob:
    """A training with `text` in the place of the task's train.py."""
    spec = task.spec
    job = TrialJob(
        source=with_train(spec, text) if text else spec.baseline,
        problem=spec.problem,
        recipe=spec.recipe,
        steps=3,
        seed=5,
        data=TrialData(task, folder).folder(0, ("validation",)),
        seconds_limit=30.0,
        memory_mb=1024,
    )
    return replace(job, **changes)  # type: ignore[arg-type]


@pytest.fixture
def run(process_sandbox: Sandbox, task: Task, tmp_path: Path) -> Run:
    return lambda text, **changes: process_sandbox.train(job_of(task, tmp_path, text, **changes))


def with_train(spec: TaskSpec, text: str) -> str:
    return write_bundle(read_bundle(spec.baseline) | {"train.py": text})


def test_a_script_trains_and_its_predictions_come_out(
    jail: Sandbox, task: Task, tmp_path: Path
) -> None:
    outcome = jail.train(job_of(task, tmp_path))
    assert (outcome.status, outcome.error) == (Status.OK, "")
    assert outcome.predictions["validation"].shape == (30, 2)
    assert outcome.resources.steps == 3
    hidden = f"open({str(task.spec.folder / 'validation_labels.npy')!r})"
    assert "Error: [Errno " in jail.train(job_of(task, tmp_path, hidden)).error


def test_the_trial_owns_budget_and_seed(run: Run) -> None:
    for name, value in (("BUDGET", 3), ("SEED", 5)):
        told = LEAVE.format(f"full((30, 2), float(os.environ['ARCHWRIGHT_{name}']))")
        assert run(told).predictions["validation"][0, 0] == value
    drawn = "import torch\ntorch.manual_seed(1)\n" + LEAVE.format("array(torch.rand(30, 2))")
    first, again, other = run(drawn), run(drawn), run(drawn, seed=6)
    assert np.array_equal(first.predictions["validation"], again.predictions["validation"])
    assert not np.array_equal(first.predictions["validation"], other.predictions["validation"])


def test_it_finds_its_files_and_may_change_them_alone(run: Run) -> None:
    outcome = run(
        "import os\nfound = sorted(os.listdir('.'))\n"
        "assert found == ['data', 'model.py', 'settings.json', 'train.py'], found\n"
        "assert os.listdir('data') == ['points.npz']\n" + SOUND
    )
    assert outcome.error == ""
    assert "PermissionError" in run("open('model.py', 'w')").error


FAULTS = {
    "nothing is left": ("print('done')", "the script left no out/validation.npy"),
    "another shape": (
        LEAVE.format("zeros((30, 3))"),
        "out/validation.npy has the shape (30, 3), it must be (30, 2)",
    ),
    "too few samples": (LEAVE.format("zeros((29, 2))"), "it must be (30, 2)"),
    "no number": (LEAVE.format("full((30, 2), np.nan)"), "values that are not finite"),
    "complex": (LEAVE.format("ones((30, 2), dtype=complex)"), "array of numbers: they are complex"),
    "objects": (LEAVE.format("array([{}] * 30)"), "out/validation.npy holds no array of numbers"),
    "an error": ("def f():\n    return 1 / 0\nf()", "train.py line 2, in f: return 1 / 0\nZeroDiv"),
    "an exit code": ("raise SystemExit(3)", "the script ended with exit code 3"),
    "an end of its own": ("import os\nos._exit(0)", "ended its process (exit code 0)"),
    "a fork": ("import os\nos.fork()", "starts no process"),
    "a program": ("import subprocess\nsubprocess.run(['true'])", "Error"),
    "the network": ("import socket\nsocket.socket()", "reaches no network"),
    "too much said": ("line = 'x' * 2**20\nfor _ in range(1024): print(line)", "more than"),
    "no Python": ("def f(:", "SyntaxError"),
}


@pytest.mark.parametrize(("text", "words"), FAULTS.values(), ids=FAULTS)
def test_what_a_script_does_wrong_is_said(run: Run, text: str, words: str) -> None:
    outcome = run(text)
    assert outcome.status in (Status.INVALID, Status.CRASHED)
    assert words in outcome.error
    assert not outcome.lost


def test_a_script_that_never_ends_is_ended(run: Run) -> None:
    outcome = run("while True: pass", seconds_limit=2.0)
    assert outcome.status is Status.TIMEOUT


def test_a_script_that_takes_all_memory_is_ended(run: Run) -> None:
    outcome = run("import torch\nkept = [torch.ones(2**26) for _ in range(99)]")
    assert outcome.status is Status.OUT_OF_MEMORY


@pytest.mark.parametrize("ending", ["csv", "npz"])
def test_predictions_come_in_other_files_too(run: Run, task: Task, ending: str) -> None:
    file = f"found.{ending}"
    script = task.spec.problem.script
    assert script is not None
    problem = replace(
        task.spec.problem, script=replace(script, predictions=(("validation", file),))
    )
    writes = {
        "csv": "open('found.csv', 'w').write('a,b\\n' + '1,2\\n' * 30)",
        "npz": "import numpy as np\nnp.savez('found.npz', validation=np.tile([1, 2], (30, 1)))",
    }
    outcome = run(writes[ending], problem=problem)
    assert outcome.error == ""
    assert outcome.predictions["validation"].tolist() == [[1.0, 2.0]] * 30


def test_the_short_run_before_training_checks_a_script(
    process_sandbox: Sandbox, task: Task
) -> None:
    spec = task.spec
    report = process_sandbox.check(spec.baseline, spec.problem)
    assert (report.status, [c.name for c in report.checks]) == (Status.OK, ["script"])
    broken = process_sandbox.check(with_train(spec, LEAVE.format("zeros((30, 4))")), spec.problem)
    assert broken.status is Status.INVALID
    assert "it must be (samples, 2)" in broken.checks[0].detail


def test_scripts_are_not_run_in_this_process(task: Task) -> None:
    with InProcessSandbox() as sandbox, pytest.raises(Exception, match="process sandbox"):
        sandbox.check(task.spec.baseline, task.spec.problem)


def test_what_is_read_stays_where_it_is(task: Task) -> None:
    script = task.spec.problem.script
    assert script is not None
    assert {path for path, _ in script.reads} == {"model.py", "data"}
    assert all(Path(place).exists() for _, place in script.reads)
