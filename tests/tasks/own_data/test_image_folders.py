"""Folders of images as they come: any depth, cameras on their side, other formats, splits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from archwright.core import TaskError
from archwright.source.counting import count_parameters
from archwright.tasks.checking import check_folder
from archwright.tasks.loading import load_task
from archwright.tasks.readers.images import open_image
from archwright.tasks.scaffold import Sources, new_task_from

SIDE = 8


def folder_of(shares: Any, ending: str, name: str = "data") -> Path:
    """Two classes of images, each a number of `shares(rng)`."""
    rng = np.random.default_rng(0)
    for number in range(20):
        place = Path(name) / "ab"[number % 2]
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(shares(rng)).save(place / f"{number}{ending}")
    return Path(name)


def made(name: str = "data", **more: Any) -> tuple[Path, list[str]]:
    return new_task_from("made", Sources(images=Path(name), **more), count_parameters)


@pytest.mark.parametrize(
    ("dtype", "white", "ending"),
    [
        (np.uint16, 65_535, ".png"),
        (np.uint16, 4_095, ".png"),
        (np.uint16, 1_023, ".tiff"),
        (np.int32, 65_535, ".tif"),
        (np.float32, 1, ".tiff"),
        (np.float32, 255, ".tif"),
    ],
)
def test_deep_images_keep_their_greys(dtype: Any, white: int, ending: str) -> None:
    def shares(rng: np.random.Generator) -> Any:
        found = rng.random((SIDE, SIDE))
        found.flat[:2] = 0, 1
        return (found * white).astype(dtype)

    folder_of(shares, ending)
    folder, assumed = made()
    assert any(f"{white} of them is white" in line for line in assumed)
    assert check_folder(folder) == []
    x, _ = load_task(folder).load("train")
    assert x.shape[1:] == (1, SIDE, SIDE)
    assert (x.min(), x.max()) == (0, 255)
    assert 100 < x.mean() < 155
    assert (x == 255).mean() < 0.05


def test_deep_greys_among_colours_are_as_bright() -> None:
    folder = folder_of(lambda rng: rng.integers(0, 255, (SIDE, SIDE, 3)).astype(np.uint8), ".png")
    deep = np.full((SIDE, SIDE), 32_896, np.uint16)
    deep[0] = 65_535
    Image.fromarray(deep).save(folder / "a" / "deep.png")
    made()
    x = np.concatenate([load_task("made").load(split)[0] for split in ("train", "test")])
    assert x.shape[1] == 3
    own = [image for image in x if (image[:, 1:] == 128).all()]
    own += [i for i in load_task("made").load("validation")[0] if (i[:, 1:] == 128).all()]
    assert len(own) == 1


@pytest.mark.parametrize("least", [-3.5, np.nan])
def test_what_has_no_black_is_refused(least: float) -> None:
    def shares(rng: np.random.Generator) -> Any:
        found = rng.random((SIDE, SIDE)).astype(np.float32)
        found[0, 0] = least
        return found

    folder_of(shares, ".tiff")
    with pytest.raises(TaskError, match="begin at 0, black"):
        made()


def test_whole_numbers_and_floats_have_no_white_in_common() -> None:
    folder = folder_of(lambda rng: rng.random((SIDE, SIDE)).astype(np.float32), ".tiff")
    Image.fromarray(np.full((SIDE, SIDE), 9_000, np.uint16)).save(folder / "b" / "deep.png")
    with pytest.raises(TaskError, match="save all as 16-bit PNG"):
        made()


@pytest.mark.parametrize(("orientation", "corner"), [(1, 0), (3, 2), (6, 1), (8, 3), (2, 1)])
@pytest.mark.parametrize("ending", [".jpg", ".png", ".tif"])
def test_cameras_on_their_side_are_set_upright(orientation: int, corner: int, ending: str) -> None:
    """The corner that is white, clockwise from the upper left one."""
    values = np.zeros((16, 16), np.uint8)
    values[:8, :8] = 255
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(values).save(f"one{ending}", exif=exif)
    found = np.asarray(open_image(Path(f"one{ending}")))
    corners = [found[0, 0], found[0, -1], found[-1, -1], found[-1, 0]]
    assert [int(value) > 128 for value in corners].index(True) == corner


def test_a_mask_that_lies_beside_an_image_that_stands_is_refused() -> None:
    for place in ("photos", "masks"):
        Path(place).mkdir()
    exif = Image.Exif()
    exif[0x0112] = 6
    for number in range(9):
        photo = np.full((16, 24, 3), 20 * number, np.uint8)
        Image.fromarray(photo).save(f"photos/{number}.jpg", exif=exif)
        Image.fromarray(np.eye(16, 24, dtype=np.uint8)).save(f"masks/{number}.png")
    with pytest.raises(TaskError, match="is 16 x 24, turned as its EXIF says, and its mask"):
        made("photos", masks=Path("masks"))


@pytest.mark.parametrize(
    "names",
    [
        ("training", "testing"),
        ("Train", "Val", "Test"),
        ("seg_train", "seg_test", "seg_pred"),
        ("train2017", "val2017"),
        ("TrainingSet", "TestSet"),
        ("trn", "tst"),
        ("train", "hold-out"),
        ("Train Data", "evaluation"),
        ("train", "test", "extra"),
    ],
)
def test_folders_of_splits_are_no_classes(names: tuple[str, ...]) -> None:
    for name in names:
        (Path("data") / name / "a").mkdir(parents=True)
    with pytest.raises(TaskError, match="has a sub-folder for each split"):
        made()


@pytest.mark.parametrize(
    "names", [("train", "bus"), ("test_positive", "test_negative"), ("contest", "restrain")]
)
def test_classes_may_sound_like_splits(names: tuple[str, str]) -> None:
    folder_of(lambda rng: rng.integers(0, 255, (SIDE, SIDE)).astype(np.uint8), ".png")
    for old, new in zip("ab", names, strict=True):
        (Path("data") / old).rename(Path("data") / new)
    _, assumed = made()
    assert any(line.startswith("each sub-folder is a class") for line in assumed)


def test_formats_that_are_not_read_are_said() -> None:
    folder = folder_of(lambda rng: rng.integers(0, 255, (SIDE, SIDE)).astype(np.uint8), ".png")
    for number in range(3):
        (folder / "a" / f"{number}.AVIF").write_bytes(b"1")
    Image.new("L", (4, 4)).save(folder / "lost.png")
    _, assumed = made()
    assert "left out, no image in a folder of a class: 3 of .avif, 1 of .png" in assumed
    for file in (folder / "a").glob("*.png"):
        file.unlink()
    with pytest.raises(TaskError, match=r"no image that can be read, but 3 of .avif: save them"):
        new_task_from("again", Sources(images=folder), count_parameters)


def masks_of(ending: str, dtype: Any = np.uint8, value: int = 255) -> None:
    rng = np.random.default_rng(0)
    for place in ("photos", "masks"):
        Path(place).mkdir()
    for number in range(20):
        photo = rng.integers(0, 255, (16, 16), dtype=np.uint8)
        mask = np.where(rng.random((16, 16)) > 0.6, value, 0).astype(dtype)
        Image.fromarray(photo).save(f"photos/{number}.png")
        Image.fromarray(mask).save(f"masks/{number}{ending}")


@pytest.mark.parametrize("ending", [".jpg", ".JPEG"])
def test_masks_that_a_jpeg_blurred_are_refused(ending: str) -> None:
    masks_of(ending)
    with pytest.raises(TaskError, match=r"is a JPEG, which blurs .* save the masks as PNG"):
        made("photos", masks=Path("masks"))


@pytest.mark.parametrize(("ending", "dtype"), [(".png", np.uint16), (".tif", np.float32)])
def test_masks_of_many_bits_keep_their_values(ending: str, dtype: Any) -> None:
    masks_of(ending, dtype, 1_000)
    folder, assumed = made("photos", masks=Path("masks"), size=8)
    assert any("values 0, 1000 of the masks" in line for line in assumed)
    _, y = load_task(folder).load("train")
    assert set(np.unique(y)) == {0, 1}
