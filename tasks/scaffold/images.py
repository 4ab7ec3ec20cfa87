"""A task from a folder of images: classes by sub-folder, or a class for each pixel by masks."""

from __future__ import annotations

import re
from collections import Counter as Tally
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any, Final

import numpy as np
from PIL import Image

from archwright.core import Array, TaskError
from archwright.tasks.loading import SPLITS
from archwright.tasks.readers.images import (
    Colours,
    MaskedImages,
    digest_of,
    image_files,
    is_deep,
    mask_values,
    open_image,
    pairs_of,
    white_of,
)
from archwright.tasks.readers.splitting import LEAST, by_content
from archwright.tasks.scaffold.roles import few
from archwright.tasks.scaffold.shaping import metric_of, template
from archwright.tasks.scaffold.writing import Draft, Reading

SIDE: Final = 32
"""What larger images are brought to, unless a size is asked for."""
MASK_SIDE: Final = 48
IN_MEMORY: Final = 256 << 20
"""Bytes of images that are read at once; more are read in batches."""
FEWEST_PIXELS: Final = 4
MOST_VALUES: Final = 64
VOID: Final = 255
JPEG: Final = (".jpg", ".jpeg", ".jfif", ".jpe")
_SPLIT: Final = {
    "train": r"train(?:ing|val)?|trn",
    "validation": r"val(?:id(?:ation)?)?|dev(?:el(?:opment)?)?",
    "test": r"test(?:ing)?|tst|eval(?:uation)?|h[oe]ld[-_ ]?out",
}
_SPLITS: Final = re.compile(
    r"(?<![a-z])(?:"
    + "|".join(f"(?P<{split}>{words})" for split, words in _SPLIT.items())
    + r")(?=(?:sets?|data|images?|imgs?|splits?)?(?![a-z]))"
)
_FILLERS: Final = re.compile(r"sets?|data|images?|imgs?|splits?|folder|[^a-z]")


def draft_of_images(folder: Path, side: int | None) -> Draft:
    """Classes by sub-folder.

    Raises:
        TaskError: no sub-folders, one alone, an empty one, too few images, or no image in a file.
    """
    classes = sorted(
        place.name for place in folder.iterdir() if place.is_dir() and place.name[0] != "."
    )
    if len(classes) < 2:
        raise TaskError(
            f"{folder} has {len(classes)} sub-folders, and each is a class: give a folder with two "
            "or more of them"
        )
    parted = _splits_among(classes)
    if parted:
        raise TaskError(
            f"{folder} has a sub-folder for each split ({', '.join(parted)}), and splits are made "
            "here: give one folder with a sub-folder for each class"
        )
    files, names = [], []
    for name in classes:
        own = image_files(folder / name)
        if len(own) < LEAST:
            raise TaskError(f"class {name!r} {_too_few(folder / name, len(own))}")
        files += own
        names += [name] * len(own)
    keys = [digest_of(file) for file in files]
    rows = {split: by_content(keys, split, names) for split in SPLITS}
    form, said = _looked_at(files, side, SIDE)
    size, colours = form["size"], form["colours"]
    said += _left_out(folder, files)
    train = np.array([classes.index(names[row]) for row in rows["train"]])
    metric, why = metric_of("classes", train, len(classes))
    lazy = len(files) * colours * size[0] * size[1] > IN_MEMORY
    copies = len(keys) - len(set(keys))
    return Draft(
        summary=f"which of {len(classes)} classes an image of {folder.name} shows",
        contract=(
            f"Say which of {len(classes)} classes ({few(classes, 6)}) an image shows. An input is "
            f"an image of {colours} x {size[0]} x {size[1]} numbers from 0 to 1; the output is "
            f"{len(classes)} logits. There are {len(train):,} images to learn from."
        ),
        reading=Reading("ImageFolder", {"FOLDER": folder}, {"classes": classes, **form}, lazy),
        metric=metric,
        keys={
            "input_shape": [colours, *size],
            "output_shape": [len(classes)],
            "input_type": "uint8",
        },
        baseline=template("image"),
        train=len(train),
        assumed=[
            *said,
            f"each sub-folder is a class: {few(classes, 6)}",
            f"split by the content of the files, 70/15/15 of each class: {_sizes(rows)}"
            + (f"; {copies} copies stay with their likes" if copies else ""),
            why,
            *(["images are read in batches and kept on disk, not in memory"] if lazy else []),
        ],
        recipe={"weight_decay": 0.05},
    )


