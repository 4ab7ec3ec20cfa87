"""Drawing architectures: a grammar over blocks for any task's shape.

After einspace (Ericsson, Espinosa Minano, Yang, Antoniou, Storkey, Cohen, McDonagh and Crowley
2024, "einspace: Searching for Neural Architectures from Fundamental Operations"): a start symbol
of the task's shape is rewritten into a stem, a body of blocks and a head, and a body into
sequential, branching and residual parts, until only layers of PyTorch are left.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Final, NamedTuple

from archwright.core import Problem
from archwright.search import mixers
from archwright.search.blocks import assemble, paragraph
from archwright.search.grammar.drawing import (
    Frame,
    draw_body,
    draw_head,
    draw_mixer,
    draw_pool,
    draw_stem,
)
from archwright.search.grammar.library import Term, needed, sequential
from archwright.search.grammar.several import (
    Ends,
    give_parts,
    read_lengths,
    read_parts,
    sequence_of_lengths,
)
from archwright.search.grammar.variation import draw_recipe, restyle
from archwright.search.mixers.drawing import describe, draw_design, reasons, write_design
from archwright.source.constructor import wanted_constructor
from archwright.source.counting import count_parameters
from archwright.source.fingerprint import family
from archwright.source.scaling import fit_parameters

RECIPE_SHARE: Final = 0.3
TRIES: Final = 20
SIZED: Final = 4
"""Draws that are looked at for one of a given size."""
SIZED_TRIES: Final = 5
REFERENCE_SHARE: Final = 0.15
"""Draws of mixers for any length that are a published one."""
DESIGN_SHARE: Final = 0.6
"""Those that keep a memory of drawn parts; the others are of blocks."""
ROOM: Final = 0.97
"""Share of the parameter limit that a draw may use, as counting is not exact for all code."""


@dataclass(frozen=True, slots=True)
class Drawing:
    """A drawn architecture: its source, a title, why it may work, and its family."""

    source: str
    title: str
    rationale: str
    family: str


def draw(
    problem: Problem, rng: Random, with_recipe: bool = True, target: int | None = None
) -> Drawing:
    """Draw an architecture for a problem: valid, readable PyTorch source.

    Some draws bring a training recipe, unless `with_recipe` is off. With `target`, the one of a few
    draws whose own size is nearest is scaled down to so many parameters: what is small is then
    shallow rather than narrow. The same state of `rng` gives the same bytes.
    """
    limit = int(ROOM * problem.max_params)
    if target is not None:
        limit = min(limit, target)
    smallest: tuple[float, Drawing] | None = None
    for _ in range(TRIES if target is None else SIZED_TRIES):
        draft = _draw_once(problem, rng, with_recipe, limit, 1 if target is None else SIZED)
        count = count_parameters(draft.source, problem)
        if count is not None and count <= limit:
            return draft
        size = math.inf if count is None else count
        if smallest is None or size < smallest[0]:
            smallest = size, draft
    assert smallest is not None
    return smallest[1]


def _draw_once(
    problem: Problem, rng: Random, with_recipe: bool, limit: int, choices: int
) -> Drawing:
    """One of so many draws, the nearest to the limit by its own size, scaled down to it."""
    drawn = [_draw_unscaled(problem, rng, with_recipe) for _ in range(choices)]
    nearest = (
        min(drawn, key=lambda d: _distance(d.source, problem, limit)) if choices > 1 else drawn[0]
    )
    kind = family(nearest.source)
    return Drawing(
        fit_parameters(nearest.source, problem, limit),
        _title(nearest.body, kind),
        nearest.rationale,
        kind,
    )


def _distance(source: str, problem: Problem, limit: int) -> float:
    """How far a source's size is from the limit, on a log scale."""
    count = count_parameters(source, problem)
    return abs(math.log(count / limit)) if count and limit > 0 else math.inf


class _Unscaled(NamedTuple):
    """A draw before its widths are scaled."""

    source: str
    body: list[Term]
    rationale: str


def _draw_unscaled(problem: Problem, rng: Random, with_recipe: bool) -> _Unscaled:
    if problem.any_length:
        share = rng.random()
        if share < REFERENCE_SHARE:
            return _draw_reference(rng)
        if share < REFERENCE_SHARE + DESIGN_SHARE:
            return _draw_memory(problem, rng, with_recipe)
    frame = Frame(problem, rng)
    ends = Ends()
    terms = _draw_mixer(frame) if problem.entry == "Mixer" else _draw_model(frame, ends)
    recipe = draw_recipe(problem, rng) if rng.random() < RECIPE_SHARE and with_recipe else ""
    words = _describe(frame, terms)
    entry = _write_entry(frame, terms, ends)
    parts = (*terms.values(), *ends.readers.values(), *ends.outs.values())
    every = [t for part in parts for t in part]
    style = partial(restyle, activation=frame.activation, norms=tuple(frame.norms.items()))
    source = assemble(paragraph(words), needed(every), entry, recipe, style)
    return _Unscaled(source, terms["body"], " ".join(frame.reasons))


