"""Drawing the parts of an architecture while it grows: a stem from the task's input to features, a
body of blocks in sequence, in branches and around shortcuts, and a head to the task's output.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Final

from archwright.core import Problem
from archwright.search.blocks import Block, Domain
from archwright.search.grammar.library import (
    Term,
    draw_arguments,
    library,
    members,
    reason,
)

WIDTH_NAMES: Final = ("width", "wide", "widest", "final")
ATTENTION_POSITIONS: Final = 400
"""Pixels beyond which an image block that compares all positions is not drawn."""


@dataclass(slots=True)
class Frame:
    """The state of one draw.

    `domain` is what flows: an image, a sequence or a vector; `side` the image's shorter side,
    `positions` how many places the image or sequence has; `widths` the local names of widths in
    the order of their making, the last one being current.
    """

    problem: Problem
    rng: Random
    domain: Domain = "vector"
    side: int = 1
    positions: int = 1
    widths: dict[str, int] = field(default_factory=dict)
    reasons: list[str] = field(default_factory=list)
    one_each: bool = False
    """Whether an output of one axis has a number for each step."""
    activation: str = ""
    norms: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.activation = self.rng.choice(("GELU", "SiLU", "ReLU", "GELU", "Mish", "LeakyReLU"))
        styles: Sequence[Mapping[str, str]] = (
            {},
            {},
            {"BatchNorm2d": "GroupNorm"},
            {"LayerNorm": "RMSNorm"},
        )
        self.norms = self.rng.choice(styles)

    @property
    def name(self) -> str:
        """The local name of the current width."""
        return next(reversed(self.widths), "width")

    @property
    def width(self) -> int:
        """The current width in features."""
        if not self.widths:
            return self.problem.module_shapes[0][-1]
        return self.widths[self.name]

    def enter(self, domain: Domain, side: int, positions: int) -> None:
        """From here on `domain` flows."""
        self.domain, self.side, self.positions = domain, side, positions

    def widen(self, width: int) -> str:
        """Give the next width a name."""
        name = WIDTH_NAMES[len(self.widths)]
        self.widths[name] = width
        return name

    def term(self, block: Block) -> Term:
        """A call of a block at the current width, its other arguments drawn."""
        self.reasons += [r for r in [reason(block)] if r not in self.reasons]
        drawn = draw_arguments(block, self.width, self.problem, self.rng, self.side)
        return Term(block.name, (self.name, *drawn), block.words)


# --- stems ----------------------------------------------------------------------------------------

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


def is_dense(problem: Problem) -> bool:
    """Whether each place of an image has an output of its own."""
    shape, given = problem.output_shape, problem.input_shape
    return len(given) == 3 and len(shape) in (2, 3) and shape[:2] == given[1:]


def _image(frame: Frame) -> list[Term]:
    if is_dense(frame.problem):
        return _conv_stem(frame)
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


# --- bodies ---------------------------------------------------------------------------------------

BRANCH_SHARE: Final = 0.15
THEME_SHARE: Final = 0.65
"""How often a body repeats its first block rather than drawing another."""
EXCITE_SHARE: Final = 0.3
GLOBAL_BLOCKS: Final = frozenset({"PixelAttention", "PixelLinearAttention", "Sweep"})
"""Image blocks in which every position reads many others."""
GLOBAL_WEIGHT: Final = 0.35
"""How often such a block is drawn for each time that a local one is: it is slower, and on small
images learns less from few samples."""
LIGHT: Final = frozenset({"SqueezeExcite", "PixelMLP"})
"""Image blocks that do not look around, so they never stand alone."""
DENSE_HALVINGS: Final = 1
"""The most where every place has an output: what is lost in resolution does not come back."""
LOCAL_STEPS: Final = ("ShortConv", "GatedShortConv")


def draw_body(frame: Frame) -> list[Term]:
    """A body for the frame's domain."""
    if frame.domain == "image":
        return _image_body(frame)
    return _sequence_body(frame) if frame.domain == "sequence" else _vector_body(frame)


