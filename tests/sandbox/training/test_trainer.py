"""The harness's training loop: precision, accumulation, averages, early stopping, going on."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sandbox_candidates import GOOD

from archwright.core import Array, Part, Problem, Recipe, Status, Training, TrialJob
from archwright.sandbox import Sandbox
from archwright.sandbox.in_process import InProcessSandbox
from archwright.sandbox.inside.training.data import FileRows, draw_batches
from archwright.sandbox.inside.training.optimizing import rate_factor

Jobs = Callable[..., TrialJob]

DROPOUT = """
from torch import nn

class Model(nn.Module):
    def __init__(self, input_shape, output_shape):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(input_shape[0], 16), nn.BatchNorm1d(16), nn.Dropout(0.5), nn.ReLU(),
            nn.Linear(16, output_shape[0]),
        )

    def forward(self, x):
        return self.net(x)
"""

BATCH_NORM = DROPOUT.replace("nn.Dropout(0.5), ", "")


def score(outcome: object, data: Path) -> float:
    labels = np.load(data / "validation_x.npy")[:, :3].argmax(1)
    predictions: Array = outcome.predictions["validation"]  # type: ignore[attr-defined]
    return float((predictions.argmax(1) == labels).mean())


@pytest.mark.parametrize(
    "training",
    [
        Training(precision="bf16"),
        Training(precision="fp16"),
        Training(accumulate=3),
        Training(average=0.9),
        Training(restarts=2),
        Training(clip=0.0),
        Training(hold_out=0.2, patience=20),
    ],
    ids=lambda t: next(k for k, v in t.to_json().items() if v != Training().to_json()[k]),
)
def test_each_way_of_training_learns(
    process_sandbox: Sandbox, make_job: Jobs, data: Path, training: Training
) -> None:
    recipe = Recipe(learning_rate=0.03)
    job = make_job(GOOD, steps=60, training=training, recipe=recipe)
    outcome = process_sandbox.train(job)
    assert outcome.status is Status.OK, outcome.error
    assert score(outcome, data) > 0.8
    assert outcome.resources.steps == 60


def test_accumulated_batches_are_the_next_ones_of_the_order() -> None:
    """Two batches of 8 see the samples that one of 16 does."""
    small, large = draw_batches(50, 8, 3), draw_batches(50, 16, 3)
    both = np.concatenate([next(small), next(small)])
    assert np.array_equal(both, next(large))


def test_without_progress_on_what_is_held_out_training_ends(
    process_sandbox: Sandbox, make_job: Jobs
) -> None:
    recipe = Recipe(learning_rate=1.0, optimizer="sgd", schedule="constant")
    training = Training(hold_out=0.3, patience=2)
    outcome = process_sandbox.train(make_job(GOOD, steps=400, training=training, recipe=recipe))
    assert outcome.status is Status.OK, outcome.error
    assert outcome.resources.steps < 400


def test_a_schedule_that_restarts_runs_as_often() -> None:
    rates = [rate_factor("cosine", step, 90, restarts=2) for step in range(90)]
    assert rates[0] == rates[30] == rates[60] == 1.0
    assert rates[29] < 0.01
    assert rates[:30] == rates[30:60]


@pytest.mark.parametrize("average", [0.0, 0.9])
@pytest.mark.parametrize("optimizer", ["adamw", "sgd", "rmsprop"])
def test_a_training_in_two_jobs_is_the_same_as_in_one(
    process_sandbox: Sandbox, make_job: Jobs, tmp_path: Path, average: float, optimizer: str
) -> None:
    """Dropout, running statistics, optimizer, schedule and the order of the batches go on."""
    given = {"recipe": Recipe(optimizer=optimizer), "training": Training(average=average)}
    whole = process_sandbox.train(make_job(DROPOUT, steps=30, state_mb=8, **given))
    first = make_job(DROPOUT, steps=13, total_steps=30, state_mb=8, splits=(), **given)
    begun = process_sandbox.train(first)
    assert begun.status is Status.OK, begun.error
    assert begun.predictions == {}
    np.savez(tmp_path / "state.npz", **begun.state)
    start = {"first_step": 13, "start": tmp_path / "state.npz"}
    rest = process_sandbox.train(make_job(DROPOUT, steps=30, state_mb=8, **start, **given))
    assert rest.status is Status.OK, rest.error
    np.testing.assert_array_equal(rest.predictions["validation"], whole.predictions["validation"])
    assert {name for name in rest.state if name.startswith("model.")}
    for name, array in whole.state.items():
        np.testing.assert_array_equal(rest.state[name], array, err_msg=name)


def test_a_state_over_its_limit_is_refused(process_sandbox: Sandbox, make_job: Jobs) -> None:
    large = GOOD.replace(
        "super().__init__()", "super().__init__()\n        self.w = nn.Linear(700, 700)"
    )
    large = large.replace("return self", "x = x + 0 * self.w.weight.sum()\n        return self")
    outcome = process_sandbox.train(make_job(large, state_mb=1))
    assert outcome.status is Status.INVALID
    assert "larger than was allowed" in outcome.error


def test_predictions_are_received_in_order_and_not_kept(
    process_sandbox: Sandbox, make_job: Jobs
) -> None:
    kept = process_sandbox.train(make_job()).predictions["validation"]
    blocks: list[tuple[str, int, Array]] = []
    outcome = process_sandbox.train(
        make_job(), receive=lambda name, start, rows: blocks.append((name, start, rows))
    )
    assert outcome.status is Status.OK
    assert outcome.predictions == {}
    assert [start for _, start, _ in blocks] == sorted(start for _, start, _ in blocks)
    np.testing.assert_array_equal(np.concatenate([rows for _, _, rows in blocks]), kept)


def test_predictions_on_a_large_vocabulary_come_in_bounded_blocks(
    process_sandbox: Sandbox, tmp_path: Path
) -> None:
    """What all of them would take, 200 MB, is held by nobody."""
    length, vocabulary, samples = 64, 50_257, 16
    problem = Problem(
        "Model", (length,), (length, vocabulary), "cross_entropy", 10_000_000,
        vocabulary=vocabulary, causal=True,
    )  # fmt: skip
    draw = np.random.default_rng(0)
    for split in ("train", "validation"):
        tokens = draw.integers(vocabulary, size=(samples, length)).astype(np.uint16)
        np.save(tmp_path / f"{split}_x.npy", tokens)
    np.save(tmp_path / "train_y.npy", tokens.astype(np.int64))
    source = (
        "from torch import nn\nclass Model(nn.Module):\n    def __init__(self, i, o):\n"
        "        super().__init__()\n"
        "        self.e, self.h = nn.Embedding(o[1], 8), nn.Linear(8, o[1])\n"
        "    def forward(self, x):\n        return self.h(self.e(x))\n"
    )
    sizes: list[int] = []
    job = TrialJob(source, problem, Recipe(batch_size=8), 1, 0, tmp_path, memory_mb=4096)
    outcome = process_sandbox.train(job, receive=lambda _, __, rows: sizes.append(rows.nbytes))
    assert outcome.status is Status.OK, outcome.error
    assert sum(sizes) == 4 * samples * length * vocabulary
    assert max(sizes) <= 64 << 20


# --- data -----------------------------------------------------------------------------------------


def test_rows_of_a_file_are_those_of_the_array(tmp_path: Path) -> None:
    array = np.random.default_rng(0).normal(size=(50, 3, 4)).astype(np.float32)
    np.save(tmp_path / "x.npy", array)
    rows, picked = FileRows(tmp_path / "x.npy"), np.array([7, 0, 49, 7])
    np.testing.assert_array_equal(rows[picked], array[picked])
    np.testing.assert_array_equal(rows[10:13], array[10:13])
    np.testing.assert_array_equal(rows[48:99], array[48:99])
    assert (len(rows), rows.nbytes, rows.shape) == (50, array.nbytes, array.shape)


SEVERAL = """
from torch import nn

