"""Each built-in task is sound, sealed and the same every time."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from archwright.core import Array, Recipe, TaskError, TaskSpec
from archwright.tasks.checking import check_folder
from archwright.tasks.export import write_inputs, write_train
from archwright.tasks.loading import SPLITS, built_in_names, load_task, task_folder

SUITE = "sequence-mixers"
PROBLEMS = tuple(f"{SUITE}/{member.name}" for member in load_task(SUITE).spec.members)
every_task = pytest.mark.parametrize(
    "name", [*(name for name in built_in_names() if name != SUITE), *PROBLEMS]
)


def score(spec: TaskSpec, predictions: Array, labels: Array) -> float:
    scorer = spec.metric.scorer(spec.problem)
    scorer.add(predictions, labels)
    return scorer.score()


@every_task
def test_folder_is_sound(name: str) -> None:
    assert check_folder(task_folder(name)) == []


@every_task
def test_name_and_folder_give_the_same_task(name: str) -> None:
    by_name = load_task(name)
    assert by_name.spec.name == name.rpartition("/")[2]
    assert load_task(by_name.spec.folder).spec == by_name.spec


@every_task
def test_digest_is_stable_and_covers_the_folder(name: str) -> None:
    digest = load_task(name).digest()
    assert len(digest) == 64
    assert load_task(name).digest() == digest


@every_task
def test_splits_share_no_sample(name: str) -> None:
    task = load_task(name)
    samples = {s: {row.tobytes() for row in task.load(s)[0]} for s in SPLITS}
    assert not samples["train"] & samples["validation"]
    assert not samples["train"] & samples["test"]
    assert not samples["validation"] & samples["test"]


@every_task
def test_exported_files_are_what_a_trial_may_see(name: str, tmp_path: Path) -> None:
    task = load_task(name)
    write_train(task, 3, tmp_path)
    for split in ("validation", "test"):
        write_inputs(task, split, tmp_path)
    written = {file.name: np.load(file, allow_pickle=False) for file in tmp_path.iterdir()}
    assert sorted(written) == ["test_x.npy", "train_x.npy", "train_y.npy", "validation_x.npy"]
    for split in ("validation", "test"):
        x, y = task.load(split)
        assert np.array_equal(written[f"{split}_x.npy"], x)
        assert not any(np.array_equal(array, y) for array in written.values())
    for mine, theirs in zip(task.load("train", 3), ("train_x.npy", "train_y.npy"), strict=True):
        assert np.array_equal(written[theirs], mine)


@every_task
def test_predictions_of_the_right_labels_score_best(name: str) -> None:
    spec = load_task(name).spec
    _, y = load_task(name).load("validation")
    classes = spec.problem.output_shape[-1]
    right = 50.0 * np.eye(classes, dtype=np.float32)[np.maximum(y, 0)]
    even = np.zeros_like(right)
    assert spec.metric.better(score(spec, right, y), score(spec, even, y))
    assert right.nbytes < 25_000_000


@every_task
def test_rungs_and_a_readme_with_measured_numbers(name: str) -> None:
    spec = load_task(name).spec
    top = spec.rungs[-1]
    assert all(2 <= high / low <= 6 for low, high in pairwise(spec.rungs))
    home = spec.folder.parent if name in PROBLEMS else spec.folder
    readme = (home / "README.md").read_text()
    assert f"{top} steps" in readme
    assert "one CPU core" in readme


def test_digits_are_few_and_stratified() -> None:
    task = load_task("digits")
    _, classes = task.load("train")
    assert np.bincount(classes).tolist() == [15] * 10
    assert len(task.load("validation")[0]) == 747
    assert len(task.load("test")[0]) == 900


def test_recall_can_be_answered_from_the_context_alone() -> None:
    tokens, answers = load_task("recall").load("validation")
    for row, wanted in zip(tokens[:50], answers[:50], strict=True):
        value_of = dict(zip(row[:12:2], row[1:12:2], strict=True))
        assert len(value_of) == 6
        assert (wanted[:12] == -1).all()
        assert [value_of[key] for key in row[12:]] == wanted[12:].tolist()


def test_recall_draws_other_training_data_for_another_seed() -> None:
    task = load_task("recall")
    assert not np.array_equal(task.load("train", 0)[0], task.load("train", 1)[0])
    assert np.array_equal(task.load("test", 0)[0], task.load("test", 1)[0])


@pytest.mark.parametrize("split", SPLITS)
def test_pydoc_lm_asks_for_the_next_character(split: str) -> None:
    windows, following = load_task("pydoc-lm").load(split)
    assert np.array_equal(windows[:, 1:], following[:, :-1])


def test_pydoc_lm_is_not_scored_on_passages_it_was_trained_on() -> None:
    task, length = load_task("pydoc-lm"), 48
    train, _ = task.load("train")
    text = train.astype(np.uint8).tobytes()
    assert text.count(text[:length]) == 1
    for split in ("validation", "test"):
        windows = task.load(split)[0].astype(np.uint8)
        copied = sum(row[:length].tobytes() in text for row in windows)
        assert copied < 0.05 * len(windows)


def test_the_suite_has_its_problems_and_a_scale_for_each() -> None:
    suite = load_task(SUITE)
    assert check_folder(suite.spec.folder) == []
    assert suite.digest() == load_task(suite.spec.folder).digest()
    assert suite.key == SUITE
    assert len(suite.parts) == len(PROBLEMS) == 5
    for member in suite.spec.members:
        assert member.spec.baseline == suite.spec.baseline
        assert len(member.sd) == len(member.spec.rungs) == len(suite.spec.rungs)
    with pytest.raises(TaskError, match="suite without data of its own"):
        suite.load("train")


def test_mix_can_be_answered_from_the_context_alone() -> None:
    tokens, answers = load_task(f"{SUITE}/mix").load("validation")
    assert (answers[:, 1::2] == -1).all()
    for row, wanted in zip(tokens[:50], answers[:50], strict=True):
        known: dict[int, int] = {}
        for key, value, answer in zip(row[::2], row[1::2], wanted[::2], strict=True):
            assert answer == known.get(key, -1)
            known[key] = value
        assert len(known) <= 16


def test_capacity_asks_for_forty_pairs_after_all_were_shown() -> None:
    tokens, answers = load_task(f"{SUITE}/capacity").load("test")
    for row, wanted in zip(tokens[:50], answers[:50], strict=True):
        value_of = dict(zip(row[:80:2], row[1:80:2], strict=True))
        assert len(value_of) == 40
        assert (wanted[:80] == -1).all()
        assert [value_of[key] for key in row[80::2]] == wanted[80::2].tolist()


def test_copy_names_its_tokens_in_their_order() -> None:
    tokens, answers = load_task(f"{SUITE}/copy").load("validation")
    for row, wanted in zip(tokens[:50], answers[:50], strict=True):
        assert row[row < 10].tolist() == wanted[wanted >= 0].tolist()


def test_track_is_the_product_of_permutations() -> None:
    from itertools import permutations

    elements = list(permutations(range(3)))
    tokens, states = load_task(f"{SUITE}/track").load("validation")
    for row, wanted in zip(tokens[:20], states[:20], strict=True):
        things = (0, 1, 2)
        for token, state in zip(row, wanted, strict=True):
            things = tuple(things[place] for place in elements[token])
            assert things == elements[state]


def test_bytes_follow_each_other_and_no_document_is_in_two_splits() -> None:
    task = load_task(f"{SUITE}/bytes")
    train = task.load("train", 1)[0].astype(np.uint8).tobytes()
    for split in ("validation", "test"):
        windows, following = task.load(split)
        assert np.array_equal(windows[:, 1:], following[:, :-1])
        copied = sum(row[:48].astype(np.uint8).tobytes() in train for row in windows)
        assert copied < 0.05 * len(windows)


def test_unknown_name_names_the_near_and_the_built_in() -> None:
    with pytest.raises(TaskError) as caught:
        load_task("digit")
    line = str(caught.value)
    assert "did you mean digits?" in line
    assert all(name in line for name in built_in_names())
    assert "\n" not in line


@pytest.mark.parametrize("name", ["", " "])
def test_a_name_that_is_empty_is_no_folder(name: str) -> None:
    with pytest.raises(TaskError, match=r"name a task: .*digits.*or the path of a task folder"):
        load_task(name)


def test_unknown_split_and_training_inputs_are_refused(tmp_path: Path) -> None:
    task = load_task("digits")
    with pytest.raises(TaskError, match="no split 'valid'"):
        task.load("valid")
    with pytest.raises(ValueError, match="write_train"):
        write_inputs(task, "train", tmp_path)
    assert not list(tmp_path.iterdir())


def test_spec_maps_onto_the_domain_types() -> None:
    problem = load_task("pydoc-lm").spec.problem
    assert problem.module_shapes == ((64, 64), (64, 64))
    assert problem.vocabulary == problem.output_shape[-1] == 97
    assert problem.causal
    assert load_task("digits").spec.recipe == Recipe(learning_rate=3e-3)
