"""Shapes in `task.toml`: one, a table of them (a dictionary of arrays), or a list (a tuple)."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final

from pydantic import AfterValidator

from archwright.core import Part
from archwright.tasks.inputs import MASK, NUMBERS, TOKENS

PART_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

One = tuple[int, ...]


def _shape(value: Any) -> One | dict[str, One]:
    """A shape, or shapes by name; those of a list are called 0, 1, …"""
    if isinstance(value, list) and value and all(isinstance(item, list) for item in value):
        value = {str(place): item for place, item in enumerate(value)}
    elif isinstance(value, Mapping) and not all(map(PART_NAME.fullmatch, value)):
        raise ValueError("should name its parts by letters, digits and underscores")
    if isinstance(value, Mapping) and value:
        return {name: _one(item) for name, item in value.items()}
    return _one(value)


def _one(value: Any) -> One:
    if isinstance(value, list) and value and all(type(n) is int and n > 0 for n in value):
        return tuple(value)
    raise ValueError("should be a shape such as [3, 8, 8], or a table or a list of shapes")


ShapeKey = Annotated[Any, AfterValidator(_shape)]


@dataclass(frozen=True, slots=True)
class Inputs:
    """What `task.toml` says of the inputs: their shape, how many tokens, how they are stored."""

    shape: One | dict[str, One]
    vocabulary: int | dict[str, int] | None
    stored: str | dict[str, str] | None
    lengths_vary: bool

    @property
    def parts(self) -> tuple[Part, ...]:
        """The parts that a candidate is given; none where an input is one array."""
        if isinstance(self.shape, dict):
            tokens = self.vocabulary if isinstance(self.vocabulary, dict) else {}
            return tuple(Part(n, shape, tokens.get(n)) for n, shape in self.shape.items())
        if not self.lengths_vary:
            return ()
        tokens_of_x = self.vocabulary if isinstance(self.vocabulary, int) else None
        return Part("x", self.shape, tokens_of_x), Part(MASK, self.shape[:1], mask=True)

    @property
    def size(self) -> One:
        """The shape of one input; of several parts how many numbers they have together."""
        parts = self.parts
        if parts:
            return (sum(math.prod(part.shape) for part in parts),)
        assert not isinstance(self.shape, dict)
        return self.shape

    @property
    def tokens(self) -> int | None:
        """The vocabulary of an input that is one array."""
        return None if self.parts or isinstance(self.vocabulary, dict) else self.vocabulary

    @property
    def types(self) -> dict[str, str]:
        """How parts are stored, by name, where it is said."""
        if isinstance(self.stored, dict):
            return self.stored
        return {"x" if self.lengths_vary else "": self.stored} if self.stored else {}

    def conflicts(self) -> Iterator[str]:
        """Faults of keys that are well formed each, but do not fit together."""
        several = isinstance(self.shape, dict)
        if several and self.lengths_vary:
            yield "lengths_vary is for inputs of one array; give a part of type bool as the mask"
        for key, value in (("vocabulary", self.vocabulary), ("input_type", self.stored)):
            if isinstance(value, dict) != several and value is not None:
                how = "a table by part" if several else "one value"
                yield f"{key} must be {how}, as input_shape is"
            elif isinstance(value, dict) and isinstance(self.shape, dict):
                for name in set(value) - set(self.shape):
                    yield f"{key} names {name!r}, which input_shape does not have"
        names = {part.name: part for part in self.parts} or {"": Part("", self.size)}
        for name, stored in self.types.items():
            tokens = self._is_token(names.get(name))
            if stored not in (TOKENS if tokens else NUMBERS):
                allowed = ", ".join(TOKENS if tokens else NUMBERS)
                yield f"input_type {stored} does not fit; choose one of {allowed}"
        if isinstance(self.vocabulary, int) and not several and len(self.size) != 1:
            yield f"with a vocabulary, input_shape must be [length], not {list(self.size)}"

    def _is_token(self, part: Part | None) -> bool:
        if part is not None and part.vocabulary is not None:
            return True
        return part is not None and part.name == "" and isinstance(self.vocabulary, int)


def outputs_of(shape: One | dict[str, One]) -> tuple[tuple[Part, ...], One]:
    """The parts of an output, none where it is one array, and its shape, or size together."""
    if not isinstance(shape, dict):
        return (), shape
    parts = tuple(Part(name, own) for name, own in shape.items())
    return parts, (sum(math.prod(own) for own in shape.values()),)
