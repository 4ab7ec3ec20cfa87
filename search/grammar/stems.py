"""Drawing what stands before the body: from the task's input to features of a width."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from archwright.search.grammar.frame import Frame
from archwright.search.grammar.rendering import Term

IMAGE_WIDTHS: Final = (16, 20, 24, 32, 40)
SEQUENCE_WIDTHS: Final = (32, 48, 64)
VECTOR_WIDTHS: Final = (32, 64, 96, 128)
MAX_FEATURE_TOKENS: Final = 64
Maker = Callable[[Frame], list[Term]]


def draw_stem(frame: Frame) -> list[Term]:
    """A stem that fits the input's shape; it sets the frame's domain and first width."""
    shape = frame.problem.input_shape
    if frame.problem.vocabulary is not None or len(shape) == 2:
        return _sequence(frame)
    if len(shape) == 3:
        return _image(frame)
    return _vector(frame)


def _pick(frame: Frame, weighted: Sequence[tuple[Maker, float]]) -> list[Term]:
    makers, weights = zip(*weighted, strict=True)
    maker: Maker = frame.rng.choices(makers, weights)[0]
    return maker(frame)


def _sequence(frame: Frame) -> list[Term]:
    length = frame.problem.input_shape[0]
    frame.enter("sequence", 0, length)
    width = frame.widen(frame.rng.choice(SEQUENCE_WIDTHS))
    vocabulary = frame.problem.vocabulary
    if vocabulary is not None:
        return [Term("nn.Embedding", (str(vocabulary), width), "the tokens are embedded")]
    return [Term("nn.Linear", ("input_shape[-1]", width), "each step's features are projected")]


def _image(frame: Frame) -> list[Term]:
    _, height, wide = frame.problem.input_shape
    side = min(height, wide)
    choices: list[tuple[Maker, float]] = [(_conv_stem, 12.0), (_flat, 0.8)]
    if side >= 4:
        choices += [(_patches, 1.0), (_rows, 0.6)]
    return _pick(frame, choices)


def _conv_stem(frame: Frame) -> list[Term]:
    _, height, wide = frame.problem.input_shape
    stride = next(s for s in (1, 2, 4, 8) if min(height, wide) <= 20 * s or s == 8)
    side, positions = min(height, wide) // stride, (height // stride) * (wide // stride)
    frame.enter("image", max(1, side), max(1, positions))
    width = frame.widen(frame.rng.choice(IMAGE_WIDTHS))
    kernel = frame.rng.choice((3, 3, 5)) if stride == 1 else stride + 3 - stride % 2
    pace = (f"stride={stride}",) if stride > 1 else ()
    options = (*pace, f"padding={kernel // 2}", "bias=False")
    return [
        Term(
            "nn.Conv2d",
            ("input_shape[0]", width, str(kernel), *options),
            f"a {kernel}x{kernel} convolution reads the image",
        ),
        Term("nn.BatchNorm2d", (width,)),
        Term("nn.GELU"),
    ]


def _patches(frame: Frame) -> list[Term]:
    _, height, wide = frame.problem.input_shape
    side = min(height, wide)
    patch = 2 if side <= 16 else max(4, side // 8)
    frame.enter("sequence", 0, (height // patch) * (wide // patch))
    width = frame.widen(frame.rng.choice(SEQUENCE_WIDTHS))
    size = (f"patch={patch}",) if patch != 2 else ()
    words = f"{patch}x{patch} patches become a sequence"
    return [Term("PatchSequence", ("input_shape", width, *size), words)]


def _rows(frame: Frame) -> list[Term]:
    frame.enter("sequence", 0, frame.problem.input_shape[1])
    width = frame.widen(frame.rng.choice(SEQUENCE_WIDTHS))
    return [Term("RowSequence", ("input_shape", width), "the image is read row by row")]


def _flat(frame: Frame) -> list[Term]:
    frame.enter("vector", 0, 1)
    width = frame.widen(frame.rng.choice(VECTOR_WIDTHS))
    words = "all inputs are projected at once"
    return [Term("nn.Flatten"), Term("nn.Linear", ("math.prod(input_shape)", width), words)]


def _vector(frame: Frame) -> list[Term]:
    shape = frame.problem.input_shape
    if len(shape) != 1:
        return _flat(frame)
    choices: list[tuple[Maker, float]] = [(_features, 3.0), (_periodic, 1.5)]
    if 2 <= shape[0] <= MAX_FEATURE_TOKENS:
        choices += [(_tokens, 1.5)]
    return _pick(frame, choices)


def _features(frame: Frame) -> list[Term]:
    frame.enter("vector", 0, 1)
    width = frame.widen(frame.rng.choice(VECTOR_WIDTHS))
    return [Term("nn.Linear", ("input_shape[0]", width), "the features are projected")]


def _periodic(frame: Frame) -> list[Term]:
    frame.enter("vector", 0, 1)
    width = frame.widen(frame.rng.choice(VECTOR_WIDTHS))
    words = "the features become sines and cosines"
    return [Term("PeriodicFeatures", ("input_shape[0]", width), words)]


def _tokens(frame: Frame) -> list[Term]:
    frame.enter("sequence", 0, frame.problem.input_shape[0])
    width = frame.widen(frame.rng.choice((16, 24, 32)))
    return [Term("FeatureSequence", ("input_shape[0]", width), "each feature becomes a token")]