def draw_mixer(frame: Frame) -> list[Term]:
    """A body for a Mixer, which the backbone gives a norm, a shortcut and an MLP already."""
    mixers = members("sequence")
    rng = frame.rng
    first = frame.term(rng.choice(mixers))
    match rng.choices(("one", "local", "two", "branches"), (3, 3, 2, 3))[0]:
        case "one":
            return [first]
        case "local":
            return [frame.term(library()[rng.choice(LOCAL_STEPS)]), first]
        case "two":
            return [first, pre_norm(frame, frame.term(rng.choice(mixers)))]
        case _:
            return [branches(frame, [first, frame.term(rng.choice(mixers))])]


def pre_norm(frame: Frame, inner: Term) -> Term:
    """A block with a norm before it and a shortcut around it."""
    return Term("PreNorm", (frame.name, inner), inner.words)


def branches(frame: Frame, inner: list[Term]) -> Term:
    """Blocks side by side."""
    kind = frame.rng.choice(("Parallel", "WeightedBranches"))
    words = " beside ".join(t.words for t in inner)
    return Term(kind, tuple(inner), words)


# --- images ---------------------------------------------------------------------------------------


def _image_body(frame: Frame) -> list[Term]:
    rng = frame.rng
    most = max(0, frame.side.bit_length() - 2)
    least = max(0, frame.side.bit_length() - 4)
    most = min(most, DENSE_HALVINGS) if is_dense(frame.problem) else most
    halvings = min(rng.randint(min(least, most), most), len(WIDTH_NAMES) - 1)
    theme = _choose(frame, [b for b in _image_blocks(frame) if b.name not in LIGHT])
    terms = _stage(frame, theme)
    for _ in range(halvings):
        terms += _halve(frame)
        terms += _stage(frame, theme)
    return terms


def _image_blocks(frame: Frame) -> list[Block]:
    few = 4 <= frame.positions <= ATTENTION_POSITIONS
    return [b for b in members("image") if few or b.name not in GLOBAL_BLOCKS]


def _choose(frame: Frame, blocks: list[Block]) -> Block:
    weights = [GLOBAL_WEIGHT if b.name in GLOBAL_BLOCKS else 1.0 for b in blocks]
    return frame.rng.choices(blocks, weights)[0]


def _stage(frame: Frame, theme: Block) -> list[Term]:
    rng, terms = frame.rng, []
    blocks = _image_blocks(frame)
    for _ in range(rng.choice((1, 1, 2))):
        block = theme if theme in blocks and rng.random() < THEME_SHARE else _choose(frame, blocks)
        term = frame.term(block)
        if rng.random() < BRANCH_SHARE:
            term = branches(frame, [term, frame.term(_choose(frame, blocks))])
        terms.append(term)
    if rng.random() < EXCITE_SHARE:
        terms.append(frame.term(library()["SqueezeExcite"]))
    return terms