def draft_of_masks(folder: Path, masks: Path, side: int | None) -> Draft:
    """A class for each pixel.

    Raises:
        TaskError: an image without a mask, a mask without an image, or masks of one value alone.
    """
    pairs = pairs_of(folder, masks)
    form, said = _looked_at([image for image, _ in pairs], side, MASK_SIDE)
    size, colours = form["size"], form["colours"]
    values = _values_of([mask for _, mask in pairs])
    if len(values) > 2 and values[-1] == VOID:
        said.append(f"pixels of {VOID} in a mask are not scored")
        values.pop()
    if len(values) < 2:
        raise TaskError(f"the masks in {masks} hold the value {values[0]} alone: two are needed")
    _check_sizes(pairs)
    options = {"values": values, **form}
    reader = MaskedImages(folder, masks, **options)
    counts = {split: len(reader.load(split)[1]) for split in SPLITS}
    lazy = len(pairs) * (colours + 8) * size[0] * size[1] > IN_MEMORY
    return Draft(
        summary=f"which of {len(values)} classes each pixel of an image of {folder.name} is of",
        contract=(
            f"Say of each pixel which of {len(values)} classes it is of. An input is an image of "
            f"{colours} x {size[0]} x {size[1]} numbers from 0 to 1; the output is "
            f"{size[0]} x {size[1]} x {len(values)} logits, the classes last. There are "
            f"{counts['train']:,} images to learn from."
        ),
        reading=Reading("MaskedImages", {"FOLDER": folder, "MASKS": masks}, options, lazy),
        metric="dice",
        loss="dice" if len(values) == 2 else "cross_entropy",
        keys={
            "input_shape": [colours, *size],
            "output_shape": [*size, len(values)],
            "input_type": "uint8",
        },
        baseline=template("dense"),
        train=counts["train"],
        assumed=[
            *said,
            f"the classes are the values {', '.join(map(str, values))} of the masks, in this order",
            "split by the content of the images, 70/15/15: "
            + ", ".join(f"{count} {split}" for split, count in counts.items()),
            "the score is the mean Dice coefficient of the images; mean_iou is another",
        ],
    )


def _values_of(masks: Sequence[Path]) -> list[int]:
    """The values that masks hold.

    Raises:
        TaskError: they are blurred, or too many.
    """
    found: set[int] = set()
    for file in masks:
        mask = open_image(file)
        if mask.mode == "F" and not _is_whole(np.asarray(mask)):
            raise TaskError(f"{file} holds fractions: a mask has the number of a class at a pixel")
        found |= set(np.unique(mask_values(mask)).tolist())
        if len(found) > MOST_VALUES:
            raise TaskError(
                f"{file} has many different values: a mask has the number of a class at each pixel "
                "(PNG keeps it, JPEG does not)"
            )
        if len(found) > 2 and file.suffix.lower() in JPEG:
            raise TaskError(
                f"{file} is a JPEG, which blurs the edges of classes into values between them "
                f"({len(found)} so far): save the masks as PNG, from what the JPEGs were made of"
            )
    return sorted(found)


def _is_whole(values: Array) -> bool:
    return bool(np.isfinite(values).all()) and bool((values == np.rint(values)).all())


def _check_sizes(pairs: Sequence[tuple[Path, Path]]) -> None:
    """A mask that lies on its side would be pulled over an image that stands."""
    for image, mask in pairs:
        wide, high = open_image(image).size
        if wide != high and open_image(mask).size == (high, wide):
            raise TaskError(
                f"{image} is {wide} x {high}, turned as its EXIF says, and its mask {mask.name} "
                f"{high} x {wide}: turn one of them"
            )


