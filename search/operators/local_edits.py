"""Operators that leave the structure as it is: activations, norms, widths, settings, recipe."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from random import Random
from typing import Final

from archwright.core import Problem
from archwright.search.grammar.library import BLOCK_CHOICES, draw_arguments
from archwright.search.grammar.variation import (
    ACTIVATIONS,
    RECIPE_CHOICES,
    activation_sites,
    find_recipe,
    norm_choices,
    norm_sites,
    put_activation,
    put_norm,
    put_recipe,
    recipe_weights,
)
from archwright.search.operators.parents import Edit, NotApplicable, Parent, Site
from archwright.source.code import Change, SourceCode, callee, code_of
from archwright.source.widths import find_widths

FACTORS: Final = (1.25, 1.5, 2.0)
RATES: Final = ("0.05", "0.1", "0.2", "0.3")
DROPOUTS: Final = frozenset({"Dropout", "Dropout1d", "Dropout2d"})


def change_activation(source: str, problem: Problem, rng: Random) -> Edit:
    """Another activation wherever one of them stands."""
    del problem
    code = code_of(source)
    found = activation_sites(code)
    if not found:
        raise NotApplicable("no activation to change")
    old = rng.choice(sorted(found))
    new = rng.choice([a for a in ACTIVATIONS if a != old])
    changed = code.apply([c for call in found[old] for c in put_activation(code, call, new)])
    why = f"{new} has another gradient and another zero than {old}, which matters in short training"
    return Edit(changed, f"change activation: {old} -> {new}", f"{why}.")


def change_norm(source: str, problem: Problem, rng: Random) -> Edit:
    """Another norm wherever one of them stands."""
    del problem
    code = code_of(source)
    found = {n: calls for n, calls in norm_sites(code).items() if norm_choices(code, n)}
    if not found:
        raise NotApplicable("no norm to change")
    old = rng.choice(sorted(found))
    new = rng.choice(norm_choices(code, old))
    changed = code.apply([put_norm(code, call, new) for call in found[old]])
    why = "what is averaged over decides how much noise the norm adds in training"
    return Edit(changed, f"change norm: {old} -> {new}", f"{new} in place of {old}: {why}.")


def widen(source: str, problem: Problem, rng: Random) -> Edit:
    """One width, wherever it stands, made greater."""
    del problem
    code = code_of(source)
    widths = find_widths(code)
    if not widths.values():
        raise NotApplicable("no width is written as a number")
    old = rng.choice(widths.values())
    step = widths.divisor
    new = max(old + step, step * round(old * rng.choice(FACTORS) / step))
    changed = code.apply(widths.changes(code, {old: new}))
    return Edit(changed, f"widen {old} to {new}", "More features at one place, the rest as it was.")


def tune_block(source: str, problem: Problem, rng: Random) -> Edit:
    """Other settings for one block or layer: kernel, heads, hidden width, dilation, dropout."""
    parent = Parent(source, problem)
    options: list[tuple[str, Change]] = []
    for site in parent.sites:
        options += _retuned(parent, site, rng)
    for call in parent.code.calls:
        options += _reset(parent.code, call, rng)
    if not options:
        raise NotApplicable("no block or layer has settings that are known")
    words, change = rng.choice(options)
    why = "How far a block looks and how much it holds is a matter of measuring."
    return Edit(parent.code.apply([change]), f"tune {words}", why)


def _retuned(parent: Parent, site: Site, rng: Random) -> list[tuple[str, Change]]:
    """A library block's call with its arguments drawn again."""
    block = parent.known.get(callee(site.call))
    if block is None:
        return []
    side = parent.problem.input_shape[-1] if site.domain == "image" else 0
    drawn = draw_arguments(block, site.features, parent.problem, rng, side)
    text = f"{callee(site.call)}({', '.join([site.width, *drawn])})"
    old = parent.code.segment(site.call)
    if text == old:
        return []
    said = ", ".join(drawn) or "defaults"
    return [(f"block {site.number}, {block.words}: {said}", parent.code.put(site.call, text))]


def _reset(code: SourceCode, call: ast.Call, rng: Random) -> list[tuple[str, Change]]:
    """Another dropout rate, or another odd kernel with the padding that goes with it."""
    name = callee(call)
    if name in DROPOUTS and len(call.args) == 1 and isinstance(call.args[0], ast.Constant):
        old = code.segment(call.args[0])
        new = rng.choice([r for r in RATES if r != old])
        return [(f"dropout: {old} -> {new}", code.put(call.args[0], new))]
    kernel = kernel_of(call)
    if kernel is None or rng.random() < 0.5:
        return []
    new_size = rng.choice([int(k) for k in BLOCK_CHOICES["kernel"] if k != kernel.size])
    text = code.replaced(call, {kernel.node: str(new_size), kernel.padding: str(new_size // 2)})
    return [(f"kernel of {name}: {kernel.size} -> {new_size}", code.put(call, text))]


@dataclass(frozen=True, slots=True)
class Kernel:
    """The plain odd kernel of a convolution, with the padding that keeps the size."""

    node: ast.expr
    padding: ast.expr
    size: int


def kernel_of(call: ast.Call) -> Kernel | None:
    """The kernel of a convolution with plain numbers; None for any other call."""
    if callee(call) not in {"Conv1d", "Conv2d"} or any(k.arg == "dilation" for k in call.keywords):
        return None
    named = {k.arg: k.value for k in call.keywords}
    kernel = call.args[2] if len(call.args) > 2 else named.get("kernel_size")
    padding = call.args[4] if len(call.args) > 4 else named.get("padding")
    match kernel, padding:
        case ast.Constant(value=int(size)), ast.Constant(value=int(pad)) if pad * 2 + 1 == size > 1:
            return Kernel(kernel, padding, size)
    return None


def change_recipe(source: str, problem: Problem, rng: Random) -> Edit:
    """One key of the training recipe set to another value."""
    code, weights = code_of(source), recipe_weights(problem)
    found = find_recipe(code)
    recipe = dict(found[1]) if found else {}
    key = rng.choices(tuple(weights), tuple(weights.values()))[0]
    value = rng.choice([v for v in RECIPE_CHOICES[key] if v != recipe.get(key)])
    changed = put_recipe(code, recipe | {key: value})
    why = "An architecture shows what it can do only at a recipe that suits it."
    return Edit(changed, f"change recipe: {key} = {value}", why)
