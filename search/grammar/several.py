"""Drawing networks that take several arrays, or give several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from archwright.core import Part, Problem
from archwright.search.grammar.drawing import VECTOR_WIDTHS, Frame, draw_out
from archwright.search.grammar.library import Term


@dataclass(slots=True)
class Ends:
    """How a network of several inputs or outputs begins and ends.

    `begin` is the expression that the body is given, `setup` are lines before the layers are made,
    and `readers` and `outs` the layers of each part, by their attribute.
    """

    begin: str = "x"
    setup: list[str] = field(default_factory=list)
    readers: dict[str, list[Term]] = field(default_factory=dict)
    outs: dict[str, list[Term]] = field(default_factory=dict)
    result: str = ""
    """What is returned of the vector `h`; empty where the head's output is returned."""


def key(part: Part) -> str:
    """How the source picks a part: by name, or by its place in a tuple."""
    return part.name if part.name.isdigit() else f'"{part.name}"'


def sequence_of_lengths(problem: Problem) -> Problem | None:
    """The problem of the padded sequence alone, where lengths vary; else None."""
    inputs = problem.inputs
    if len(inputs) != 2 or not inputs[1].mask:
        return None
    return replace(problem, input_shape=inputs[0].shape, vocabulary=inputs[0].vocabulary, inputs=())


def read_lengths(ends: Ends, problem: Problem) -> None:
    """Begin with the sequence; what lies behind its end is set to 0 once it is read."""
    sequence, mask = problem.inputs
    ends.setup.append(f"input_shape = input_shape[{key(sequence)}]")
    ends.begin = f"self.stem(x[{key(sequence)}]) * x[{key(mask)}].unsqueeze(-1)"


def read_parts(ends: Ends, frame: Frame, parts: Sequence[Part]) -> None:
    """Begin with a vector of each part; their sum goes on."""
    frame.enter("vector", 0, 1)
    width = frame.widen(frame.rng.choice(VECTOR_WIDTHS))
    taken = []
    for part in parts:
        name, shape = f"read_{part.name}", f"input_shape[{key(part)}]"
        ends.readers[name] = _reader(part, shape, width)
        numbers = "" if part.vocabulary is not None else ".float()"
        taken.append(f"self.{name}(x[{key(part)}]{numbers})")
    ends.begin = " + ".join(taken)


def _reader(part: Part, shape: str, width: str) -> list[Term]:
    words = f"{part.name} is read" if not part.name.isdigit() else ""
    if part.vocabulary is not None:
        embed = Term("nn.Embedding", (str(part.vocabulary), width), words)
        return [embed, *([Term("MeanPool")] if len(part.shape) == 1 else [])]
    if len(part.shape) == 2:
        return [
            Term("nn.Linear", (f"{shape}[-1]", width), words),
            Term("nn.GELU"),
            Term("MeanPool"),
        ]
    flat = [Term("nn.Flatten")] if len(part.shape) > 1 else []
    numbers = f"math.prod({shape})" if len(part.shape) > 1 else f"{shape}[0]"
    return [*flat, Term("nn.Linear", (numbers, width), words)]


def give_parts(ends: Ends, parts: Sequence[Part], width: str) -> None:
    """End with one layer for each part."""
    for part in parts:
        shape = f"output_shape[{key(part)}]"
        ends.outs[f"give_{part.name}"] = draw_out(part.shape, width, shape)
    each = [(part, f"self.give_{part.name}(h)") for part in parts]
    if parts[0].name.isdigit():
        ends.result = f"({', '.join(call for _, call in each)})"
    else:
        ends.result = "{" + ", ".join(f"{key(part)}: {call}" for part, call in each) + "}"
