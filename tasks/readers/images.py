"""Images in folders: one sub-folder for each class, or one mask for each image."""

from __future__ import annotations

import math
import struct
import warnings
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from archwright.core import Array, TaskError
from archwright.tasks.readers.splitting import by_content, digest

ENDINGS: Final = (
    ".png", ".jpg", ".jpeg", ".jfif", ".jpe", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm",
    ".pgm", ".pbm", ".pnm",
)  # fmt: skip
IGNORED: Final = -1
_UNREADABLE: Final = (UnidentifiedImageError, OSError, SyntaxError, ValueError, struct.error)
_WHITE: Final = 65_535
Colours = Literal[1, 3]


def image_files(folder: Path) -> list[Path]:
    """The images of a folder and of all folders in it, by name; hidden files are left out."""
    return sorted(
        file
        for file in folder.rglob("*")
        if file.suffix.lower() in ENDINGS and not file.name.startswith(".")
    )


def open_image(file: Path) -> Image.Image:
    """An image, read whole, and upright: cameras say in EXIF how they were held.

    Raises:
        TaskError: the file is not an image.
    """
    try:
        with warnings.catch_warnings(action="ignore", category=Image.DecompressionBombWarning):
            image = Image.open(file)
            image.load()
            ImageOps.exif_transpose(image, in_place=True)
    except Image.DecompressionBombError as error:
        raise TaskError(f"{file} is too large an image: make it smaller") from error
    except _UNREADABLE as error:
        raise TaskError(f"{file} is not a readable image: replace it or remove it") from error
    return image


def is_deep(image: Image.Image) -> bool:
    """Whether it holds more than 8 bits a pixel and colour, whole numbers or floats."""
    return image.mode.startswith(("I", "F"))


def white_of(largest: float) -> int:
    """What is white where so much is the largest value: the end of 12 bits for 3000, 1 for 0.8."""
    return (1 << max(1, math.ceil(math.log2(largest + 1)))) - 1


def pixels(
    image: Image.Image, size: Sequence[int], colours: Colours, white: float | None = None
) -> Array:
    """uint8 `(colours, height, width)`.

    Args:
        image: of any depth.
        size: height and width.
        colours: 1 (grey) or 3.
        white: the value that is white in an image of more than 8 bits, all of its range if None.
    """
    if is_deep(image):
        top = white or (1.0 if image.mode == "F" else _WHITE)
        shares = np.clip(np.asarray(image, dtype=np.float64) / top, 0, 1)
        image = Image.fromarray(np.rint(255 * shares).astype(np.uint8))
    image = image.convert("L" if colours == 1 else "RGB")
    if image.size != (size[1], size[0]):
        image = image.resize((size[1], size[0]), Image.Resampling.BILINEAR)
    array = np.asarray(image, dtype=np.uint8)
    return array[None] if colours == 1 else np.moveaxis(array, -1, 0)


def digest_of(file: Path) -> bytes:
    """What tells an image file from others by its content.

    Raises:
        TaskError: it cannot be read.
    """
    try:
        return digest(file.read_bytes())
    except OSError as error:
        raise TaskError(
            f"{file} cannot be read ({error.strerror}): replace it or remove it"
        ) from error


class ImageFolder:
    """A folder with one sub-folder of images for each class. They are read when they are needed.

    Args:
        folder: where the sub-folders are.
        classes: names of the sub-folders, in the order of the classes.
        size: height and width that all images are brought to.
        colours: 1 (grey) or 3.
        white: the value that is white in images of more than 8 bits.
    """

    def __init__(
        self,
        folder: str | Path,
        *,
        classes: Sequence[str],
        size: Sequence[int],
        colours: Colours,
        white: float | None = None,
    ) -> None:
        self._folder, self._classes = Path(folder), list(classes)
        self._size, self._colours, self._white = size, colours, white

    @cached_property
    def _files(self) -> tuple[list[Path], list[str], list[bytes]]:
        files, names = [], []
        for name in self._classes:
            own = image_files(self._folder / name)
            if not own:
                raise TaskError(f"{self._folder / name} holds no image: fill it or leave it out")
            files += own
            names += [name] * len(own)
        return files, names, [digest_of(file) for file in files]

    def _rows(self, split: str) -> Array:
        _, names, keys = self._files
        return by_content(keys, split, names)

    def _read(self, rows: Array) -> tuple[Array, Array]:
        files, names, _ = self._files
        x = np.empty((len(rows), self._colours, *self._size), dtype=np.uint8)
        for place, row in enumerate(rows):
            x[place] = pixels(open_image(files[row]), self._size, self._colours, self._white)
        numbers = {name: number for number, name in enumerate(self._classes)}
        return x, np.array([numbers[names[row]] for row in rows], dtype=np.int64)

    def load(self, split: str) -> tuple[Array, Array]:
        """uint8 `(N, colours, height, width)` and int64 classes `(N,)`."""
        return self._read(self._rows(split))

    def batches(self, split: str, batch_size: int) -> Iterator[tuple[Array, Array]]:
        """The same, some at a time."""
        rows = self._rows(split)
        for start in range(0, len(rows), batch_size):
            yield self._read(rows[start : start + batch_size])