def _splits_among(names: Sequence[str]) -> list[str]:
    """Folders that are called as parts of one data set are: train and test, seg_train and seg_val,
    but not test-positive and test-negative."""
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for name in names:
        match = _SPLITS.search(name.lower())
        if match and match.lastgroup:
            rest = _FILLERS.sub("", name.lower().replace(match[0], "", 1))
            found[rest][name] = match.lastgroup
    return next((list(own) for own in found.values() if len(set(own.values())) > 1), [])


def _too_few(place: Path, count: int) -> str:
    others = _others(place)
    if not count and others:
        return f"has no image that can be read, but {_endings(others)}: save them as PNG or JPEG"
    what = f"has {count} images, and a split 70/15/15 needs {LEAST}" if count else "is empty"
    return f"{what}: add images, or remove the folder"


def _left_out(folder: Path, files: Sequence[Path]) -> list[str]:
    """What lies in a folder of images and is none of the samples."""
    others = [*_others(folder), *sorted(set(image_files(folder)) - set(files))]
    return [f"left out, no image in a folder of a class: {_endings(others)}"] if others else []


def _others(place: Path) -> list[Path]:
    """Files that are not read as images; hidden ones aside."""
    images = set(image_files(place))
    found = (file for file in place.rglob("*") if file.is_file() and file.name[0] != ".")
    return sorted(file for file in found if file not in images)


def _endings(files: Sequence[Path]) -> str:
    counts = Tally(file.suffix.lower() or "no ending" for file in files)
    return ", ".join(f"{count} of {ending}" for ending, count in counts.most_common(4))


def _looked_at(
    files: Sequence[Path], side: int | None, usual: int
) -> tuple[dict[str, Any], list[str]]:
    """How images are read (size, colours, and the white of deep ones), and what is said of it."""
    sizes, grey = [], True
    largest: dict[bool, float] = {}  # of whole numbers, and of floats
    for file in files:
        image = open_image(file)
        sizes.append(image.size)
        if is_deep(image):
            floats = image.mode == "F"
            largest[floats] = max(largest.get(floats, 0.0), _largest_in(file, image))
        elif grey:
            red, green, blue = image.convert("RGB").split()
            grey = red.tobytes() == green.tobytes() == blue.tobytes()
    if len(largest) > 1:
        raise TaskError(
            f"{files[0].parent.parent} has images of whole numbers and of floats, with no white in "
            "common: save all as 16-bit PNG"
        )
    common, how_many = Tally(sizes).most_common(1)[0]
    wide, high = round(median(w for w, _ in sizes)), round(median(h for _, h in sizes))
    most = max(wide, high)
    scale = (side or min(usual, most)) / most
    size = [max(FEWEST_PIXELS, round(high * scale)), max(FEWEST_PIXELS, round(wide * scale))]
    shown = f"all images are {common[0]} x {common[1]}"
    if how_many < len(sizes):
        shown = f"images are {min(sizes)[0]} to {max(sizes)[0]} pixels wide, {wide} at the median"
    colours: Colours = 1 if grey else 3
    said = [
        f"{shown}; they are brought to {size[1]} x {size[0]} (--size N takes another)",
        f"{'grey' if grey else 'colour'} images, stored as uint8",
    ]
    form: dict[str, Any] = {"size": size, "colours": colours}
    for top in largest.values():
        form["white"] = white_of(top)
        said.append(
            f"images of more than 8 bits hold up to {top:g}: {form['white']} of them is white, 255"
        )
    return form, said


def _largest_in(file: Path, image: Image.Image) -> float:
    """The largest value of a deep image.

    Raises:
        TaskError: some are below 0 or no numbers, so that black is not 0.
    """
    values = np.asarray(image)
    least = float(values.min())
    if not least >= 0 or not np.isfinite(values).all():
        raise TaskError(
            f"{file} holds {least:g}, and images begin at 0, black: scale them to 16 bits, or save "
            "them as arrays for --npz"
        )
    return float(values.max())


def _sizes(rows: dict[str, np.ndarray]) -> str:
    return ", ".join(f"{len(own)} {split}" for split, own in rows.items())
