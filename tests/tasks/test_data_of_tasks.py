"""Inputs of several parts, of unequal lengths and of other types; data larger than memory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from archwright.core import TaskError
from archwright.core.arrays import chunks
from archwright.tasks.export import write_train
from archwright.tasks.loading import Task, load_task
from archwright.tasks.streams import Spool, is_whole_file

BASELINE = """
from torch import nn

class Model(nn.Module):
    def __init__(self, input_shape, output_shape):
        super().__init__()
        self.layer = nn.Linear(2, 3)

    def forward(self, x):
        return self.layer(x)
"""

TOML = """
name = "mine"
summary = "a class from data of any form"
metric = "accuracy"
rungs = [2, 4]
output_shape = [3]
contract = "Anything."
{keys}
[limits]
max_params = 1000
"""

Make = Callable[[str, str], Task]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """A task from keys of `task.toml` and the body of a `load(split, seed)`."""

    def made(keys: str, body: str) -> Task:
        (tmp_path / "task.toml").write_text(TOML.format(keys=keys))
        code = body if "def " in body else f"def load(split, seed):\n    {body}\n"
        here = f"HERE = {str(tmp_path)!r}"
        (tmp_path / "task.py").write_text(f"import numpy as np\n{here}\n{code}")
        (tmp_path / "baseline.py").write_text(BASELINE)
        return load_task(tmp_path)

    return made


Y = "np.arange(6) % 3"


def test_a_dictionary_of_arrays(make: Make, tmp_path: Path) -> None:
    keys = (
        '[input_shape]\na = [2]\nb = [1, 4, 4]\nw = [5]\n[input_type]\nb = "uint8"\n'
        "[vocabulary]\nw = 7"
    )
    a, b = "np.zeros((6, 2), np.float32)", "np.zeros((6, 1, 4, 4), np.uint8)"
    task = make(keys, f"return {{'w': np.ones((6, 5), int), 'a': {a}, 'b': {b}}}, {Y}")
    x, _ = task.load("train")
    assert list(x) == ["a", "b", "w"]
    assert [p.name for p in task.spec.problem.inputs] == ["a", "b", "w"]
    write_train(task, 0, tmp_path / "out")
    names = {file.name for file in (tmp_path / "out").iterdir()}
    assert names == {"train_x.a.npy", "train_x.b.npy", "train_x.w.npy", "train_y.npy"}


def test_a_tuple_of_arrays(make: Make) -> None:
    x = "(np.zeros((6, 2), np.float32), np.ones((6, 3), np.float32))"
    task = make("input_shape = [[2], [3]]", f"return {x}, {Y}")
    assert [part.name for part in task.spec.problem.inputs] == ["0", "1"]
    assert task.load("train")[0]["1"].shape == (6, 3)


def test_unequal_lengths_are_padded_with_a_mask(make: Make) -> None:
    x = "[np.full((n + 1, 2), n, np.float32) for n in range(6)]"
    task = make("input_shape = [6, 2]\nlengths_vary = true", f"return {x}, {Y}")
    found, _ = task.load("train")
    assert found["x"].shape == (6, 6, 2)
    assert found["mask"].sum(1).tolist() == [1, 2, 3, 4, 5, 6]
    assert not found["x"][~found["mask"]].any()


def test_labels_of_unequal_lengths_are_not_scored_behind_the_end(make: Make) -> None:
    body = "x = [np.zeros((n + 1, 2), np.float32) for n in range(6)]\n    "
    body += "return x, [np.arange(len(row)) % 2 for row in x]"
    keys = "input_shape = [6, 2]\nlengths_vary = true"
    task = make(keys, body)
    toml = task.spec.folder / "task.toml"
    toml.write_text(toml.read_text().replace("output_shape = [3]", "output_shape = [6, 3]"))
    _, y = load_task(task.spec.folder).load("train")
    assert (y >= 0).sum(1).tolist() == [1, 2, 3, 4, 5, 6]


FLOATS = "np.zeros((6, 2), np.float32)"


@pytest.mark.parametrize(
    ("keys", "body", "said"),
    [
        (
            "input_shape = [2]",
            f"return np.zeros((6, 2), np.uint8), {Y}",
            'say input_type = "uint8"',
        ),
        (
            "input_shape = [2]",
            f"return np.zeros((6, 2), np.float16), {Y}",
            '"float16" in task.toml',
        ),
        ("input_shape = [2]", f"return np.zeros((6, 2)), {Y}", "use .astype(np.float32)"),
        ("input_shape = {a = [2]}", f"return {{'b': {FLOATS}}}, {Y}", "x must hold a, as input_"),
        ("input_shape = {a = [2]}", f"return {FLOATS}, {Y}", "x must hold a, as input_shape says"),
        (
            "input_shape = {a = [2], b = [2]}",
            f"return {{'a': {FLOATS}, 'b': {FLOATS}[:5]}}, {Y}",
            "the parts of x have 5, 6 samples",
        ),
        ("input_shape = [4, 2]\nlengths_vary = true", f"return {FLOATS}, {Y}", "a list of arrays"),
        (
            "input_shape = [4, 2]\nlengths_vary = true",
            f"return [np.zeros((5, 2), np.float32)] * 6, {Y}",
            "x[0] has the shape (5, 2)",
        ),
        (
            "input_shape = [4, 2]\nlengths_vary = true",
            f"return [np.full((2, 2), np.nan, np.float32)] * 6, {Y}",
            "NaN or infinite",
        ),
        ("input_shape = [2]\nvocabulary = 3", f"return np.full((6, 2), 3), {Y}", "tokens 3 to 3"),
    ],
)
def test_wrong_inputs_have_their_line(make: Make, keys: str, body: str, said: str) -> None:
    with pytest.raises(TaskError) as caught:
        make(keys, body).load("train")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ('input_shape = {a = [2]}\ninput_type = "uint8"', "input_type must be a table by part"),
        ("input_shape = [2]\nvocabulary = {a = 3}", "vocabulary must be one value"),
        ("input_shape = {a = [2]}\nvocabulary = {b = 3}", "vocabulary names 'b'"),
        ("input_shape = {a = [2]}\nlengths_vary = true", "lengths_vary is for inputs of one array"),
        ('input_shape = [2]\ninput_type = "uint16"', "input_type uint16 does not fit"),
        ('input_shape = [2]\ninput_type = "double"', "input_type"),
        ('input_shape = {"a b" = [2]}', "letters, digits and underscores"),
        ("input_shape = [[2], 3]", "should be a shape such as"),
        ('input_shape = [2]\n[training]\nprecision = "int8"', "precision should be"),
        ("input_shape = [2]\n[training]\nrate = 1", "unknown key 'rate' in [training]"),
    ],
)
def test_wrong_keys_have_their_line(make: Make, keys: str, said: str) -> None:
    with pytest.raises(TaskError) as caught:
        make(keys, f"return {FLOATS}, {Y}")
    assert said in str(caught.value)


# --- larger than memory ---------------------------------------------------------------------------


def test_a_map_of_a_whole_file_is_linked_and_not_copied(make: Make, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.ones((6, 2), np.float32))
    task = make("input_shape = [2]", f"return np.load(HERE + '/x.npy', mmap_mode='r'), {Y}")
    write_train(task, 0, tmp_path / "out")
    assert (tmp_path / "out" / "train_x.npy").samefile(tmp_path / "x.npy")


def test_a_part_of_a_file_is_never_linked(make: Make, tmp_path: Path) -> None:
    """What else lies in it, labels of another split for instance, must not enter the jail."""
    np.save(tmp_path / "x.npy", np.ones((9, 2), np.float32))
    whole = np.load(tmp_path / "x.npy", mmap_mode="r")
    assert is_whole_file(whole)
    for part in (whole[:6], whole[3:], whole[:, :1], whole[::2]):
        assert not is_whole_file(part)
    task = make("input_shape = [2]", f"return np.load(HERE + '/x.npy', mmap_mode='r')[:6], {Y}")
    write_train(task, 0, tmp_path / "out")
    assert np.load(tmp_path / "out" / "train_x.npy").shape == (6, 2)
    assert not (tmp_path / "out" / "train_x.npy").samefile(tmp_path / "x.npy")


def test_each_content_is_stored_once(make: Make, tmp_path: Path) -> None:
    task = make("input_shape = [2]", f"return {FLOATS}, {Y}")
    for seed in (0, 1):
        write_train(task, seed, tmp_path / str(seed), tmp_path / "store")
    assert (tmp_path / "0" / "train_x.npy").samefile(tmp_path / "1" / "train_x.npy")
    assert len(list((tmp_path / "store").iterdir())) == 2


BATCHES = """
def load(split, seed):
    return np.zeros((4, 2), np.float32), np.arange(4) % 3

