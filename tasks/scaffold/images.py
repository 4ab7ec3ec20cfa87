"""A task from a folder of images: classes by sub-folder, or a class for each pixel by masks."""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Final

import numpy as np

from archwright.core import TaskError
from archwright.tasks.loading import SPLITS
from archwright.tasks.readers.images import (
    Colours,
    MaskedImages,
    digest_of,
    image_files,
    mask_values,
    open_image,
    pairs_of,
)
from archwright.tasks.readers.splitting import LEAST, by_content
from archwright.tasks.scaffold.shaping import metric_of, template
from archwright.tasks.scaffold.writing import Draft, Reading

SIDE: Final = 32
"""What larger images are brought to, unless a size is asked for."""
MASK_SIDE: Final = 48
IN_MEMORY: Final = 256 << 20
"""Bytes of images that are read at once; more are read in batches."""
FEWEST_PIXELS: Final = 4
MOST_VALUES: Final = 64
_SPLITS: Final = frozenset(("train", "training", "validation", "valid", "val", "dev", "test"))
VOID: Final = 255


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
    if all(name.lower() in _SPLITS for name in classes):
        raise TaskError(
            f"{folder} has a sub-folder for each split ({', '.join(classes)}), and splits are made "
            "here: give one folder with a sub-folder for each class"
        )
    files, names = [], []
    for name in classes:
        own = image_files(folder / name)
        if len(own) < LEAST:
            what = f"has {len(own)} images, and a split 70/15/15 needs {LEAST}"
            raise TaskError(
                f"class {name!r} {'is empty' if not own else what}: "
                "add images, or remove the folder"
            )
        files += own
        names += [name] * len(own)
    keys = [digest_of(file) for file in files]
    rows = {split: by_content(keys, split, names) for split in SPLITS}
    size, colours, said = _looked_at(files, side, SIDE)
    options = {"classes": classes, "size": size, "colours": colours}
    train = np.array([classes.index(names[row]) for row in rows["train"]])
    metric, why = metric_of("classes", train, len(classes))
    lazy = len(files) * colours * size[0] * size[1] > IN_MEMORY
    copies = len(keys) - len(set(keys))
    return Draft(
        summary=f"which of {len(classes)} classes an image of {folder.name} shows",
        contract=(
            f"Say which of {len(classes)} classes ({_few(classes)}) an image shows. An input is an "
            f"image of {colours} x {size[0]} x {size[1]} numbers from 0 to 1; the output is "
            f"{len(classes)} logits. There are {len(train):,} images to learn from."
        ),
        reading=Reading("ImageFolder", {"FOLDER": folder}, options, lazy),
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
            f"each sub-folder is a class: {_few(classes)}",
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
    size, colours, said = _looked_at([image for image, _ in pairs], side, MASK_SIDE)
    found: set[int] = set()
    for _, mask in pairs:
        found |= set(np.unique(mask_values(open_image(mask))).tolist())
        if len(found) > MOST_VALUES:
            raise TaskError(
                f"{mask} has many different values: a mask has the number of a class at each pixel "
                "(PNG keeps it, JPEG does not)"
            )
    values = sorted(found)
    if len(values) > 2 and values[-1] == VOID:
        said.append(f"pixels of {VOID} in a mask are not scored")
        values.pop()
    if len(values) < 2:
        raise TaskError(f"the masks in {masks} hold the value {values[0]} alone: two are needed")
    options = {"values": values, "size": size, "colours": colours}
    reader = MaskedImages(folder, masks, values=values, size=size, colours=colours)
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


def _looked_at(
    files: Sequence[Path], side: int | None, usual: int
) -> tuple[list[int], Colours, list[str]]:
    """The size that images are brought to, their colours, and what is said about both."""
    sizes, grey = [], True
    for file in files:
        image = open_image(file)
        sizes.append(image.size)
        if image.mode not in ("1", "L", "I", "I;16", "F") and grey:
            red, green, blue = image.convert("RGB").split()
            grey = red.tobytes() == green.tobytes() == blue.tobytes()
    common, how_many = Tally(sizes).most_common(1)[0]
    wide, high = round(median(w for w, _ in sizes)), round(median(h for _, h in sizes))
    most = max(wide, high)
    scale = (side or min(usual, most)) / most
    size = [max(FEWEST_PIXELS, round(high * scale)), max(FEWEST_PIXELS, round(wide * scale))]
    shown = f"all images are {common[0]} x {common[1]}"
    if how_many < len(sizes):
        shown = f"images are {min(sizes)[0]} to {max(sizes)[0]} pixels wide, {wide} at the median"
    colours: Colours = 1 if grey else 3
    said = f"{shown}; they are brought to {size[1]} x {size[0]} (--size N takes another)"
    return size, colours, [said, f"{'grey' if grey else 'colour'} images, stored as uint8"]


def _few(names: Sequence[str], most: int = 6) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _sizes(rows: dict[str, np.ndarray]) -> str:
    return ", ".join(f"{len(own)} {split}" for split, own in rows.items())
