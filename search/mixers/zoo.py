"""Published mixers by name, each as one self-contained source with its citation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from archwright.core import InputError
from archwright.search.blocks import paragraph
from archwright.search.mixers.compose import WINDOW, compose, fill, parts, write_file
from archwright.search.mixers.design import KEY_CHUNK, Design

TREE_LEVELS: Final = 12
"""Levels of log-linear attention: 2^10 steps before the oldest share one."""


@dataclass(frozen=True, slots=True)
class Reference:
    """A published mixer.

    `citation` is author, year and title; `idea` what it does in a sentence, and where this source
    differs from what was published. It is made of a design, or of a class of the parts with `sizes`
    for the names in its source that are written in capitals.
    """

    title: str
    citation: str
    idea: str
    design: Design | None = None
    made_of: str = ""
    sizes: Mapping[str, object] = field(default_factory=dict)


_DELTA: Final = Design(rule="correct", features="unit", gate="none")

_ZOO: Final[Mapping[str, Reference]] = {
    "softmax": Reference(
        "Softmax attention with rotary positions",
        "Vaswani, Shazeer, Parmar, Uszkoreit, Jones, Gomez, Kaiser and Polosukhin 2017, "
        '"Attention Is All You Need"; Su, Lu, Pan, Murtadha, Wen and Liu 2021, "RoFormer: '
        'Enhanced Transformer with Rotary Position Embedding"',
        "Each step weighs all steps before it; heads a quarter wider than the usual, for equal "
        "parameters.",
        made_of="SoftmaxAttention",
        sizes={"HEADS": 2, "INNER": "5 * width // 4"},
    ),
    "linear": Reference(
        "Linear attention",
        "Katharopoulos, Vyas, Pappas and Fleuret 2020, "
        '"Transformers are RNNs: Fast Autoregressive Transformers with Linear Attention"',
        "Positive features in place of the softmax make attention a running sum.",
        Design(features="elu", read="share", gate="none", short=0),
    ),
    "retnet": Reference(
        "Retention",
        "Sun, Dong, Huang, Ma, Xia, Xue, Wang and Wei 2023, "
        '"Retentive Network: A Successor to Transformer for Large Language Models"',
        "A memory that fades at a rate of each head's own, with rotary positions.",
        Design(decay="fixed", rotary=True, short=0),
    ),
    "gla": Reference(
        "Gated linear attention",
        "Yang, Wang, Shen, Panda and Kim 2023, "
        '"Gated Linear Attention Transformers with Hardware-Efficient Training"',
        "Each key of the memory fades at a rate that the input sets.",
        Design(decay="slow", short=0, rank=8, chunk=KEY_CHUNK),
    ),
    "deltanet": Reference(
        "DeltaNet",
        'Schlag, Irie and Schmidhuber 2021, "Linear Transformers Are Secretly Fast Weight '
        'Programmers"; Yang, Wang, Zhang, Shen and Kim 2024, "Parallelizing Linear Transformers '
        'with the Delta Rule over Sequence Length"',
        "What is written is the difference from what the key holds already.",
        _DELTA,
    ),
    "gated-deltanet": Reference(
        "Gated DeltaNet",
        'Yang, Kautz and Hatamizadeh 2024, "Gated Delta Networks: Improving Mamba2 with Delta '
        'Rule"',
        "The delta rule on a memory that fades at a rate that the input sets for each head.",
        replace(_DELTA, decay="head", gate="silu"),
    ),
    "kda": Reference(
        "Kimi Delta Attention",
        'Kimi Team 2025, "Kimi Linear: An Expressive, Efficient Attention Architecture"',
        "The delta rule on a memory of which each key fades at a rate that the input sets.",
        replace(_DELTA, decay="key", gate="narrow", chunk=KEY_CHUNK),
    ),
    "gated-deltanet-2": Reference(
        "Gated DeltaNet-2",
        'Hatamizadeh, Choi and Kautz 2026, "Gated DeltaNet-2: Decoupling Erase and Write in Linear '
        'Attention"',
        "What is erased is gated by key and what is written by value; each key fades by itself. "
        "The gates are projected through 8 features, for equal parameters.",
        replace(_DELTA, rule="erase", decay="key", gate="narrow", rank=8, chunk=KEY_CHUNK),
    ),
    "mamba-2": Reference(
        "Mamba-2",
        'Dao and Gu 2024, "Transformers are SSMs: Generalized Models and Efficient Algorithms '
        'Through Structured State Space Duality"',
        "One step size scales what is written and decays what is there; keys and queries are "
        "shared by all heads. One and a half times the width inside, for equal parameters.",
        made_of="StateSpace",
        sizes={"HEADS": 3, "INNER": "3 * width // 2", "STATES": "11 * width // 64 * 2"},
    ),
    "mamba-3": Reference(
        "Mamba-3, one input and one output a head",
        "Lahoti, Li, Chen, Wang, Bick, Kolter, Dao and Gu 2026, "
        '"Mamba-3: Improved Sequence Modeling using State Space Principles"',
        "A trapezoidal rule writes two neighbours, and keys turn by angles that the input sets. "
        "One and a half times the width inside, for equal parameters.",
        made_of="RotatingStateSpace",
        sizes={"HEADS": 3, "INNER": "3 * width // 2", "STATES": "11 * width // 64 * 2"},
    ),
    "rwkv-7": Reference(
        "RWKV-7",
        "Peng, Zhang, Goldstein and others 2025, "
        '"RWKV-7 "Goose" with Expressive Dynamic State Evolution"',
        "What a key holds is moved to another key, at rates that the input sets by channel. "
        "Without the first layer's values in later ones: a mixer sees its own layer only.",
        made_of="MovingKeys",
        sizes={"HEADS": 2, "RANK": 8},
    ),
    "log-linear": Reference(
        "Log-linear attention, on a memory with one decay a head",
        'Guo, Yang, Goel, Xing, Dao and Kim 2025, "Log-Linear Attention"',
        "A memory for each power of two of the past, each weighed by the query.",
        made_of="TreeMemory",
        sizes={"HEADS": 2, "LEVELS": TREE_LEVELS},
    ),
    "long-convolution": Reference(
        "Long convolution, as in Hyena",
        "Poli, Massaroli, Nguyen, Fu, Dao, Baccus, Bengio, Ermon and Ré 2023, "
        '"Hyena Hierarchy: Towards Larger Convolutional Language Models"',
        "A filter of up to 512 steps, made by a small network, between two gates.",
        made_of="LongConvolution",
        sizes={"INNER": "9 * width // 8", "REACH": 512},
    ),
    "gru": Reference(
        "Gated recurrent unit",
        "Cho, van Merriënboer, Gulcehre, Bahdanau, Bougares, Schwenk and Bengio 2014, "
        '"Learning Phrase Representations using RNN Encoder-Decoder for Statistical Machine '
        'Translation"',
        "One vector is the state; each step is computed after the last.",
        made_of="GatedRecurrentUnit",
        sizes={"INNER": "4 * width // 5"},
    ),
}


def names() -> tuple[str, ...]:
    """The names of the published mixers."""
    return tuple(_ZOO)


def reference(name: str) -> Reference:
    """The published mixer of a name.

    Raises:
        InputError: there is none of this name.
    """
    if name not in _ZOO:
        raise InputError(f"there is no mixer {name!r}; there are {', '.join(_ZOO)}")
    return _ZOO[name]


def source(
    name: str, heads: int | None = None, chunk: int | None = None, states: int | None = None
) -> str:
    """The source of a published mixer, `class Mixer` with all that it needs.

    Args:
        heads: how many memories the state is split into, where the mixer has heads.
        chunk: steps that are computed at once, where the mixer has chunks; at most 32 with a decay
            by key, and a power of 2 for log-linear attention.
        states: numbers a channel remembers, for the state spaces.

    Raises:
        InputError: there is no such mixer, or a size does not fit it.
    """
    made = reference(name)
    sizes = {"heads": heads, "chunk": chunk, "states": states}
    given = {key: value for key, value in sizes.items() if value is not None}
    for key, value in given.items():
        if value < 1:
            raise InputError(f"{key} is at least 1, not {value}")
    title = f"{made.title} ({made.citation})."
    if made.design is not None:
        if "states" in given:
            raise InputError(f"{name} has no states; give heads or chunk")
        heads, chunk = heads or made.design.heads, chunk or made.design.chunk
        return compose(replace(made.design, heads=heads, chunk=chunk), title, made.idea)
    return _written(name, made, title, given)


def sized(name: str, width: int, heads: int) -> str:
    """The source of a published mixer whose memory has `width ** 2 / heads` numbers, where its
    state can be split: an equal state for all of these at any width.

    Raises:
        InputError: there is no such mixer, or the heads do not divide its width.
    """
    sizes = reference(name).sizes
    if "STATES" in sizes:  # one and a half times as wide, and as many heads of the same width
        inner = 3 * heads // 2 or 1
        return source(name, heads=inner, states=2 * max(1, round(width / (3 * heads))))
    split = reference(name).design is not None or "HEADS" in sizes
    return source(name, heads=heads if split else None)


def _written(name: str, made: Reference, title: str, given: Mapping[str, int]) -> str:
    text = parts()[made.made_of].source
    usual: dict[str, object] = {"CHUNK": 64, "KEY_CHUNK": KEY_CHUNK, "WINDOW": WINDOW}
    sizes = {key: value for key, value in {**usual, **made.sizes}.items() if key in text}
    for key, value in given.items():
        place = "KEY_CHUNK" if key == "chunk" and "KEY_CHUNK" in sizes else key.upper()
        if place not in sizes:
            raise InputError(f"{name} has no {key}")
        sizes[place] = value
    _check_sizes(name, made, sizes)
    entry = fill(text, sizes).replace(f"class {made.made_of}(", "class Mixer(", 1)
    return write_file(f"{paragraph(title)}\n{paragraph(made.idea)}", entry)


def _check_sizes(name: str, made: Reference, sizes: Mapping[str, object]) -> None:
    by_key, chunk = sizes.get("KEY_CHUNK", 0), sizes.get("CHUNK", 1)
    if isinstance(by_key, int) and by_key > KEY_CHUNK:
        raise InputError(f"{name} takes a chunk of at most {KEY_CHUNK}, not {by_key}")
    if made.made_of == "TreeMemory" and isinstance(chunk, int) and chunk & (chunk - 1):
        raise InputError(f"{name} takes a chunk that is a power of 2, not {chunk}")
