"""Readers of a task's data: honest splits, and nothing learned from what is held out."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from archwright.core import TaskError
from archwright.tasks.readers import (
    Archive,
    CsvTable,
    EgoNetworks,
    ImageFolder,
    MaskedImages,
    RankedItems,
    TextWindows,
    Windows,
)
from archwright.tasks.readers.splitting import by_content, digest, within

SPLITS = ("train", "validation", "test")
Write = Callable[[Iterable[Iterable[object]]], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes lines as a CSV file."""

    def make(lines: Iterable[Iterable[object]]) -> Path:
        file = tmp_path / "data.csv"
        with file.open("w", newline="") as stream:
            csv.writer(stream).writerows(lines)
        return file

    return make


def test_copies_stay_together_and_every_class_is_in_every_split() -> None:
    keys = [digest(bytes([n % 60])) for n in range(180)]
    classes = ["few" if n % 60 < 8 else "many" for n in range(180)]
    rows = {split: by_content(keys, split, classes) for split in SPLITS}
    assert sorted(np.concatenate(list(rows.values())).tolist()) == list(range(180))
    held = [{keys[row] for row in own} for own in rows.values()]
    assert not held[0] & (held[1] | held[2])
    assert not held[1] & held[2]
    assert all({classes[row] for row in own} == {"few", "many"} for own in rows.values())
    with pytest.raises(TaskError, match="class few has 2 different samples"):
        by_content(keys[:12], "train", ["few", "few", *["many"] * 10])


def test_what_is_held_out_leaves_the_train_that_was_given() -> None:
    train = [digest(bytes([n])) for n in range(40)]
    given = {"train": train, "test": train[:3]}
    name, rows = within(given, "train")
    _, cut = within(given, "validation")
    assert name == "train"
    assert not set(rows.tolist()) & {0, 1, 2}
    assert not set(rows.tolist()) & set(cut.tolist())
    assert within(given, "test")[1].tolist() == [0, 1, 2]


def test_a_table_learns_from_train_alone_and_marks_what_is_missing(write: Write) -> None:
    rng = np.random.default_rng(0)
    numbers = rng.normal(50, 10, 200).round(4)
    lines = [
        [number if n % 9 else "", f"town{n % 30}", ("red", "blue")[n % 2], n % 2]
        for n, number in enumerate(numbers)
    ]
    file = write([["size", "town", "colour", "sold"], *lines])
    table = CsvTable(
        file, target=["sold"], kind="classes", classes=["0", "1"],
        numbers=["size"], categories=["town", "colour"],
    )  # fmt: skip
    x, y = table.load("train")
    assert isinstance(x, dict)
    assert table.features.names == ["size", "size is missing", "colour = blue", "colour = red"]
    there = x["numbers"][:, 1] == 0
    assert abs(x["numbers"][there, 0].mean()) < 1e-5
    assert set(x["numbers"][~there, 0]) == {0.0}
    assert x["categories"].shape == (len(y), 1)
    assert table.features.vocabulary == 31


def test_windows_of_a_series_share_no_line(write: Write) -> None:
    file = write([["day", "sales"], *([n, n + 1] for n in reversed(range(200)))])
    windows = Windows(file, target=["sales"], inputs=["sales"], window=8, horizon=3, time="day")
    seen = []
    for split in SPLITS:
        x, y = windows.load(split)
        assert x.shape[1:] == (8, 1)
        assert y.shape[1:] == (3,)
        seen.append(set(np.unique(np.concatenate([x.ravel(), y.ravel()]))))
    assert max(seen[0]) < min(seen[1])
    assert max(seen[1]) < min(seen[2])


def test_groups_are_whole(write: Write) -> None:
    lines = [[f"q{n // 4}", n, int(n % 4 == 0)] for n in range(160)]
    items = RankedItems(
        write([["query", "rank", "click"], *lines]),
        group="query", target="click", most=4, numbers=["rank"],
    )  # fmt: skip
    loaded = [items.load(split) for split in SPLITS]
    assert [len(x) for x, _ in loaded] == [28, 6, 6]
    assert all(y.shape[1:] == (4,) and y.sum() == len(x) for x, y in loaded)


def test_images_and_masks_are_read_as_they_are(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for place in ("a", "b", "photos", "masks"):
        (tmp_path / place).mkdir()
        for n in range(12):
            values = rng.integers(0, 255, (6, 4), dtype=np.uint8)
            image = values if place != "masks" else np.where(values > 120, 7, 0).astype(np.uint8)
            Image.fromarray(image).save(tmp_path / place / f"{n}.png")
    folder = ImageFolder(tmp_path, classes=["b", "a"], size=(6, 4), colours=1)
    x, y = folder.load("train")
    assert x.shape == (16, 1, 6, 4)
    assert x.dtype == np.uint8
    assert sorted(y) == [0] * 8 + [1] * 8
    parts = list(folder.batches("train", 5))
    assert np.array_equal(np.concatenate([part for part, _ in parts]), x)
    masks = MaskedImages(
        tmp_path / "photos", tmp_path / "masks", values=[0, 7], size=(12, 8), colours=3
    )
    x, y = masks.load("test")
    assert x.shape[1:] == (3, 12, 8)
    assert set(np.unique(y)) == {0, 1}


def test_archives_of_several_inputs_and_of_given_splits(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    file = tmp_path / "data.npz"
    images = rng.integers(0, 255, (90, 5, 5, 3), dtype=np.uint8)
    np.savez(
        file, image_train=images[:60], image_test=images[50:], meta_train=rng.normal(3, 2, (60, 4)),
        meta_test=rng.normal(size=(40, 4)), y_train=np.arange(60) % 2, y_test=np.arange(40) % 2,
    )  # fmt: skip
    archive = Archive(
        file, inputs=["image", "meta"], target="y", kind="classes",
        names={"train": "{}_train", "test": "{}_test"},
    )  # fmt: skip
    x, y = archive.load("train")
    assert x["image"].shape[1:] == (3, 5, 5)
    assert abs(x["meta"].mean()) < 1e-5
    assert len(y) + len(archive.load("validation")[1]) == 60
    assert len(archive.load("test")[1]) == 40


def test_an_ego_network_begins_with_its_node(tmp_path: Path) -> None:
    file = tmp_path / "ring.npz"
    ring = np.stack([np.arange(40), (np.arange(40) + 1) % 40])
    np.savez(file, edges=ring, features=np.eye(40), labels=np.arange(40) % 2)
    x, y = EgoNetworks(file, neighbours=2).load("train")
    centre = x["nodes"][:, 0].argmax(axis=1)
    assert np.array_equal(centre % 2, y)
    assert np.allclose(x["edges"].sum(axis=2), 1)
    assert np.allclose(x["edges"][:, 0], 1 / 3)  # itself and both neighbours


def test_a_text_gives_each_token_the_next(tmp_path: Path) -> None:
    file = tmp_path / "text.txt"
    file.write_bytes(bytes(range(200)) * 5)
    text = TextWindows(file, length=10)
    x, y = text.load("validation")
    assert x.dtype == np.uint8
    assert np.array_equal(x[:, 1:], y[:, :-1])
    with pytest.raises(TaskError, match="take a longer text"):
        TextWindows(file, length=500).load("test")
