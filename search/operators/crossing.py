"""The operator that makes one architecture of two."""

from __future__ import annotations

from random import Random
from typing import Final

from archwright.core import Problem
from archwright.search.operators.definitions import (
    Definition,
    bring,
    closure_in,
    definitions,
    prune,
    rename,
    rename_class,
)
from archwright.search.operators.edits import Edit, NotApplicable
from archwright.search.operators.scaling import scale_width
from archwright.search.operators.sites import Plan, Site
from archwright.search.operators.structural_edits import words_of
from archwright.source.segments import callee, code_of

SHARE: Final = 0.7
"""Widths of two whole parents side by side: half of each one's parameters, about."""

TOGETHER: Final = '''

class {entry}(nn.Module):
    """Two architectures side by side; their mean is the answer."""

    def __init__(self, input_shape, output_shape):
        super().__init__()
        self.first = {entry}A(input_shape, output_shape)
        self.second = {entry}B(input_shape, output_shape)

    def forward(self, x):
        return (self.first(x) + self.second(x)) / 2
'''


def recombine(first: str, second: str, problem: Problem, rng: Random) -> Edit:
    """The first parent with blocks of the second, or both side by side where no block fits.

    Raises:
        NotApplicable: a parent lacks the entry class.
    """
    ours, theirs = Plan(first, problem), Plan(second, problem)
    pairs = [
        (mine, other)
        for mine in ours.sites
        for other in theirs.sites
        if mine.domain == other.domain and _text(theirs, other) != _text(ours, mine)
    ]
    if not pairs:
        return _side_by_side(first, second, problem)
    return _graft(ours, theirs, rng.sample(pairs, k=min(len(pairs), rng.choice((1, 2)))))


def _text(plan: Plan, site: Site) -> str:
    """A block's call without its width, and how its class is defined."""
    call = plan.code.segment(site.call).replace(site.width, "", 1)
    return call + plan.code.segment(plan.classes[callee(site.call)])


def _graft(ours: Plan, theirs: Plan, pairs: list[tuple[Site, Site]]) -> Edit:
    wanted = {callee(other.call) for _, other in pairs}
    entry = ours.problem.entry
    brought = closure_in(theirs.code, wanted)
    _, renames = bring(ours.code, brought, entry)
    changes = []
    for mine, other in pairs:
        call = theirs.code.replaced(other.call, {other.call.args[0]: mine.width})
        changes.append(ours.code.put(mine.call, rename(call, renames)))
    text, _ = bring(code_of(ours.code.apply(changes)), brought, entry)
    mine, other = pairs[0]
    title = f"recombine: {words_of(callee(other.call))} for {words_of(callee(mine.call))}"
    why = "Each parent's blocks did well where they stood; together they may do better."
    return Edit(prune(text, entry), title, why)


def _side_by_side(first: str, second: str, problem: Problem) -> Edit:
    entry = problem.entry
    if any(f"{entry}A" in definitions(code_of(parent)) for parent in (first, second)):
        raise NotApplicable("a parent is two architectures side by side already")
    ours = code_of(rename_class(code_of(scale_width(first, SHARE)), entry, f"{entry}A"))
    theirs = code_of(rename_class(code_of(scale_width(second, SHARE)), entry, f"{entry}B"))
    renames = {n: f"{n}B" for n in definitions(theirs) if n in definitions(ours)}
    brought = [
        Definition(renames.get(d.name, d.name), rename(d.source, renames))
        for d in closure_in(theirs, [f"{entry}B"])
    ]
    text = ours.text.rstrip() + "\n" + TOGETHER.format(entry=entry)
    text, _ = bring(code_of(text), brought, entry)
    why = "Two answers that err in different places err less when they are averaged."
    return Edit(text, "recombine: both parents side by side at half the size", why)