class Model(nn.Module):
    def __init__(self, input_shape, output_shape):
        super().__init__()
        assert {shapes}, (input_shape, output_shape)
        self.image = nn.Linear(4, 8)
        self.word = nn.Embedding(5, 8)
        self.head = nn.Linear(8, 3)

    def forward(self, x):
        image, word, there = {picked}
        assert image.dtype.is_floating_point and 0 <= image.min() and image.max() <= 1
        h = self.image(image.flatten(1)) + (self.word(word) * there.unsqueeze(-1)).sum(1)
        return {result}
"""


@pytest.mark.parametrize("named", [True, False])
def test_inputs_and_outputs_of_several_arrays(
    process_sandbox: Sandbox, tmp_path: Path, named: bool
) -> None:
    names = ("image", "word", "there") if named else ("0", "1", "2")
    parts = (
        Part(names[0], (2, 2)),
        Part(names[1], (6,), vocabulary=5),
        Part(names[2], (6,), mask=True),
    )
    outs = (Part("a" if named else "0", (2,)), Part("b" if named else "1", (1,)))
    problem = Problem("Model", (16,), (3,), "mse", 1000, inputs=parts, outputs=outs)
    draw = np.random.default_rng(0)
    for split in ("train", "validation"):
        arrays = (
            draw.integers(256, size=(40, 2, 2)).astype(np.uint8),
            draw.integers(5, size=(40, 6)).astype(np.int32),
            np.arange(6) < draw.integers(1, 7, size=(40, 1)),
        )
        for name, array in zip(names, arrays, strict=True):
            np.save(tmp_path / f"{split}_x.{name}.npy", array)
    np.save(tmp_path / "train_y.npy", draw.normal(size=(40, 3)).astype(np.float32))
    source = SEVERAL.format(
        shapes="input_shape['word'] == (6,) and output_shape == {'a': (2,), 'b': (1,)}"
        if named
        else "input_shape == ((2, 2), (6,), (6,)) and output_shape == ((2,), (1,))",
        picked="x['image'], x['word'], x['there']" if named else "x",
        result="{'b': self.head(h)[:, 2:], 'a': self.head(h)[:, :2]}"
        if named
        else "(self.head(h)[:, :2], self.head(h)[:, 2:])",
    )
    outcome = process_sandbox.train(TrialJob(source, problem, Recipe(), 5, 0, tmp_path))
    assert outcome.status is Status.OK, outcome.error
    assert outcome.predictions["validation"].shape == (40, 3)


def test_an_output_that_lacks_a_part_is_the_candidate_s_fault(
    process_sandbox: Sandbox,
) -> None:
    outs = (Part("a", (2,)), Part("b", (1,)))
    problem = Problem("Model", (4,), (3,), "mse", 1000, outputs=outs)
    source = GOOD.replace("output_shape[0]", "2").replace("self.net(x)", "{'a': self.net(x)}")
    report = process_sandbox.check(source, problem)
    assert report.status is Status.INVALID
    assert "one tensor for each of a, b" in report.error


# --- what the task does to its batches ------------------------------------------------------------

FLIPPING = """
import torch