def _draw_reference(rng: Random) -> _Unscaled:
    """A published mixer, under the task's own recipe."""
    name = rng.choice(mixers.names())
    made = mixers.reference(name)
    return _Unscaled(mixers.source(name), [Term("Mixer", (), made.title)], made.idea)


def _draw_memory(problem: Problem, rng: Random, with_recipe: bool) -> _Unscaled:
    """A mixer with a memory, of parts that fit together."""
    design = draw_design(rng)
    recipe = draw_recipe(problem, rng) if rng.random() < RECIPE_SHARE and with_recipe else ""
    return _Unscaled(
        write_design(design, recipe), [Term("Memory", (), describe(design))], reasons(design)
    )


def _draw_mixer(frame: Frame) -> dict[str, list[Term]]:
    frame.enter("sequence", 0, frame.problem.module_shapes[0][0])
    return {"body": draw_mixer(frame)}


def _draw_model(frame: Frame, ends: Ends) -> dict[str, list[Term]]:
    problem, sequence = frame.problem, sequence_of_lengths(frame.problem)
    if sequence is not None:
        frame.problem, frame.one_each = sequence, True
        read_lengths(ends, problem)
    if frame.problem.inputs:
        read_parts(ends, frame, problem.inputs)
        stem: list[Term] = []
    else:
        stem = draw_stem(frame)
    body = draw_body(frame)
    if problem.outputs:
        head, width = draw_pool(frame)
        give_parts(ends, problem.outputs, width)
    else:
        head = draw_head(frame)
    frame.problem = problem
    return {"stem": stem, "body": body, "head": head}


def _write_entry(frame: Frame, parts: dict[str, list[Term]], ends: Ends) -> str:
    problem = frame.problem
    sizes = [f"        {line}\n" for line in ends.setup]
    sizes += [f"        {name} = {value}\n" for name, value in frame.widths.items()]
    made = wanted_constructor(problem)
    if problem.entry == "Mixer":
        sizes = [f"        {made.setup}\n"] if made.setup else []
    layers = {**ends.readers, **{n: t for n, t in parts.items() if t}, **ends.outs}
    fields = [f"        self.{name} = {sequential(terms)}\n" for name, terms in layers.items()]
    result = ends.begin
    for name, terms in parts.items():
        if terms and f"self.{name}(" not in result:
            result = f"self.{name}({result})"
    if ends.result:
        result = f"{result}\n        return {ends.result}"
    said = "h =" if ends.result else "return"
    return (
        f"class {problem.entry}(nn.Module):\n"
        f"    def __init__(self, {made.parameters}):\n"
        "        super().__init__()\n"
        f"{''.join(sizes)}{''.join(fields)}\n"
        "    def forward(self, x):\n"
        f"        {said} {result}"
    )


# --- words ----------------------------------------------------------------------------------------


def _describe(frame: Frame, parts: dict[str, list[Term]]) -> str:
    """The idea in words: one paragraph, from the input to the output."""
    steps = [t.words for t in parts["body"] if t.words]
    if frame.problem.entry == "Mixer":
        said = f"A sequence mixer: {_chain(steps)}."
    else:
        start = _chain([t.words for t in parts["stem"] if t.words]) or "each input is read"
        end = _chain([t.words for t in parts["head"] if t.words])
        said = f"{start[:1].upper()}{start[1:]}; then {_chain(steps)}; {end} at the end."
    return " ".join([said, *frame.reasons])


def _chain(words: list[str]) -> str:
    """Words one after the other, repetitions counted."""
    groups: list[tuple[str, int]] = []
    for word in words:
        if groups and groups[-1][0] == word:
            groups[-1] = word, groups[-1][1] + 1
        else:
            groups.append((word, 1))
    return ", ".join(w if n == 1 else f"{w} ({n} times)" for w, n in groups)


def _title(body: list[Term], kind: str) -> str:
    words = list(dict.fromkeys(t.words for t in body if not t.callee.startswith("nn.")))
    return f"{kind}: {' + '.join(words[:3])}" + (" + …" if len(words) > 3 else "")