def batches(split, seed, batch_size):
    for number in range(5):
        x = np.full((3, 2), number, np.float32)
        yield x{change}, np.full(3, number % 3)
"""


def test_batches_give_the_training_data(make: Make) -> None:
    task = make("input_shape = [2]", BATCHES.format(change=""))
    x, y = task.load("train")
    assert isinstance(x, np.memmap)
    assert x[:, 0].tolist() == [float(n) for n in range(5) for _ in range(3)]
    assert y.tolist() == [n % 3 for n in range(5) for _ in range(3)]
    assert task.load("validation")[0].shape == (4, 2)
    assert task.load("train", 1)[0] is x


def test_batches_unlike_each_other_are_refused(make: Make) -> None:
    task = make("input_shape = [2]", BATCHES.format(change="[:, :2 - number // 2]"))
    with pytest.raises(TaskError, match="batch 2 has float32"):
        task.load("train")


def test_batches_of_several_parts_are_spooled_apart() -> None:
    spool = Spool()
    parts = [({"a": np.full((2, 1), n), "b": np.full((2, 3), n)}, np.full(2, n)) for n in range(4)]
    x, y = spool.drain(lambda *_: iter(parts), "train")
    assert isinstance(x, dict)
    assert x["b"].shape == (8, 3)
    assert np.array_equal(x["a"][:, 0], y)


def test_chunks_are_all_rows_in_order(tmp_path: Path) -> None:
    array = np.arange(30_000_000, dtype=np.int32).reshape(-1, 3)
    np.save(tmp_path / "a.npy", array)
    mapped = np.load(tmp_path / "a.npy", mmap_mode="r")
    parts = list(chunks(mapped))
    assert len(parts) > 1
    assert np.array_equal(np.concatenate(parts), array)