def augment(x, y, generator):
    wrong = torch.rand(len(x), generator=generator) < 2
    return torch.where(wrong[:, None], -x, x), y
"""


def test_batches_are_augmented_by_the_task(
    process_sandbox: Sandbox, make_job: Jobs, problem: Problem, data: Path
) -> None:
    """Trained on inputs of the other sign alone, it is wrong on those that are as they are."""
    flipped = replace(problem, code=FLIPPING)
    recipe = Recipe(learning_rate=0.03)
    outcome = process_sandbox.train(make_job(problem=flipped, steps=60, recipe=recipe))
    assert outcome.status is Status.OK, outcome.error
    assert score(outcome, data) < 0.2


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("return x", "must return a pair"),
        ("return x[:1], y", "must keep the shape"),
        ("return x.double(), y", "must keep the shape"),
        ("return x / 'a', y", "fails in augment"),
    ],
)
def test_a_broken_augmentation_is_the_task_s_fault(
    process_sandbox: Sandbox, make_job: Jobs, problem: Problem, body: str, said: str
) -> None:
    broken = replace(problem, code=f"def augment(x, y, generator):\n    {body}\n")
    outcome = process_sandbox.train(make_job(problem=broken))
    assert outcome.status is Status.TASK_FAULT
    assert said in outcome.error


NOISY = """
import torch

def augment(x, y, generator):
    return x + 0.1 * torch.randn(x.shape, generator=generator), y
"""


def test_what_a_batch_holds_does_not_hang_on_how_many_threads_make_it(
    process_sandbox: Sandbox, make_job: Jobs, problem: Problem
) -> None:
    augmented = replace(problem, code=NOISY)
    alone, together = (
        process_sandbox.train(make_job(problem=augmented, training=Training(loaders=count)))
        for count in (0, 3)
    )
    assert alone.status is Status.OK, alone.error
    for split, said in alone.predictions.items():
        assert np.array_equal(said, together.predictions[split])


def test_an_augmentation_that_draws_elsewhere_is_the_task_s_fault(
    process_sandbox: Sandbox, make_job: Jobs, problem: Problem
) -> None:
    careless = NOISY.replace(", generator=generator)", ")")
    outcome = process_sandbox.train(make_job(problem=replace(problem, code=careless)))
    assert outcome.status is Status.TASK_FAULT
    assert "draw from its generator alone" in outcome.error


def test_where_no_compiler_runs_a_task_that_compiles_is_refused(
    process_sandbox: Sandbox, make_job: Jobs
) -> None:
    outcome = process_sandbox.train(make_job(GOOD, training=Training(compile=True)))
    assert outcome.status is Status.TASK_FAULT
    assert "archwright sandbox build --compiler" in outcome.error


@pytest.mark.skipif(shutil.which("g++") is None, reason="no C++ compiler is here")
def test_a_compiled_network_learns_what_it_learns_as_written(make_job: Jobs) -> None:
    """BatchNorm's statistics and the held-out part are those of the network itself."""
    training = Training(hold_out=0.2, patience=20)
    with InProcessSandbox(1) as sandbox:
        written, compiled = (
            sandbox.train(make_job(BATCH_NORM, training=replace(training, compile=wanted)))
            for wanted in (False, True)
        )
    assert compiled.status is Status.OK, compiled.error
    assert compiled.resources.steps == written.resources.steps
    for split, said in written.predictions.items():
        assert np.allclose(said, compiled.predictions[split], atol=1e-4)
