"""What pdfium knows of a page: words with their places, type sizes and weights, and pictures.

What pdfium knows of a character (size, font, height over the line) is measured; what it does not
know is left as it is.
"""

from __future__ import annotations

import ctypes
import math
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, NamedTuple

import pypdfium2
import pypdfium2.raw as pdfium

from archwright.knowledge.papers.paper import UnreadableError

_BREAK: Final = "\ufffe"
"""How a hyphen at the end of a line is marked here, with the next line behind it."""
_HYPHENS: Final = ("\x02", "\u00ad")
_LINE = re.compile(rf"[^\n{_BREAK}]+")
_LIGATURES: Final = str.maketrans(
    {"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st"}
)
_HEAVY = re.compile(r"bold|black|heavy|semib|medi\b|cmbx|cmb\d|-b\b|\.b\b", re.IGNORECASE)
_RAISED = re.compile(r"(?<=[\w)\]])[-−+]?\d+")
_WORD = re.compile(rf"[^\s{_BREAK}]+")
_SMALLER: Final = 0.87
_RAISED_SHARE: Final = 0.15
"""Of the type size that a superscript stands above its base, at least."""
WIDE_GAP: Final = 0.9
"""Of the type size: a gap that is wider than those between the words of a sentence."""
_OBJECTS: Final = 5_000
"""How many objects of a page are looked at for pictures."""
_PICTURE_SHARE: Final = 0.5
"""Of a page, for a picture of a page."""

Box = tuple[float, float, float, float]
"""Left, bottom, right and top, in points."""


class Word(NamedTuple):
    """A word, with its left and right end in points."""

    text: str
    left: float
    right: float


@dataclass(frozen=True, slots=True)
class Piece:
    """Words of one line without a wide gap between them.

    `bottom` and `top` are those of the first word's type, `size` its size in points; `heavy` says
    that the first and the last character are set bold, `broken` that a word goes on in the next
    line, `upright` that it is not turned.
    """

    words: tuple[Word, ...]
    page: int
    left: float
    right: float
    bottom: float
    top: float
    size: float
    heavy: bool
    broken: bool = False
    upright: bool = True

    @property
    def width(self) -> float:
        return self.right - self.left

    @property
    def text(self) -> str:
        return " ".join(word.text for word in self.words)


@dataclass(frozen=True, slots=True)
class PdfPage:
    """A page: its pieces in the order of the file, and the boxes of its pictures."""

    number: int
    width: float
    height: float
    pieces: tuple[Piece, ...]
    pictures: tuple[Box, ...]
    scanned: bool
    """Whether a picture covers it."""


def read_page(document: Any, index: int) -> PdfPage:
    """A page of an open document.

    Raises:
        UnreadableError: it is broken.
    """
    try:
        page = document[index]
        text = page.get_textpage()
    except pypdfium2.PdfiumError:
        raise UnreadableError(f"page {index + 1} is broken: fetch the file again") from None
    width, height = page.get_size()
    pieces = tuple(_pieces(text.raw, index + 1))
    boxes = list(_boxes(page.raw))
    area = width * height
    covering = any(kind == pdfium.FPDF_PAGEOBJ_IMAGE and _area(box) > _PICTURE_SHARE * area
                   for kind, box in boxes)  # fmt: skip
    pictures = tuple(box for _, box in boxes if _area(box) < _PICTURE_SHARE * area)
    text.close()
    page.close()
    return PdfPage(index + 1, width, height, pieces, pictures, covering)


def _boxes(page: Any) -> Iterator[tuple[int, Box]]:
    """Images and embedded drawings of a page, by kind."""
    left, bottom, right, top = (ctypes.c_float() for _ in range(4))
    for place in range(min(pdfium.FPDFPage_CountObjects(page), _OBJECTS)):
        item = pdfium.FPDFPage_GetObject(page, place)
        kind = pdfium.FPDFPageObj_GetType(item)
        if kind in (pdfium.FPDF_PAGEOBJ_IMAGE, pdfium.FPDF_PAGEOBJ_FORM) and (
            pdfium.FPDFPageObj_GetBounds(item, left, bottom, right, top)
        ):
            yield kind, (left.value, bottom.value, right.value, top.value)


def _area(box: Box) -> float:
    return max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1])


# --- lines ----------------------------------------------------------------------------------------


