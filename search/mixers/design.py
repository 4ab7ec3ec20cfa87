"""A mixer with a memory as a choice of parts: how the memory is written, fades and is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

KEY_CHUNK: Final = 32
"""Longest chunk of decays by key: each step's is at least -5, and half a chunk's sum must not
overflow."""

CHOICES: Final[Mapping[str, tuple[Any, ...]]] = {
    "rule": ("add", "correct", "erase"),
    "decay": ("none", "fixed", "head", "key", "slow"),
    "features": ("plain", "elu", "relu", "unit"),
    "rotary": (False, True),
    "read": ("plain", "share", "norm"),
    "gate": ("none", "silu", "sigmoid", "narrow"),
    "short": (0, 3, 4, 8),
    "heads": (1, 2, 4),
    "keys": ("half", "whole", "double"),
    "values": ("half", "whole", "double"),
    "rank": (8, 16),
    "chunk": (16, 32, 64),
    "layers": ("alike", "softmax", "window"),
}
"""What each part may be, in the order of `Design`'s fields."""


@dataclass(frozen=True, slots=True)
class Design:
    """The parts of a mixer that keeps a memory of keys and values.

    `rule`: values are added; or the delta rule corrects what a key holds ("correct"), or does so
    with gates of its own for what is erased and what is written ("erase").
    `decay`: of the memory in a step: none, fixed by head, or set by the input by head or by key
    ("slow" begins near none).
    `features`: of queries and keys; "unit" is a vector of length 1.
    `rotary`: whether queries and keys are turned by their position.
    `read`: as it is, as a share of all weights, or normalised by head.
    `gate`: on what is read; "narrow" is a sigmoid of a projection through `rank` features.
    `short`: width of the convolution on queries, keys and values; 0 is none.
    `heads`, `keys`, `values`: how the state is split, sizes as a part of the width.
    `layers`: whether odd layers are attention, softmax over all of the past or over a window.
    """

    rule: str = "add"
    decay: str = "none"
    features: str = "plain"
    rotary: bool = False
    read: str = "norm"
    gate: str = "silu"
    short: int = 4
    heads: int = 2
    keys: str = "whole"
    values: str = "whole"
    rank: int = 16
    chunk: int = 64
    layers: str = "alike"

    @property
    def by_key(self) -> bool:
        """Whether each key fades by itself."""
        return self.decay in {"key", "slow"}

    def flaw(self) -> str:
        """Why the parts do not fit together, or nothing."""
        for field in fields(self):
            if field.name not in {"heads", "chunk", "rank"}:
                value, choices = getattr(self, field.name), CHOICES[field.name]
                if value not in choices:
                    return f"{field.name} is one of {', '.join(map(str, choices))}, not {value!r}"
        if self.by_key and self.chunk > KEY_CHUNK:
            return f"with a decay by key the chunk is at most {KEY_CHUNK}, not {self.chunk}"
        if self.rule != "add" and self.features != "unit":
            return "the delta rule needs keys of length 1: features unit"
        if self.read == "share" and (self.rule != "add" or self.features not in {"elu", "relu"}):
            return "shares need weights that are added and positive: rule add, features elu or relu"
        return ""


def parts_line(design: Design) -> str:
    """A design as one line that `read_parts` reads back."""
    said = (f"{field.name} {getattr(design, field.name)}" for field in fields(design))
    return f"Parts: {'; '.join(said)}."