def _halve(frame: Frame) -> list[Term]:
    """Half the resolution at a greater width."""
    rng, old = frame.rng, frame.name
    new = frame.widen(min(96, 4 * round(frame.width * rng.choice((1.25, 1.5, 2.0)) / 4)))
    frame.enter("image", frame.side // 2, max(1, frame.positions // 4))
    if rng.random() < 0.4:
        words = "a strided convolution"
        return [Term("nn.Conv2d", (old, new, "3", "stride=2", "padding=1"), words)]
    pool, words = rng.choice((("nn.MaxPool2d", "max pooling"), ("nn.AvgPool2d", "mean pooling")))
    kernel = rng.choice(("1", "3"))
    padding = () if kernel == "1" else ("padding=1",)
    widen = Term("nn.Conv2d", (old, new, kernel, *padding))
    return [Term(pool, ("2",), words), widen]


# --- sequences and vectors ------------------------------------------------------------------------


def _sequence_body(frame: Frame) -> list[Term]:
    rng, terms = frame.rng, []
    mixers, dense = members("sequence"), members("vector")
    theme = rng.choice(mixers)
    for _ in range(rng.choice((1, 2, 2, 3))):
        mixer = frame.term(theme if rng.random() < THEME_SHARE else rng.choice(mixers))
        if rng.random() < BRANCH_SHARE:
            mixer = branches(frame, [mixer, frame.term(rng.choice(mixers))])
        terms.append(pre_norm(frame, mixer))
        if rng.random() < 0.8:
            terms.append(pre_norm(frame, frame.term(rng.choice(dense))))
    return terms


def _vector_body(frame: Frame) -> list[Term]:
    rng, terms = frame.rng, []
    dense = members("vector")
    theme = rng.choice(dense)
    for _ in range(rng.randint(1, 4)):
        term = frame.term(theme if rng.random() < THEME_SHARE else rng.choice(dense))
        if rng.random() < BRANCH_SHARE:
            term = branches(frame, [term, frame.term(rng.choice(dense))])
        terms.append(pre_norm(frame, term))
    return terms


# --- heads ----------------------------------------------------------------------------------------


def draw_head(frame: Frame) -> list[Term]:
    """A head from the frame's domain to the output's shape."""
    shape, given = frame.problem.output_shape, frame.problem.input_shape
    if frame.domain == "sequence" and len(shape) == 2 and shape[0] == given[0]:
        return [
            Term("nn.LayerNorm", (frame.name,)),
            Term("nn.Linear", (frame.name, "output_shape[-1]"), "a linear layer for each step"),
        ]
    if frame.domain == "sequence" and frame.one_each and shape == given[:1]:
        return [
            Term("nn.LayerNorm", (frame.name,)),
            Term("nn.Linear", (frame.name, "1"), "a score for each step"),
            Term("nn.Flatten"),
        ]
    if frame.domain == "image" and is_dense(frame.problem):
        return [Term("DenseHead", (frame.name, "output_shape"), "a layer for each place")]
    pool, width = draw_pool(frame)
    return [*pool, *draw_out(frame.problem.output_shape, width)]


def draw_pool(frame: Frame) -> tuple[list[Term], str]:
    """What makes one vector of all positions, and the width of that vector."""
    pool, width = _pool(frame)
    return [*pool, *_dropout(frame)], width


def _pool(frame: Frame) -> tuple[list[Term], str]:
    if frame.domain == "image":
        return _image_pool(frame)
    norm = Term("nn.LayerNorm", (frame.name,))
    if frame.domain == "vector":
        return [norm], frame.name
    last = [Term("LastStep", (), "the last step")] if frame.problem.causal else []
    pools = [
        Term("MeanPool", (), "the mean over the steps"),
        Term("AttentionPool", (frame.name,), "attention pooling"),
        *last,
    ]
    return [norm, frame.rng.choice(pools)], frame.name


def _image_pool(frame: Frame) -> tuple[list[Term], str]:
    match frame.rng.choices(("mean", "both", "coarse"), (3, 2, 2))[0]:
        case "mean":
            pool = Term("nn.AdaptiveAvgPool2d", ("1",), "global mean pooling")
            return [pool, Term("nn.Flatten")], frame.name
        case "both":
            return [Term("MeanMaxPool", (), "mean and max pooling")], f"2 * {frame.name}"
        case _:
            cells = min(2, frame.side)
            pool = Term("nn.AdaptiveAvgPool2d", (str(cells),), f"a {cells}x{cells} summary")
            return [pool, Term("nn.Flatten")], f"{cells * cells} * {frame.name}"


def _dropout(frame: Frame) -> list[Term]:
    rate = frame.rng.choice((0.0, 0.0, 0.1, 0.2, 0.3))
    return [Term("nn.Dropout", (str(rate),))] if rate else []


def draw_out(shape: tuple[int, ...], width: str, named: str = "output_shape") -> list[Term]:
    """From a vector to an output of this shape, whose name in the source is `named`."""
    if len(shape) == 1:
        return [Term("nn.Linear", (width, f"{named}[0]"), "a linear layer")]
    linear = Term("nn.Linear", (width, str(math.prod(shape))), "a linear layer")
    if not shape:
        return [linear, Term("nn.Flatten", ("0",))]
    return [linear, Term("nn.Unflatten", ("1", named))]