class _Type:
    """What pdfium says of the characters of a page, by their index."""

    def __init__(self, handle: Any) -> None:
        self._handle = handle
        self._box = pdfium.FS_RECTF()
        self._matrix = pdfium.FS_MATRIX()
        self._name = ctypes.create_string_buffer(128)
        self._flags, self._x, self._y = ctypes.c_int(), ctypes.c_double(), ctypes.c_double()

    def characters(self) -> list[str]:
        """One character per index."""
        count = pdfium.FPDFText_CountChars(self._handle)
        buffer = (ctypes.c_ushort * (count + 1))()
        pdfium.FPDFText_GetText(self._handle, 0, count, buffer)
        units = buffer[:count]
        # In one call, unless pdfium leaves characters out of the text that it counts.
        different = set(units)
        if 0 in different or any(0xD800 <= unit < 0xE000 for unit in different) or not units:
            units = [pdfium.FPDFText_GetUnicode(self._handle, i) or 0xFFFD for i in range(count)]
            different = set(units)
        drawn = {unit: _BREAK if chr(unit) in _HYPHENS else chr(unit) for unit in different}
        return [drawn[unit] for unit in units]

    def box(self, index: int) -> Any:
        """The box of a character, as tall as its type; the next call writes over it."""
        pdfium.FPDFText_GetLooseCharBox(self._handle, index, self._box)
        return self._box

    def size(self, index: int) -> float:
        """The type size. Some programs set all type at size 1 and scale it."""
        size = float(pdfium.FPDFText_GetFontSize(self._handle, index))
        matrix = self._matrix
        found = pdfium.FPDFText_GetMatrix(self._handle, index, matrix)
        return round(size * math.hypot(matrix.c, matrix.d), 2) if found else size

    def is_heavy(self, index: int) -> bool:
        self._name.value = b""
        pdfium.FPDFText_GetFontInfo(self._handle, index, self._name, 128, self._flags)
        return _is_heavy(self._name.value)

    def is_upright(self, index: int) -> bool:
        return abs(math.sin(pdfium.FPDFText_GetCharAngle(self._handle, index))) < 0.3

    def base(self, index: int) -> float:
        """The height of the line that it stands on."""
        pdfium.FPDFText_GetCharOrigin(self._handle, index, self._x, self._y)
        return self._y.value


@lru_cache(maxsize=1000)
def _is_heavy(font: bytes) -> bool:
    return _HEAVY.search(font.decode("utf-8", "replace")) is not None


def _pieces(handle: Any, number: int) -> Iterator[Piece]:
    """The pieces of a page, in the order of the file."""
    drawn = _Type(handle)
    characters = drawn.characters()
    text = "".join(characters)
    _mark_superscripts(drawn, characters, text)
    for line in _LINE.finditer(text):
        yield from _split(drawn, characters, text, *line.span(), number)


def _split(
    drawn: _Type, shown: Sequence[str], text: str, start: int, end: int, number: int
) -> Iterator[Piece]:
    """The pieces of one line, which is cut at wide gaps."""
    words: list[Word] = []
    first = last = start
    bottom = top = size = 0.0
    for match in _WORD.finditer(text, start, end):
        begin, stop = match.span()
        box = drawn.box(begin)
        left, right, low, high = box.left, box.right, box.bottom, box.top
        if stop > begin + 1:
            box = drawn.box(stop - 1)
            left, right = min(left, box.left), max(right, box.right)
        if words:
            gap = max(left - words[-1].right, words[-1].left - right)
            if gap > WIDE_GAP * size or abs(low - bottom) > 1.5 * size:
                yield _piece(drawn, words, (first, last), number, (bottom, top, size), False)
                words = []
        if not words:
            first, bottom, top, size = begin, low, high, drawn.size(begin)
        last = stop - 1
        words.append(Word(_clean("".join(shown[begin:stop])), left, right))
    if words:
        broken = text[end : end + 1] == _BREAK
        yield _piece(drawn, words, (first, last), number, (bottom, top, size), broken)


def _piece(
    drawn: _Type, words: Sequence[Word], ends: tuple[int, int],
    number: int, heights: tuple[float, float, float], broken: bool,
) -> Piece:  # fmt: skip
    """Words as a piece.

    Args:
        ends: the index of its first and of its last character.
        heights: its bottom, top and type size where it begins.
    """
    bottom, top, size = heights
    return Piece(
        tuple(words), number, min(word.left for word in words), max(word.right for word in words),
        bottom, top, min(size, drawn.size(ends[1])), all(map(drawn.is_heavy, ends)), broken,
        drawn.is_upright(ends[0]),
    )  # fmt: skip


def _clean(text: str) -> str:
    """Surrogate pairs joined, ligatures and presentation forms solved."""
    if text.isascii():
        return text
    text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    text = text.translate(_LIGATURES)
    if any("\ufb1d" <= c <= "\ufdff" or "\ufe70" <= c <= "\ufefc" for c in text):
        # Shapes of Arabic and Hebrew letters, in place of the letters.
        text = unicodedata.normalize("NFKC", text)
    return text


def _mark_superscripts(drawn: _Type, characters: list[str], text: str) -> None:
    """Make digits that are set smaller and higher than what they follow `^{..}`.

    Without it `10^20` reads as `1020`.
    """
    for match in _RAISED.finditer(text):
        before = match.start() - 1
        raised = [i for i in range(*match.span()) if _is_raised(drawn, i, before)]
        if raised and raised == list(range(raised[0], match.end())):
            characters[raised[0]] = "^{" + characters[raised[0]]
            characters[raised[-1]] += "}"


def _is_raised(drawn: _Type, index: int, before: int) -> bool:
    # Inside a run of digits the base is the digit that the run begins with.
    size = drawn.size(before)
    if drawn.size(index) > _SMALLER * size:
        return False
    return drawn.base(index) - drawn.base(before) > _RAISED_SHARE * size
