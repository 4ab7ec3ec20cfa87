"""Drawing what stands between stem and head: blocks in sequence, in branches, around shortcuts."""

from __future__ import annotations

from typing import Final

from archwright.search.grammar.frame import ATTENTION_POSITIONS, WIDTH_NAMES, Frame
from archwright.search.grammar.library import Block, library, members
from archwright.search.grammar.rendering import Term

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