class MaskedImages:
    """A folder of images, and one of masks with the same file names: a class for each pixel.

    Args:
        folder: the images.
        masks: the masks; their endings may differ from the images'.
        values: the grey values of the classes, in their order; any other is not scored.
        size: height and width that all are brought to.
        colours: of the images, 1 (grey) or 3.
        white: the value that is white in images of more than 8 bits.
    """

    def __init__(
        self,
        folder: str | Path,
        masks: str | Path,
        *,
        values: Sequence[int],
        size: Sequence[int],
        colours: Colours,
        white: float | None = None,
    ) -> None:
        self._folder, self._masks = Path(folder), Path(masks)
        self._values, self._size = values, size
        self._colours, self._white = colours, white

    @cached_property
    def _pairs(self) -> tuple[list[tuple[Path, Path]], list[bytes]]:
        pairs = pairs_of(self._folder, self._masks)
        return pairs, [digest_of(image) for image, _ in pairs]

    def _read(self, rows: Array) -> tuple[Array, Array]:
        pairs, _ = self._pairs
        x = np.empty((len(rows), self._colours, *self._size), dtype=np.uint8)
        y = np.full((len(rows), *self._size), IGNORED, dtype=np.int64)
        for place, row in enumerate(rows):
            image, mask = pairs[row]
            x[place] = pixels(open_image(image), self._size, self._colours, self._white)
            values = mask_values(open_image(mask), self._size)
            for number, value in enumerate(self._values):
                y[place][values == value] = number
        return x, y

    def load(self, split: str) -> tuple[Array, Array]:
        """uint8 `(N, colours, height, width)` and int64 classes `(N, height, width)`."""
        return self._read(by_content(self._pairs[1], split))

    def batches(self, split: str, batch_size: int) -> Iterator[tuple[Array, Array]]:
        """The same, some at a time."""
        rows = by_content(self._pairs[1], split)
        for start in range(0, len(rows), batch_size):
            yield self._read(rows[start : start + batch_size])


def mask_values(mask: Image.Image, size: Sequence[int] | None = None) -> Array:
    """Grey values, or numbers of a palette, `(height, width)`; no value is made up by resizing."""
    if is_deep(mask):
        mask = Image.fromarray(np.asarray(mask, dtype=np.int32))
    elif mask.mode not in ("L", "P"):
        mask = mask.convert("L")
    if size is not None and mask.size != (size[1], size[0]):
        mask = mask.resize((size[1], size[0]), Image.Resampling.NEAREST)
    values: Array = np.asarray(mask, dtype=np.int64)
    return values


def pairs_of(folder: Path, masks: Path) -> list[tuple[Path, Path]]:
    """Each image with its mask.

    Raises:
        TaskError: one is without the other.
    """

    def by_stem(top: Path) -> dict[Any, Path]:
        return {file.relative_to(top).with_suffix(""): file for file in image_files(top)}

    images, own = by_stem(folder), by_stem(masks)
    if not images:
        raise TaskError(f"{folder} holds no images ({', '.join(ENDINGS[:3])} …)")
    for there, other, what in ((images, own, "mask"), (own, images, "image")):
        alone = sorted(stem for stem in there if stem not in other)
        if alone:
            place = masks if what == "mask" else folder
            raise TaskError(
                f"{there[alone[0]]} has no {what} of the same name in {place} ({len(alone)} such): "
                "add it, or remove the file"
            )
    return [(images[stem], own[stem]) for stem in sorted(images)]
